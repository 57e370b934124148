"""Complex poles as models store them: whole, or a real part or a phase at a time."""

from collections.abc import Callable
from typing import Literal, TypeAlias

import jax
import numpy as np

from .._core import sampling
from ..marginal import Marginal
from .legs import LARGEST, legs_frequencies
from .shapes import last, repeated
from .statements import of_table


Part = Literal["real", "imag", "log_decay"]
Formula: TypeAlias = Callable[[int], np.ndarray]  # so many poles


def stored(
    where: str,
    formula: Formula,
    shape: tuple[int, ...],
    dtype: np.dtype,
    part: Part | None,
) -> jax.Array:
    """Poles, or a part of them, along the last axis; refuses a dtype of the other."""
    poles = formula(_count(where, shape))
    is_complex = sampling.is_complex(dtype)
    if part is None and not is_complex and np.iscomplexobj(poles):
        raise ValueError(
            f"`{where}` needs a complex dtype for its poles. Got {dtype.name}. For "
            "what a real parameter holds, set `part` to 'real', 'imag' or 'log_decay'."
        )
    if part is not None and is_complex:
        raise ValueError(
            f"`{where}` needs a real dtype for part={part!r}. Got {dtype.name}. For "
            "the poles themselves, leave `part` out."
        )
    return repeated(_part(poles, part), shape, dtype)


def stated(
    where: str, formula: Formula, shape: tuple[int, ...], part: Part | None
) -> Marginal:
    """The law of an entry of a part, picked at random."""
    poles = formula(_count(where, shape))
    if part is None and np.iscomplexobj(poles):
        raise ValueError(
            f"`{where}` needs a `part` to state the law of one weight: 'real', 'imag' "
            "or 'log_decay'. Got poles, which are complex."
        )
    return of_table(_part(poles, part))


def legs(where: str, poles: int) -> np.ndarray:
    """Half of the eigenvalues of HiPPO-LegS without its low-rank part."""
    if poles > LARGEST:
        raise ValueError(
            f"`{where}` needs at most {LARGEST} poles, which are found one by one. "
            f"Got {poles}. For more, use `jinit.ssm.s4d_inv`."
        )
    return -0.5 + 1j * legs_frequencies(poles)


def _count(where: str, shape: tuple[int, ...]) -> int:
    return last(where, shape, "(*batch, poles)")


def _part(poles: np.ndarray, part: Part | None) -> np.ndarray:
    match part:
        case "real":
            return np.real(poles)
        case "imag":
            return np.imag(poles)
        case "log_decay":
            return np.log(-np.real(poles))
    return poles
