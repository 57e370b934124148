"""Which axes of a parameter grow with the width of a model: those read, those made."""

import math
import re
from collections.abc import Mapping, Sequence

from ..._core import named
from .parameters import Parameter


def growths(
    before: Mapping[str, Parameter], after: Mapping[str, Parameter]
) -> dict[str, tuple[Parameter, float, float]]:
    """By path, its base, and fan_in and fan_out over those of the base.

    Raises:
        ValueError: When the parameters are not the same but for their sizes and the
            number of layers, or when a shape does not tell; with all of them.
    """
    bases = _bases(before, after)
    found = {path: _growth(bases[path], new) for path, new in after.items()}
    unclear = [
        f"  {named(path)} {bases[path].shape} → {after[path].shape}"
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
    return {path: (bases[path], *fans) for path, fans in found.items() if fans}


def _bases(
    before: Mapping[str, Parameter], after: Mapping[str, Parameter]
) -> dict[str, Parameter]:
    """By path of the target, the parameter of the base that it is a larger one of."""
    traced = all(each.row for each in (*before.values(), *after.values()))
    if not traced or before.keys() == after.keys():
        _require_alike(before, after)
        return {path: before[path] for path in after}
    found = {path: _layer_like(each, before) for path, each in after.items()}
    missing = {path: after[path] for path, base in found.items() if base is None}
    if missing:
        _require_alike(before, {**before, **missing})
    return {path: base for path, base in found.items() if base}


def _layer_like(target: Parameter, before: Mapping[str, Parameter]) -> Parameter | None:
    """The same in the base, of the same layer or of another where it has fewer."""
    alike = [each for each in before.values() if _alike(each, target)]
    own = _numbers(target.path)

    def distance(base: Parameter) -> tuple[int, ...]:
        pairs = [*zip(_numbers(base.path), own, strict=True)]
        return sum(i != j for i, j in pairs), *(abs(i - j) for i, j in pairs)

    return min(alike, key=distance, default=None)


def _alike(base: Parameter, target: Parameter) -> bool:
    starred = lambda each: re.sub(r"\d+", "*", each.path)
    kinds = lambda each: (
        len(each.shape), each.row.role, each.row.attention, each.row.closes_residual
    )  # fmt: skip
    return starred(base) == starred(target) and kinds(base) == kinds(target)


def _numbers(path: str) -> list[int]:
    return [int(each) for each in re.findall(r"\d+", path)]


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
