"""Activations, and the names they are known by.

A name means exactly the function of `jax.nn` that bears it. The few that `jax.nn` lacks
are defined here.
"""

import ast
import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from .._core import check, choose, Finite, shown


Function = Callable[[Any], Any]


def _gaussian(x: jax.Array) -> jax.Array:
    return jnp.exp(-jnp.square(x) / 2)


def _squared_relu(x: jax.Array) -> jax.Array:
    return jnp.square(jax.nn.relu(x))


def _tanhshrink(x: jax.Array) -> jax.Array:
    return x - jnp.tanh(x)


_gelu_exact = functools.partial(jax.nn.gelu, approximate=False)

# Where a function has two names, the first is the one that `activation_name` gives.
_FUNCTIONS: dict[str, Function] = {
    "identity": jax.nn.identity,
    "linear": jax.nn.identity,
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "leaky_relu": jax.nn.leaky_relu,
    "squared_relu": _squared_relu,
    "abs": jnp.abs,
    "elu": jax.nn.elu,
    "celu": jax.nn.celu,
    "selu": jax.nn.selu,
    "gelu": jax.nn.gelu,
    "gelu_tanh": jax.nn.gelu,
    "gelu_exact": _gelu_exact,
    "silu": jax.nn.silu,
    "swish": jax.nn.silu,
    "mish": jax.nn.mish,
    "softplus": jax.nn.softplus,
    "squareplus": jax.nn.squareplus,
    "sparse_plus": jax.nn.sparse_plus,
    "log_sigmoid": jax.nn.log_sigmoid,
    "sigmoid": jax.nn.sigmoid,
    "logistic": jax.nn.sigmoid,
    "sparse_sigmoid": jax.nn.sparse_sigmoid,
    "hard_sigmoid": jax.nn.hard_sigmoid,
    "hard_swish": jax.nn.hard_swish,
    "hard_silu": jax.nn.hard_silu,
    "hard_tanh": jax.nn.hard_tanh,
    "tanh": jnp.tanh,
    "tanhshrink": _tanhshrink,
    "softsign": jax.nn.soft_sign,
    "soft_sign": jax.nn.soft_sign,
    "arctan": jnp.arctan,
    "erf": jax.scipy.special.erf,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "gaussian": _gaussian,
}

# A gated pair is h(a, b) = φ(a) b. Shazeer, GLU variants improve transformer, 2020.
# https://arxiv.org/abs/2002.05202
GATES = {"glu": "sigmoid", "reglu": "relu", "geglu": "gelu", "swiglu": "silu"}

# What is no function of one number: see `several`.
SEVERAL = ("maxout", "crelu", "group_sort", "rrelu")

_PARAMETERS = {"leaky_relu": "negative_slope", "elu": "alpha", "celu": "alpha"}


def activation_function(
    name: str,
    param: float | None = None,
    where: str = "jinit.gain",
    what: str = "activation",
) -> Function:
    """The JAX function of one number that bears `name`.

    Args:
        name: One of the known names. `"gelu"` is `jax.nn.gelu`, that is, its tanh
            form; `"gelu_exact"` has the error function.
        param: The negative slope of `"leaky_relu"`, or the `alpha` of `"elu"` and
            `"celu"`. Without it, `jax.nn`'s default.
        where: The public function that was given the name, for messages.
        what: Which of its arguments it is.

    Returns:
        A function that acts on arrays element by element.

    Raises:
        ValueError: When the name is unknown, is that of a gated pair, which takes two
            numbers, or has no parameter.

    Example:
        >>> from jinit._activations.names import activation_function
        >>> float(activation_function("leaky_relu", 0.5)(-4.0))
        -2.0
    """
    choose(where, what, name, (*_FUNCTIONS, *GATES, *SEVERAL))
    if name in SEVERAL:
        raise ValueError(
            f"`{where}` needs an activation of one number here, one output for each. "
            f"Got {name!r}."
        )
    if name in GATES:
        raise ValueError(
            f"`{where}` needs an activation of one number here. Got the gated pair "
            f"{name!r}. Its φ is {GATES[name]!r}."
        )
    if param is None:
        return _FUNCTIONS[name]
    if name not in _PARAMETERS:
        raise _no_parameter(where, param, name)
    value = float(check(where, "param", Finite, param))
    return functools.partial(_FUNCTIONS[name], **{_PARAMETERS[name]: value})


def activation_name(function: Function) -> str | None:
    """The name under which `function` is known, or None.

    Args:
        function: Any callable. A `functools.partial` that only repeats the defaults of
            a known function bears that function's name.

    Returns:
        A name that `activation_function` takes back, `"glu"` for `jax.nn.glu`, or None.

    Example:
        >>> import functools, jax
        >>> from jinit._activations.names import activation_name
        >>> activation_name(jax.nn.relu)
        'relu'
        >>> activation_name(functools.partial(jax.nn.gelu, approximate=False))
        'gelu_exact'
    """
    return _NAMES.get(canonical(function))


def as_function(
    activation: Any,
    param: float | None = None,
    where: str = "jinit.gain",
    what: str = "activation",
) -> Function:
    """`activation`, a name or a function, as a function of one number."""
    if isinstance(activation, str):
        return activation_function(activation, param, where, what)
    if not callable(activation):
        raise TypeError(
            f"`{where}` needs an activation: a name or a JAX function of one number. "
            f"Got {shown(activation)}."
        )
    name = activation_name(activation)
    if name is None and param is not None:
        raise _no_parameter(where, param, activation)
    return activation if name is None else activation_function(name, param, where, what)


def with_parameter(activation: Any, param: Any) -> tuple[Any, Any]:
    """The name and the parameter of a text such as "maxout(3)"; else what was given."""
    form = r"\s*(\w+)\(([\d\s.,eE+-]+)\)\s*"
    read = re.fullmatch(form, activation) if isinstance(activation, str) else None
    if read is None or param is not None:
        return activation, param
    try:
        values = ast.literal_eval(f"({read[2]},)")
    except SyntaxError:
        return activation, param
    return read[1], values[0] if len(values) == 1 else values


def gated_pair(activation: Any) -> str | None:
    """The name of `activation` if it is a gated pair, else None."""
    name = activation_name(activation) if callable(activation) else activation
    return name if isinstance(name, str) and name in GATES else None


def _no_parameter(where: str, param: float, activation: Any) -> ValueError:
    listed = ", ".join(map(repr, _PARAMETERS))
    return ValueError(
        f"`{where}` needs `param` only for {listed}. Got {shown(param)} for "
        f"{activation!r}. Leave it out, or bind it with `functools.partial`."
    )


def canonical(function: Function) -> tuple[Function, frozenset]:
    """`function` and the settings bound to it: hashable, equal when both are equal."""
    bare = function, frozenset()
    try:
        if isinstance(function, functools.partial) and not function.args:
            known = inspect.signature(function.func).parameters
            bound = {
                name: value
                for name, value in function.keywords.items()
                if name not in known or value != known[name].default
            }
            bare = function.func, frozenset(bound.items())
        hash(bare)
    except (TypeError, ValueError):  # what cannot be compared is known by its identity
        return function.__call__, frozenset()
    return bare


_ALIASES: dict[Function, str] = {
    abs: "abs",
    jnp.absolute: "abs",
    jax.lax.erf: "erf",
    jax.lax.logistic: "sigmoid",
    jax.lax.tanh: "tanh",
    jax.nn.glu: "glu",
    jax.scipy.special.expit: "sigmoid",
}

_NAMES = {canonical(function): name for function, name in _ALIASES.items()}
_NAMES |= {canonical(_FUNCTIONS[name]): name for name in reversed(_FUNCTIONS)}
