"""Recipes of language models that carry a state."""

import math
from dataclasses import replace

from .. import ssm
from .._core import glob, Initializer, NonNegative, Positive, Text
from .._model import is_kernel, Leaf, path, role, Rule, Selector
from .._reading import Row
from .._schemes import normal, ones, symmetric_uniform, zeros
from ..compose import blocks
from .ends import (
    block_numbers,
    Branch,
    branch_of,
    end_of_branch,
    for_each,
    scanned_axes,
    stream_width,
)
from .leaves import (
    convolution,
    in_branch,
    kernel_of,
    layers,
    published_fans,
    weights,
)
from .recipe import recipe, rules, UnfitError


@recipe
def mamba(
    stddev: NonNegative = 0.02,
    dt_min: Positive = 1e-3,
    dt_max: Positive = 0.1,
    decay: Text = "*{A,a}_log*",
    step: Text = "{*dt_bias*,*dt*/bias}",
) -> tuple[Rule, ...]:
    """Mamba 1 and 2: uniform kernels, less where a branch ends; rates and steps.

        U(±1/√fan_in),   U(±1/√(N fan_in)) for a kernel that ends one of N branches
        A_log = log 1, …, log n for the n states of a channel (Mamba 1)
        A_log = log U(1, 16) for a head (Mamba 2)
        softplus(dt_bias) log-uniform from 0.001 to 0.1,   D = 1
        embeddings N(0, 0.02²)

    Which of the two it is, each A_log tells by its axes. A head of its own is uniform
    as well; biases of convolutions are as their kernels.

    Assumes AdamW without decay of A_log, D and dt_bias, pre-norm blocks with RMS norms,
    and a head that is tied to the embedding.

    Args:
        stddev: Of the embedding.
        dt_min: The smallest step.
        dt_max: The largest step.
        decay: The glob of the logarithms of rates.
        step: The glob of the biases that make steps.

    Returns:
        A recipe; other biases are 0 and norm scales 1.

    Raises:
        UnmatchedError: When the model has no rates or no steps of such a name.

    References:
        Gu, Dao. Mamba: linear-time sequence modeling with selective state spaces.
        COLM 2024. https://arxiv.org/abs/2312.00752
        Dao, Gu. Transformers are SSMs. ICML 2024. https://arxiv.org/abs/2405.21060
        state-spaces/mamba, modules and models/mixer_seq_simple.py. 2026.
    """

    def rates(leaf: Leaf) -> Initializer:
        axes = len(leaf.shape) - len(scanned_axes(leaf))
        return ssm.mamba_a_log if axes > 1 else ssm.mamba2_a_log

    ending = lambda leaf: _uniform(leaf.row, leaf.row.branches)
    steps = ssm.mamba_dt_bias(dt_min=dt_min, dt_max=dt_max)
    return (
        *rules((path(decay), rates), (path(step), steps), required=True),
        *rules(
            (path("{D,D_*}"), ones),
            (end_of_branch, ending),
            (is_kernel(), lambda leaf: _uniform(leaf.row)),
            (_convolved, lambda leaf: _uniform(kernel_of(leaf) or leaf.row)),
            (role("embedding"), normal(stddev=stddev)),
        ),
    )


@recipe
def recurrent_gemma(
    decay: Text = "{*a_param*,*lambda*,*Lambda*}", conv: Text = "*conv*{,/*}"
) -> tuple[Rule, ...]:
    """RecurrentGemma (Griffin): normal by fan_in, decays near 1, branches by depth.

        σ² = 1 / fan_in,   σ² = 2 / (L fan_in) where a branch of one of L blocks ends
        σ² = 0.01 / k for a temporal convolution of k taps,   embeddings 1 / d
        a² ~ U(0.9², 0.999²),   a = exp(−softplus(w)), for the weights of the RG-LRU

    Of a kernel all axes in front of its inputs count, as in its code: the blocks of a
    gate, and the two halves of GeGLU where they have an axis. So gates start at ½.

    Assumes AdamW, pre-norm blocks with RMS norms, a head tied to the embedding, and one
    that is multiplied by √d as an input. Norm scales stay at 0 where the model has
    1 + scale and starts them so.

    Args:
        decay: The glob of what the RG-LRU stores of its decay.
        conv: The glob of the temporal convolutions.

    Returns:
        A recipe; biases are 0 and other norm scales 1.

    Raises:
        UnmatchedError: When the model has no decays of such a name.

    References:
        Botev et al. RecurrentGemma: moving past transformers for efficient open
        language models. 2024. https://arxiv.org/abs/2404.07839
        De et al. Griffin: mixing gated linear recurrences with local attention for
        efficient language models. 2024. https://arxiv.org/abs/2402.19427
        google-deepmind/recurrentgemma, jax/layers.py, modules.py, griffin.py. 2026.
    """
    taps = path(conv) & (is_kernel() | role("gate"))
    of_variance = lambda variance: normal(stddev=math.sqrt(variance))
    return (
        *rules((path(decay) & role("gate"), ssm.rg_lru), required=True),
        *rules(
            (taps, lambda leaf: of_variance(0.01 / _taps(leaf))),
            (end_of_branch, lambda leaf: of_variance(2 / (layers(leaf) * _fan(leaf)))),
            (is_kernel(), lambda leaf: of_variance(1 / _fan(leaf))),
            (role("embedding"), lambda leaf: of_variance(1 / leaf.shape[-1])),
        ),
    )


@recipe
def xlstm(
    forget: Text = "{forget,forget_gate,fgate,f_gate}{,/*}",
    write: Text = "{input,input_gate,igate,i_gate}{,/*}",
    gates: Text = "ifzo",
) -> tuple[Rule, ...]:
    """xLSTM: small init, less where a branch ends, and gates that start open.

        σ = √(2 / (5 d)),   σ = 2 / (L √d) where a branch of one of L blocks ends
        gates of an mLSTM: kernels 0, forget biases 3, …, 6, input biases N(0, 0.1²)
        sLSTM: recurrent kernels 0, forget biases from 5 to −7 by unit and block
        convolutions U(±1/√k) of k taps, as their biases

    d is the width of the stream, for all kernels and embeddings. The forget biases are
    those of `jinit.ssm.xlstm_forget_bias`. A block has one cell.

    Assumes AdamW, layer norms in front of each branch, and a head of its own.

    Args:
        forget: The glob of forget gates.
        write: The glob of input gates.
        gates: The order of the gates in a bias that an sLSTM has for all four.

    Returns:
        A recipe; other biases are 0, norm scales and skips 1.

    Raises:
        UnmatchedError: When the model has no biases of forget gates.
        ValueError: When an sLSTM has none, or `gates` are not i, f, z and o.

    References:
        Beck et al. xLSTM: extended long short-term memory. NeurIPS 2024.
        https://arxiv.org/abs/2405.04517
        NX-AI/xlstm, blocks/mlstm, blocks/slstm and components/init.py. 2025.
    """
    if sorted(gates) != sorted("ifzo"):
        raise ValueError(
            "`jinit.recipes.xlstm` needs `gates` to be the letters of 'ifzo', in the "
            f"order of the model. Got {gates!r}."
        )
    at_forget, at_write = path(forget), path(write)

    def begins(branch: Branch) -> bool:
        """Whether a cell is in it, with which a block begins."""
        return branch.holds(lambda row: _recurs(row) or glob(forget).matches(row.path))

    def remembering(leaf: Leaf) -> Initializer:
        numbers, count = block_numbers(leaf, begins)
        cell = "slstm" if _in_slstm(leaf) else "mlstm"
        of = lambda i: ssm.xlstm_forget_bias(cell, layer=i, layers=count)
        whole = for_each(leaf, [of(i) for i in numbers])
        return whole if at_forget(leaf) else _in_four(leaf, gates, whole)

    def ending(leaf: Leaf) -> Initializer:
        _, count = block_numbers(leaf, begins)
        return normal(stddev=2 / (count * math.sqrt(stream_width(leaf))))

    small = lambda leaf: normal(stddev=math.sqrt(2 / (5 * stream_width(leaf))))
    gate = (at_forget | at_write) & in_branch & ~_in_slstm
    remembers = at_forget & _no_kernel | _of_four_gates

    def recurrent(leaf: Leaf) -> Initializer:
        branch = branch_of(leaf)
        rows = branch.rows if branch else ()
        beside = (replace(leaf, path=row.path, shape=row.shape) for row in rows)
        if not any(map(remembers, beside)):
            raise UnfitError(
                "a bias of the forget gates beside each recurrent kernel, of such a "
                "name or of shape (4, units) or (4 · units) at its end,",
                f"{leaf.path} of shape {leaf.shape}, with none in its branch. "
                "Give the bias a rule of its own, before the recipe.",
            )
        return zeros

    return (
        *rules((remembers, remembering), required=True),
        *rules(
            (at_write & _no_kernel & ~_in_slstm, normal(stddev=0.1)),
            (gate, zeros),
            (role("recurrent kernel"), recurrent),
            (convolution, lambda leaf: _uniform(leaf.row)),
            (_convolved, lambda leaf: _uniform(kernel_of(leaf) or leaf.row)),
            (end_of_branch, ending),
            (weights, small),
        ),
    )


def _recurs(row: Row) -> bool:
    return row.role == "recurrent kernel"


def _is_in_slstm(leaf: Leaf) -> bool:
    branch = branch_of(leaf)
    return branch is not None and branch.holds(_recurs)


def _axis_of_gates(leaf: Leaf) -> int | None:
    """The axis of four parts, of as many numbers as a head of an sLSTM has units."""
    branch = branch_of(leaf)
    if branch is None or leaf.row.kernel == branch.end.path:
        return None
    cells = [row for row in branch.rows if _recurs(row)]
    units = int(cells[0].fan_in or 0) if cells else 0
    if units and leaf.shape[-2:] == (4, units):
        return -2
    return -1 if units and leaf.shape[-1:] == (4 * units,) else None


def _is_of_four_gates(leaf: Leaf) -> bool:
    is_bias = leaf.row.role in {"bias", "positional"} and not _convolved(leaf)
    return is_bias and _axis_of_gates(leaf) is not None


def _in_four(leaf: Leaf, gates: str, forget: Initializer) -> Initializer:
    """The law of a bias of four gates, in that order: 0 but for that of forgetting."""
    each = tuple(forget if gate == "f" else zeros for gate in gates)
    return blocks(each, sizes=4, axis=_axis_of_gates(leaf) or -1)


_no_kernel = Selector("no kernel", lambda leaf: not leaf.row.is_kernel)
_in_slstm = Selector("in an sLSTM", _is_in_slstm)
_of_four_gates = Selector("a bias of four gates", _is_of_four_gates)


def _fan(leaf: Leaf) -> float:
    """The fan_in, with all axes in front of the inputs but those of a scan."""
    row, scanned = leaf.row, scanned_axes(leaf)
    front = range(min(row.in_axes or (0,)))
    others = {*scanned, *(row.window_axes or ())}
    copies = math.prod(row.shape[k] for k in front if k not in others)
    return published_fans(row)[0] * copies


def _taps(leaf: Leaf) -> float:
    copies = math.prod(leaf.shape[k] for k in scanned_axes(leaf))
    return math.prod(leaf.shape[:-1]) / copies


def _is_convolved(leaf: Leaf) -> bool:
    kernel = kernel_of(leaf)
    return kernel is not None and kernel.op == "conv_general_dilated"


_convolved = Selector("a bias of a convolution", _is_convolved)


def _uniform(row: Row, terms: int = 1) -> Initializer:
    fan_in, _ = published_fans(row)
    return symmetric_uniform(bound=1 / math.sqrt(fan_in * terms))
