"""The parameters of a model at one size, with what is known of each."""

import dataclasses
import math
from typing import Any

from ..._core import is_typed_key, named_leaves, printable
from ..._reading import Numbers, Row, Source, Trace, Use


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter at one size of a model.

    Attributes:
        path: Its path in the tree.
        shape: Its shape.
        row: Its row where a trace was given.
        branches: How many branches the stream sums whose branch it is in; 0 if in none.
            A bias is in its kernel's, a norm in that of the kernel it comes before.
        closes: Whether it ends that branch.
        pairs: Whether attentions and other layers take turns in that stream.
        multiple: The numbers that the model itself multiplies it with, and what its
            layer reads and puts out.
        as_head: The same where a table is a head.
    """

    path: str
    shape: tuple[int, ...]
    row: Row | None = None
    branches: int = 0
    closes: bool = False
    pairs: bool = False
    multiple: float = 1.0
    as_head: float = 1.0

    @property
    def is_table(self) -> bool:
        """Whether it is an embedding, of which the rows are read."""
        return self.row is not None and self.row.role == "embedding"

    @property
    def is_kernel(self) -> bool:
        """Whether it is a kernel; of a shape alone, whether it has two axes."""
        return len(self.shape) > 1 if self.row is None else self.row.is_kernel

    @property
    def fans(self) -> tuple[float, float]:
        """fan_in and fan_out; of a shape alone, by convention."""
        if self.is_table:
            return 1.0, float(self.shape[-1])
        if self.row is not None:
            return self.row.fan_in or 1.0, self.row.fan_out or 1.0
        *window, n_in, n_out = (1, 1, *self.shape)
        return float(math.prod(window) * n_in), float(n_out)


def read_parameters(tree: Any, what: str) -> dict[str, Parameter]:
    """The parameters by path, with what is known of them."""
    if isinstance(tree, Trace):
        return _with_entries(_told(tree), what)
    leaves = named_leaves(tree)
    is_odd = lambda leaf: not hasattr(leaf, "shape") or is_typed_key(leaf)
    odd = [path for path, leaf in leaves.items() if is_odd(leaf)]
    if odd:
        raise TypeError(
            f"`jinit.mup` needs `{what}` to hold arrays or shapes only. Got other "
            f"things at {', '.join(map(printable, odd)) or 'the root'}. Split the "
            "model first, with `nnx.split` or `eqx.partition`."
        )
    found = {path: Parameter(path, tuple(x.shape)) for path, x in leaves.items()}
    return _with_entries(found, what)


def _told(trace: Trace) -> dict[str, Parameter]:
    paired = {row.branches for row in trace if row.attention and row.branches}
    after = dict(zip(trace.in_order, _kernels_after(trace), strict=True))
    multiples = _multiples(trace)

    def parameter(row: Row) -> Parameter:
        own = trace[row.kernel] if row.kernel else row
        is_norm = row.role in {"norm scale", "norm offset"}
        near = after[row] if is_norm and not own.branches else own
        branches = near.branches if near else 0
        ends = is_norm and own.branches > 0  # a norm has branches where it ends one
        return Parameter(
            row.path,
            row.shape,
            row,
            branches,
            own.closes_residual or ends,
            branches in paired,
            *multiples.get(row.path, (1.0, 1.0)),
        )

    return {row.path: parameter(row) for row in trace}


def _multiples(trace: Trace) -> dict[str, tuple[float, float]]:
    """By path, `multiple` and `as_head` of kernels and tables."""
    if not isinstance(trace.source, Source):
        return {}
    model = trace.source.model
    numbers = Numbers(model.graph, model.facts.data)

    def around(use: Use) -> float:
        if use.layer is None:
            return numbers.behind(use.op)
        scores = use.layer.place.scores  # what is behind those is of the logits
        return numbers.before(use.layer.signal) * (scores or numbers.behind(use.op))

    found: dict[str, tuple[float, float]] = {}
    for path, leaf in zip(model.paths, model.graph.inputs, strict=False):
        row, uses = trace[path], trace.source.uses.get(leaf, ())
        if row.is_kernel or row.role == "embedding":
            first = next(use for use in uses if use.role == row.role)
            head = next((use for use in uses if use.layer), first)
            found[path] = row.multiple * around(first), around(head)
    return found


def _kernels_after(trace: Trace) -> list[Row | None]:
    """The next kernel after each row, in the order of computation."""
    found: list[Row | None] = []
    kernel = None
    for row in reversed(trace.in_order):
        found.append(kernel)
        kernel = row if row.is_kernel else kernel
    return found[::-1]


def _with_entries(found: dict[str, Parameter], what: str) -> dict[str, Parameter]:
    """Refuses parameters without entries: a width of 0 does not grow."""
    empty = next((each for each in found.values() if 0 in each.shape), None)
    if empty:
        raise ValueError(
            f"`jinit.mup` needs `{what}` of sizes of at least 1. Got {empty.shape} at "
            f"{printable(empty.path)}."
        )
    return found
