"""Recipes of agents that learn by reinforcement."""

import math
from collections.abc import Callable

from .._core import Finite, Flag, Initializer, Positive, Text
from .._model import is_kernel, Leaf, role, Rule, Selector, traced
from .._model.auto import orthogonal_of, per_gate
from .._schemes import (
    constant,
    fan_in_uniform,
    he_normal,
    lecun_normal,
    ones,
    symmetric_uniform,
    zeros,
)
from ..compose import normalized
from .agents import head, policy_head, scalars, scaled_kernel
from .leaves import cell_of, in_branch, kernel_of
from .recipe import recipe, rules


ROOT2 = math.sqrt(2)


@recipe
def ppo(
    gain: Positive = ROOT2,
    policy_gain: Positive = 0.01,
    value_gain: Positive = 1.0,
    log_std: Finite = 0.0,
    policy: Text | None = None,
    value: Text | None = None,
) -> tuple[Rule, ...]:
    """PPO: orthogonal layers, a policy that starts nearly even, a value of size 1.

        gain √2 for all layers, whatever their activation,   0.01 for the policy's head
        1 for the value's head,   biases 0,   log_std 0

    Actions start nearly alike in every state: of n discrete ones the entropy starts at
    log n, and a mean at 0. A head of one output makes the value where others have
    several; elsewhere names tell, such as `critic`.

    Assumes Adam with ε = 10⁻⁵ and clipped gradients, no norms, and a trunk of each
    head or one for all.

    Args:
        gain: Of all other layers.
        policy_gain: Of the heads that make actions.
        value_gain: Of the other heads.
        log_std: The start of a spread that reads no state, a weight of such a name.
        policy: The glob of the policy's heads, where none of this tells.
        value: The glob of the value's heads, likewise.

    Returns:
        A recipe.

    Raises:
        UnmatchedError: When no kernel makes an output.
        ValueError: When each head has one output and no name tells them apart.

    References:
        Huang, Dossa, Raffin, Kanervisto, Wang. The 37 implementation details of
        proximal policy optimization. ICLR blog track 2022. Detail 2.
        Huang et al. CleanRL: ppo.py. 2026. https://github.com/vwxyzjn/cleanrl
        Lu. PureJaxRL: ppo.py and ppo_continuous_action.py. 2024.
        Engstrom et al. Implementation matters in deep policy gradients. ICLR 2020.
        https://arxiv.org/abs/2005.12729
    """
    return (
        *scalars(log_std),
        *_heads(policy_gain, value_gain, policy, value),
        *rules((is_kernel(), _orthogonal(gain))),
    )


@recipe
def ppo_rnn(
    gain: Positive = ROOT2,
    gain_after: Positive = 2.0,
    policy_gain: Positive = 0.01,
    value_gain: Positive = 1.0,
    log_std: Finite = 0.0,
    policy: Text | None = None,
    value: Text | None = None,
) -> tuple[Rule, ...]:
    """PPO with a recurrent cell: orthogonal layers, of gain 2 after the cell.

        gain √2 before the cell,   2 after it,   0.01 and 1 for the heads
        in the cell LeCun normal from the input, orthogonal from the state, by gates

    Assumes Adam with ε = 10⁻⁵ and clipped gradients, no norms, and heads that read what
    the cell puts out.

    Args:
        gain: Of the layers before the cell.
        gain_after: Of the layers after it, but for the heads.
        policy_gain: Of the heads that make actions.
        value_gain: Of the other heads.
        log_std: The start of a spread that reads no state.
        policy: The glob of the policy's heads: see `jinit.recipes.ppo`.
        value: The glob of the value's heads.

    Returns:
        A recipe; biases are 0.

    Raises:
        UnmatchedError: When the model has no recurrent kernel or no kernel makes an
            output.

    References:
        Lu. PureJaxRL: ppo_rnn.py. 2024. https://github.com/luchris429/purejaxrl
    """
    in_cell = Selector("in a cell", lambda leaf: bool(cell_of(leaf.row, leaf.trace)))
    recurrent = lambda leaf: per_gate(leaf.row) or orthogonal_of(leaf.row)
    return (
        *scalars(log_std),
        *_heads(policy_gain, value_gain, policy, value),
        *rules((role("recurrent kernel"), recurrent), required=True),
        *rules(
            (is_kernel() & in_cell, traced(lecun_normal)),
            (is_kernel() & _after_cell, _orthogonal(gain_after)),
            (is_kernel(), _orthogonal(gain)),
        ),
    )


@recipe
def sac(
    gain: Positive = ROOT2,
    policy_gain: Positive = 1.0,
    temperature: Positive = 1.0,
    policy: Text | None = None,
    value: Text | None = None,
) -> tuple[Rule, ...]:
    """SAC as in JAXRL: orthogonal layers and critics, and a policy of gain 1.

        gain √2 for all layers, the critics' last ones as well
        1 for the heads of the mean and of its spread,   biases 0

    Each member of an ensemble of critics has a matrix of its own.

    Assumes Adam, ReLU, and a policy whose actions are squashed by tanh.

    Args:
        gain: Of all layers but the policy's heads.
        policy_gain: Of the heads that make actions.
        temperature: The start of a learned temperature, a weight `log_temp` or
            `log_alpha`.
        policy: The glob of the policy's heads, where neither the computation nor a name
            tells them: see `jinit.recipes.ppo`.
        value: The glob of the value's heads, likewise.

    Returns:
        A recipe; norm scales are 1.

    Raises:
        ValueError: When each head has one output and no name tells them apart.

    References:
        Haarnoja, Zhou, Abbeel, Levine. Soft actor-critic. ICML 2018.
        https://arxiv.org/abs/1801.01290
        Kostrikov. JAXRL: networks/common.py and policies.py. 2022.
        https://github.com/ikostrikov/jaxrl
    """
    return (
        *scalars(temperature=temperature),
        *rules(
            (policy_head(value, policy), _orthogonal(policy_gain)),
            (is_kernel(), _orthogonal(gain)),
        ),
    )


@recipe
def ddpg(bound: Positive = 0.003) -> tuple[Rule, ...]:
    """DDPG: uniform by fan_in, and heads so small that actions and values start at 0.

        U(±1/√fan_in),   U(±0.003) for the heads of actor and critic,   biases alike

    Assumes Adam, ReLU, and actions that are squashed by tanh.

    Args:
        bound: Of the heads: 0.003, or 0.0003 for agents that see pixels.

    Returns:
        A recipe; norm scales are 1.

    Raises:
        UnmatchedError: When no kernel makes an output.

    References:
        Lillicrap et al. Continuous control with deep reinforcement learning. ICLR 2016.
        Section 7. https://arxiv.org/abs/1509.02971
    """

    def bias(leaf: Leaf) -> Initializer:
        row = kernel_of(leaf)
        if row is None or not row.fan_in:
            return zeros
        last = row.role == "output head"
        return symmetric_uniform(bound=bound if last else row.fan_in**-0.5)

    return (
        *rules((head, symmetric_uniform(bound=bound)), required=True),
        *rules((is_kernel(), traced(fan_in_uniform)), (role("bias"), bias)),
    )


@recipe
def simba(temperature: Positive = 0.01) -> tuple[Rule, ...]:
    """SimBa: residual blocks behind norms, He; what leads in and out orthogonal.

        He normal in a residual branch,   orthogonal for the first layer and the heads

    Assumes AdamW with a decay of 0.01, and a layer norm in front of each branch and of
    the heads.

    Args:
        temperature: The start of SAC's learned temperature, a weight `log_temp`.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    Raises:
        UnmatchedError: When the model has no residual branch.

    References:
        Lee et al. SimBa: simplicity bias for scaling up parameters in deep
        reinforcement learning. ICLR 2025. https://arxiv.org/abs/2410.09754
        SonyResearch/simba, networks/layers.py. 2025.
    """
    return (
        *scalars(temperature=temperature),
        *rules((is_kernel() & in_branch, traced(he_normal)), required=True),
        *rules((is_kernel(), _orthogonal(1.0))),
    )


@recipe
def simba_v2(stored: Flag = True, temperature: Positive = 0.01) -> tuple[Rule, ...]:
    """SimBaV2: every unit's weights of length 1, and scalers that keep signals so.

        w = w₀ / ‖w₀‖ for each unit,   w₀ orthogonal
        scalers √(2 / n), of n channels,   1 after the last block
        x ← normalize(x + α (f(x) − x)),   α = 1 / (N + 1) in each of N blocks

    The model stores α as 1/√d and multiplies it by √d / (N + 1), so that Adam moves it
    as it moves a weight of a unit.

    Assumes Adam without decay, kernels that are normalized after each step as they are
    here, and no norms but those of the sphere.

    Args:
        stored: Whether the model does multiply; if not, α itself is set.
        temperature: The start of SAC's learned temperature, a weight `log_temp`.

    Returns:
        A recipe; biases of the heads are 0.

    Raises:
        UnmatchedError: When the model has no scalers.

    References:
        Lee, Lee, Seno, Kim, Stone, Choo. Hyperspherical normalization for scalable deep
        reinforcement learning. ICML 2025. https://arxiv.org/abs/2502.15280
        DAVIAN-Robotics/SimbaV2, simbaV2_layer.py and simbaV2.yaml. 2025.
    """

    def kernel(leaf: Leaf) -> Initializer:
        row = leaf.row
        axes = (*(row.window_axes or ()), *(row.in_axes or ()))
        return normalized(orthogonal_of(row), axis=axes)

    def scaler(leaf: Leaf) -> Initializer:
        n = leaf.shape[-1]
        before, place = scaled_kernel(leaf)
        if place == "output":
            return ones
        if place == "branch end":
            return constant(n**-0.5 if stored else 1 / (before.branches + 1))
        return constant(math.sqrt(2 / n))

    return (
        *scalars(temperature=temperature),
        *rules((role("gate"), scaler), required=True),
        *rules((is_kernel(), kernel)),
    )


def _heads(
    policy_gain: float, value_gain: float, policy: str | None, value: str | None
) -> tuple[Rule, ...]:
    makes_actions = policy_head(value, policy)

    def law(leaf: Leaf) -> Initializer:
        return orthogonal_of(
            leaf.row, policy_gain if makes_actions(leaf) else value_gain
        )

    return rules((head, law), required=True)


def _orthogonal(gain: float) -> Callable[[Leaf], Initializer]:
    return lambda leaf: orthogonal_of(leaf.row, gain)


def _reads_a_cell(leaf: Leaf) -> bool:
    """Whether it is deeper than what leads into some recurrent cell."""
    cells: dict[str, int] = {}
    for row in leaf.trace:
        cell = cell_of(row, leaf.trace) if row.is_kernel else None
        if cell:
            cells[cell.path] = max(cells.get(cell.path, 0), row.depth or 0)
    return (leaf.row.depth or 0) > min(cells.values(), default=math.inf)


_after_cell = Selector("after a recurrent cell", _reads_a_cell)
