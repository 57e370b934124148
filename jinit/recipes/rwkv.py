"""Recipes of language models that carry a state."""

import functools
import math
from collections.abc import Callable
from typing import Any

from .. import ssm
from .._core import Count, glob, Initializer, Text
from .._model import is_kernel, Leaf, path, role, Rule, Selector
from .._model.auto import orthogonal_of
from .._schemes import symmetric_uniform, zeros
from .ends import block_numbers, Branch, branch_of, end_of_branch, for_each
from .leaves import published_fans
from .recipe import recipe, rules, UnfitError


@recipe
def rwkv7(
    head_size: Count | None = None,
    key: Text = "{key,k,k_proj,wk}{,/*}",
    bonus: Text = "r_k",
) -> tuple[Rule, ...]:
    """RWKV-7: a table of vectors by layer and channel, and every block the identity.

        x_r, x_w, …, w0, a0, v0, k_k, k_a, r_k, ln_x    jinit.ssm.rwkv7, by layer
        0 for the ends of both halves of a block and the first factors of low rank
        orthogonal, 0.1 for the second factors and the keys of time mixing
        embeddings U(±10⁻⁴),   the head orthogonal, 0.5

    The head is √(out / in) as large where it has more outputs than inputs, a second
    factor √(in / out) where it has more inputs.

    Assumes Adam without decay of the vectors and with twice the rate for w0, layer
    norms in front of both halves and on the embedding, and a head of its own.

    Args:
        head_size: The channels of a head; by default the last axis of `bonus`, if its
            heads have an axis of their own.
        key: The glob of the keys of time mixing, which the computation cannot tell from
            the other matrices.
        bonus: The glob of r_k. The other vectors go by their names in the released
            code, or those of flash-linear-attention.

    Returns:
        A recipe; biases are 0 and norm scales outside of blocks 1.

    Raises:
        UnmatchedError: When the model lacks one of the vectors.
        ValueError: When the heads are in one axis with their channels, and no
            `head_size` is given.

    References:
        Peng et al. RWKV-7 "Goose" with expressive dynamic state evolution. 2025.
        https://arxiv.org/abs/2503.14456
        BlinkDL/RWKV-LM, RWKV-v7/train_temp/src/model.py. August 2026.
    """

    def vector(name: Any) -> Callable[[Leaf], Initializer]:
        def law(leaf: Leaf) -> Initializer:
            sized = ssm.rwkv7(name)
            if name in {"w0", "a0"}:
                sized = sized(head_size=_head_size(leaf, head_size, bonus))
            if name not in _BY_LAYER:
                return sized
            numbers, count = block_numbers(leaf, _mixes_times)
            return for_each(leaf, [sized(layer=i, layers=count) for i in numbers])

        return law

    def second(leaf: Leaf) -> Initializer:
        n_in, n_out = published_fans(leaf.row)
        return orthogonal_of(leaf.row, 0.1 * max(1.0, math.sqrt(n_in / n_out)))

    def last(leaf: Leaf) -> Initializer:
        n_in, n_out = published_fans(leaf.row)
        return orthogonal_of(leaf.row, 0.5 * max(1.0, math.sqrt(n_out / n_in)))

    globs = {**_VECTORS, "r_k": bonus}
    needed = globs.keys() - {"x_g", "v0"}  # a gate may lack, and a second layer
    return (
        *rules((path(globs["x_k"]) & ~_in_time, vector("ffn_x_k")), required=True),
        *(
            Rule(path(pattern) & _no_kernel, vector(name), name in needed)
            for name, pattern in globs.items()
        ),
        *rules(
            (role("norm scale") & _inside, vector("ln_x")),
            (end_of_branch | _first_factor, zeros),
            (_second_factor, second),
            (role("output head"), last),
            (path(key) & _in_time & is_kernel(), _orthogonal(0.1)),
            (is_kernel(), _orthogonal(1.0)),
            (role("embedding"), symmetric_uniform(bound=1e-4)),
        ),
    )


# Of the vectors of a block, what their paths end in: as released, or in flash-linear-
# attention, where w0, a0 and v0 are biases of the second factors.
_VECTORS = {
    **{name: name for name in ("x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "k_k", "k_a")},
    **{f"{name}0": f"{{{name}0,{name}_lora/**/bias}}" for name in "wav"},
    "r_k": "r_k",
}
_BY_LAYER = {"x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "ffn_x_k", "w0", "ln_x"}
_no_kernel = Selector("no kernel", lambda leaf: not leaf.row.is_kernel)


def _mixes_times(branch: Branch) -> bool:
    """Whether it is the first of the two halves of a block."""
    return bool(branch.places) and branch.places[0] % 2 == 0


def _is_in_time(leaf: Leaf) -> bool:
    branch = branch_of(leaf)
    return branch is not None and _mixes_times(branch)


def _is_inside(leaf: Leaf) -> bool:
    """Whether a kernel of its branch comes before it."""
    branch = branch_of(leaf)
    for row in branch.rows if branch else ():
        if row is leaf.row:
            return False
        if row.is_kernel and row.branches:
            return True
    return False


def _factors(leaf: Leaf) -> tuple[str, str] | None:
    """The two factors of low rank of which it is one: the second reads the first alone.

    The two kernels of channel mixing are none.
    """
    branch = branch_of(leaf)
    for row in branch.rows if branch else ():
        is_end = branch is not None and row is branch.end
        if row.follows and not is_end and leaf.path in (row.follows, row.path):
            return row.follows, row.path
    return None


def _is_factor(number: int, leaf: Leaf) -> bool:
    factors = _factors(leaf)
    return factors is not None and factors[number] == leaf.path


_in_time = Selector("in time mixing", _is_in_time)
_inside = Selector("in a branch", _is_inside)
_first_factor = Selector("a first factor", functools.partial(_is_factor, 0))
_second_factor = Selector("a second factor", functools.partial(_is_factor, 1))


def _head_size(leaf: Leaf, head_size: int | None, bonus: str) -> int:
    if head_size:
        return head_size
    for row in leaf.trace:
        axes = [n for k, n in enumerate(row.shape) if k not in row.stack_axes and n > 1]
        if glob(bonus).matches(row.path) and len(axes) > 1:
            return axes[-1]
    raise UnfitError(
        "`head_size`",
        f"{leaf.path} of shape {leaf.shape}, beside a {bonus} whose heads have no axis "
        "of their own. Give it: `jinit.recipes.rwkv7(head_size=...)`.",
    )


def _orthogonal(gain: float) -> Callable[[Leaf], Initializer]:
    return lambda leaf: orthogonal_of(leaf.row, gain)
