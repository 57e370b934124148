"""One layer of an autoencoder: there and back."""

import dataclasses

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from .._activations import Function
from .._core import ours
from .dense import Dense
from .machine import Visible


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Autoencoder:
    """One layer of an autoencoder, a pytree whose methods are pure functions.

        h = φ(c + v W),   v′ = σ(b + h V),   V = Wᵀ if tied

    without the logistic σ for Gaussian visible units.

    Attributes:
        weights: W, `(visible, hidden)`.
        visible_bias: b, `(visible,)`.
        hidden_bias: c, `(hidden,)`.
        decoder: V, `(hidden, visible)`; None if tied.
        activation: φ.
        visible: "bernoulli" or "gaussian".
    """

    weights: jax.Array
    visible_bias: jax.Array
    hidden_bias: jax.Array
    decoder: jax.Array | None = None
    activation: str | Function = dataclasses.field(
        default="sigmoid", metadata={"static": True}
    )
    visible: Visible = dataclasses.field(default="bernoulli", metadata={"static": True})

    @property
    def up(self) -> Dense:
        """From visible to hidden units: φ(c + vW)."""
        return Dense(self.weights, self.hidden_bias, self.activation)

    @property
    def down(self) -> Dense:
        """From hidden to visible units: σ(b + hV), without σ for Gaussian units."""
        V = self.weights.T if self.decoder is None else self.decoder
        activation = "sigmoid" if self.visible == "bernoulli" else "identity"
        return Dense(V, self.visible_bias, activation)

    @ours()
    def encode(self, v: ArrayLike) -> jax.Array:
        """φ(c + vW), `(rows, hidden)`."""
        return self.up(v)

    @ours()
    def decode(self, h: ArrayLike) -> jax.Array:
        """σ(b + hV), `(rows, visible)`, without σ for Gaussian units."""
        return self.down(h)

    @ours()
    def loss(self, v: ArrayLike, corrupted: ArrayLike) -> jax.Array:
        """How far what is made of corrupted rows is from clean ones: one number.

        Per row the cross-entropy for Bernoulli units, half the square for Gaussian.
        """
        mean = self.down.linear(self.encode(corrupted))
        if self.visible == "bernoulli":
            return jnp.mean(jnp.sum(jax.nn.softplus(mean) - v * mean, -1))
        return jnp.mean(jnp.sum(jnp.square(v - mean), -1)) / 2
