"""The rule of each primitive on samples: what it makes of entries like these."""

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from . import (
    choices,
    elementwise,
    fourier,
    functions,
    moves,
    parts,
    products,
    reductions,
    sums,
)
from .call import Call, Result, Rule
from .ragged import ragged_dot
from .source import Source
from .value import EQUAL, N, Samples


def _doubtful(why: str) -> Rule:
    def rule(call: Call) -> Sequence[Samples]:
        return [
            _unknown(out, call.source, why).doubted(*(x.doubt for x in call.operands))
            for out in call.outputs
        ]

    return rule


def _unknown(kind: Any, source: Source, why: str) -> Samples:
    is_complex = jnp.issubdtype(kind.dtype, jnp.complexfloating)
    made = source.gaussian(0.0, 1.0, [0.0] * len(kind.shape), is_complex)
    return made.doubted(why)


def unknown(call: Call) -> Result:
    """What an operation makes that has no rule: nobody knows."""
    return _doubtful(f"no size is known of what `{call.name}` makes")(call)


def _dot_general(call: Call) -> Samples:
    numbers = call.params["dimension_numbers"]
    one, other = call.operands
    shapes = call.before, tuple(call.inputs[1].shape)
    return products.dot_general(one, other, numbers, shapes, call.source, call.zeros)


def _conv(call: Call) -> Samples:
    shapes = (call.before, tuple(call.inputs[1].shape), call.after)
    numbers = call.params["dimension_numbers"]
    params = dict(call.params)
    params["dimension_numbers"] = numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec
    x, kernel = call.operands[:2]
    return products.convolution(x, kernel, shapes, params, call.source, call.zeros)


def _gather(call: Call) -> Samples:
    x, indices = call.operands
    return choices.looked_up(x, indices, call)


def _scatter_add(call: Call) -> Samples:
    x, indices, updates = call.operands
    each = math.prod(call.inputs[2].shape) / max(math.prod(call.before), 1)
    numbers = call.params["dimension_numbers"]
    if call.name == "scatter-sub":
        updates = reductions.negative(updates)
    sizes = [call.before[k] for k in numbers.scatter_dims_to_operand_dims]
    counts = choices.counts(indices.array, sizes, each)
    return choices.added_up(x, updates, numbers, counts, call.source)


def _scatter(call: Call) -> Samples:
    x, _, updates = call.operands
    share = math.prod(call.inputs[2].shape) / max(math.prod(call.before), 1)
    return choices.overwritten(x, updates, share, call.source)


def _update_slice(call: Call) -> Samples:
    x, new = call.operands[:2]
    share = math.prod(call.inputs[1].shape) / max(math.prod(call.before), 1)
    return choices.overwritten(x, new, share, call.source)


def _sort(call: Call) -> Sequence[Samples]:
    axis = call.params["dimension"]
    together = call.source.fresh()
    return [moves.reordered(x, (axis,), together) for x in call.operands]


def _top_k(call: Call) -> Sequence[Samples]:
    x, n = call.operands[0], call.before[-1]
    k = call.after[-1]
    top = choices.among_the_largest(x, k, n, call.source)
    return top, choices.places(n, call.ndim, call.source)


def _argmax(call: Call) -> Samples:
    (axis,) = call.params["axes"]
    return choices.places(call.before[axis], call.ndim, call.source)


def _random_bits(call: Call) -> Samples:
    kind = call.outputs[0]
    return _bits(kind, call.source)


def _bits(kind: Any, source: Source) -> Samples:
    dtype = np.dtype(kind.dtype)
    span = float(2 ** (8 * dtype.itemsize))
    draw = lambda: np.floor(source.uniform() * span).astype(dtype)
    return source.free(draw, len(kind.shape))


def _random_words(call: Call) -> Sequence[Samples]:
    return [_bits(kind, call.source) for kind in call.outputs]


def _generated(call: Call) -> Sequence[Samples]:
    state, bits = call.outputs
    return [_bits(state, call.source), _bits(bits, call.source)]


def _key(call: Call) -> Sequence[Samples]:
    return [opaque(len(kind.shape), call.source) for kind in call.outputs]


def opaque(ndim: int, source: Source) -> Samples:
    """A value that holds no numbers, such as a key."""
    return source.free(lambda: np.zeros(N), ndim)


def _random_gamma(call: Call) -> Samples:
    shape = call.operands[1] if len(call.operands) > 1 else call.operands[0]
    mean = float(np.abs(shape.rows).mean())
    draw = lambda: np.exp(
        np.log(mean) - np.log1p(1 / mean) / 2 + np.log1p(1 / mean) ** 0.5
        * call.source.normal()
    )  # fmt: skip
    return call.source.free(draw, call.ndim)


def _entry_by_entry(call: Call) -> Samples:
    function = functions.function_of(call.name, call.params)
    assert function is not None
    apart = parts.each_with_each(call)
    return apart or elementwise.apply(function, call.operands, call.ndim, call.name)


def _first(call: Call) -> Samples:
    return call.operands[0]


RULES: dict[str, Rule] = {
    "all_gather": lambda c: _grown(c),
    "all_to_all": lambda c: _first(c),
    "argmax": _argmax,
    "argmin": _argmax,
    "approx_top_k": _top_k,
    "axis_index": lambda c: choices.places(2, c.ndim, c.source),
    "broadcast_in_dim": lambda c: moves.broadcast(
        c.operands[0], c.ndim, c.params["broadcast_dimensions"]
    ),
    "concatenate": parts.concatenate,
    "conv_general_dilated": _conv,
    "cumlogsumexp": _doubtful("no size is known of what `cumlogsumexp` makes"),
    "cummax": reductions.cummax,
    "cummin": lambda c: reductions.negative(
        reductions.cummax(c._replace(operands=[reductions.negative(c.operands[0])]))
    ),
    "cumsum": reductions.cumsum,
    "dot_general": _dot_general,
    "dynamic_slice": parts.part,
    "dynamic_update_slice": _update_slice,
    "fft": fourier.fft,
    "gather": _gather,
    "iota": lambda c: choices.places(max(c.after, default=1), c.ndim, c.source),
    "pad": parts.pad,
    "pmax": _first,
    "pmin": _first,
    "ppermute": _first,
    "psum": lambda c: _psum(c),
    "ragged_dot_general": ragged_dot,
    "random_bits": _random_bits,
    "random_clone": _key,
    "random_fold_in": _key,
    "random_gamma": _random_gamma,
    "random_seed": _key,
    "random_split": _key,
    "random_unwrap": _key,
    "random_wrap": _key,
    "reduce_and": reductions.reduce_logical,
    "reduce_max": reductions.reduce_max,
    "reduce_min": reductions.reduce_min,
    "reduce_or": reductions.reduce_logical,
    "reduce_prod": reductions.reduce_prod,
    "reduce_scatter": _first,
    "reduce_sum": reductions.reduce_sum,
    "reduce_window_max": reductions.reduce_window_max,
    "reduce_window_min": reductions.reduce_window_min,
    "reduce_window_sum": reductions.reduce_window_sum,
    "reshape": lambda c: moves.reshape(c.operands[0], c.before, c.after),
    "rev": lambda c: moves.reordered(
        c.operands[0], c.params["dimensions"], "backwards"
    ),
    "select_n": lambda c: choices.selected(c.operands, c.ndim),
    "rng_bit_generator": _generated,
    "scatter": _scatter,
    "scatter-add": _scatter_add,
    "scatter-sub": _scatter_add,
    "slice": parts.part,
    "sort": _sort,
    "split": parts.split,
    "stack": parts.stack,
    "squeeze": lambda c: moves.squeeze(c.operands[0], c.params["dimensions"]),
    "threefry2x32": _random_words,
    "tile": lambda c: c.operands[0],
    "top_k": _top_k,
    "unstack": parts.unstack,
    "transpose": lambda c: moves.transpose(c.operands[0], c.params["permutation"]),
}


def _psum(call: Call) -> Samples:
    """Over axes of an array, as under `vmap`, a sum; over devices, what is on each.

    Copies of one example stand for a batch: their sum is that of as many others.
    """
    x, axes = call.operands[0], call.params["axes"]
    summed = tuple(k for k in axes if isinstance(k, int))
    if not summed:
        return x
    count = math.prod(call.before[k] for k in summed)
    if not x.variance or any(x.axes[k] is not EQUAL for k in summed):
        return sums.sum_over(x, summed, count, call.source)
    made = sums.sum_over(moves.as_batch(x, summed[0]), summed, BATCH, call.source)
    return Samples(made.rows * count / BATCH, made.axes, made.sources, doubt=made.doubt)


BATCH = 64  # examples that one stands for, where a statistic is taken over copies of it


def _grown(call: Call) -> Samples:
    x = call.operands[0]
    extra = call.ndim - len(x.axes)
    return x.picked([*[None] * extra, *range(len(x.axes))]) if extra else x


def rule_of(name: str) -> Rule | None:
    """The rule of a primitive, by its name."""
    if name in RULES:
        return RULES[name]
    return _entry_by_entry if functions.is_known(name) else None


def run(rule: Rule | None, call: Call) -> Sequence[Samples]:
    """What an operation makes of samples, one for each of its results."""
    made: Any = rule(call) if rule else unknown(call)
    return [made] if isinstance(made, Samples) else list(made)
