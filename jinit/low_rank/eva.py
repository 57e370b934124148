"""Factors along the directions in which a layer's inputs vary most."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import named_leaves, Numbers, public, require_entries, shown, Tree, widened
from ..settings import Count, Inexact, Positive
from .factors import Adapted, LowRank
from .weight import compiled, dtype_of, scale_of, weight_of


@public("jinit.low_rank")
def eva(
    w: Numbers,
    *,
    inputs: Numbers,
    rank: Count,
    alpha: Positive | None = None,
    rslora: bool = False,
    centered: bool = True,
    whiten: bool = False,
    dtype: Inexact = None,
) -> Adapted:
    """EVA: the principal directions of the layer's inputs, beside a factor of zeros.

        X − mean X = U Σ Vᴴ,   a = Vᵣ,   b = 0,   base = W

    a explains the most variance of what the layer reads, and its columns are
    orthonormal. `eva_ranks` gives more of them to layers whose inputs have more.

    Args:
        w: A weight `(..., in, out)`; leading axes are stacked layers.
        inputs: What the layer reads, `(rows, in)` with any more axes in front of `in`;
            first come those of stacked layers.
        rank: r, the columns of a; at most as many as rows, and as the smaller side of
            the weight.
        alpha: α of the scale s = α/r; by default r, for a scale of 1.
        rslora: Whether the scale is α/√r.
        centered: Whether the mean is taken away, as in the published code, for the
            directions of variance; without it they are those of the second moment.
        whiten: Whether each direction is divided by √σ, its singular value's root.
        dtype: The dtype of the factors; by default the weight's.

    Returns:
        `(base, factors)`: the weight itself, and a `LowRank`.

    Raises:
        ValueError: For a weight of one axis, a rank that is too large, or inputs of
            another size.
        TypeError: For a weight of whole numbers.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w = jax.random.normal(jax.random.key(0), (6, 4))
        >>> x = jax.random.normal(jax.random.key(1), (100, 6)) * jnp.arange(6) ** 3
        >>> a = jinit.low_rank.eva(w, inputs=x, rank=1).factors.a
        >>> int(abs(a[:, 0]).argmax())
        5

    References:
        Paischer, Hauzenberger, Schmied, Alkin, Deisenroth, Hochreiter. Parameter
        efficient fine-tuning via explained variance adaptation. NeurIPS 2025.
        https://arxiv.org/abs/2410.07170
    """
    where = "jinit.low_rank.eva"
    w, scale = weight_of(where, w, rank), scale_of(where, rank, alpha, rslora)
    *stack, rows, columns = w.shape
    x = widened(inputs)
    if x.ndim < w.ndim or x.shape[-1] != rows or x.shape[: len(stack)] != (*stack,):
        raise ValueError(
            f"`{where}` needs `inputs` of shape {(*stack, '...', rows)} for a weight "
            f"of shape {w.shape}. Got {x.shape}."
        )
    x = x.reshape(*stack, -1, rows)
    if x.shape[-2] < rank:
        raise ValueError(
            f"`{where}` needs as many rows of inputs as the rank, {rank}. "
            f"Got {x.shape[-2]}."
        )
    settings = {"rank": rank, "scale": scale, "whiten": whiten, "centered": centered}
    return Adapted(w, _along(x, columns=columns, **settings, dtype=dtype_of(w, dtype)))


@compiled
def _along(
    x: jax.Array, *,
    rank: int, columns: int, scale: float, centered: bool, whiten: bool, dtype: Any,
) -> LowRank:  # fmt: skip
    S, Vh = _principal(x, centered=centered)
    a, S = Vh[..., :rank, :].mT.conj(), S[..., None, :rank]
    if whiten:
        a = a / jnp.sqrt(jnp.where(S > 0, S, 1)).astype(a.dtype)
    b = jnp.zeros((*x.shape[:-2], rank, columns), dtype)
    return LowRank(a.astype(dtype), b, scale)


@public("jinit.low_rank", concrete=True)
def eva_ranks(
    inputs: Tree, *, rank: Count, rho: Positive = 2.0, centered: bool = True
) -> dict[str, int]:
    """Ranks of layers by how much of their inputs' variance each direction explains.

    All directions of all layers are sorted by the share of variance that they explain,
    and the first `rank` times the number of layers are kept: the factors are as large
    as with one rank for all. `jinit.low_rank.adapt` takes the result as its `rank`.

    Args:
        inputs: What each layer reads, `(rows, in)`, by path.
        rank: The mean rank.
        rho: A layer has at most ρ times the mean rank.
        centered: As in `eva`.

    Returns:
        A rank for each path, 0 among them.

    Raises:
        ValueError: For inputs of one axis.

    Example:
        >>> import jax, jinit
        >>> x = jax.random.normal(jax.random.key(0), (50, 8))
        >>> jinit.low_rank.eva_ranks({"noise": x, "plane": x[:, :2] @ x[:2]}, rank=1)
        {'noise': 0, 'plane': 2}

    References:
        Paischer, Hauzenberger, Schmied, Alkin, Deisenroth, Hochreiter. Parameter
        efficient fine-tuning via explained variance adaptation. NeurIPS 2025.
        https://arxiv.org/abs/2410.07170
    """
    where = "jinit.low_rank.eva_ranks"
    require_entries(where, "inputs", inputs)
    shares: list[tuple[float, str]] = []
    layers = named_leaves(inputs)
    for path, x in layers.items():
        if np.ndim(x) < 2 or not np.size(x):
            raise ValueError(
                f"`{where}` needs inputs of shape `(rows, in)`. Got {shown(x)} at "
                f"{path}."
            )
        S, _ = _principal(widened(x).reshape(-1, np.shape(x)[-1]), centered=centered)
        variances = np.square(np.asarray(S, np.float64))
        explained = variances / (variances.sum() or 1.0)
        shares += [(float(share), path) for share in explained[: round(rank * rho)]]
    kept = sorted(shares, key=lambda pair: -pair[0])[: rank * len(layers)]
    return {path: sum(path == each for _, each in kept) for path in layers}


@compiled
def _principal(x: jax.Array, *, centered: bool) -> tuple[jax.Array, jax.Array]:
    """Singular values and right singular vectors of rows `(..., rows, in)`."""
    x = x - x.mean(-2, keepdims=True) if centered else x
    _, S, Vh = jnp.linalg.svd(x, full_matrices=False)
    return S, Vh
