"""Gaussian vectors, each one entry shorter than the last, drawn without waste."""

from typing import NamedTuple

import jax
import jax.numpy as jnp


# The most rows drawn from one key: part of the law.
_STRIP = 16


class Fold(NamedTuple):
    """A trapezoid of vectors, folded so that no draw is wasted.

    Row k uses its last `columns − k` entries, and row `rows − 1 − k` its last
    `columns − rows + k + 1`: together as many for every k. So one row of Gaussian draws
    holds both. Its first `columns` entries are row k; what row k leaves of them, and
    the entries beyond, are the other row, read backward.

    Attributes:
        rows: The vectors, rounded up to an even number of strips.
        columns: The entries of the first of them.
        strip: The rows of draws made from one key.
        shape: The rows and columns asked for.
    """

    rows: int
    columns: int
    strip: int
    shape: tuple[int, int]

    @classmethod
    def of(cls, rows: int, columns: int) -> "Fold":
        """The fold for vectors of `columns`, `columns − 1`, … entries."""
        strip = min(_STRIP, -(-rows // 2))
        extra = -rows % (2 * strip)
        return cls(rows + extra, columns + extra, strip, (rows, columns))

    @property
    def width(self) -> int:
        """The entries of a row of draws."""
        return 2 * self.columns - self.rows + 1

    @property
    def pairs(self) -> int:
        """How many strips of draws there are; twice as many strips of vectors."""
        return self.rows // (2 * self.strip)

    def open(self, draws: jax.Array) -> tuple[jax.Array, jax.Array]:
        """From strip i of the draws, strip i of the vectors and strip i from the end.

        Of all draws, the first half of the vectors and the second. Entries before a
        vector's first are some other's.
        """
        beyond, left = draws[..., self.columns :], draws[..., : self.rows - 1]
        back = jnp.concatenate([beyond, left], -1)[..., ::-1, ::-1]
        columns = self.shape[1]
        return draws[..., :columns], back[..., :columns]
