"""Recipes of deep residual networks."""

import math

from .._core import Finite, Initializer
from .._model import closes_residual, is_kernel, Leaf, role, Rule, traced
from .._schemes import constant, he_normal, lecun_normal, normal, zeros
from .leaves import in_branch, published_fans
from .recipe import recipe, rules


@recipe
def resnet() -> tuple[Rule, ...]:
    """ResNet: He in fan_out, and the last norm of every residual branch at 0.

        σ² = 2 / fan_out,   γ = 0 where a branch ends,   the head N(0, 0.01²)

    Every block starts as its skip connection.

    Assumes SGD with momentum and warm-up, and a batch norm at the end of every branch.

    Returns:
        A recipe; other norm scales are 1 and biases 0.

    References:
        Goyal et al. Accurate, large minibatch SGD. 2017. Section 5.1.
        https://arxiv.org/abs/1706.02677
    """
    return rules(
        (role("norm scale") & closes_residual(), zeros),
        (role("output head"), normal(stddev=0.01)),
        (is_kernel(), _he),
    )


@recipe
def fixup() -> tuple[Rule, ...]:
    """Fixup: residual networks without normalization, each branch 0 at its end.

        σ² = 2 / fan_out · L^(−1/(m − 1)) within one of L branches of m layers
        0 for the last layer of a branch and for the head

    The model should have a scalar bias before each layer and activation and one scalar
    multiplier per branch, which start at 0 and 1.

    Assumes SGD with momentum, no norms, and a tenth of the rate for the scalars.

    Returns:
        A recipe; a kernel outside of branches is He's.

    References:
        Zhang, Dauphin, Ma. Fixup initialization. ICLR 2019. Section 3.
        https://arxiv.org/abs/1901.09321
    """

    def within(leaf: Leaf) -> Initializer:
        L, m = leaf.row.branches, leaf.row.branch_layers
        return _he(leaf)(gain=math.sqrt(2) * L ** (-1 / (2 * m - 2)))

    last = is_kernel() & closes_residual() | role("output head")
    return rules(
        (last, zeros),
        (is_kernel() & in_branch, within),
        (is_kernel(), _he),
    )


@recipe
def skipinit(alpha: Finite = 0.0) -> tuple[Rule, ...]:
    """SkipInit and ReZero: x + α f(x) with a learned α that starts at 0.

        α = 0,   kernels σ² = 2 / fan_in,   the head σ² = 1 / fan_in

    Assumes SGD with momentum and no norms.

    Args:
        alpha: The start of the multipliers; 1/√N for N branches works as well.

    Returns:
        A recipe, for models with a multiplier on every branch.

    Raises:
        UnmatchedError: When the model has no multiplier.

    References:
        De, Smith. Batch normalization biases residual blocks towards the identity
        function in deep networks. NeurIPS 2020. https://arxiv.org/abs/2002.10444
        Bachlechner et al. ReZero is all you need. UAI 2021.
        https://arxiv.org/abs/2003.04887
    """
    return _gated(alpha)


@recipe
def rezero() -> tuple[Rule, ...]:
    """ReZero, which is SkipInit at 0: x + α f(x) with a learned α.

        α = 0,   kernels σ² = 2 / fan_in,   the head σ² = 1 / fan_in

    Assumes no norms; the optimizer is free, and warm-up not needed.

    Returns:
        A recipe, for models with a multiplier on every branch.

    Raises:
        UnmatchedError: When the model has no multiplier.

    References:
        Bachlechner et al. ReZero is all you need. UAI 2021.
        https://arxiv.org/abs/2003.04887
    """
    return _gated(0.0)


@recipe
def depth_mup(a: Finite = 1.0) -> tuple[Rule, ...]:
    """Depth-μP: every branch times a/√L, with the multiplier in its last kernel.

        σ² = 1 / fan_in,   σ² = a² / (L · fan_in) for a kernel that closes one of L

    With Adam, divide the learning rate of the branches by √L as well: `jinit.mup`.

    Assumes branches of one layer, and SGD or Adam.

    Args:
        a: The multiplier of a single branch.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    References:
        Yang, Yu, Zhu, Hayou. Tensor programs VI: feature learning in infinite-depth
        neural networks. ICLR 2024. Table 1. https://arxiv.org/abs/2310.02244
    """

    def closing(leaf: Leaf) -> Initializer:
        return traced(lecun_normal(gain=a / math.sqrt(leaf.row.branches)))(leaf)

    return rules(
        (is_kernel() & closes_residual(), closing),
        (is_kernel(), traced(lecun_normal)),
    )


def _gated(alpha: float) -> tuple[Rule, ...]:
    return (
        *rules((role("gate"), constant(alpha)), required=True),
        *rules(
            (role("output head"), traced(lecun_normal)),
            (is_kernel(), traced(he_normal)),
        ),
    )


def _he(leaf: Leaf) -> Initializer:
    return he_normal(mode="fan_out", fans=published_fans(leaf.row))
