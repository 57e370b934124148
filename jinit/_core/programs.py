"""Computations as values: equal ones share a compiled program, whoever wrote them.

What is compiled is kept by what it computes, its jaxpr, and not by the function it came
from: so a new standard deviation compiles nothing, an equal function that is another
object neither, and nothing is kept that a user's function closes over. As many as
`KEPT` programs are, in JAX's own caches: `jax.clear_caches` frees them.
"""

import dataclasses
import functools
import os
import weakref
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.extend.core import (
    ClosedJaxpr,
    Jaxpr,
    jaxpr_as_fun,
    JaxprEqn,
    jaxprs_in_params,
    Literal,
    Var,
)


KEPT = 256

# Numbers that a program may be given when it runs, with the same bits as if they were
# written into it: the operands of these, in the outermost operations.
_NUMBERS_OF = {
    "add", "broadcast_in_dim", "clamp", "div", "jit", "max", "min", "mul", "nextafter",
    "pjit", "sub",
}  # fmt: skip

# Of a function with a derivative rule of its own, what a program runs.
_RULED = {"custom_jvp_call", "custom_vjp_call"}

_JAX = os.path.dirname(jax.__file__) + os.sep

_LARGE = 2**20  # bytes of constants that are compared, and not known by their place


class NotSharedError(Exception):
    """A computation that has no equal but itself, such as one that calls Python."""


@dataclasses.dataclass(frozen=True)
class Computation:
    """A jaxpr without its numbers, equal to every other that computes the same.

    Attributes:
        text: What it is compared by.
        jaxpr: One that computes it.
    """

    text: Any
    jaxpr: ClosedJaxpr = dataclasses.field(compare=False, repr=False)

    @functools.cached_property
    def _hash(self) -> int:
        return hash(self.text)

    def __hash__(self) -> int:
        """That of the text, which is long."""
        return self._hash


def split(
    function: Callable[..., Any], *arguments: Any
) -> tuple[Callable[..., Any], list[Any]]:
    """A compiled program and its last arguments, which together are `function`.

    The program takes the leaves of the arguments and returns those of the result.
    """
    computation, numbers = read(function, *arguments)
    return compiled(computation), numbers


def read(
    function: Callable[..., Any], *arguments: Any
) -> tuple[Computation, list[Any]]:
    """What a function computes, and the numbers that are the last arguments of it.

    Beside numbers these are the arrays that the function closes over.
    """
    return _computation(jax.make_jaxpr(function)(*arguments), _NUMBERS_OF)


def _computation(
    closed: ClosedJaxpr, numbers_of: Container[str]
) -> tuple[Computation, list[Any]]:
    jaxpr, numbers = _without_numbers(closed.jaxpr, numbers_of)
    try:
        text = text_of(jaxpr), context()
    except NotSharedError:
        text = object()
    values = [*map(_on_host, closed.consts), *numbers]
    return Computation(text, ClosedJaxpr(jaxpr, [])), values


def shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """`jax.jit` of a function; all that compute the same share a program."""
    known: dict[Any, Any] = {}

    def read_once(*arguments: Any) -> tuple[Any, list[Any], Any]:
        closed, like = jax.make_jaxpr(function, return_shape=True)(*arguments)
        computation, numbers = _computation(closed, ())
        return compiled(computation), numbers, jax.tree.structure(like)

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


def own(closed: ClosedJaxpr) -> tuple[ClosedJaxpr, Any]:
    """The same with copies of its constants, and what tells it and its derivatives.

    Raises:
        NotSharedError: Where it holds functions or large arrays.
    """
    text = _text(closed), context()
    _require_known_rules(closed.jaxpr)
    return ClosedJaxpr(closed.jaxpr, [np.array(each) for each in closed.consts]), text


def _require_known_rules(jaxpr: Jaxpr) -> None:
    """Refuses derivatives of a user's own, which are functions."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in _RULED:
            inner = equation.params["call_jaxpr"].jaxpr
            written = str(inner.debug_info.func_src_info)
            if f" at {_JAX}" not in written:
                raise NotSharedError
        for each in jaxprs_in_params(equation.params):
            _require_known_rules(each)


@functools.lru_cache(maxsize=KEPT)
def compiled(computation: Computation) -> Callable[..., Any]:
    """The program of a computation."""
    run = jaxpr_as_fun(computation.jaxpr)

    def program(*arguments: Any) -> list[Any]:
        return run(*arguments)

    return jax.jit(program)


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


def _on_host(constant: Any) -> Any:
    # A NumPy array goes wherever the program runs; a key or an array that is spread
    # over devices is where it is.
    if isinstance(constant, Tracer):
        return constant
    is_key = jnp.issubdtype(constant.dtype, jax.dtypes.prng_key)
    whole = isinstance(constant, jax.Array) and constant.is_fully_addressable
    single = whole and len(constant.sharding.device_set) == 1
    return np.asarray(constant) if single and not is_key else constant


def _without_numbers(
    jaxpr: Jaxpr, numbers_of: Container[str]
) -> tuple[Jaxpr, list[np.ndarray]]:
    """The jaxpr with its real numbers, and its constants, as its last inputs."""
    variables: list[Var] = []
    numbers: list[np.ndarray] = []

    def lifted(atom: Any) -> Any:
        kind: Any = atom.aval
        is_number = isinstance(atom, Literal) and not kind.shape
        if not is_number or not jnp.issubdtype(kind.dtype, jnp.floating):
            return atom
        variables.append(Var(kind))
        numbers.append(np.asarray(atom.val, kind.dtype))
        return variables[-1]

    def without(equation: JaxprEqn) -> JaxprEqn:
        if equation.primitive.name not in numbers_of:
            return equation
        return equation.replace(invars=[*map(lifted, equation.invars)])

    equations = [*map(without, jaxpr.eqns)]
    inputs = [*jaxpr.invars, *jaxpr.constvars, *variables]
    unnamed = jaxpr.debug_info._replace(arg_names=None)
    changed = {"eqns": equations, "invars": inputs, "debug_info": unnamed}
    return jaxpr.replace(constvars=[], **changed), numbers


_texts: weakref.WeakKeyDictionary[Jaxpr, Any] = weakref.WeakKeyDictionary()


def text_of(jaxpr: Jaxpr) -> tuple[Any, ...]:
    """All that tells a jaxpr from another, as nested tuples without any function."""
    if jaxpr not in _texts:
        _texts[jaxpr] = _read(jaxpr)
    return _texts[jaxpr]


def _read(jaxpr: Jaxpr) -> tuple[Any, ...]:
    numbers: dict[Var, int] = {}

    def known(atom: Any) -> Any:
        if isinstance(atom, Literal):
            kind: Any = atom.aval
            return _text(np.asarray(atom.val, kind.dtype))
        return numbers[atom]

    def made(variables: Sequence[Var]) -> int:
        numbers.update((each, len(numbers)) for each in variables)
        return len(variables)

    made([*jaxpr.constvars, *jaxpr.invars])
    types = tuple(each.aval for each in [*jaxpr.constvars, *jaxpr.invars])
    rows = tuple(
        (
            equation.primitive.name,
            *map(known, equation.invars),
            _params(equation),
            made(equation.outvars),
        )
        for equation in jaxpr.eqns
    )
    return types, rows, tuple(map(known, jaxpr.outvars))


def _params(equation: JaxprEqn) -> Any:
    params = equation.params
    if equation.primitive.name in _RULED:
        params = {"call_jaxpr": params["call_jaxpr"]}
    # A generator is a tuple of functions, and known by its name.
    named = lambda k, v: str(v) if k == "impl" else _text(v)
    return tuple((k, named(k, v)) for k, v in params.items() if k != "name")


def _text(value: Any) -> Any:
    """A parameter of a primitive as a value."""
    if isinstance(value, ClosedJaxpr):
        return text_of(value.jaxpr), *map(_text, value.consts)
    if isinstance(value, Jaxpr):
        return text_of(value)
    if isinstance(value, np.ndarray | np.generic):
        if value.nbytes > _LARGE or value.dtype == object:
            raise NotSharedError
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, jax.Array):
        if jnp.issubdtype(value.dtype, jax.dtypes.prng_key) or value.nbytes > _LARGE:
            raise NotSharedError
        return _text(np.asarray(value))
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
