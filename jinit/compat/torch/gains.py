"""Torch's table of gains."""

import math

from ..._core import check, choose, Finite, refuse_traced


GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
    "selu": 3 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The gain that torch recommends for `nonlinearity`, from its fixed table.

        linear, convN d, conv_transposeN d, sigmoid    1
        tanh                                           5/3
        relu                                           √2
        leaky_relu                                     √(2 / (1 + negative_slope²))
        selu                                           3/4

    Use it to reproduce a torch model. For a new one use `jinit.gain`, which computes
    the gain from the activation: the entries of sigmoid, tanh and selu do not keep the
    variance of a signal (`jinit.gain` gives 1.8462, 1.5925 and 1).

    Args:
        nonlinearity: A name of `torch.nn.functional`.
        param: The negative slope of "leaky_relu", 0.01 by default. As in torch, the
            other activations ignore it.

    Returns:
        The gain.

    Raises:
        TypeError: When the negative slope is not a number, or is traced.
        ValueError: When torch has no gain for `nonlinearity`.

    Example:
        >>> from jinit.compat import torch
        >>> torch.calculate_gain("leaky_relu", 3.0)
        0.447213

    References:
        torch.nn.init.calculate_gain.
        https://docs.pytorch.org/docs/stable/nn.init.html
    """
    where = "jinit.compat.torch.calculate_gain"
    refuse_traced(where, param)
    try:
        choose(where, "nonlinearity", nonlinearity, GAINS)
    except ValueError as error:
        fix = "`jinit.gain` computes that of any activation."
        raise ValueError(f"{error} torch has no other gain; {fix}") from None
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else check(where, "param", Finite, param)
        return math.sqrt(2 / (1 + slope**2))
    return GAINS[nonlinearity]
