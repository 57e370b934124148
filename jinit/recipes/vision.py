"""Recipes of vision models."""

import math

from .._activations import Asked, Function
from .._core import Count, Finite, Initializer, NonNegative, Positive, public, shown
from .._model import closes_residual, is_kernel, Leaf, role, Rule, Selector, traced
from .._schemes import (
    constant,
    glorot_uniform,
    lecun_normal,
    normal,
    ones,
    truncated_normal,
    zeros,
)
from ..compat.timm import trunc_normal_
from .computation import (
    in_exponent,
    normalized_kernel,
    on_branch,
    on_kernel,
    scaled_kernels,
)
from .defaults import torch_bias, torch_kernel
from .leaves import convolution, fan_in, kernel_of, mlp_bias, weights
from .recipe import recipe, rules


@recipe
def vit(classes_prior: bool = False) -> tuple[Rule, ...]:
    """Vision transformers as in the original JAX code: Xavier, patches LeCun, head 0.

        kernels Glorot uniform,   convolutions LeCun normal,   head 0
        biases of MLPs N(0, 10⁻¹²),   class token 0,   positions N(0, 0.02²)

    Assumes Adam with warm-up, and pre-norm blocks.

    Args:
        classes_prior: Whether the head's bias starts at −log(classes).

    Returns:
        A recipe; other biases are 0 and norm scales 1.

    References:
        Dosovitskiy et al. An image is worth 16x16 words. ICLR 2021, and
        google-research/vision_transformer, vit_jax/models_vit.py, 2022.
        https://arxiv.org/abs/2010.11929
    """

    def head_bias(leaf: Leaf) -> Initializer:
        return constant(-math.log(math.prod(leaf.shape))) if classes_prior else zeros

    return rules(
        (role("output head"), zeros),
        (_head_bias, head_bias),
        (role("token"), zeros),
        (mlp_bias, normal(stddev=1e-6)),
        (convolution, traced(lecun_normal)),
        (is_kernel(), traced(glorot_uniform)),
    )


@recipe
def mixer() -> tuple[Rule, ...]:
    """MLP-Mixer: every kernel LeCun normal in what it sums, tokens or channels; head 0.

        σ² = 1 / fan_in,   the head 0, so that the first loss is the log of the classes

    Assumes Adam with warm-up, and pre-norm blocks.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    References:
        Tolstikhin et al. MLP-Mixer: an all-MLP architecture for vision. NeurIPS 2021,
        and google-research/vision_transformer, models_mixer.py.
        https://arxiv.org/abs/2105.01601
    """
    return rules(
        (role("output head"), zeros),
        (is_kernel(), traced(lecun_normal)),
    )


@recipe
def convnext(
    layer_scale: NonNegative | None = 1e-6, head_scale: Positive = 1.0
) -> tuple[Rule, ...]:
    """ConvNeXt: every kernel N(0, 0.02²), each branch times 10⁻⁶ per channel.

        σ = 0.02,   γ = 10⁻⁶ in x + γ f(x)

    The published cut at ±2 is of weights, not of deviations: it takes nothing.

    Assumes AdamW, and a LayerNorm inside of every branch.

    Args:
        layer_scale: γ; None for a model without, such as ConvNeXt V2.
        head_scale: A factor of the head: the published code fine-tunes with 0.001.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    Raises:
        UnmatchedError: When no branch has a multiplier.

    References:
        Liu, Mao, Wu, Feichtenhofer, Darrell, Xie. A ConvNet for the 2020s. CVPR 2022,
        and facebookresearch/ConvNeXt, models/convnext.py, 2022.
        https://arxiv.org/abs/2201.03545
    """
    return (
        *_multipliers(layer_scale),
        *rules(
            (role("output head"), trunc_normal_(std=0.02 * head_scale)),
            (is_kernel(), trunc_normal_(std=0.02)),
        ),
    )


@recipe
def swin() -> tuple[Rule, ...]:
    """Swin transformers, of either version: N(0, 0.02²), and V2's last norms at 0.

        σ = 0.02, tables of positions as well,   patches U(±1/√fan_in), bias and all
        V2: γ = 0 for the norm at the end of a branch,   cosines times exp(log 10)

    Every block of V2 starts as the identity. The published cut at ±2 is of weights, not
    of deviations: it takes nothing.

    Assumes AdamW with warm-up, and norms before each branch (V1) or at its end (V2).

    Returns:
        A recipe; other biases are 0 and norm scales 1.

    References:
        Liu et al. Swin transformer V2: scaling up capacity and resolution. CVPR 2022,
        and microsoft/Swin-Transformer, models/swin_transformer_v2.py, 2022.
        https://arxiv.org/abs/2111.09883
        Liu et al. Swin transformer. ICCV 2021. https://arxiv.org/abs/2103.14030
    """
    cosine = role("norm scale", "gate") & Selector("in an exponent", in_exponent)
    return rules(
        (cosine, constant(math.log(10))),
        (role("norm scale") & closes_residual(), zeros),
        *_TORCH_PATCHES,
        (weights, trunc_normal_(std=0.02)),
    )


@recipe
def layer_scale(
    value: NonNegative | None = None, layers: Count | None = None
) -> tuple[Rule, ...]:
    """LayerScale, and CaiT's other weights: each branch times a small vector.

        γ = 0.1 to 18 layers,   10⁻⁵ to 24,   10⁻⁶ beyond,   in x + γ f(x)
        σ = 0.02,   patches U(±1/√fan_in), bias and all

    The layers of CaiT are not those two that read out the class.

    Assumes AdamW with warm-up, pre-norm blocks, and a multiplier for every channel.

    Args:
        value: γ; by default by depth.
        layers: The depth; by default that of the deepest stream, with two branches in a
            layer.

    Returns:
        A recipe; other biases are 0 and norm scales 1.

    Raises:
        UnmatchedError: When no branch has a multiplier.

    References:
        Touvron, Cord, Sablayrolles, Synnaeve, Jégou. Going deeper with image
        transformers. ICCV 2021. Section 2, and facebookresearch/deit, cait_models.py.
        https://arxiv.org/abs/2103.17239
    """

    def by_depth(leaf: Leaf) -> Initializer:
        depth = layers or max(row.branches for row in leaf.trace) / 2
        return constant(0.1 if depth <= 18 else 1e-5 if depth <= 24 else 1e-6)

    gamma = by_depth if value is None else constant(value)
    return (
        *rules((on_branch, gamma), required=True),
        *rules(*_TORCH_PATCHES, (weights, trunc_normal_(std=0.02))),
    )


@recipe
def nfnet(
    activation: str | None = None, skip_gain: Finite | None = 0.0
) -> tuple[Rule, ...]:
    """NFNet: standardized kernels, each branch behind a scalar that starts at 0.

        kernels that the model standardizes σ² = 1 / fan_in,   their gains 1
        x + α s f(β x) with s = 0,   other kernels σ = 1/√fan_in, cut at two deviations
        the head N(0, 0.01²)

    Every block starts as its shortcut. The model's activations are φ times γ, which
    `jinit.recipes.nfnet_gain` gives exactly.

    Assumes SGD with momentum and adaptive gradient clipping, and no norms.

    Args:
        activation: φ, where activations stand in the model without γ: the gain of a
            standardized kernel that reads one starts at γ.
        skip_gain: s; None for a model without.

    Returns:
        A recipe; biases are 0.

    Raises:
        UnmatchedError: When the model standardizes no kernel, or no branch has a
            multiplier.

    References:
        Brock, De, Smith, Simonyan. High-performance large-scale image recognition
        without normalization. ICML 2021, and google-deepmind/deepmind-research,
        nfnets/nfnet.py and base.py. https://arxiv.org/abs/2102.06171
        Brock, De, Smith. Characterizing signal propagation to close the performance gap
        in unnormalized ResNets. ICLR 2021. https://arxiv.org/abs/2101.08692
    """
    where = "jinit.recipes.nfnet"
    gamma = 1.0 if activation is None else _gamma(where, activation)

    def gain(leaf: Leaf) -> Initializer:
        reads = {row.activation_name for row in scaled_kernels(leaf)}
        return ones if gamma == 1 or reads == {"identity"} else constant(gamma)

    return (
        *_multipliers(skip_gain),
        *rules((normalized_kernel, _untruncated), required=True),
        *rules(
            (on_kernel, gain),
            (role("output head"), normal(stddev=0.01)),
            (is_kernel(), _haiku),
        ),
    )


@public("jinit.recipes")
def nfnet_gain(activation: str | Function) -> float:
    """NFNet's γ: an activation times γ has variance 1 where a unit normal goes in.

        γ = 1 / √Var φ(z),   z ~ N(0, 1)

    The integral is exact. The published numbers are each of one draw, and too large by
    up to 1 in 1100: tanh 1.59391 for 1.59254, relu 1.71396 for 1.71286, gelu 1.70150
    for 1.70092.

    Args:
        activation: The name of φ, or a JAX function of one number.

    Returns:
        γ.

    Raises:
        ValueError: When the name is unknown, or the activation is constant.

    Example:
        >>> import jinit
        >>> jinit.recipes.nfnet_gain("relu")  # √(2 / (1 - 1/π))
        1.712858
    """
    return _gamma("jinit.recipes.nfnet_gain", activation)


def _gamma(where: str, activation: str | Function) -> float:
    moments = Asked.of(where, activation).moments(1.0)
    variance = moments.second - moments.mean**2
    if variance < 1e-12 * moments.second or not moments.second:
        raise ValueError(
            f"`{where}` needs an `activation` that is not constant. Got "
            f"{shown(activation)}."
        )
    return 1 / math.sqrt(variance)


def _multipliers(value: float | None) -> tuple[Rule, ...]:
    """What multiplies branches at a value, or no rule where a model has none."""
    return () if value is None else rules((on_branch, constant(value)), required=True)


def _untruncated(leaf: Leaf) -> Initializer:
    return traced(lecun_normal(distribution="normal"))(leaf)


def _haiku(leaf: Leaf) -> Initializer:
    return truncated_normal(stddev=1 / math.sqrt(fan_in(leaf)))


def _is_head_bias(leaf: Leaf) -> bool:
    kernel = kernel_of(leaf)
    return kernel is not None and kernel.role == "output head"


def _is_patch_bias(leaf: Leaf) -> bool:
    kernel = kernel_of(leaf)
    return kernel is not None and kernel.op == "conv_general_dilated"


_head_bias = Selector("the head's bias", _is_head_bias)
_patch_bias = Selector("the bias of a convolution", _is_patch_bias)
_TORCH_PATCHES = (convolution, torch_kernel), (_patch_bias, torch_bias)
