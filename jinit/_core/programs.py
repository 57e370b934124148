"""Computations as values: equal ones share a compiled program, whoever wrote them.

What is compiled is kept by what it computes, its jaxpr, and not by the function it came
from: so a new standard deviation compiles nothing, an equal function that is another
object neither, and nothing is kept that a user's function closes over. Of programs the
last `KEPT` are kept; `jax.clear_caches` frees what is compiled of them.
"""

from __future__ import annotations

import dataclasses
import functools
import sys
import weakref
from collections.abc import Callable, Container, Mapping, Sequence, Set
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from . import extend


KEPT = 256

# Numbers that a program may be given when it runs, with the same bits as if they were
# written into it: the operands of these, in the outermost operations.
_NUMBERS_OF = {
    "add", "broadcast_in_dim", "clamp", "div", "jit", "max", "min", "mul", "nextafter",
    "pjit", "sub",
}  # fmt: skip

# Functions with a derivative rule of their own.
_RULED = {"custom_jvp_call": jax.custom_jvp, "custom_vjp_call": jax.custom_vjp}

_LARGE = 2**20  # bytes of constants that are compared, and not known by their place


class NotSharedError(Exception):
    """A computation that has no equal but itself, such as one that calls Python."""


@dataclasses.dataclass(frozen=True)
class Formula:
    """A jaxpr without its numbers, equal to every other that computes the same.

    Attributes:
        text: What it is compared by.
        jaxpr: One that computes it.
    """

    text: Any
    jaxpr: extend.ClosedJaxpr = dataclasses.field(compare=False, repr=False)

    @property
    def has_equals(self) -> bool:
        """Whether others may be equal; else it may hold a user's functions."""
        return isinstance(self.text, tuple)

    @functools.cached_property
    def _hash(self) -> int:
        return hash(self.text)

    @functools.cached_property
    def program(self) -> Callable[..., Any]:
        """The compiled program, kept as long as the formula is: see `program_of`."""
        return _program(self)

    def __hash__(self) -> int:
        """That of the text, which is long."""
        return self._hash


def formula_of(
    function: Callable[..., Any], *arguments: Any
) -> tuple[Formula, list[Any]]:
    """What a function computes, and the numbers that are the last arguments of it.

    Beside numbers these are the arrays that the function closes over.
    """
    return _formula(jax.make_jaxpr(function)(*arguments), _NUMBERS_OF)


def _formula(
    closed: extend.ClosedJaxpr, numbers_of: Container[str]
) -> tuple[Formula, list[Any]]:
    jaxpr, numbers = _without_numbers(closed.jaxpr, numbers_of)
    try:
        text = text_of(jaxpr), context()
    except NotSharedError:
        text = object()
    # A NumPy array goes wherever the program runs; others are where they are.
    consts = [jax.device_get(x) if _is_plain(x) else x for x in closed.consts]
    values = [*consts, *numbers]
    return Formula(text, extend.ClosedJaxpr(jaxpr, [])), values


def shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """`jax.jit` of a function; all that compute the same share a program."""
    known: dict[Any, Any] = {}

    def read_once(*arguments: Any) -> tuple[Any, list[Any], Any]:
        closed, like = jax.make_jaxpr(function, return_shape=True)(*arguments)
        formula, numbers = _formula(closed, ())
        return program_of(formula), numbers, jax.tree.structure(like)

    def call(*arguments: Any) -> Any:
        leaves, structure = jax.tree.flatten(arguments)
        kind = structure, *map(jax.typeof, leaves)
        if kind not in known:
            known[kind] = read_once(*arguments)
        program, numbers, result = known[kind]
        # What a function closes over goes where it is read, as under `jax.jit`.
        with jax.transfer_guard_host_to_device("allow"):
            return jax.tree.unflatten(result, program(*leaves, *numbers))

    return call


def detached(closed: extend.ClosedJaxpr) -> tuple[extend.ClosedJaxpr, Any]:
    """The same with copies of its constants, and what tells it and its derivatives.

    Raises:
        NotSharedError: Where it holds functions, derivatives of a user or large arrays.
    """
    text = _text(closed), context()
    _require_known_rules(closed.jaxpr)
    consts = [np.array(each) for each in closed.consts]
    return extend.ClosedJaxpr(closed.jaxpr, consts), text


def _require_known_rules(jaxpr: extend.Jaxpr, around: Set[Any] = frozenset()) -> None:
    """Refuses derivatives of a user's own, which are functions."""
    for equation in jaxpr.eqns:
        inside = around
        if equation.primitive.name in _RULED:
            rule = equation.primitive.name, _source(equation)
            # Twice, where a user gives a rule to a function that has one.
            if rule in around or not _is_of_jax(*rule):
                raise NotSharedError
            inside = around | {rule}
        for each in extend.jaxprs_in_params(equation.params):
            _require_known_rules(each, inside)


def _source(equation: extend.JaxprEqn) -> str:
    """The name and the place of a function with a derivative rule of its own."""
    return str(equation.params["call_jaxpr"].jaxpr.debug_info.func_src_info)


@functools.lru_cache(maxsize=KEPT)
def _is_of_jax(primitive: str, source: str) -> bool:
    """Whether JAX itself gives this function its rule.

    What a user gives a rule to may be a function of JAX, and `jax.custom_gradient` and
    `jax.lax.custom_root` make rules of functions of a user.
    """
    name, _, place = source.partition(" at ")
    file = place.rpartition(":")[0]
    modules = [each for path, each in [*sys.modules.items()] if path.startswith("jax.")]
    homes = [vars(each) for each in modules if getattr(each, "__file__", "") == file]
    has_rule = any(type(home.get(name)) is _RULED[primitive] for home in homes)
    return has_rule and name != "_custom_root"


def program_of(formula: Formula) -> Callable[..., Any]:
    """The compiled program of a formula, given numbers as its last arguments.

    It takes the leaves of the arguments and returns those of the result.
    """
    return _kept_program(formula) if formula.has_equals else formula.program


def _program(formula: Formula) -> Callable[..., Any]:
    run = extend.jaxpr_as_fun(formula.jaxpr)

    def program(*arguments: Any) -> list[Any]:
        return run(*arguments)

    return jax.jit(program)


_kept_program = functools.lru_cache(maxsize=KEPT)(_program)


def traced_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of an array, and of what is static, that is traced once for each.

    It is a call of its own in a jaxpr, so that a longer computation is soon traced.
    """

    @functools.lru_cache(maxsize=KEPT)
    def program(*static: Any, **settings: Any) -> Callable[[jax.Array], jax.Array]:
        named = lambda array: function(array, *static, **settings)
        named.__name__ = named.__qualname__ = function.__name__
        return jax.jit(named)

    @functools.wraps(function)
    def call(array: jax.Array, *static: Any, **settings: Any) -> jax.Array:
        return program(*static, **settings)(array)

    vars(call)["forget"] = program.cache_clear
    return call


def context() -> tuple[Any, ...]:
    """What a jaxpr depends on beside the function and its arguments."""
    config: Any = jax.config  # whose flags type checkers do not see
    return (
        config.jax_enable_x64,
        config.jax_threefry_partitionable,
        config.jax_default_matmul_precision,
        config.jax_numpy_dtype_promotion,
        config.jax_numpy_rank_promotion,
        jax.sharding.get_abstract_mesh(),
    )


def _is_plain(array: Any) -> bool:
    """Whether it is an array of JAX, known, no key, and not spread over devices."""
    if not isinstance(array, jax.Array):
        return False
    is_key = jnp.issubdtype(array.dtype, jax.dtypes.prng_key)
    if is_key or isinstance(array, Tracer) or not array.is_fully_addressable:
        return False
    return len(array.sharding.device_set) == 1


def _without_numbers(
    jaxpr: extend.Jaxpr, numbers_of: Container[str]
) -> tuple[extend.Jaxpr, list[np.ndarray]]:
    """The jaxpr with its real numbers, and its constants, as its last inputs."""
    variables: list[extend.Var] = []
    numbers: list[np.ndarray] = []

    def lifted(atom: Any) -> Any:
        kind: Any = atom.aval
        is_number = isinstance(atom, extend.Literal) and not kind.shape
        if not is_number or not jnp.issubdtype(kind.dtype, jnp.floating):
            return atom
        variables.append(extend.Var(kind))
        numbers.append(np.asarray(atom.val, kind.dtype))
        return variables[-1]

    def without(equation: extend.JaxprEqn) -> extend.JaxprEqn:
        if equation.primitive.name not in numbers_of:
            return equation
        return equation.replace(invars=[*map(lifted, equation.invars)])

    equations = [*map(without, jaxpr.eqns)]
    inputs = [*jaxpr.invars, *jaxpr.constvars, *variables]
    unnamed = jaxpr.debug_info._replace(arg_names=None)
    changed = {"eqns": equations, "invars": inputs, "debug_info": unnamed}
    return jaxpr.replace(constvars=[], **changed), numbers


_texts: weakref.WeakKeyDictionary[extend.Jaxpr, Any] = weakref.WeakKeyDictionary()


def text_of(jaxpr: extend.Jaxpr) -> tuple[Any, ...]:
    """All that tells a jaxpr from another, as nested tuples without any function."""
    if jaxpr not in _texts:
        _texts[jaxpr] = _read(jaxpr)
    return _texts[jaxpr]


def _read(jaxpr: extend.Jaxpr) -> tuple[Any, ...]:
    numbers: dict[extend.Var, int] = {}

    def known(atom: Any) -> Any:
        if isinstance(atom, extend.Literal):
            kind: Any = atom.aval
            return kind, _text(np.asarray(atom.val, kind.dtype))
        return numbers[atom]

    def made(variables: Sequence[extend.Var]) -> int:
        numbers.update((each, len(numbers)) for each in variables)
        return len(variables)

    made([*jaxpr.constvars, *jaxpr.invars])
    types = tuple(each.aval for each in [*jaxpr.constvars, *jaxpr.invars])
    rows = tuple(
        (
            equation.primitive,
            equation.ctx,
            *map(known, equation.invars),
            _params(equation),
            made(equation.outvars),
        )
        for equation in jaxpr.eqns
    )
    return types, rows, tuple(map(known, jaxpr.outvars))


def _params(equation: extend.JaxprEqn) -> Any:
    params = equation.params
    if equation.primitive.name in _RULED:
        params = {"call_jaxpr": params["call_jaxpr"], "rule": _source(equation)}
    # A generator is a tuple of functions, and known by its name.
    named = lambda k, v: str(v) if k == "impl" else _text(v)
    return tuple((k, named(k, v)) for k, v in params.items() if k != "name")


def _text(value: Any) -> Any:
    """A parameter of a primitive as a value."""
    if isinstance(value, extend.ClosedJaxpr):
        return text_of(value.jaxpr), *map(_text, value.consts)
    if isinstance(value, extend.Jaxpr):
        return text_of(value)
    if isinstance(value, np.ndarray | np.generic):
        if value.nbytes > _LARGE or value.dtype == object:
            raise NotSharedError
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, jax.Array):
        if not _is_plain(value) or value.nbytes > _LARGE:
            raise NotSharedError
        return _text(jax.device_get(value))
    if isinstance(value, Mapping):
        return tuple((k, _text(v)) for k, v in value.items())
    if isinstance(value, tuple | list):
        return tuple(map(_text, value))
    if callable(value) and not isinstance(value, type | jax.sharding.Mesh):
        raise NotSharedError
    try:
        hash(value)
    except TypeError:
        raise NotSharedError from None
    return type(value), value
