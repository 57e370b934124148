"""Parameters as recipes see them: conditions on them, and the sizes in formulas."""

import math

from .._model import Leaf, Selector
from .._reading import Part, Row, Trace
from .recipe import UnfitError


weights = Selector(
    "kernels and embeddings",
    lambda leaf: (
        leaf.row.is_kernel or leaf.row.role in {"embedding", "positional", "token"}
    ),
)
heads = Selector(
    "heads",
    lambda leaf: leaf.row.role == "output head" or leaf.row.tied_to_head,
)
in_branch = Selector("in a residual branch", lambda leaf: leaf.row.branches > 0)
convolution = Selector(
    "a convolution", lambda leaf: leaf.row.op == "conv_general_dilated"
)

in_attention = Selector("in an attention", lambda leaf: bool(leaf.row.attention))
is_scalar = Selector("a scalar", lambda leaf: math.prod(leaf.shape) == 1)


def _is_query_or_key(leaf: Leaf) -> bool:
    row = leaf.row
    if row.attention == "scores" and row.branches and not _has_values(leaf):
        raise UnfitError(
            "values in a kernel of their own, apart from queries and keys,",
            f"{leaf.path} of shape {leaf.shape}, in an attention where no kernel makes "
            "values alone. Give it a rule of its own, before the recipe: "
            f"`[({leaf.path!r}, ...), *recipe]`.",
        )
    return row.attention == "scores"


def _has_values(leaf: Leaf) -> bool:
    """Whether a kernel makes values beside those that make queries and keys."""
    rows = _attention(leaf)
    depth = max(row.depth or 0 for row in rows if row.attention == "scores")
    return any(row.attention == "values" and (row.depth or 0) <= depth for row in rows)


def _attention(leaf: Leaf) -> list[Row]:
    """The kernels of the attention that a kernel is in, in order."""
    found: list[Row] = []
    for row in leaf.trace.in_order:
        found += [row] * bool(row.attention)
        if row.attention and row.closes_residual:
            if leaf.row in found:
                break
            found = []
    return found


queries_and_keys = Selector("queries and keys", _is_query_or_key)


def kernel_of(leaf: Leaf) -> Row | None:
    """The kernel whose product a bias is added to."""
    return leaf.trace[leaf.row.kernel] if leaf.row.kernel else None


def cell_of(row: Row, trace: Trace) -> Row | None:
    """The recurrent kernel of the cell that a kernel is in; none of one outside."""
    home = lambda path: path.removesuffix("/kernel").rpartition("/")[0]
    for other in trace:
        is_recurrent = other.role == "recurrent kernel" and other.fan_out == row.fan_out
        if is_recurrent and home(other.path) == home(row.path):
            return other
    return None


def part(*parts: Part) -> Selector:
    """Kernels that play one of these parts in their residual branch.

    Raises:
        UnfitError: When one asks for gates or what they multiply, and one kernel makes
            both.
    """

    def plays(leaf: Leaf) -> bool:
        if leaf.row.part == "gate and up" and not {"gate", "up"}.isdisjoint(parts):
            raise UnfitError(
                "a kernel that makes gates apart from one for what they multiply,",
                f"{leaf.path} of shape {leaf.shape}, which makes both. Give it a rule "
                f"of its own, before the recipe: `[({leaf.path!r}, "
                "jinit.blocks((..., ...), 2)), *recipe]`.",
            )
        return leaf.row.part in parts

    return Selector(f"part({', '.join(map(repr, parts))})", plays)


def _is_mlp_bias(leaf: Leaf) -> bool:
    kernel = kernel_of(leaf)
    return kernel is not None and kernel.branches > 0 and not kernel.attention


mlp_bias = Selector("a bias in an MLP", _is_mlp_bias)


def layers(leaf: Leaf) -> float:
    """The layers of a transformer stream, of two branches each."""
    return leaf.row.branches / 2


def width(leaf: Leaf) -> float:
    """The width of the residual stream: what the layers that end a branch put out."""
    fans = [row.fan_out for row in leaf.trace if row.part == "end" and row.fan_out]
    if not fans:
        raise UnfitError(
            "a model with residual branches, whose width it takes,",
            f"none, at {leaf.path}. Use a recipe for networks without them.",
        )
    return max(set(fans), key=fans.count)


def fan_in(leaf: Leaf) -> float:
    """The terms summed into one entry of what a kernel makes."""
    return leaf.row.fan_in or 1.0


def published_fans(row: Row) -> tuple[float, float]:
    """(k² · in, k² · out), as publications count them: a stride does not matter."""
    sizes = lambda axes: math.prod(row.shape[axis] for axis in axes or ())
    window = sizes(row.window_axes)
    return window * sizes(row.in_axes), window * sizes(row.out_axes)
