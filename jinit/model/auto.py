"""Initial weights for a whole model, from its computation alone."""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args, Literal

import jax
import jax.numpy as jnp

from ..core.gains import gaussian_moments
from ..core.initializer import Initializer
from ..core.settings import choose
from ..core.text import aligned
from ..graph.recognize import recognize
from ..graph.roles import Role
from ..graph.taps import Model, read_model
from ..graph.trace import count, require_arrays, Row, Trace, trace_model
from ..schemes.classical import he_normal, he_uniform, lecun_normal, lecun_uniform
from ..schemes.distributions import normal
from ..schemes.given import ones, zeros
from ..schemes.looks_linear import looks_linear, Sides
from ..schemes.orthogonal import block_orthogonal, orthogonal
from .chains import mirrored, odd_slope
from .keys import path_key
from .moments import NOTHING, Size, Sizes


Law = Literal["truncated_normal", "normal", "uniform", "orthogonal"]
Direction = Literal["forward", "backward", "both"]
Residual = Literal["scaled", "zero"]
_MODES = {"forward": "fan_in", "backward": "fan_out", "both": "fan_avg"}
POSITION = 0.02  # the usual standard deviation of learned positions and tokens


@dataclasses.dataclass(frozen=True)
class Choice:
    """What one parameter gets, and why.

    Attributes:
        path: Its path in the tree.
        shape: Its shape.
        initializer: The law to draw from; None where the value is kept.
        reason: Why.
        role: Its role in the trace.
        order: Its place in the computation; None if it is unused.
    """

    path: str
    shape: tuple[int, ...]
    initializer: Initializer | None
    reason: str
    role: Role
    order: int | None


@dataclasses.dataclass(frozen=True)
class Plan:
    """The choices of `jinit.explain`, one per parameter; prints as a table."""

    choices: tuple[Choice, ...]

    def __iter__(self) -> Iterator[Choice]:
        return iter(self.choices)

    def __len__(self) -> int:
        return len(self.choices)

    def draw(self, key: jax.Array, params: Any) -> Any:
        """The weights, in the structure of `params`, which gives dtypes too."""
        leaves, structure = jax.tree.flatten(params)
        drawn = [
            leaf if choice.initializer is None else _draw(key, choice, leaf)
            for choice, leaf in zip(self.choices, leaves, strict=True)
        ]
        return jax.tree.unflatten(structure, drawn)

    def __str__(self) -> str:
        return aligned([_HEAD, *self._cells()], left=4)

    def __rich__(self) -> Any:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), header_style="dim")
        for head in _HEAD:
            table.add_column(head, overflow="fold")
        for row in self._cells():
            table.add_row(*row)
        return table

    def _cells(self) -> Iterator[tuple[str, ...]]:
        last = len(self.choices)
        place = lambda choice: last if choice.order is None else choice.order
        for choice in sorted(self.choices, key=place):
            size = "×".join(map(str, choice.shape)) or "scalar"
            law = "kept" if choice.initializer is None else repr(choice.initializer)
            yield choice.path, size, law, choice.reason


_HEAD = ("parameter", "shape", "law", "why")


def auto(
    apply: Callable[..., Any],
    params: Any,
    key: jax.Array,
    *inputs: Any,
    law: Law = "truncated_normal",
    direction: Direction = "forward",
    residual: Residual = "scaled",
    mirror: bool = True,
) -> Any:
    """Initial weights for a whole model, chosen by what its computation does with them.

    Kernels keep the second moment of the signal at 1,

        σ² = 1 / (fan_in · E x²)

    with the exact fan_in of the operation that reads the kernel, and the second moment
    of the signal x that it reads: E φ(z)² behind an activation φ, more where residual
    branches were summed or the largest of a pool was taken, less behind an average. It
    is told from the computation, for inputs of mean 0 and variance 1. A layer that
    closes one of N branches of a stream gets variance 1/N of that, so that all of them
    together add as much as was there. Recurrent kernels are orthogonal, biases 0, norm
    scales 1.

    In a long chain of layers without normalization no random law holds the scale: it
    drifts with ReLU, and with GELU and SiLU it explodes, whatever the variance. Where
    Gaussian weights are expected to leave [½, 2], `jinit.looks_linear` is drawn
    instead. `jinit.explain` shows every choice with its reason.

    Args:
        apply: A function of the parameters and the inputs.
        params: The parameters: arrays or `jax.ShapeDtypeStruct`s. Only shapes and
            dtypes count, but for leaves whose role is not known: arrays are kept.
        key: A PRNG key. Each parameter's own key depends on its path alone.
        *inputs: Arrays or shapes, as `apply` takes them.
        law: The distribution of kernels. "orthogonal" has the same variance.
        direction: "forward" keeps the signal, "backward" the gradient (fan_out and
            E φ′² in the place of fan_in and E φ²), "both" the mean of the two.
        residual: "scaled" as above; "zero" makes closing kernels 0, so that every
            branch starts as its skip connection.
        mirror: Whether deep chains may get `jinit.looks_linear`.

    Returns:
        Weights of the structure, shapes and dtypes of `params`.

    Raises:
        ValueError: When an option is unknown.
        TypeError: When `params` holds something other than arrays.

    Example:
        >>> import flax.linen as nn, jax, jinit
        >>> model = nn.Sequential([nn.Dense(512), nn.gelu, nn.Dense(512), nn.gelu])
        >>> key, x = jax.random.key(0), jax.random.normal(jax.random.key(1), (256, 512))
        >>> shapes = jax.eval_shape(model.init, key, x)
        >>> params = jinit.auto(model.apply, shapes, key, x)
        >>> jinit.probe(model.apply, params, x).condition
        'keeps'

    References:
        He, Zhang, Ren, Sun. Delving deep into rectifiers. ICCV 2015. Section 2.2.
        https://arxiv.org/abs/1502.01852
        Zhang, Dauphin, Ma. Fixup initialization. ICLR 2019.
        https://arxiv.org/abs/1901.09321
    """
    plan = explain(
        apply,
        params,
        *inputs,
        law=law,
        direction=direction,
        residual=residual,
        mirror=mirror,
    )
    return plan.draw(key, params)


def explain(
    apply: Callable[..., Any],
    params: Any,
    *inputs: Any,
    law: Law = "truncated_normal",
    direction: Direction = "forward",
    residual: Residual = "scaled",
    mirror: bool = True,
) -> Plan:
    """What `jinit.auto` gives each parameter, and why.

    Args:
        apply: A function of the parameters and the inputs.
        params: The parameters: arrays or `jax.ShapeDtypeStruct`s.
        *inputs: Arrays or shapes.
        law: As in `jinit.auto`.
        direction: As in `jinit.auto`.
        residual: As in `jinit.auto`.
        mirror: As in `jinit.auto`.

    Returns:
        A `Plan`: print it, iterate over its choices, or `.draw(key, params)`.

    Raises:
        ValueError: When an option is unknown.
        TypeError: When `params` holds something other than arrays.

    Example:
        >>> import jax, jinit
        >>> apply = lambda p, x: jax.nn.relu(x @ p["w1"] + p["b1"]) @ p["w2"]
        >>> shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
        >>> params = {"b1": shape(64), "w1": shape(32, 64), "w2": shape(64, 10)}
        >>> for choice in jinit.explain(apply, params, shape(8, 32)):
        ...     print(choice.path, choice.reason, sep=": ")
        b1: bias
        w1: fan_in 32
        w2: fan_in 64, relu before it
    """
    choose("jinit.auto", "law", law, get_args(Law))
    choose("jinit.auto", "direction", direction, get_args(Direction))
    choose("jinit.auto", "residual", residual, get_args(Residual))
    require_arrays((params, inputs), "jinit.auto")
    model = read_model(apply, params, *inputs)
    found = trace_model(model)
    chains = mirrored(found) if mirror else {}
    options = _Options(law, direction, residual, chains, _signals(model, found))
    leaves = jax.tree.leaves(params)
    return Plan(
        tuple(
            _choice(row, isinstance(leaf, jax.Array), options)
            for row, leaf in zip(found, leaves, strict=True)
        )
    )


def _signals(model: Model, found: Trace) -> dict[str, tuple[float, float]]:
    """By kernel path, the second moment that it reads first and the one it makes."""
    rows = dict(zip(model.graph.inputs, found, strict=False))

    def parameter(leaves: frozenset[int]) -> Size:
        return NOTHING.plus(max((_entries(rows[i]) for i in leaves), key=_second))

    sizes = Sizes(model, parameter)
    signals: dict[str, tuple[float, float]] = {}
    for layer in model.layers:
        target = sizes.branch(layer.closing) if layer.closing else 1.0
        signals.setdefault(layer.path, (sizes.of(layer.signal).second, target))
    return signals


def _second(size: Size) -> float:
    return size.second


def _entries(row: Row) -> Size:
    """What the entries of a parameter that is no kernel will be like."""
    initializer, _ = _law(row, _Options("normal", "forward", "scaled", {}, {}))
    mean = {"norm scale": 1.0, "gate": 1.0}.get(row.role, 0.0)
    if row.is_kernel or initializer is None:
        return Size(mean, mean**2)
    return Size(mean, mean**2 + initializer.std(row.shape) ** 2)


@dataclasses.dataclass(frozen=True)
class _Options:
    law: Law
    direction: Direction
    residual: Residual
    mirrored: Mapping[str, Sides]
    signals: Mapping[str, tuple[float, float]]


def _choice(row: Row, has_value: bool, options: _Options) -> Choice:
    is_weight = jnp.issubdtype(row.dtype, jnp.inexact)
    initializer, reason = _law(row, options) if is_weight else (None, "not a weight")
    if initializer is None and not has_value:
        initializer, reason = _default(row), f"{reason}: {row.note or row.role}"
    return Choice(row.path, row.shape, initializer, reason, row.role, row.order)


def _law(row: Row, options: _Options) -> tuple[Initializer | None, str]:
    if row.is_kernel:
        return _kernel(row, options)
    match row.role:
        case "embedding":
            return _embedding(row)
        case "bias" | "norm offset":
            return zeros, row.role
        case "norm scale":
            return ones, row.role
        case "positional" | "token":
            return normal(stddev=POSITION), row.role
    return None, row.role


def _default(row: Row) -> Initializer:
    # For what has no value to keep: a multiplier of 1, an average of 0.
    spread = row.path.rsplit("/", 1)[-1] in {"var", "variance", "scale"}
    return ones if row.role == "gate" or spread else zeros


def _embedding(row: Row) -> tuple[Initializer, str]:
    if row.tied:
        width = row.shape[-1]
        return normal(stddev=width**-0.5), f"tied to the head, which sums {width}"
    return normal(stddev=1.0), "a look-up: entries of variance 1"


def _kernel(row: Row, options: _Options) -> tuple[Initializer, str]:
    if row.closes_residual and options.residual == "zero":
        return zeros, f"closes 1 of {row.branches} branches"
    if row.role == "recurrent kernel" and row.in_axes and row.out_axes:
        found = _recurrent(row, row.in_axes, row.out_axes)
        if found:
            return found, "recurrent"
    signal, target = options.signals.get(row.path, (1.0, 1.0))
    if row.path in options.mirrored:
        return _mirrored(row, options.mirrored[row.path], signal)
    square = target * _squared_gain(row, signal, options.direction)
    reasons = [_counted(row, options.direction)]
    if row.activation_name not in {None, "identity"}:
        reasons.append(f"{row.activation_name} before it")
    if not math.isclose(signal, _expected(row), rel_tol=0.01):
        reasons.append(f"reads E x² = {signal:.3g}")
    if row.closes_residual:
        reasons.append(f"closes 1 of {row.branches} branches")
    return _drawn(row, square, options), ", ".join(reasons)


def _expected(row: Row) -> float:
    """E φ(z)², which needs no remark; NaN where φ has no name."""
    name = row.activation_name or "identity"
    return math.nan if name == "other" else gaussian_moments(name).second


def _squared_gain(row: Row, signal: float, direction: Direction) -> float:
    """1 / E x², 1 / E φ′² or 2 / (E x² + E φ′²)."""
    forward = signal if signal > 0 else 1.0
    name, phi = row.activation_name, row.activation
    if direction == "forward" or phi is None or len(phi.sources) > 1:
        return 1 / forward
    known = recognize(phi)
    scale = known.scale if known else 1.0
    named = phi if name is None or name == "other" else name
    slope = scale**2 * gaussian_moments(named).slope
    return 1 / (slope if direction == "backward" else (forward + slope) / 2)


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


def _drawn(row: Row, square: float, options: _Options) -> Initializer:
    """Weights of variance `square` / fan, by the law asked for."""
    fans = float(row.fan_in or 1), float(row.fan_out or 1)
    if options.law == "orthogonal" and row.in_axes and row.out_axes:
        fan = {"forward": fans[0], "backward": fans[1]}.get(
            options.direction, sum(fans) / 2
        )
        return _orthogonal(row, square / fan, row.in_axes, row.out_axes)
    uniform = options.law == "uniform"
    he, lecun = (he_uniform, lecun_uniform) if uniform else (he_normal, lecun_normal)
    settings: dict[str, Any] = {}
    if options.law == "normal":
        settings["distribution"] = "normal"
    if options.direction != "forward":
        settings["mode"] = _MODES[options.direction]
    if len(row.shape) < 2 or lecun.fans(row.shape) != fans:
        settings["fans"] = tuple(int(n) if n.is_integer() else n for n in fans)
    if math.isclose(square, 2):
        return he(**settings)
    if not math.isclose(square, 1):
        settings["gain"] = square**0.5
    return lecun(**settings)


def _orthogonal(
    row: Row, variance: float, in_axes: tuple[int, ...], out_axes: tuple[int, ...]
) -> Initializer:
    # Entries of an orthogonal matrix have the variance 1 / max(rows, columns).
    rows = (*(row.window_axes or ()), *in_axes)
    sizes = [math.prod(row.shape[axis] for axis in axes) for axes in (rows, out_axes)]
    gain = math.sqrt(variance * max(sizes))
    settings: dict[str, Any] = {} if math.isclose(gain, 1) else {"gain": gain}
    if (rows, out_axes) != ((0,), (1,)):
        settings |= {"in_axis": rows, "out_axis": out_axes}
    if row.stack_axes:
        settings["batch_axis"] = row.stack_axes
    return orthogonal(**settings)


def _mirrored(row: Row, sides: Sides, signal: float) -> tuple[Initializer, str]:
    # What feeds a mirrored input is c z, of one half of the units.
    (in_axis,), (out_axis,) = row.in_axes or (0,), row.out_axes or (1,)
    slope, terms = (signal**0.5, 1) if sides == "out" else (odd_slope(row) or 1.0, 2)
    halves = [
        row.shape[axis] // (2 if sides in {"both", side} else 1)
        for axis, side in ((in_axis, "in"), (out_axis, "out"))
    ]
    taps = math.prod(row.shape[axis] for axis in row.window_axes or ())
    size = max(taps * halves[0], halves[1])
    gain = math.sqrt(terms * size / float(row.fan_in or 1)) / slope
    settings: dict[str, Any] = {} if math.isclose(gain, 1) else {"gain": gain}
    ndim = len(row.shape)
    if (in_axis, out_axis) != (ndim - 2, ndim - 1):
        settings |= {"in_axis": in_axis, "out_axis": out_axis}
    if sides != "both":
        settings["sides"] = sides
    name = f"{row.activation_name} before it, " if sides != "out" else ""
    return looks_linear(**settings), f"{name}in a chain where random weights drift"


def _recurrent(
    row: Row, in_axes: tuple[int, ...], out_axes: tuple[int, ...]
) -> Initializer | None:
    """An orthogonal matrix for each gate of a kernel (units, gates · units)."""
    if len(row.shape) != 2:
        return None
    (inputs,), (outputs,) = in_axes, out_axes
    gates, rest = divmod(row.shape[outputs], row.shape[inputs])
    if rest or not gates:
        return None
    if gates == 1:
        return orthogonal
    return block_orthogonal(gates=gates, gate_axis=outputs)


def _draw(key: jax.Array, choice: Choice, leaf: Any) -> jax.Array:
    assert choice.initializer is not None
    return choice.initializer(path_key(key, choice.path), choice.shape, leaf.dtype)
