"""Functions of single entries in NumPy: one for each primitive that is such a one."""

import functools
import math
import statistics
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np


Function = Callable[..., np.ndarray]
_GRID = np.linspace(-6.0, 6.0, 4801)  # where erf is tabulated: to 1e-7


@functools.cache
def _erf_table() -> np.ndarray:
    return np.array([math.erf(x) for x in _GRID])


def _erf(x: np.ndarray) -> np.ndarray:
    return np.interp(x, _GRID, _erf_table())


def _erf_inv(x: np.ndarray) -> np.ndarray:
    quantile = np.frompyfunc(statistics.NormalDist().inv_cdf, 1, 1)
    places = np.clip((x + 1) / 2, 1e-12, 1 - 1e-12)
    return np.asarray(quantile(places), float) / 2**0.5


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _lgamma(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.frompyfunc(math.lgamma, 1, 1)(np.abs(x) + 1e-300), float)


def _digamma(x: np.ndarray) -> np.ndarray:
    h = 1e-4 * np.maximum(np.abs(x), 1.0)
    return (_lgamma(x + h) - _lgamma(x - h)) / (2 * h)


def _divide(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """0 / 0 is 0: a sum of samples may be 0 where no sum of a model is."""
    if x.dtype.kind in "iu":
        return x // y
    return np.where((x == 0) & (y == 0), 0.0, x / y)


def _select(which: np.ndarray, *cases: np.ndarray) -> np.ndarray:
    result = cases[0]
    for i, case in enumerate(cases[1:], 1):
        result = np.where(which == i, case, result)
    return result


def converted(x: np.ndarray, dtype: Any) -> np.ndarray:
    """The numbers in a dtype; all that are not exact are computed in 64 bits."""
    if jnp.issubdtype(dtype, jnp.complexfloating):
        return x.astype(complex)
    if jnp.issubdtype(dtype, jnp.inexact):
        return np.real(x).astype(float)
    if jnp.issubdtype(dtype, jnp.integer) or dtype == np.bool_:
        return np.real(x).astype(np.dtype(dtype))
    return x


# By primitive: the function of its operands; some need its parameters.
FUNCTIONS: dict[str, Function] = {
    "abs": np.abs, "acos": np.arccos, "acosh": np.arccosh, "add": np.add,
    "add_any": np.add, "and": np.bitwise_and, "asin": np.arcsin,
    "asinh": np.arcsinh, "atan": np.arctan, "atan2": np.arctan2,
    "atanh": np.arctanh, "cbrt": np.cbrt, "ceil": np.ceil,
    "clamp": lambda low, x, high: np.clip(x, low, high),
    "complex": lambda x, y: x + 1j * y, "conj": np.conj, "cos": np.cos,
    "cosh": np.cosh, "digamma": _digamma, "div": _divide, "eq": np.equal,
    "erf": _erf, "erf_inv": _erf_inv,
    "erfc": lambda x: 1 - _erf(x), "exp": np.exp, "exp2": np.exp2,
    "expm1": np.expm1, "floor": np.floor, "ge": np.greater_equal,
    "gt": np.greater, "imag": np.imag, "is_finite": np.isfinite,
    "le": np.less_equal, "lgamma": _lgamma, "log": np.log, "log1p": np.log1p,
    "logistic": _logistic, "lt": np.less, "max": np.maximum, "min": np.minimum,
    "mul": np.multiply, "ne": np.not_equal, "neg": np.negative,
    "nextafter": lambda x, y: x, "not": np.invert, "or": np.bitwise_or,
    "pow": np.power, "real": np.real, "rem": np.fmod, "round": np.round,
    "rsqrt": lambda x: 1 / np.sqrt(x), "select_n": _select,
    "shift_left": np.left_shift, "shift_right_arithmetic": np.right_shift,
    "shift_right_logical": np.right_shift, "sign": np.sign, "sin": np.sin,
    "sinh": np.sinh, "sqrt": np.sqrt, "square": np.square, "sub": np.subtract,
    "tan": np.tan, "tanh": np.tanh, "xor": np.bitwise_xor,
}  # fmt: skip
_WITH_PARAMS: dict[str, Callable[..., Function]] = {
    "convert_element_type": lambda p: lambda x: converted(x, p["new_dtype"]),
    "integer_pow": lambda p: (
        lambda x: (
            np.power(x.astype(float), p["y"])
            if x.dtype.kind in "biu"
            else np.power(x, p["y"])
        )
    ),
    "bitcast_convert_type": lambda p: functools.partial(_bits_as, dtype=p["new_dtype"]),
}
_SAME = frozenset({
    "copy", "device_put", "name", "optimization_barrier", "pbroadcast",
    "psum_invariant", "pvary", "reduce_precision", "reshard", "sharding_constraint",
    "stop_gradient",
})  # fmt: skip


def is_known(name: str) -> bool:
    """Whether a primitive is a function of its entries that is known here."""
    return name in FUNCTIONS or name in _WITH_PARAMS or name in _SAME


def function_of(name: str, params: Any) -> Function | None:
    """The function of one primitive, or None where it is none of its entries."""
    if name in _SAME:
        return lambda x: x
    if name in _WITH_PARAMS:
        return _WITH_PARAMS[name](params)
    return FUNCTIONS.get(name)


def _bits_as(x: np.ndarray, dtype: Any) -> np.ndarray:
    dtype = np.dtype(dtype)
    if x.dtype.kind == "f":  # computed in 64 bits: of 32, as most are
        x = x.astype(np.float32)
    if x.dtype.itemsize != dtype.itemsize:
        return converted(x, dtype)
    return converted(np.ascontiguousarray(x).view(dtype), dtype)
