"""Recipes of decoders that are trained with Muon."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from .._core import glob, Initializer
from .._model import is_kernel, Leaf, path, role, Rule, Selector
from .._schemes import (
    constant,
    normal,
    symmetric_uniform,
    truncated_normal,
    uniform_range,
    zeros,
)
from .leaves import fan_in, in_branch, part, weights, width
from .recipe import recipe, rules, UnfitError


@recipe
def nanochat(
    resid: str = "*resid_lambda*",
    x0: str = "*x0_lambda*",
    smear: str = "*smear_lambda*",
    backout: str = "*backout_lambda*",
) -> tuple[Rule, ...]:
    """nanochat: ends of branches 0, the head N(0, 0.001²), all else uniform.

        σ = 1/√d for queries, keys, values and value embeddings, uniform
        σ = 0.4/√d for the first layer of an MLP, uniform;   0 for ends
        σ = 0.8 for the table of tokens,   0.001 for the head
        gates of less than d outputs U(0, 0.02)

    Every branch starts as 0, and the loss as the logarithm of the vocabulary. If the
    model has them, its scalars start as

        resid 1.15 − 0.10 i/(L − 1) and x₀ 0.20 − 0.15 i/(L − 1) in layer i of L
        smear 0,   backout 0.2

    Assumes Muon for kernels and AdamW for tables, head and scalars; norms without a
    scale, also behind the look-up; a head of its own.

    Args:
        resid: The glob of the multipliers of the stream, in one array or one for each
            layer.
        x0: The same of the multipliers of the embeddings that are mixed in.
        smear: The glob of the multiplier of the token before.
        backout: The glob of the multiplier of what is subtracted in the end.

    Returns:
        A recipe; biases are 0 and norm scales 1.

    Raises:
        ValueError: When the head is tied to the embedding.

    References:
        Karpathy. nanochat: nanochat/gpt.py, init_weights. July 2026.
        https://github.com/karpathy/nanochat
    """
    values = lambda leaf: _uniform(width(leaf) ** -0.5)
    return rules(
        (path(resid), lambda leaf: _from_to(leaf, resid, 1.15, 1.05)),
        (path(x0), lambda leaf: _from_to(leaf, x0, 0.20, 0.05)),
        (path(smear), zeros),
        (path(backout), constant(0.2)),
        (_first_table, _of_tokens(0.8)),
        (role("embedding"), values),
        (role("output head"), normal(stddev=0.001)),
        (_narrow_gate, uniform_range(0.0, 0.02)),
        (part("end"), zeros),
        (_in_mlp, _by_fan_in(0.4)),
        (is_kernel(), _by_fan_in(1.0)),
    )


@recipe
def modded_nanogpt(
    track: Literal["short", "medium"] = "short",
    resid: str = "*resid_lambda*",
    x0: str = "*x0_lambda*",
    attention: str = "*sa_lambda*",
    smear: str = "*smear_lambda*",
    skip: str = "*skip_lambda*",
    backout: str = "*backout_lambda*",
) -> tuple[Rule, ...]:
    """modded-nanogpt, the NanoGPT speedrun: uniform kernels, ends of MLPs 0.

        σ = 0.5/√d for the first layer of an MLP, uniform,   0 for the second
        σ = 0.5/√d for all of the attention in the short track, uniform
        σ = 1/√d for queries, keys and values in the medium track, and 0 for its end
        σ = 0.005 for the head and the table that starts equal to it or is tied
        σ = 0.01 for value embeddings in the short track, 0 in the medium one
        0 for gates of less than d outputs

    In the medium track every block starts as the identity. If the model has them, its
    scalars start as follows, short and medium:

        resid √1.1 (two in a layer), 1.05 (one),   x₀ 0,   attention (0.5, 1)
        smear 0,   skip −1.5,   backout 0.5

    Assumes Muon for kernels and Adam for tables, head and scalars; norms without a
    scale, also behind the look-up; relu² and queries and keys that are normalized.

    Args:
        track: To 3.28 in GPT-2's small size, or to 2.92 in its medium one.
        resid: The glob of the multipliers of the stream.
        x0: Of those of the embeddings that are mixed in.
        attention: Of those of an attention's inputs and outputs.
        smear: Of that of the token before.
        skip: Of those of long skips, before a sigmoid.
        backout: Of that of what is subtracted in the end.

    Returns:
        A recipe; biases are 0, and norm scales and other multipliers 1.

    References:
        Jordan et al. modded-nanogpt: train_gpt.py and train_gpt_medium.py. August 2026.
        https://github.com/KellerJordan/modded-nanogpt
    """
    short = track == "short"
    half = _by_fan_in(0.5)
    return rules(
        (path(resid), constant(1.1**0.5 if short else 1.05)),
        (path(x0), zeros),
        (path(attention), constant((0.5, 1.0))),
        (path(smear), zeros),
        (path(skip), constant(-1.5)),
        (path(backout), constant(0.5)),
        (_first_table | role("output head"), normal(stddev=0.005)),
        (role("embedding"), normal(stddev=0.01) if short else zeros),
        (_narrow_gate, zeros),
        (part("end") & ~_of_attention, zeros),
        (part("end"), half if short else zeros),
        (_in_mlp, half),
        (is_kernel(), half if short else _by_fan_in(1.0)),
    )


@recipe
def marin() -> tuple[Rule, ...]:
    """Marin's Grug, a mixture of experts: everything 0.5/√d, cut at 3 σ.

        σ = 0.5/√d for all kernels, routers, experts, the table and the head
        0 for gates of less than d outputs, as of an attention's heads

    d is the width of the stream, for kernels of all shapes; σ as drawn before the cut.
    The norms keep the stream's scale: one stands behind the look-up, and one on queries
    and keys, whose product the model multiplies by 1.3. Gates are 2 sigmoid, and so 1.

    Assumes MuonH, which keeps the norms of all kernels, and Adam for the table.

    Returns:
        A recipe; biases, those of routers among them, are 0 and norm scales 1.

    References:
        Marin. experiments/grug/moe/heuristic.py and model.py. 2026.
        https://github.com/marin-community/marin
    """

    def cut(leaf: Leaf) -> Initializer:
        stddev = 0.5 * width(leaf) ** -0.5
        return truncated_normal(stddev=stddev, lower=-3.0, upper=3.0)

    return rules((_narrow_gate, zeros), (weights, cut))


def _uniform(stddev: float) -> Initializer:
    return symmetric_uniform(bound=3**0.5 * stddev)


def _by_fan_in(gain: float) -> Callable[[Leaf], Initializer]:
    return lambda leaf: _uniform(gain * fan_in(leaf) ** -0.5)


def _of_tokens(stddev: float) -> Callable[[Leaf], Initializer]:
    """The law of a table that is not the head as well."""

    def law(leaf: Leaf) -> Initializer:
        if leaf.row.tied_to_head:
            raise UnfitError(
                "a head of its own",
                f"{leaf.path}, which is the table of tokens and the head.",
            )
        return normal(stddev=stddev)

    return law


def _from_to(leaf: Leaf, named: str, first: float, last: float) -> Initializer:
    """Multipliers that go from one number to another over the layers."""
    if leaf.shape and leaf.shape[0] > 1:
        steps = np.linspace(first, last, leaf.shape[0])
        return constant(steps.reshape(-1, *[1] * (len(leaf.shape) - 1)))
    alike = glob(named).matches
    paths = [row.path for row in leaf.trace.in_order if alike(row.path)]
    return constant(np.linspace(first, last, len(paths))[paths.index(leaf.path)].item())


def _is_first_table(leaf: Leaf) -> bool:
    tables = [row for row in leaf.trace.in_order if row.role == "embedding"]
    return bool(tables) and leaf.row == tables[0]


def _is_narrow_gate(leaf: Leaf) -> bool:
    return leaf.row.part == "gate" and (leaf.row.fan_out or 0) < width(leaf)


_first_table = Selector("the table of tokens", _is_first_table)
_narrow_gate = Selector("a gate of less than d outputs", _is_narrow_gate)
_of_attention = Selector("in an attention", lambda leaf: bool(leaf.row.attention))
_in_mlp = Selector("in an MLP", lambda leaf: in_branch(leaf) and not leaf.row.attention)
