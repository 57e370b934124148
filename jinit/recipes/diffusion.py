"""Recipes of diffusion models."""

import math
from typing import Literal

from .._core import Initializer
from .._model import closes_residual, is_kernel, Leaf, role, Rule, Selector, traced
from .._schemes import (
    fan_in_uniform,
    glorot_uniform,
    normal,
    symmetric_uniform,
    uniform_range,
    zeros,
)
from .computation import modulation, normalized_kernel, of_condition
from .leaves import in_attention, is_scalar, kernel_of, published_fans
from .recipe import recipe, rules, UnfitError


@recipe
def dit() -> tuple[Rule, ...]:
    """DiT: adaLN-zero, every block the identity and the output 0; all else Xavier.

        what scales, shifts and gates the stream 0,   the head 0
        other kernels U(±√(6/(fan_in + fan_out))), patches as one linear layer
        the embedding of time N(0, 0.02²),   labels N(0, 0.02²)

    Conditions are the inputs of layers that scale what depends on more than they do.
    What reads no others modulates if its result meets the stream, and else is of the
    embedding of time. Positions are the model's own table of sines and cosines. Two
    streams under one condition, as in MMDiT and Flux, are read alike.

    Assumes AdamW, norms without scale and offset of their own, and a frozen table of
    positions.

    Returns:
        A recipe; biases are 0.

    Raises:
        UnmatchedError: When no condition scales the stream.

    References:
        Peebles, Xie. Scalable diffusion models with transformers. ICCV 2023, and
        facebookresearch/DiT, models.py, 2022. https://arxiv.org/abs/2212.09748
    """
    return (
        *rules((modulation, zeros), required=True),
        *rules(
            (role("output head"), zeros),
            (of_condition | role("embedding"), normal(stddev=0.02)),
            (is_kernel(), traced(glorot_uniform)),
        ),
    )


@recipe
def edm(model: Literal["ddpm++", "adm"] = "ddpm++") -> tuple[Rule, ...]:
    """EDM's U-Nets: what ends a branch or the model 10⁻⁵ of Xavier, or 0.

        "ddpm++"  U(±√(6/(fan_in + fan_out))),   times 10⁻⁵ to close a branch, and the
                  head,   times √0.2 for queries, keys and values,   biases 0
        "adm"     U(±1/√fan_in), bias and all,   0 to close a branch, and the head

    Fans are k² times the channels. A table of V labels stands for a layer that reads
    √V at one of them: √V of its law, or N(0, 1) with "adm".

    Assumes Adam, group norms inside of every branch, and EDM's scaling of inputs and
    outputs by the noise.

    Args:
        model: "ddpm++" (NCSN++ alike), or "adm", with its norms scaled by time.

    Returns:
        A recipe; norm scales are 1.

    Raises:
        UnmatchedError: When the model has no residual branches.

    References:
        Karras, Aittala, Aila, Laine. Elucidating the design space of diffusion-based
        generative models. NeurIPS 2022, and NVlabs/edm, training/networks.py, 2022.
        https://arxiv.org/abs/2206.00364
    """
    last = is_kernel() & closes_residual(), role("output head")
    return _adm(*last) if model == "adm" else _ddpm(*last)


def _ddpm(closing: Selector, head: Selector) -> tuple[Rule, ...]:
    def xavier(leaf: Leaf, gain: float = 1.0) -> Initializer:
        return glorot_uniform(gain=gain, fans=published_fans(leaf.row))

    def table(leaf: Leaf) -> Initializer:
        count, width = leaf.shape
        return symmetric_uniform(bound=math.sqrt(6 * count / (count + width)))

    tiny = lambda leaf: xavier(leaf, 1e-5)
    return (
        *rules((closing, tiny), required=True),
        *rules(
            (head, tiny),
            (is_kernel() & in_attention, lambda leaf: xavier(leaf, math.sqrt(0.2))),
            (is_kernel(), lambda leaf: xavier(leaf)),
            (role("embedding"), table),
        ),
    )


def _adm(closing: Selector, head: Selector) -> tuple[Rule, ...]:
    def kernel(leaf: Leaf) -> Initializer:
        return fan_in_uniform(fans=published_fans(leaf.row))

    def bias(leaf: Leaf) -> Initializer:
        row = kernel_of(leaf)
        if row is None or row.closes_residual or row.role == "output head":
            return zeros
        return symmetric_uniform(bound=1 / math.sqrt(published_fans(row)[0]))

    return (
        *rules((closing, zeros), required=True),
        *rules((head, zeros), (is_kernel(), kernel), (role("bias"), bias)),
    )


@recipe
def edm2() -> tuple[Rule, ...]:
    """EDM2: every kernel N(0, 1), as the model normalizes it; scalar gains 0.

        σ = 1, used as w · gain / ‖w‖ over what one output reads,   gains 0
        frequencies N(0, (2π)²), phases U(0, 2π), where they are parameters

    Every layer keeps the size of its signal, the embedding of noise and class is not
    seen at first, and the output is 0.

    Assumes Adam with a rate that falls as 1/√t, kernels that are brought back to their
    norm, √fan_in, in every step, and no biases or learned norms.

    Returns:
        A recipe, for models that normalize all of their kernels.

    Raises:
        UnmatchedError: When the model has no scalar gain.
        ValueError: When the model uses a kernel as it is.

    References:
        Karras, Aittala, Lehtinen, Hellsten, Aila, Laine. Analyzing and improving the
        training dynamics of diffusion models. CVPR 2024. Equations 47, 66 and 75, and
        NVlabs/edm2, training/networks_edm2.py, 2024. https://arxiv.org/abs/2312.02696
    """

    def plain(leaf: Leaf) -> Initializer:
        raise UnfitError(
            "a model that normalizes its kernels, w / ‖w‖ for every output,",
            f"{leaf.path} of shape {leaf.shape}, used as it is. Normalize it in the "
            f"model, or give it a rule of its own, before the recipe.",
        )

    turn = 2 * math.pi
    return (
        *rules((role("gate") & is_scalar, zeros), required=True),
        *rules((normalized_kernel, normal(stddev=1.0)), (is_kernel(), plain)),
        *rules(
            (role("gate"), normal(stddev=turn)),
            (role("bias"), uniform_range(maxval=turn)),
            yields=True,
        ),
    )
