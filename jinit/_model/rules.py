"""Rules: which initializer each parameter of a model gets, by path or by role."""

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, get_args, NamedTuple, TypeAlias

import numpy as np
from jax.core import Tracer

from .._core import (
    as_initializer,
    choose,
    glob,
    Initializer,
    is_number,
    named_arrays,
    public,
    shown,
)
from .._reading import Role, Row, Trace
from .._schemes import constant, from_callable


class UnmatchedError(ValueError):
    """Parameters that no rule matches, or rules that match no parameter."""


@dataclasses.dataclass(frozen=True)
class Leaf:
    """A parameter as rules see it.

    Attributes:
        path: Its path in the tree.
        shape: Its shape.
        dtype: Its dtype.
        read: Gives the trace of the model, or raises where there is none.
        where: The public function that asks, for messages.
    """

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], Trace]
    where: str = "jinit.materialize"

    @property
    def trace(self) -> Trace:
        """What the model's computation does with every parameter."""
        return self.read()

    @property
    def row(self) -> Row:
        """What it does with this one: role, fans, activation, residual branch."""
        return self.trace[self.path]


@dataclasses.dataclass(frozen=True)
class Asking:
    """A function of settings and a leaf, with its settings: equal to its twin."""

    function: Callable[..., Any]
    settings: tuple[Any, ...]

    def __call__(self, leaf: Leaf) -> Any:
        """What the function says of a parameter."""
        return self.function(*self.settings, leaf)


@dataclasses.dataclass(frozen=True)
class Selector:
    """A condition on a parameter; combine several with `&`, `|` and `~`."""

    text: str
    holds: Callable[[Leaf], bool]

    def __call__(self, leaf: Leaf) -> bool:
        """Whether it holds of a parameter."""
        return self.holds(leaf)

    def __and__(self, other: "Selector") -> "Selector":
        return Selector(f"({self} & {other})", Asking(_both, (self, other)))

    def __or__(self, other: "Selector") -> "Selector":
        return Selector(f"({self} | {other})", Asking(_either, (self, other)))

    def __invert__(self) -> "Selector":
        return Selector(f"~{self}", Asking(_not, (self,)))

    def __repr__(self) -> str:
        return self.text


# What selectors hold: functions of a module, so that they can be pickled.
def _both(first: Selector, second: Selector, leaf: Leaf) -> bool:
    return first(leaf) and second(leaf)


def _either(first: Selector, second: Selector, leaf: Leaf) -> bool:
    return first(leaf) or second(leaf)


def _not(selector: Selector, leaf: Leaf) -> bool:
    return not selector(leaf)


def _is_at(pattern: str, leaf: Leaf) -> bool:
    return glob(pattern).matches(leaf.path)


def _has_role(roles: frozenset[str], leaf: Leaf) -> bool:
    return leaf.row.role in roles


def _is_kernel(leaf: Leaf) -> bool:
    return leaf.row.is_kernel


def _closes(leaf: Leaf) -> bool:
    return leaf.row.closes_residual


Value: TypeAlias = Initializer | Callable[..., Any] | float


class Rule(NamedTuple):
    """One rule; a plain pair `(pattern, value)` is one too.

    Attributes:
        pattern: A glob of `/` paths, a `Selector`, or any function of a `Leaf`.
        value: An initializer or its name, a number, a function `(key, shape, dtype)`,
            or a function of a `Leaf` that returns one of these.
        required: Whether it is an error if no parameter matches.
        yields: Whether what the model itself starts a parameter with goes before.
    """

    pattern: str | Selector | Callable[[Leaf], bool]
    value: Value
    required: bool = True
    yields: bool = False


Rules: TypeAlias = Iterable[Rule | tuple[Any, Any]]


@public()
def path(pattern: str) -> Selector:
    """Parameters whose path matches a glob, to be combined with other conditions.

    Args:
        pattern: As in a rule: `"mlp/*/kernel"`.

    Returns:
        A condition for the left side of a rule.
    """
    return Selector(repr(pattern), Asking(_is_at, (pattern,)))


def role(*roles: Role) -> Selector:
    """Parameters of a role, as `jinit.trace` reads it from the computation.

    Args:
        *roles: "kernel" (of any kind but the output head and recurrent ones),
            "embedding", "bias", "norm scale", ...: see `jinit.trace`.

    Returns:
        A condition for the left side of a rule.

    Raises:
        ValueError: When there is no such role.
    """
    for each in roles:
        choose("jinit.role", "role", each, get_args(Role))
    wanted = {*roles} | ({"depthwise kernel"} if "kernel" in roles else set())
    listed = ", ".join(map(repr, roles))
    return Selector(f"role({listed})", Asking(_has_role, (frozenset(wanted),)))


def is_kernel() -> Selector:
    """Kernels of every kind, output heads and recurrent ones included."""
    return Selector("is_kernel()", _is_kernel)


def closes_residual() -> Selector:
    """Kernels, and norm scales, that end a residual branch."""
    return Selector("closes_residual()", _closes)


@public()
def traced(initializer: Initializer) -> Callable[[Leaf], Initializer]:
    """The right side of a rule: an initializer with the exact fans of the computation.

    Args:
        initializer: One with a setting `fans`, such as `jinit.he_normal`.

    Returns:
        A function of a `Leaf`, for the right side of a rule.

    Raises:
        TypeError: When the initializer takes no fans.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> apply = lambda p, x: jnp.einsum("ebd,edf->ebf", x, p["experts"])
        >>> shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
        >>> model = apply, {"experts": shape(8, 64, 256)}
        >>> rules = [("experts", jinit.traced(jinit.he_normal))]
        >>> for choice in jinit.explain(model, shape(8, 32, 64), rules=rules):
        ...     print(choice.initializer)
        he_normal(fans=(64, 256))
    """
    if "fans" not in initializer.law.parameters:
        raise TypeError(
            "`jinit.traced` needs an initializer with a setting `fans`. Got "
            f"{initializer!r}. Use one of the variance-scaling family."
        )

    return Asking(_fitted, (initializer,))


def _fitted(initializer: Initializer, leaf: Leaf) -> Initializer:
    row = leaf.row
    if row.fan_in is None or row.fan_out is None:
        raise ValueError(
            f"`jinit.traced` needs a parameter with fans. Got {leaf.path}, "
            f"a {row.role}. Give it a rule of its own, before this one."
        )
    return initializer(fans=(_whole(row.fan_in), _whole(row.fan_out)))


def _whole(fan: float) -> float:
    return int(fan) if fan == int(fan) else fan


def resolve(value: Value, leaf: Leaf) -> Initializer:
    """The initializer that the right side of a rule means for a parameter."""
    if isinstance(value, Initializer):
        return value
    if callable(value):
        if _takes_leaf(value) and len(inspect.signature(value).parameters) == 1:
            return resolve(_value(leaf.where, value(leaf)), leaf)
        return from_callable(value)
    return constant(value)


def _takes_leaf(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None)
    except (TypeError, ValueError):  # a builtin without a signature
        return False
    return True


def leaves_of(tree: Any, where: str, read: Callable[[], Trace]) -> list[Leaf]:
    """The parameters of a tree as rules see them."""
    return [
        Leaf(path, tuple(leaf.shape), np.dtype(leaf.dtype), read, where)
        for path, leaf in named_arrays(tree, where).items()
    ]


def checked(rules: Rules, where: str) -> list[Rule]:
    """The rules, if they are pairs of what they may be."""
    odd = isinstance(rules, str | bytes | Mapping) or hasattr(rules, "dtype")
    if odd or not isinstance(rules, Iterable):
        raise TypeError(
            f"`{where}` needs `rules` as pairs (pattern, initializer). Got "
            f"{shown(rules)}. Write a list of pairs, first match wins."
        )
    return [Rule(*_pair(rule, where)) for rule in rules]


def _pair(rule: Any, where: str) -> Any:
    if not (isinstance(rule, tuple) and len(rule) in {2, 3, 4}):
        raise TypeError(
            f"`{where}` needs each rule as a pair (pattern, initializer). "
            f"Got {shown(rule)}."
        )
    check_pattern(where, "a rule's pattern", rule[0])
    pattern, value, *rest = rule
    return (pattern, _value(where, value), *rest)


def _value(where: str, value: Any) -> Any:
    """The right side of a rule, if it may be one."""
    if callable(value) or (isinstance(value, Tracer) and not value.ndim):
        return value
    if isinstance(value, str):
        return as_initializer(where, value)
    if not is_number(value) or isinstance(value, bool | np.bool_):
        raise TypeError(
            f"`{where}` needs a rule's value to be an initializer or its name, a "
            f"number or a function. Got {shown(value)}."
        )
    if not abs(value) < math.inf:
        raise ValueError(
            f"`{where}` needs a rule's number to be finite. Got {shown(value)}."
        )
    return value


def check_pattern(where: str, what: str, pattern: Any) -> None:
    """Refuses what is no glob and no condition."""
    if isinstance(pattern, str) or (callable(pattern) and _takes_leaf(pattern)):
        return
    call = f" Call it: `{text_of(pattern)}()`." if callable(pattern) else ""
    raise TypeError(
        f"`{where}` needs {what} to be a glob, or a function of a `Leaf`. "
        f"Got {shown(pattern)}.{call}"
    )


def as_test(pattern: Any) -> Callable[[Leaf], bool]:
    """The condition that the left side of a rule means."""
    return path(pattern) if isinstance(pattern, str) else pattern


def text_of(pattern: Any) -> str:
    """The left side of a rule as a message names it."""
    if isinstance(pattern, str):
        return shown(pattern)
    if isinstance(pattern, Selector):
        return repr(pattern)
    return getattr(pattern, "__name__", repr(pattern))


def no_trace(where: str) -> Callable[[], Trace]:
    """For trees that come without a computation: a trace that refuses."""
    return partial(_refuse_to_trace, where)


def _refuse_to_trace(where: str) -> Trace:
    raise ValueError(
        f"`{where}` needs a trace for rules that ask for roles or fans. Got none. "
        "Give a `jinit.trace(apply, tree, *inputs)` with the tree, or use "
        "`jinit.initialize`."
    )
