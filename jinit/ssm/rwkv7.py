"""The table of RWKV-7: what each vector of a block starts from."""

from typing import Any, Literal

import jax
import numpy as np

from .._core import law, Whole
from ..settings import Count, Floating
from .shapes import last, repeated
from .statements import of_table, one_of_the_layers


Parameter = Literal[
    "x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "w0", "a0", "v0",
    "k_k", "k_a", "r_k", "ln_x", "ffn_x_k",
]  # fmt: skip

# Of the shifts, the exponent of a channel's place in the first layer.
_SHIFTS = {"x_r": 0.2, "x_g": 0.2, "x_w": 0.9, "x_a": 0.9, "x_k": 0.7, "x_v": 0.7}
_CONSTANTS = {"k_a": 1.02, "r_k": -0.04}


def _table(
    shape: tuple[int, ...], parameter: str, layer: int, layers: int, head_size: int
) -> np.ndarray:
    channels = last("jinit.ssm.rwkv7", shape, "(*batch, channels)")
    n = np.arange(channels, dtype=np.float64)
    shallow, depth = 1 - layer / layers, layer / max(layers - 1, 1)
    along = n / max(channels - 1, 1)  # 0 to 1
    zigzag = 2 * (n % head_size) / max(head_size - 1, 1) - 1  # −1 to 1 in each head
    zigzag = zigzag * abs(zigzag)
    match parameter:
        case "ffn_x_k":
            return 1 - (n / channels) ** shallow**4
        case "w0":
            return -5.5 + 6 * along ** (1 + depth**0.3) + 2.5 * zigzag
        case "a0":
            return -0.19 + 0.3 * zigzag + 0.4 * (along - 0.5)
        case "v0":
            return 0.73 - 0.4 * (along - 0.5)
        case "k_k":
            return 0.71 - 0.1 * (along - 0.5)
        case "ln_x":
            return np.full(channels, ((1 + layer) / layers) ** 0.7)
    if parameter in _CONSTANTS:
        return np.full(channels, _CONSTANTS[parameter])
    return 1 - (n / channels) ** (_SHIFTS[parameter] * shallow)


@law(
    marginal=lambda shape, **settings: of_table(_table(shape, **settings)),
    check=one_of_the_layers,
)
def rwkv7(
    _: Any,
    shape: tuple[int, ...],
    /,
    parameter: Parameter = "w0",
    layer: Whole = 0,
    layers: Count = 1,
    head_size: Count = 64,
    dtype: Floating = None,
) -> jax.Array:
    """A vector of a block of RWKV-7, by its name in the released code.

        x_r, x_g    1 − t^(0.2 s)      x_w, x_a    1 − t^(0.9 s)
        x_k, x_v    1 − t^(0.7 s)      ffn_x_k     1 − t^(s⁴)
        w0          −5.5 + 6 p^(1 + d^0.3) + 2.5 z
        a0          −0.19 + 0.3 z + 0.4 (p − ½)
        v0          0.73 − 0.4 (p − ½)
        k_k         0.71 − 0.1 (p − ½)
        k_a, r_k    1.02 and −0.04
        ln_x        ((1 + layer) / layers)^0.7

        t = n / channels,   p = n / (channels − 1),   for the channel n
        s = 1 − layer / layers,   d = layer / (layers − 1)
        z = u |u| for u from −1 to 1 within each head

    w0 decays a state by exp(−e^−½ sigmoid(w0)) in a step, 0.56 to 0.9998. Of the
    matrices, the first factors of low rank and the output of both halves of a block are
    0 (`jinit.zeros`), the second factors `jinit.orthogonal(0.1)`: a block starts as the
    identity.

    Args:
        parameter: The name; "ffn_x_k" is x_k of the second half, channel mixing.
        layer: The layer of the block, from 0.
        layers: How many layers there are.
        head_size: The channels of a head, for w0 and a0.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, channels)`, the same along the batch.

    Raises:
        ValueError: For a name that is none of these, or a `layer` that is none of the
            `layers`.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> w0 = jinit.ssm.rwkv7("w0", layer=3, layers=12)(None, (256,))
        >>> decay = jnp.exp(-jnp.exp(-0.5) * jax.nn.sigmoid(w0))
        >>> bool(((decay > 0.56) & (decay < 0.9999)).all())
        True

    References:
        Peng et al. RWKV-7 "Goose" with expressive dynamic state evolution. 2025.
        https://arxiv.org/abs/2503.14456
    """
    table = _table(shape, parameter, layer, layers, head_size)
    return repeated(table, shape, dtype)
