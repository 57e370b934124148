"""What each weight of a model gets, from its computation alone."""

import dataclasses
import math
from collections.abc import Mapping, Set
from typing import Any, get_args, Literal

import jax
import jax.numpy as jnp

from ..._activations import GATES, gaussian_moments
from ..._core import choose, digits, Initializer
from ..._graph import Activation, recognize
from ..._reading import count, Model, Own, READ, Row, trace_model
from ..._schemes import constant, normal, ones, Sides, zeros
from ..own import kept, NOTHING, Owns
from ..plan import Choice, Plan
from .calm import calmed
from .chains import mirrored, unmirrored
from .laws import by_shape, Direction, in_pairs, Law, of_variance, per_gate
from .sines import of_sine, Sine, sines
from .sizing import Sized, Sizing


Residual = Literal["scaled", "zero"]
POSITION = 0.02  # the usual standard deviation of learned positions and tokens


def plan_of(
    where: str,
    model: Model,
    weights: Any,
    *,
    law: Law = "truncated_normal",
    direction: Direction = "forward",
    residual: Residual = "scaled",
    mirror: bool = True,
    own: Owns = NOTHING,
) -> Plan:
    """What the computation of a model asks for, for the public function `where`.

    The options are those of `jinit.explain`, but for `own`: what the model itself
    makes. Of the weights, those that are arrays are kept where their role is not known.
    """
    choose(where, "law", law, get_args(Law))
    choose(where, "direction", direction, get_args(Direction))
    choose(where, "residual", residual, get_args(Residual))
    found = trace_model(model)
    staying = own.staying(found)
    chains = mirrored(found, staying.keys()) if mirror else {}
    options = _Options(
        law,
        direction,
        residual,
        chains,
        unmirrored(found, _loops(model)) if mirror else {},
        staying,
        {row.path for row in found if own.was_random(row, found)},
        sines(found),
    )
    leaves = dict(zip(model.paths, jax.tree.leaves(weights), strict=True))

    def chosen(row: Row, sized: Sized) -> Choice:
        is_shape = isinstance(leaves[row.path], jax.ShapeDtypeStruct)
        return _choice(row, not is_shape, options, sized)

    sizing = Sizing(
        model,
        found,
        chosen=chosen,
        arrays=leaves,
        exact=frozenset(chains),
        # A law of the gradient keeps that, whatever becomes of signals.
        calm=calmed(found, staying.keys(), _loops(model))
        if direction == "forward"
        else {},
        added=1.0 if residual == "scaled" else 0.0,
    )
    told = sizing.run()
    choices = (chosen(row, sizing.counts_for(row)) for row in found)
    return Plan(tuple(choices)).with_predictions(told)


def _loops(model: Model) -> set[str]:
    """The kernels that read what the iteration before has left."""
    layers = (layer for layer in model.layers if layer.reads.later.chained)
    return {layer.path for layer in layers if layer.reads.later != layer.reads.first}


@dataclasses.dataclass(frozen=True)
class _Options:
    law: Law
    direction: Direction
    residual: Residual
    mirrored: Mapping[str, Sides]
    unmirrored: Mapping[str, str]
    own: Mapping[str, Own]
    was_random: Set[str]
    sines: Mapping[str, Sine]


def _choice(row: Row, has_value: bool, options: _Options, sized: Sized) -> Choice:
    if row.path in options.own and not _shares_a_stream(row, options.own[row.path]):
        return kept(row.path, options.own[row.path], row)
    is_weight = jnp.issubdtype(row.dtype, jnp.inexact)
    if not is_weight:
        initializer, reason = None, "not a weight"
    else:
        initializer, reason = (
            _kernel(row, options, sized)
            if row.is_kernel
            else _other(row, options, sized)
        )
    if row.path in options.was_random:
        reason = f"{reason}; the model's own was random"
    doubt = ""
    if initializer is None and not has_value:
        initializer, reason = default(row), f"{reason}: {row.note or row.role}"
        if is_weight and row.role == "unknown" and len(row.shape) > 1:
            doubt = "what it is for is not known, its law is that of a kernel"
    return Choice(
        row.path, row.shape, initializer, reason, row.role, row.order, doubt=doubt
    )


def _shares_a_stream(row: Row, own: Own) -> bool:
    """Whether it is the scale, all 1, of a norm in which a residual branch ends."""
    return (
        row.role == "norm scale" and row.closes_residual and own.number == 1 - row.shift
    )


def _other(
    row: Row, options: "_Options", sized: Sized
) -> tuple[Initializer | None, str]:
    """The law of a parameter that is no kernel; None where it is to be kept."""
    match row.role:
        case "embedding":
            return _embedding(row, sized)
        case "bias" | "norm offset":
            return zeros, row.role
        case "norm scale" if row.closes_residual:
            share = 0.0 if options.residual == "zero" else row.branches**-0.5
            return multiplier(row, share), f"ends 1 of {row.branches} branches"
        case "norm scale":
            return multiplier(row, 1.0), row.role
        case "token" if row.note == READ:
            return normal(stddev=1.0), "layers read it: entries of variance 1"
        case "positional" | "token":
            return normal(stddev=POSITION), row.role
    return None, row.role


def multiplier(row: Row, number: float) -> Initializer:
    """What makes a norm scale or a gate multiply by a number."""
    start = number - row.shift
    return {0.0: zeros, 1.0: ones}.get(start) or constant(start)


def default(row: Row) -> Initializer:
    """For what has no value to keep: a multiplier of 1, an average of 0.

    What may be a kernel of a layer that is not read starts as one: at 0 it would be
    dead.
    """
    spread = row.path.rsplit("/", 1)[-1] in {"var", "variance", "scale"}
    if row.role == "gate" or spread:
        return multiplier(row, 1.0)
    is_matrix = len(row.shape) > 1 and row.role in {"unknown", "unused"}
    return by_shape(row.shape) if is_matrix else zeros


def _embedding(row: Row, sized: Sized) -> tuple[Initializer, str]:
    """Entries of variance 1; logits of variance 1 where the table is the head too."""
    head = row.head
    if head is None:
        return normal(stddev=1.0), "a look-up: entries of variance 1"
    reads = sized.reads if head.normalized else 1.0
    reasons = [f"tied to the head, which sums {head.width}"]
    if not row.tied_to_head:
        reasons = [f"summed with {head.path}, which is the head too"]
    if not math.isclose(reads, 1):
        reasons.append(f"reads E x² = {digits(reads)}")
    if not math.isclose(head.times, 1):
        reasons.append(f"logits times {digits(head.times)}")
    std = head.ratio / (head.times * (head.width * reads) ** 0.5)
    return normal(stddev=std), ", ".join(reasons)


def _kernel(row: Row, options: _Options, sized: Sized) -> tuple[Initializer, str]:
    if row.closes_residual and options.residual == "zero":
        return zeros, f"closes 1 of {row.branches} branches"
    if row.path in options.sines:
        return of_sine(row, options.sines[row.path], options.law)
    gates = per_gate(row) if row.role == "recurrent kernel" else None
    if gates and row.multiple == 1:
        return gates, "recurrent"
    signal, target = sized.reads, sized.target / (row.multiple**2 or 1.0)
    sides = options.mirrored.get(row.path)
    if sides:
        name = f"{row.activation_name} before it, " if sides != "out" else ""
        reason = f"{name}in a chain where random weights drift"
        return in_pairs(row, sides, signal, target), reason
    square = target * sized.factor * _squared_gain(row, signal, options.direction)
    reasons = [_counted(row, options.direction)]
    if not math.isclose(row.multiple, 1):
        reasons.append(f"times {digits(row.multiple)}")
    if row.activation_name not in {None, "identity"}:
        reasons.append(f"{row.activation_name} before it")
    is_plain = math.isclose(signal, _expected(row), rel_tol=0.01)
    if options.direction != "backward" and not is_plain:
        reasons.append(f"reads E x² = {digits(signal)}")
    if options.direction != "forward" and not _squared_slope(row):
        reasons.append("which passes no gradient")
    if row.closes_residual:
        reasons.append(f"closes 1 of {row.branches} branches")
    if sized.makes:
        reasons.append(sized.makes)
    if row.path in options.unmirrored:
        reasons.append(f"random weights drift: {options.unmirrored[row.path]}")
    initializer = of_variance(row, square, options.law, options.direction)
    return initializer, ", ".join(reasons)


def _expected(row: Row) -> float:
    """E φ(z)², which needs no remark; NaN where φ has no name."""
    name = row.activation_name or "identity"
    return math.nan if name == "other" else gaussian_moments(name).second


def _squared_gain(row: Row, signal: float, direction: Direction) -> float:
    """1 / E x², 1 / E φ′² or 2 / (E x² + E φ′²).

    What passes no gradient, as `round` does, counts as the identity: nothing is kept by
    any law, or the gradient is passed straight through.
    """
    forward = signal if signal > 0 else 1.0
    if direction == "forward":
        return 1 / forward
    slope = _squared_slope(row) or 1.0
    return 1 / (slope if direction == "backward" else (forward + slope) / 2)


def _squared_slope(row: Row) -> float:
    """E φ′(z)² of what the kernel reads; 1 where that is no known function."""
    name, phi = row.activation_name, row.activation
    if name in GATES:
        return gaussian_moments(name).slope
    if not isinstance(phi, Activation) or len(phi.sources) > 1:
        return 1.0
    known = recognize(phi)
    if known is None:
        return gaussian_moments(phi).slope
    return known.scale**2 * gaussian_moments(known.name).slope


def _counted(row: Row, direction: Direction) -> str:
    """The fan that counts, with the sizes it is made of: fan_in 1152 = 3·3·128."""
    fan = {"forward": row.fan_in, "backward": row.fan_out}.get(direction)
    if fan is None:
        return f"fans {count(row.fan_in)} and {count(row.fan_out)}"
    axes = row.in_axes if direction == "forward" else row.out_axes
    sizes = [row.shape[axis] for axis in (*(row.window_axes or ()), *(axes or ()))]
    made_of = " = " + "·".join(map(str, sizes)) if len(sizes) > 1 else ""
    name = "fan_in" if direction == "forward" else "fan_out"
    return f"{name} {count(fan)}" + made_of * (math.prod(sizes) == fan)
