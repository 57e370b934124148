"""Random features whose frequencies stand at right angles."""

import functools
import math
from typing import Any, Literal

import jax
import jax.numpy as jnp

from .. import marginal
from .._core import law, sampling, scalar
from .._schemes import Method, orthogonal as haar
from ..marginal import Marginal
from ..settings import Floating, Positive


Norms = Literal["chi", "fixed"]


def _require_matrix(where: str, shape: tuple[int, ...]) -> None:
    if len(shape) < 2:
        raise ValueError(
            f"`{where}` needs a shape of two or more axes, "
            f"`(*batch, coordinates, features)`. Got {shape}."
        )


def _marginal(where: str, shape, norms: Norms, method, length=1.0) -> Marginal:
    _require_matrix(where, shape)
    if norms == "chi":
        return marginal.normal(0.0, 1 / length)
    size = max(shape[-2], 1)
    return marginal.coordinate(size, math.sqrt(size) / length)


def _frequencies(
    where: str, key: jax.Array, shape, dtype: Any, norms: Norms, method: Method
) -> Any:
    """Columns of E |w|² = d, at right angles in blocks of d of them."""
    _require_matrix(where, shape)
    *batch, d, features = shape
    side = min(d, features)
    blocks = -(-features // side)
    frames, lengths = jax.random.split(key)
    each = haar(method=method, batch_axis=tuple(range(len(batch) + 1)))
    Q = each(frames, (*batch, blocks, d, side), dtype)
    Q = jnp.moveaxis(Q, -3, -2).reshape(*batch, d, blocks * side)[..., :features]
    if norms == "fixed":
        return Q * scalar(math.sqrt(d), dtype)
    gaussian = sampling.normal(lengths, shape, dtype)
    return Q * jnp.linalg.norm(gaussian, axis=-2, keepdims=True)


@law(marginal=functools.partial(_marginal, "jinit.features.orthogonal"))
def orthogonal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    length: Positive = 1.0,
    norms: Norms = "chi",
    dtype: Floating = None,
    *,
    method: Method = "householder",
) -> jax.Array:
    """Orthogonal random features: frequencies of a Gaussian kernel, at right angles.

        W = [Q₁ S₁, Q₂ S₂, …] / ℓ,   Qᵢ Haar, d × d;  the last block cut

    A column has a uniformly random direction and the length of a Gaussian vector, so it
    is one, as in `jinit.features.random_fourier`: E cos(w · Δ) = exp(−|Δ|² / 2ℓ²). That
    columns of a block differ as much as they can makes the mean over them less noisy,
    by half where |Δ| is near ℓ and there are d of them. With `norms="fixed"` all have
    the length √d, and the kernel is Gaussian up to an error of order 1 / d.

    Args:
        length: The length ℓ over which the kernel falls.
        norms: The lengths in S: "chi", those of Gaussian vectors, or "fixed", √d.
        dtype: The dtype to draw when a call names none.
        method: How the blocks are drawn, as for `jinit.orthogonal`.

    Returns:
        Frequencies of shape `(*batch, coordinates, features)`, d coordinates.

    Raises:
        ValueError: For a shape of fewer than two axes.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jinit import features
        >>> W = features.orthogonal(norms="fixed")(jax.random.key(0), (16, 40))
        >>> block = W[:, 16:32]
        >>> bool(jnp.allclose(block.T @ block, 16 * jnp.eye(16), atol=1e-4))
        True

    References:
        Yu, Suresh, Choromanski, Holtmann-Rice, Kumar. Orthogonal random features.
        NeurIPS 2016. https://arxiv.org/abs/1610.09072
    """
    W = _frequencies("jinit.features.orthogonal", key, shape, dtype, norms, method)
    return W / scalar(length, dtype)


@law(marginal=functools.partial(_marginal, "jinit.features.favor_plus"))
def favor_plus(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    norms: Norms = "chi",
    dtype: Floating = None,
    *,
    method: Method = "householder",
) -> jax.Array:
    """The projections of FAVOR+: positive orthogonal features of softmax attention.

        φ(x) = exp(x W − |x|² / 2) / √m,   E φ(q) · φ(k) = exp(q · k)

    for W of `jinit.features.orthogonal`, m columns. Queries and keys of d coordinates
    come divided by d^(1/4), so that φ(q) · φ(k) is the attention's exp(q · k / √d). All
    features are positive, and the weights of an attention made of them are too. Drawn
    once and not trained; anew from time to time, where the authors do so.

    Args:
        norms: The lengths of the columns: "chi", those of Gaussian vectors, which makes
            the mean exact, or "fixed", √d.
        dtype: The dtype to draw when a call names none.
        method: How the blocks are drawn, as for `jinit.orthogonal`.

    Returns:
        Projections of shape `(*heads, d, features)`, independent for each head.

    Raises:
        ValueError: For a shape of fewer than two axes.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from jinit import features
        >>> W = features.favor_plus(jax.random.key(0), (4, 4000))
        >>> phi = lambda x: jnp.exp(x @ W - x @ x / 2) / 4000**0.5
        >>> q, k = jnp.array([0.5, 0.0, 0.5, 0.0]), jnp.array([0.5, 0.5, 0.0, 0.0])
        >>> bool(abs(phi(q) @ phi(k) / jnp.exp(q @ k) - 1) < 0.1)
        True

    References:
        Choromanski, Likhosherstov, Dohan, Song, Gane, Sarlos, Hawkins, Davis,
        Mohiuddin, Kaiser, Belanger, Colwell, Weller. Rethinking attention with
        Performers. ICLR 2021. https://arxiv.org/abs/2009.14794
    """
    return _frequencies("jinit.features.favor_plus", key, shape, dtype, norms, method)
