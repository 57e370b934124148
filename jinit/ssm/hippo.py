"""HiPPO: systems whose state is the past of their input, compressed online."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import law
from ..marginal import Marginal
from ..settings import Inexact
from . import measures
from .measures import Measure, RANKS, WAVES
from .shapes import last, last_two, places
from .statements import of_table


def even_for_waves(where: str, size: int, measure: str) -> int:
    """The size of a state; refuses a cosine without its sine."""
    if size % 2 and measure in WAVES:
        raise ValueError(
            f"`{where}` needs an even number of states for measure={measure!r}: a "
            f"cosine and a sine of each frequency. Got {size}."
        )
    return size


def _square(shape: tuple[int, ...], measure: str) -> tuple[int, int]:
    rows, columns = last_two("jinit.ssm.hippo", shape, "(*batch, state, state)")
    if rows != columns:
        raise ValueError(
            "`jinit.ssm.hippo` needs a square matrix, `(*batch, state, state)`. "
            f"Got {shape}. The vector B is `jinit.ssm.hippo_input`."
        )
    return rows, even_for_waves("jinit.ssm.hippo", columns, measure)


def _hippo_marginal(shape: tuple[int, ...], measure: str) -> Marginal:
    n, k = np.indices(_square(shape, measure), np.float64)
    return of_table(measures.matrix(measure, n, k))


@law(marginal=_hippo_marginal)
def hippo(
    _: Any,
    shape: tuple[int, ...],
    /,
    measure: Measure = "legs",
    dtype: Inexact = None,
) -> jax.Array:
    """The state matrix A of x′ = A x + B u: its state holds the past of u.

        legs     Aₙₖ = −√((2n+1)(2k+1)) below the diagonal, −(n+1) on it, 0 above
        legt     Aₙₖ = −½ √((2n+1)(2k+1)), times (−1)ⁿ⁻ᵏ above the diagonal
        lmu      Aₙₖ = −(2n+1) (−1)ⁿ⁻ᵏ, and −(2n+1) above the diagonal
        lagt     Aₙₖ = −1 below the diagonal, −½ on it, 0 above
        glagt    the same, with −(1+β)/2 on the diagonal, β = 0.01
        fout     A = π R − B Bᵀ
        foud     A = 2π R − ½ I

    R turns the m-th pair of a cosine and a sine m times as fast as the first. "legs"
    keeps all of the past on Legendre polynomials and is the choice of S4. "legt" and
    "fout" keep a window of length 2, "lmu" one of length 1, on Legendre polynomials and
    on waves; "lmu" is "legt" in another scale of the states. "lagt", "glagt" and "foud"
    forget exponentially. Time runs at the pace that `jinit.ssm.log_step` sets.

    Args:
        measure: One of the seven above.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, state, state)`, to multiply a column from the left;
        the same along the batch.

    Raises:
        ValueError: If the last two axes differ, or for an odd number of waves.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> A = jinit.ssm.hippo(None, (4, 4))
        >>> b = jinit.ssm.hippo_input(None, (4,))
        >>> bool(jnp.allclose(A @ jnp.eye(4)[0], -b))  # a constant is kept as it is
        True

    References:
        Gu, Dao, Ermon, Rudra, Ré. HiPPO: recurrent memory with optimal polynomial
        projections. NeurIPS 2020. https://arxiv.org/abs/2008.07669
        Gu, Johnson, Timalsina, Rudra, Ré. How to train your HiPPO: state space models
        with generalized orthogonal basis projections. ICLR 2023.
        https://arxiv.org/abs/2206.12037
        Voelker, Kajić, Eliasmith. Legendre memory units: continuous-time representation
        in recurrent neural networks. NeurIPS 2019.
    """
    n, k = places(_square(shape, measure), dtype)
    return jnp.broadcast_to(measures.matrix(measure, n, k), shape)


def _states(shape: tuple[int, ...], measure: str) -> int:
    size = last("jinit.ssm.hippo_input", shape, "(*batch, state)")
    return even_for_waves("jinit.ssm.hippo_input", size, measure)


def _input_marginal(shape: tuple[int, ...], measure: str) -> Marginal:
    n = np.arange(_states(shape, measure), dtype=np.float64)
    return of_table(measures.vector(measure, n))


@law(marginal=_input_marginal)
def hippo_input(
    _: Any,
    shape: tuple[int, ...],
    /,
    measure: Measure = "legs",
    dtype: Inexact = None,
) -> jax.Array:
    """The input vector B of x′ = A x + B u that goes with `jinit.ssm.hippo`.

        legs  √(2n+1)      legt   ½ √(2n+1)        lmu   (−1)ⁿ (2n+1)
        lagt  1            glagt  √β, β = 0.01
        fout, foud         1, then √2 at each further cosine and 0 at the sines

    Args:
        measure: That of the matrix.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, state)`, the same along the batch.

    Raises:
        ValueError: For a shape without axes, or an odd number of waves.

    Example:
        >>> import jinit
        >>> jinit.ssm.hippo_input("lmu")(None, (4,)).tolist()
        [1.0, -3.0, 5.0, -7.0]

    References:
        Gu, Johnson, Timalsina, Rudra, Ré. How to train your HiPPO: state space models
        with generalized orthogonal basis projections. ICLR 2023.
        https://arxiv.org/abs/2206.12037
    """
    (n,) = places((_states(shape, measure),), dtype)
    return jnp.broadcast_to(measures.vector(measure, n), shape)


def needed_rank(where: str, measure: str) -> int:
    """The rank of the correction; refuses the measure that has none."""
    if measure not in RANKS:
        raise ValueError(
            f"`{where}` needs a measure whose matrix becomes normal by a symmetric "
            f"correction. Got {measure!r}. The same system in such states is 'legt'."
        )
    return RANKS[measure]


def _has_correction(where: str, measure: str, **_: Any) -> None:
    needed_rank(where, measure)


def _rows(shape: tuple[int, ...], measure: str) -> tuple[int, int]:
    where = "jinit.ssm.hippo_correction"
    rank, size = last_two(where, shape, "(*batch, rank, state)")
    if rank < needed_rank(where, measure):
        raise ValueError(
            f"`{where}` needs {RANKS[measure]} rows for measure={measure!r}. "
            f"Got {rank}, of {shape}."
        )
    return rank, even_for_waves(where, size, measure)


def _correction_marginal(shape: tuple[int, ...], measure: str) -> Marginal:
    row, n = np.indices(_rows(shape, measure), np.float64)
    return of_table(measures.correction(measure, row, n))


@law(marginal=_correction_marginal, check=_has_correction)
def hippo_correction(
    _: Any,
    shape: tuple[int, ...],
    /,
    measure: Measure = "legs",
    dtype: Inexact = None,
) -> jax.Array:
    """The rows P that make a HiPPO matrix normal: A + Pᵀ P = S + c I, S skew.

        legs   √(n+½), c = −½                       rank 1
        legt   √(n+½) at odd n, then at even n, c = 0      2
        lagt   √½, c = 0                                   1
        glagt  √½, c = −β/2                                1
        fout   B, c = 0                                    1
        foud   nothing, c = −½                             0

    So A is a unitary turn of a diagonal matrix minus a product of low rank: the form
    that S4 computes with. `jinit.ssm.dplr` gives it in that basis.

    Args:
        measure: That of the matrix; "lmu" has none.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, rank, state)`. Rows beyond the rank are 0.

    Raises:
        ValueError: For fewer rows than the rank, an odd number of waves, or "lmu".

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> A = jinit.ssm.hippo(None, (8, 8))
        >>> P = jinit.ssm.hippo_correction(None, (1, 8))
        >>> S = A + P.T @ P + jnp.eye(8) / 2
        >>> bool(jnp.allclose(S, -S.T, atol=1e-5))
        True

    References:
        Gu, Goel, Ré. Efficiently modeling long sequences with structured state spaces.
        ICLR 2022. https://arxiv.org/abs/2111.00396
    """
    row, n = places(_rows(shape, measure), dtype)
    return jnp.broadcast_to(measures.correction(measure, row, n), shape)
