"""What muP does with one parameter: its class, and the factors that follow."""

import dataclasses
from collections.abc import Mapping

from ..._reading import Row
from .growth import Parameter
from .scaling import Form, Kind, Scaling, scaling


@dataclasses.dataclass(frozen=True)
class Width:
    """What muP does with one parameter.

    Attributes:
        path: Its path in the tree.
        base: Its shape at the base width.
        shape: Its shape.
        kind: Which of its fans grow: "input" fan_out, "output" fan_in, "hidden" both;
            "vector" for biases, norms and what else is no kernel, "finite" for none.
        n_in: fan_in over that at the base width.
        n_out: fan_out over that at the base width.
        scaling: The factors that follow.
        note: What else there is to do.
    """

    path: str
    base: tuple[int, ...]
    shape: tuple[int, ...]
    kind: Kind
    n_in: float
    n_out: float
    scaling: Scaling
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Request:
    """What of muP is asked for, and for which model.

    Attributes:
        form: Where the factors are.
        depth: The residual layers over those of the base; 1 but in depth-muP.
        parameters: The parameters of the target by path.
    """

    form: Form
    depth: float
    parameters: Mapping[str, Parameter]

    def width(self, base: Parameter, grown: tuple[float, float]) -> Width:
        """The parameter of that base, whose fans have `grown` that much."""
        target = self.parameters[base.path]
        row = target.row or base.row
        kind = _kind(row, len(target.shape), *grown)
        found = scaling(kind, self.form, *grown)
        note = ""
        if row and row.role == "embedding" and row.tied and grown[1] != 1:
            # The head reads the width, and sees the multiplier of the input.
            note = f"tied: multiply the logits by {1 / grown[1] / found.multiplier:.4g}"
        if self.depth != 1:
            found = self._in_branch(found, target.row)
        sizes = base.shape, target.shape
        return Width(target.path, *sizes, kind, *grown, found, note)

    def _in_branch(self, found: Scaling, row: Row | None) -> Scaling:
        """Depth-muP: branches times 1/√L, what is in them at 1/√L of Adam's rate."""
        own = self.parameters[row.kernel].row if row and row.kernel else row
        if own is None or not own.branches:
            return found
        root = self.depth**0.5
        found = dataclasses.replace(found, adam=found.adam / root)
        if not own.closes_residual:
            return found
        closing = dataclasses.replace(found, multiplier=found.multiplier / root)
        if self.form != "init":
            return closing
        # Without multipliers, 1/√L goes to the deviation.
        return dataclasses.replace(closing.moved(root), multiplier=1.0)


def _kind(row: Row | None, ndim: int, n_in: float, n_out: float) -> Kind:
    if n_in == n_out == 1:
        return "finite"
    if n_in != 1:
        return "hidden" if n_out != 1 else "output"
    is_input = ndim > 1 if row is None else row.is_kernel or row.role == "embedding"
    return "input" if is_input else "vector"
