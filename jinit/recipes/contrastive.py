"""Recipes of contrastive models of images and texts."""

import math

from .._core import Finite, Initializer, Positive
from .._model import closes_residual, is_kernel, Leaf, role, Rule, Selector, traced
from .._schemes import (
    constant,
    glorot_uniform,
    lecun_normal,
    normal,
    symmetric_uniform,
    zeros,
)
from .computation import in_exponent, of_text, past_layers, returned
from .defaults import torch_bias, torch_kernel
from .leaves import convolution, fan_in, in_attention, in_branch, is_scalar, mlp_bias
from .recipe import recipe, rules


@recipe
def clip(temperature: Positive = 0.07) -> tuple[Rule, ...]:
    """CLIP: the text's tower by its width and depth, the image's as PyTorch starts it.

        text of width w, 2 L branches: q, k, v N(0, 1/w),   MLP in N(0, 1/(2 w))
            what closes a branch N(0, 1/(2 L w)),   words N(0, 0.02²)
            positions N(0, 0.01²)
        image: class and positions N(0, 1/w),   blocks and patches as `torch_default`
        projections N(0, 1/w),   logits times exp(log(1/0.07)) = 14.29

    The published code starts the blocks of a vision transformer with PyTorch's default;
    of a ResNet, it sets the last norm of every branch to 0. The tower of the text is
    the one that reads a table of words. The logits' scale, or a scalar that the model
    returns for it, is set to 1/temperature, or, where the model takes its exponential,
    to the logarithm.

    Assumes AdamW with warm-up, pre-norm blocks, and unit vectors that are compared.

    Args:
        temperature: What the cosines are divided by.

    Returns:
        A recipe; norm scales are 1.

    Raises:
        UnmatchedError: When no scalar multiplies the logits, or no tower reads a table.

    References:
        Radford et al. Learning transferable visual models from natural language
        supervision. ICML 2021, and openai/CLIP, clip/model.py, 2021.
        https://arxiv.org/abs/2103.00020
    """
    text = is_kernel() & in_branch & of_text
    place, token = role("positional"), role("token")
    closing = lambda leaf: _over(leaf.row.branches * (leaf.row.fan_out or 1.0))
    return (
        *_scale(is_scalar & (_on_logits | returned), 1 / temperature),
        *rules((role("embedding"), normal(stddev=0.02)), required=True),
        *rules(
            (place & of_text, normal(stddev=0.01)),
            (place | token, lambda leaf: _over(leaf.shape[-1])),
            (role("norm scale") & closes_residual(), zeros),
            (text & closes_residual(), closing),
            (text & in_attention, lambda leaf: _over(fan_in(leaf))),
            (text, lambda leaf: _over(2 * fan_in(leaf))),
            (projection, lambda leaf: _over(fan_in(leaf))),
            (is_kernel(), torch_kernel),
            (role("bias"), torch_bias),
        ),
    )


@recipe
def siglip(temperature: Positive = 0.1, bias: Finite = -10.0) -> tuple[Rule, ...]:
    """SigLIP: Xavier towers, and logits 10 cos − 10, so that hardly a pair is one.

        blocks and pooling U(±√(6/(fan_in + fan_out))),   biases of MLPs N(0, 10⁻¹²)
        patches and the text's head LeCun normal,   tables and positions N(0, 1/w)
        the pooling's query U(±√(6/(1 + w))),   logits t cos + b with t = 10, b = −10

    Of n² pairs, n belong together: with b the first loss is small. t is set, or, where
    the model takes its exponential, log t. Both may be scalars that the model returns.

    Assumes Adam or Adafactor with warm-up, pre-norm blocks, and a loss that asks of
    each pair apart whether it is one.

    Args:
        temperature: What the cosines are divided by, 1/t.
        bias: b.

    Returns:
        A recipe; other biases are 0 and norm scales 1.

    Raises:
        UnmatchedError: When no scalar multiplies the logits, or none is added to them.

    References:
        Zhai, Mustafa, Kolesnikov, Beyer. Sigmoid loss for language image pre-training.
        ICCV 2023, and google-research/big_vision, models/proj/image_text, 2023.
        https://arxiv.org/abs/2303.15343
    """
    wide = lambda leaf: _over(leaf.shape[-1])
    query = lambda leaf: symmetric_uniform(bound=math.sqrt(6 / (1 + leaf.shape[-1])))
    return (
        *_scale(is_scalar & (_on_logits | returned & _in_exponent), 1 / temperature),
        *rules((is_scalar & (_to_logits | returned), constant(bias)), required=True),
        *rules(
            (role("embedding", "positional"), wide),
            (role("token"), query),
            (mlp_bias, normal(stddev=1e-6)),
            (convolution | is_kernel() & of_text & ~in_branch, traced(lecun_normal)),
            (is_kernel(), traced(glorot_uniform)),
        ),
    )


def _over(fan: float) -> Initializer:
    """Normal of variance 1 / fan."""
    return normal(stddev=fan**-0.5)


def _scale(selector: Selector, value: float) -> tuple[Rule, ...]:
    """What the logits are multiplied by at a value, or its logarithm."""

    def scale(leaf: Leaf) -> Initializer:
        return constant(math.log(value) if in_exponent(leaf) else value)

    return rules((selector, scale), required=True)


def _is_past_the_first(leaf: Leaf) -> bool:
    return (leaf.row.depth or 0) > 1


_in_exponent = Selector("in an exponent", in_exponent)
_of_no_kernel = Selector("of no kernel", lambda leaf: leaf.row.kernel is None)
_on_logits = role("gate", "norm scale") & past_layers
_to_logits = role("bias") & past_layers & _of_no_kernel
projection = is_kernel() & ~in_branch & ~convolution & Selector(
    "past the first layer", _is_past_the_first
)  # fmt: skip
