"""Parametrizations that say themselves what weights are drawn from.

References:
    Blake, Eichenberg, Dean, Balles, Prince, Deiseroth, Cruz-Salinas, Luschi,
    Weinbach, Orr. u-μP: the unit-scaled maximal update parametrization. 2024. Table 2
    and Appendix G. https://arxiv.org/abs/2407.17465
    Large, Liu, Huh, Bahng, Isola, Bernstein. Scalable optimization in the modular norm.
    NeurIPS 2024. https://arxiv.org/abs/2405.14813
"""

import dataclasses
import math

from ..._core import Initializer
from ..._schemes import normal
from ...compose import normalized, scaled
from ..auto import orthogonal_of
from .parameters import Parameter
from .scaling import Kind, ONE, Scaling


def unit(kind: Kind, parameter: Parameter) -> tuple[Scaling, Initializer | None]:
    """u-muP: every weight N(0, 1), with its size in the forward pass.

                        embedding       hidden          output      bias, norm
        multiplier      1               1/√fan_in       1/fan_in    1
        Adam            1/√fan_out      1/√fan_in       1           1

    In branches both have 1/√L, with L the layers of a transformer, or the branches of
    another stream: embedding, attentions and feed-forward layers give it a third each.
    """
    row = parameter.row
    n_in, n_out = parameter.fans
    is_head = kind in {"output", "router"} or bool(row and row.role == "output head")
    if parameter.is_table:
        found = dataclasses.replace(ONE, adam=n_out**-0.5)
    elif not parameter.is_kernel:
        found = ONE
    elif is_head:
        found = dataclasses.replace(ONE, multiplier=1 / n_in)
    else:
        found = dataclasses.replace(ONE, multiplier=n_in**-0.5, adam=n_in**-0.5)
    if parameter.branches:
        root = (parameter.branches / (2 if parameter.pairs else 1)) ** -0.5
        closing = found.multiplier * (root if parameter.closes else 1)
        found = dataclasses.replace(found, adam=found.adam * root, multiplier=closing)
    drawn = parameter.is_table or parameter.is_kernel
    return found, normal(stddev=1.0) if drawn else None


def modula(found: Scaling, parameter: Parameter) -> tuple[Scaling, Initializer | None]:
    """Modula: kernels of norm 1 from root mean square to root mean square.

        W = √(fan_out / fan_in) Q, Q orthogonal;   rows of a table have the length √d
        branches times 1/N, attentions times 1/3 more

    Learning rates are muP's. The factor 1 − 1/N of the stream is left to the model.
    """
    found = dataclasses.replace(found, std=1.0)
    if parameter.is_table:
        rows = scaled(normalized(normal(stddev=1.0)), parameter.shape[-1] ** 0.5)
        return found, rows
    if not parameter.is_kernel:
        return found, None
    n_in, n_out = parameter.fans
    gain = math.sqrt(n_out / n_in)
    if parameter.closes:
        is_attention = parameter.row is not None and parameter.row.attention
        multiplier = 1 / (parameter.branches * (3 if is_attention else 1))
        found = dataclasses.replace(found, multiplier=multiplier)
    return found, _orthogonal(parameter, gain)


def _orthogonal(parameter: Parameter, gain: float) -> Initializer:
    row = parameter.row
    if row is None or not (row.in_axes and row.out_axes):
        raise ValueError(
            "`jinit.mup` needs to know which axes are inputs, for 'modula'. Got "
            f"{parameter.path} of shape {parameter.shape}, whose axes a reshape has "
            "mixed. Use 'spectral'."
        )
    return orthogonal_of(row, gain)
