"""Forget biases of the two cells of an xLSTM."""

from typing import Any, Literal

import jax
import numpy as np

from .._core import law, Whole
from ..settings import Count, Floating
from .shapes import last, repeated
from .statements import of_table, one_of_the_layers


Cell = Literal["mlstm", "slstm"]


def _bias(shape: tuple[int, ...], cell: str, layer: int, layers: int) -> np.ndarray:
    units = last("jinit.ssm.xlstm_forget_bias", shape, "(*batch, units)")
    along = np.arange(units) / max(units - 1, 1)  # 0 to 1
    if cell == "mlstm":
        return 3 + 3 * along
    depth = layer / max(layers - 1, 1)
    return 5 - 12 * along ** (0.3 + 1.3 * depth)


@law(
    marginal=lambda shape, **settings: of_table(_bias(shape, **settings)),
    check=one_of_the_layers,
)
def xlstm_forget_bias(
    _: Any,
    shape: tuple[int, ...],
    /,
    cell: Cell = "mlstm",
    layer: Whole = 0,
    layers: Count = 1,
    dtype: Floating = None,
) -> jax.Array:
    """Biases of the forget gates of an xLSTM, spread over heads or units.

        mlstm   b = 3, …, 6, even over the heads
        slstm   b = 5 − 12 (i / (units − 1))^(0.3 + 1.3 layer / (layers − 1))

    An mLSTM keeps sigmoid(3) = 0.953 to sigmoid(6) = 0.998 of its state in a step, the
    kernel of its gate being 0. An sLSTM has units that hardly forget beside units that
    forget all, more of the former the deeper it stands.

    Args:
        cell: "mlstm", along the heads, or "slstm", along the units of a head.
        layer: The block that the cell is in, from 0; for "slstm".
        layers: How many blocks there are.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, heads)` or `(*batch, units)`, the same along the
        batch.

    Raises:
        ValueError: For a `layer` that is none of the `layers`.

    Example:
        >>> import jinit
        >>> jinit.ssm.xlstm_forget_bias(None, (4,)).tolist()
        [3.0, 4.0, 5.0, 6.0]

    References:
        Beck et al. xLSTM: extended long short-term memory. NeurIPS 2024.
        https://arxiv.org/abs/2405.04517
    """
    return repeated(_bias(shape, cell, layer, layers), shape, dtype)
