"""One layer of a network that a pre-trained layer becomes."""

import dataclasses

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from .._activations import as_function, Function
from .._core import alike, ours


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Dense:
    """φ(x W + b), a pytree.

    Attributes:
        weights: W, `(inputs, outputs)`.
        bias: b, `(outputs,)`.
        activation: φ.
    """

    weights: jax.Array
    bias: jax.Array
    activation: str | Function = dataclasses.field(
        default="sigmoid", metadata={"static": True}
    )

    @ours()
    def __call__(self, x: ArrayLike) -> jax.Array:
        """φ(x W + b), `(rows, outputs)`."""
        return as_function(self.activation)(self.linear(x))

    @ours()
    def linear(self, x: ArrayLike) -> jax.Array:
        """The pre-activations x W + b, `(rows, outputs)`."""
        z, bias = alike(jnp.asarray(x) @ self.weights, self.bias)
        return z + bias
