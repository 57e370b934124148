"""Constants of a computation, in NumPy: what is known is computed as it is."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .operations import Op
from .samples import functions, Samples


LARGEST = 2**20  # entries of a constant that is computed as it is


def folded(
    op: Op, operands: Sequence[Samples], outputs: Sequence[Any]
) -> list[np.ndarray] | None:
    """The results themselves, where all operands are known."""
    if any(x.array is None for x in operands) or any(x.doubt for x in operands):
        return None
    if any(math.prod(kind.shape) > LARGEST for kind in outputs):
        return None
    if not operands and op.name != "iota":
        return None
    arrays = [x.array for x in operands]
    function = functions.function_of(op.name, op.params)
    with np.errstate(all="ignore"):
        if function is not None:
            made = function(*arrays)
            return [np.broadcast_to(made, outputs[0].shape)]
        if op.name in _KNOWN:
            return [_KNOWN[op.name](op.params, *arrays)]
    if op.name.startswith(("random", "threefry", "rng")) or op.equation is None:
        return None
    return _bound(op, arrays)


def _bound(op: Op, arrays: Sequence[Any]) -> list[np.ndarray] | None:
    """By JAX itself, for what is rare."""
    assert op.equation is not None
    kinds: list[Any] = [var.aval for var in op.equation.invars]
    if any(jnp.issubdtype(kind.dtype, jax.dtypes.extended) for kind in kinds):
        return None
    try:
        given = [
            jnp.asarray(array, kind.dtype)
            for array, kind in zip(arrays, kinds, strict=True)
        ]
        return [functions.converted(np.asarray(x), x.dtype) for x in op.bind(*given)]
    except Exception:  # not to be run here: within a mesh, or on another device
        return None


def _iota(params: Mapping[str, Any]) -> np.ndarray:
    shape, axis = params["shape"], params["dimension"]
    line = np.arange(shape[axis]).reshape(
        [-1 if k == axis else 1 for k in range(len(shape))]
    )
    return functions.converted(np.broadcast_to(line, shape), params["dtype"])


def _broadcast(params: Mapping[str, Any], x: np.ndarray, *_: Any) -> np.ndarray:
    shape, places = params["shape"], params["broadcast_dimensions"]
    sizes = [1] * len(shape)
    for own, place in enumerate(places):
        sizes[place] = x.shape[own]
    return np.broadcast_to(x.reshape(sizes), shape)


def _sliced(params: Mapping[str, Any], x: np.ndarray) -> np.ndarray:
    strides = params["strides"] or (1,) * x.ndim
    cuts = zip(params["start_indices"], params["limit_indices"], strides, strict=True)
    return x[tuple(slice(*cut) for cut in cuts)]


# Of constants: what moves their entries, and sums them.
_KNOWN: dict[str, Callable[..., np.ndarray]] = {
    "broadcast_in_dim": _broadcast,
    "concatenate": lambda p, *xs: np.concatenate(xs, p["dimension"]),
    "iota": lambda p: _iota(p),
    "reduce_max": lambda p, x: x.max(tuple(p["axes"])),
    "reduce_sum": lambda p, x: x.sum(tuple(p["axes"])),
    "reshape": lambda p, x: x.reshape(p["new_sizes"]),
    "rev": lambda p, x: np.flip(x, p["dimensions"]),
    "slice": _sliced,
    "squeeze": lambda p, x: np.squeeze(x, tuple(p["dimensions"])),
    "transpose": lambda p, x: np.transpose(x, p["permutation"]),
}
