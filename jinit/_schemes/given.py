"""Weights given rather than drawn: constants, arrays, other libraries' draws."""

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import marginal
from .._core import alias, law, reason, shown
from ..settings import AnyDType, Values


@law(marginal=lambda shape: marginal.values(0.0))
def zeros(_: Any, shape: tuple[int, ...], /, *, dtype: AnyDType = None) -> jax.Array:
    """All weights 0.

    The choice for biases, and for the last layer of a residual branch. As the kernel
    of every layer it leaves the units of a layer identical for ever.

    Args:
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Example:
        >>> import jinit
        >>> float(jinit.zeros(None, (2, 3)).sum())
        0.0
    """
    return jnp.zeros(shape, dtype)


@law(marginal=lambda shape: marginal.values(1.0))
def ones(_: Any, shape: tuple[int, ...], /, *, dtype: AnyDType = None) -> jax.Array:
    """All weights 1: the scale of a normalization layer.

    Args:
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape.

    Example:
        >>> import jinit
        >>> float(jinit.ones(None, (2, 3)).sum())
        6.0
    """
    return jnp.ones(shape, dtype)


zeros_init = alias("zeros_init", zeros)
ones_init = alias("ones_init", ones)


def _values(shape: tuple[int, ...], value: Any) -> marginal.Marginal:
    return marginal.values(np.real(np.asarray(value)))


@law(marginal=_values)
def constant(
    _: Any, shape: tuple[int, ...], /, value: Values, dtype: AnyDType = None
) -> jax.Array:
    """All weights equal to `value`, which broadcasts against the shape.

    Args:
        value: A number, a list or an array.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape that `value` broadcasts to.

    Raises:
        ValueError: If `value` does not broadcast to the shape.

    Example:
        >>> import jinit
        >>> jinit.constant([1, 2, 3])(None, (2, 3)).tolist()
        [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]
    """
    value = _of_dtype("jinit.constant", value, dtype)
    if value.ndim > len(shape) or any(
        given not in (1, wanted)
        for given, wanted in zip(value.shape[::-1], shape[::-1], strict=False)
    ):
        raise ValueError(
            "`jinit.constant` needs a `value` that broadcasts to the shape. "
            f"Got a value of shape {value.shape} for {shape}."
        )
    return jnp.broadcast_to(value, shape)


@law(marginal=_values)
def from_array(
    _: Any, shape: tuple[int, ...], /, value: Values, dtype: AnyDType = None
) -> jax.Array:
    """The given array itself; unlike `jinit.constant`, it must have the exact shape.

    Args:
        value: The weights.
        dtype: The dtype to draw when a call names none.

    Returns:
        The weights, for their own shape only.

    Raises:
        ValueError: For any other shape.

    Example:
        >>> import jinit
        >>> jinit.from_array([[1, 2], [3, 4]])(None, (2, 2)).tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """
    if np.shape(value) != shape:
        raise ValueError(
            "`jinit.from_array` needs the shape of its array. "
            f"Got {shape} for an array of {np.shape(value)}. To repeat a value, use "
            "`jinit.constant`."
        )
    return _of_dtype("jinit.from_array", value, dtype)


def _of_dtype(where: str, value: Any, dtype: Any) -> jax.Array:
    wanted = jnp.result_type(float if dtype is None else dtype)
    if jnp.iscomplexobj(value) and not jnp.issubdtype(wanted, jnp.complexfloating):
        raise TypeError(
            f"`{where}` needs a real `value` for {wanted}. Got {shown(value)}. Ask for "
            "a complex dtype, or give `value.real`."
        )
    return jnp.asarray(value, dtype)


def _takes_a_key(where: str, function: Callable[..., Any]) -> None:
    if not callable(function):
        raise TypeError(
            f"`{where}` needs a function `(key, shape, dtype)`. Got {shown(function)}."
        )
    try:
        signature = inspect.signature(function)
    except ValueError:
        return
    first = next(iter(signature.parameters.values()), None)
    if first is None or first.default is not first.empty:
        raise TypeError(
            f"`{where}` needs a function `(key, shape, dtype)`. Got {shown(function)}, "
            "which makes one: call it first."
        )
    try:
        signature.bind(None, None, None)
    except TypeError as error:
        raise TypeError(
            f"`{where}` needs a function `(key, shape, dtype)`. Got {shown(function)}: "
            f"{reason(error)}."
        ) from None


@law(check=_takes_a_key)
def from_callable(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    function: Callable[..., jax.Array],
    dtype: AnyDType = None,
) -> jax.Array:
    """What another initializer draws: any function `(key, shape, dtype)`.

    Args:
        function: The function, such as `jax.nn.initializers.he_normal()`.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of any shape that the function takes.

    Raises:
        TypeError: If the function makes initializers instead of weights.

    Example:
        >>> import jax, jinit
        >>> init = jinit.from_callable(jax.nn.initializers.he_normal())
        >>> init(jax.random.key(0), (3, 4)).shape
        (3, 4)
    """
    return function(key, shape, dtype)
