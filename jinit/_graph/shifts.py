"""Maxima that cancel: those that are subtracted from what they are of."""

from typing import Any

import numpy as np

from .operations import Graph, Op
from .samples import EQUAL, N, Samples


def shifts(graph: Graph) -> frozenset[Op]:
    """The maxima that are subtracted from what they are of, as in a softmax.

    Such a one cancels: any number will do in its place.
    """
    return frozenset(
        op for op in graph.steps if op.name == "reduce_max" and _is_shift(graph, op)
    )


_PASSES = frozenset({
    "broadcast_in_dim", "convert_element_type", "copy", "max", "reshape",
    "stop_gradient", "select_n", "is_finite",
})  # fmt: skip


def _is_shift(graph: Graph, op: Op) -> bool:
    waiting, met, found = [op.outputs[0]], {op.outputs[0]}, False
    while waiting:
        for reader in graph.readers.get(waiting.pop(), ()):
            if reader.kind == "sub" and reader.inputs[0] == op.inputs[0]:
                found = True
            elif reader.name in _PASSES:
                waiting += set(reader.outputs) - met
                met.update(reader.outputs)
            elif reader.name != "add":  # of a logsumexp, which puts it back
                return False
    return found


def shift(x: Samples, kind: Any) -> Samples:
    """The largest of the samples, in the place of such a maximum."""
    entries = np.real(x.entries)
    finite = entries[np.isfinite(entries)]
    top = float(finite.max()) if finite.size else 0.0
    ndim = len(kind.shape)
    rows = np.full((1 + ndim, N), top)
    return Samples(rows, (EQUAL,) * ndim, array=np.full((1,) * ndim, top))
