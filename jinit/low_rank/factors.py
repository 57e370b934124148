"""What is trained beside a frozen weight, and the weight that both make."""

import abc
import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._core import widened
from .axes import Matrices


class Adapted(NamedTuple):
    """A weight, or a tree of them, in two parts: `merge(*adapted)` is the whole.

    Attributes:
        base: What stays frozen: the weight, or what a method leaves of it.
        factors: What is trained: a `LowRank` or other factors, or a dictionary of them
            by path.
    """

    __module__ = "jinit.low_rank"

    base: Any
    factors: Any


@dataclasses.dataclass(frozen=True, eq=False)
class Factors(abc.ABC):
    """What is trained beside a weight `(..., in, out)`; a pytree.

    Attributes:
        axes: Which axes of the weight are which, where they are not `(..., in, out)`.
    """

    axes: Matrices | None = dataclasses.field(
        default=None, kw_only=True, metadata={"static": True}
    )

    def merged(self, base: Any) -> jax.Array:
        """The weight that the base and these factors make, in the base's dtype."""
        shape = tuple(base.shape)
        if not (self._fits(shape) if self.axes is None else shape == self.axes.shape):
            raise ValueError(
                "`jinit.low_rank.merge` needs factors of the base's shape. Got "
                f"{_shapes(self)} for a base of shape {shape}."
            )
        return _merged(base, self)

    @abc.abstractmethod
    def _fits(self, shape: tuple[int, ...]) -> bool:
        """Whether these are factors of matrices of this shape."""

    @abc.abstractmethod
    def _within(self, base: jax.Array) -> jax.Array:
        """The same for matrices `(..., in, out)`, of float32 at least."""


def _shapes(factors: Factors) -> str:
    return ", ".join(str(leaf.shape) for leaf in jax.tree.leaves(factors))


@jax.jit
def _merged(base: jax.Array, factors: Factors) -> jax.Array:
    matrices = base if factors.axes is None else factors.axes.read(base)
    whole = factors._within(widened(matrices)).astype(matrices.dtype)
    return whole if factors.axes is None else factors.axes.write(whole)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class LowRank(Factors):
    """A product of two narrow matrices: W = base + scale · a b.

    A layer of your own computes `x @ base + scale * (x @ a) @ b`.

    Attributes:
        a: What reads the input, `(..., in, rank)`.
        b: What makes the output, `(..., rank, out)`.
        scale: α/r, or α/√r.
    """

    __module__ = "jinit.low_rank"

    a: jax.Array
    b: jax.Array
    scale: float = dataclasses.field(metadata={"static": True})

    def _fits(self, shape: tuple[int, ...]) -> bool:
        return shape == (*self.a.shape[:-1], self.b.shape[-1])

    def _within(self, base: jax.Array) -> jax.Array:
        a, b = (each.astype(base.dtype) for each in (self.a, self.b))
        return base + self.scale * product(a, b)


def product(*matrices: jax.Array) -> jax.Array:
    """A matrix product in full precision, also where a device rounds its inputs."""
    whole = matrices[0]
    for each in matrices[1:]:
        whole = jnp.matmul(whole, each, precision="highest")
    return whole
