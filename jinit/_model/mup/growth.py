"""Which axes of a parameter grow with the width of a model: those read, those made."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..._core import is_typed_key, named, named_leaves, printable
from ..._reading import Row, Trace


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter at one width.

    Attributes:
        path: Its path in the tree.
        shape: Its shape.
        row: Its row where a trace was given.
    """

    path: str
    shape: tuple[int, ...]
    row: Row | None


def read_parameters(tree: Any, what: str) -> dict[str, Parameter]:
    """The parameters by path, with what is known of them."""
    if isinstance(tree, Trace):
        rows = {row.path: Parameter(row.path, row.shape, row) for row in tree}
        return _with_entries(rows, what)
    leaves = named_leaves(tree)
    is_odd = lambda leaf: not hasattr(leaf, "shape") or is_typed_key(leaf)
    odd = [path for path, leaf in leaves.items() if is_odd(leaf)]
    if odd:
        raise TypeError(
            f"`jinit.mup` needs `{what}` to hold arrays or shapes only. Got other "
            f"things at {', '.join(map(printable, odd)) or 'the root'}. Split the "
            "model first, with `nnx.split` or `eqx.partition`."
        )
    found = {path: Parameter(path, tuple(x.shape), None) for path, x in leaves.items()}
    return _with_entries(found, what)


def _with_entries(found: dict[str, Parameter], what: str) -> dict[str, Parameter]:
    """Refuses parameters without entries: a width of 0 does not grow."""
    empty = next((each for each in found.values() if 0 in each.shape), None)
    if empty:
        raise ValueError(
            f"`jinit.mup` needs `{what}` of sizes of at least 1. Got {empty.shape} at "
            f"{printable(empty.path)}."
        )
    return found


def growths(
    before: Mapping[str, Parameter], after: Mapping[str, Parameter]
) -> dict[str, tuple[float, float]]:
    """By path, fan_in and fan_out over those at the base width.

    Raises:
        ValueError: When the parameters are not the same but for their sizes, or when a
            shape does not tell; with all of them.
    """
    _require_alike(before, after)
    found = {path: _growth(before[path], new) for path, new in after.items()}
    unclear = [
        f"  {named(path)} {before[path].shape} → {after[path].shape}"
        for path, fans in found.items()
        if fans is None
    ]
    if unclear:
        raise ValueError(
            "`jinit.mup` needs to know which axes are inputs. Got shapes alone, which "
            "do not tell it, for\n"
            + "\n".join(unclear)
            + "\nGive traces in their place: `jinit.trace(apply, params, *inputs)` at "
            "both widths."
        )
    return {path: fans for path, fans in found.items() if fans}


def _require_alike(
    before: Mapping[str, Parameter], after: Mapping[str, Parameter]
) -> None:
    lines = [
        *(f"  {named(path)} {p.shape}: base only" for path, p in before.items()
          if path not in after),
        *(f"  {named(path)} {p.shape}: target only" for path, p in after.items()
          if path not in before),
        *(f"  {named(path)} {before[path].shape} and {p.shape}"
          for path, p in after.items()
          if path in before and len(before[path].shape) != len(p.shape)),
    ]  # fmt: skip
    if lines:
        raise ValueError(
            "`jinit.mup` needs `base` and `target` to differ in sizes only. Got\n"
            + "\n".join(lines)
            + "\nMake both with the same code, at two widths."
        )


def _growth(base: Parameter, target: Parameter) -> tuple[float, float] | None:
    """The two ratios, or None where they can not be told."""
    sizes = zip(base.shape, target.shape, strict=True)
    ratios = [after / before if before else 1.0 for before, after in sizes]
    if base.row is None and target.row is None:
        return _by_shape(target.path, ratios)
    return _by_row(base, target, ratios)


def _by_shape(path: str, ratios: Sequence[float]) -> tuple[float, float] | None:
    """By convention: the last axis is out, the one before it in, others a window."""
    if path.startswith("batch_stats/"):  # averages, which are not trained
        return 1.0, 1.0
    *window, n_in, n_out = (1.0, 1.0, *ratios)
    name = path.rsplit("/", 1)[-1]
    # A bias or scale of several axes is a vector, and has no inputs.
    is_vector = len(ratios) > 1 and name in {"bias", "scale"}
    lone = len(ratios) > 2 and n_in != 1 and n_out == 1
    # The name of Equinox and PyTorch, who store (out, in).
    foreign = len(ratios) > 1 and name == "weight" and n_in != n_out
    if any(r != 1 for r in window) or lone or foreign or (is_vector and n_in != 1):
        return None
    return n_in, n_out


def _by_row(
    base: Parameter, target: Parameter, ratios: Sequence[float]
) -> tuple[float, float] | None:
    row = target.row or base.row
    assert row is not None
    if row.role == "norm statistic":
        return 1.0, 1.0
    over = lambda axes: math.prod(ratios[axis] for axis in axes)
    if row.role == "embedding":
        return 1.0, ratios[-1]
    if not row.is_kernel:
        return 1.0, over(set(range(len(ratios))) - {*row.stack_axes})
    if row.in_axes is not None and row.out_axes is not None:
        return over(row.in_axes), over(row.out_axes)
    if base.shape == target.shape:
        return 1.0, 1.0
    rows = base.row, target.row
    fans = [(r.fan_in, r.fan_out) for r in rows if r and r.fan_in and r.fan_out]
    if len(fans) < 2:
        return None
    return fans[1][0] / fans[0][0], fans[1][1] / fans[0][1]
