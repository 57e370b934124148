"""A sample of a law beside what the law states."""

import dataclasses
import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from .initializer import Initializer
from .marginal import Marginal


@dataclasses.dataclass(frozen=True)
class Trial:
    """A sample of a law beside its statement."""

    init: Initializer
    law: Marginal
    sample: np.ndarray
    shape: tuple[int, ...]
    dtype: np.dtype
    alpha: float

    def require(self, holds: Any, stated: str, measured: str) -> None:
        if not holds:
            raise AssertionError(
                f"`{self.init!r}` states {stated} for {self.shape} in {self.dtype}. "
                f"Measured {measured}, over {self.sample.size} weights."
            )

    @property
    def quantile(self) -> float:
        """Standard deviations to allow; none for weights that are not random."""
        return float(stats.norm.isf(self.alpha / 2)) if self.init.law.is_random else 0.0

    @functools.cached_property
    def log_agreement(self) -> float:
        """The logarithm of the chance that two weights are equal."""
        return math.log(np.average(self.shares, weights=self.distinct[1]))

    @property
    def is_smooth(self) -> bool:
        """Whether weights are random and no value is common."""
        common = 1e-3 if self.dtype.itemsize > 2 else 0.2
        return self.init.law.is_random and self.shares.max() < common

    @property
    def eps(self) -> float:
        """The relative error of a weight that took four rounded operations to make."""
        return 2 * float(jnp.finfo(self.dtype).eps)

    @functools.cached_property
    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """The values drawn, sorted, and how often."""
        return np.unique(self.sample, return_counts=True)

    @functools.cached_property
    def cell_edges(self) -> tuple[np.ndarray, np.ndarray]:
        """What rounds to each distinct value lies between these two."""
        values, _ = self.distinct
        if self.dtype.itemsize > 2:  # too many to list: reach out to the neighbors
            values = values.astype(self.dtype)
            ends = [np.nextafter(values, end) for end in (-self._inf, self._inf)]
            return ends[0].astype(np.float64), ends[1].astype(np.float64)
        table = representable(self.dtype)
        edges = np.array([-np.inf, *(table[1:] + table[:-1]) / 2, np.inf])
        place = np.searchsorted(table, values)
        return edges[place], edges[place + 1]

    @property
    def _inf(self) -> Any:
        return self.dtype.type(np.inf)

    @functools.cached_property
    def shares(self) -> np.ndarray:
        """The largest chance that the law leaves to each distinct value.

        It is the law's mass in the cell and one step of the random grid.
        """
        low, high = self.cell_edges
        grid = jnp.finfo(np.promote_types(self.dtype, np.float32))
        return self.law.cdf(high) - self.law.cdf(low) + 2.0**-grid.nmant


def wide(w: jax.Array) -> np.ndarray:
    return np.asarray(w).astype(np.complex128 if jnp.iscomplexobj(w) else np.float64)


def representable(dtype: np.dtype) -> np.ndarray:
    """Every finite value of a dtype of 16 bits or fewer, sorted."""
    words = np.arange(2 ** jnp.finfo(dtype).bits, dtype=f"uint{8 * dtype.itemsize}")
    with np.errstate(invalid="ignore"):  # NaNs are among them
        values = words.view(dtype).astype(np.float64)
    return np.unique(values[np.isfinite(values)])
