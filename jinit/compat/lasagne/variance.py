"""Glorot's and He's laws as Lasagne has them, for any law that takes a `std`."""

import math
from collections.abc import Callable
from typing import Annotated, Any

import jax

from ..._core import Fans, Initializer, law, shown
from ...settings import Flag, Floating, requirement
from .plain import Gain, gain_of, Normal, Uniform


@requirement("a law of Lasagne with a `std`")
def _by_std(where: str, what: str, value: Any) -> Initializer:
    if isinstance(value, Initializer) and "std" in value.law.parameters:
        return value
    raise TypeError(
        f"`{where}` needs `{what}` to be a law with a `std`: `lasagne.Normal` or "
        f"`lasagne.Uniform`. Got {shown(value)}."
    )


_Law = Annotated[Initializer, _by_std]


def _fans(where: str, shape: tuple[int, ...], c01b: bool) -> Fans:
    """The sizes of the two axes that Lasagne takes, times the receptive field."""
    if c01b and len(shape) != 4:
        raise ValueError(
            f"`{where}` needs a shape of four axes, `(in, height, width, out)`, where "
            f"`c01b` is set. Got {shape}."
        )
    if len(shape) < 2:
        raise ValueError(
            f"`{where}` needs a shape of two or more axes, `(in, out)` or "
            f"`(out, in, *spatial)`. Got {shape}."
        )
    if c01b:
        n_in, *spatial, n_out = shape
    elif len(shape) == 2:
        (n_in, n_out), spatial = shape, []
    else:
        n_out, n_in, *spatial = shape
    field = math.prod(spatial)
    return Fans(n_in * field, n_out * field)


def _glorot(where: str, shape, initializer, gain, c01b) -> Initializer:
    """σ = gain √(2 / (fan_in + fan_out))."""
    total = sum(_fans(where, shape, c01b)) or math.inf
    return initializer(std=gain_of(gain) * math.sqrt(2 / total))


def _he(where: str, shape, initializer, gain, c01b) -> Initializer:
    """σ = gain / √fan_in."""
    fan_in, _ = _fans(where, shape, c01b)
    return initializer(std=gain_of(gain) * math.sqrt(1 / (fan_in or math.inf)))


def _stated(rule: Callable[..., Initializer], where: str, **made_of: Any) -> Any:
    """What a law states whose weights are those that a rule returns a law of."""
    return {
        "marginal": lambda shape, **settings: rule(
            where, shape, **made_of, **settings
        ).marginal(shape),
        "fans": lambda shape, c01b, **_: _fans(where, shape, c01b),
    }


@law(**_stated(_glorot, "jinit.compat.lasagne.Glorot"))
def Glorot(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    initializer: _Law,
    gain: Gain = 1.0,
    c01b: Flag = False,
    dtype: Floating = None,
) -> jax.Array:
    """Lasagne's form of Glorot's law: any law, with the spread that the fans ask for.

        σ = gain √(2 / (fan_in + fan_out))

    Args:
        initializer: The law: `lasagne.Normal`, `lasagne.Uniform`, or another with a
            setting `std`.
        gain: The gain, a number or "relu" for √2.
        c01b: Whether the kernel is one of cuda-convnet, `(in, height, width, out)`.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(in, out)`, `(out, in, *spatial)` or, with `c01b`,
        `(in, height, width, out)`.

    Raises:
        ValueError: For a shape that has none of these forms.

    Example:
        >>> from jinit.compat import lasagne
        >>> lasagne.Glorot(lasagne.Uniform, gain="relu").std((150, 250))
        0.1

    References:
        lasagne.init.Glorot. https://lasagne.readthedocs.io/en/latest/modules/init.html
    """
    init = _glorot("jinit.compat.lasagne.Glorot", shape, initializer, gain, c01b)
    return init(key, shape, dtype)


@law(**_stated(_glorot, "jinit.compat.lasagne.GlorotNormal", initializer=Normal))
def GlorotNormal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    gain: Gain = 1.0,
    c01b: Flag = False,
    dtype: Floating = None,
) -> jax.Array:
    """Lasagne's Glorot law with normal weights.

        σ = gain √(2 / (fan_in + fan_out))

    Args:
        gain: The gain, a number or "relu" for √2.
        c01b: Whether the kernel is one of cuda-convnet, `(in, height, width, out)`.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(in, out)`, `(out, in, *spatial)` or, with `c01b`,
        `(in, height, width, out)`.

    Raises:
        ValueError: For a shape that has none of these forms.

    Example:
        >>> from jinit.compat import lasagne
        >>> lasagne.GlorotNormal().std((2, 6, 5, 5))
        0.1

    References:
        lasagne.init.GlorotNormal. https://lasagne.readthedocs.io/en/latest/modules/init.html
    """
    init = _glorot("jinit.compat.lasagne.GlorotNormal", shape, Normal, gain, c01b)
    return init(key, shape, dtype)


@law(**_stated(_glorot, "jinit.compat.lasagne.GlorotUniform", initializer=Uniform))
def GlorotUniform(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    gain: Gain = 1.0,
    c01b: Flag = False,
    dtype: Floating = None,
) -> jax.Array:
    """Lasagne's Glorot law with uniform weights, the default of its layers.

        σ = gain √(2 / (fan_in + fan_out))

    Args:
        gain: The gain, a number or "relu" for √2.
        c01b: Whether the kernel is one of cuda-convnet, `(in, height, width, out)`.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(in, out)`, `(out, in, *spatial)` or, with `c01b`,
        `(in, height, width, out)`.

    Raises:
        ValueError: For a shape that has none of these forms.

    Example:
        >>> from jinit.compat import lasagne
        >>> lasagne.GlorotUniform().support((250, 350))
        (-0.1, 0.1)

    References:
        lasagne.init.GlorotUniform. https://lasagne.readthedocs.io/en/latest/modules/init.html
    """
    init = _glorot("jinit.compat.lasagne.GlorotUniform", shape, Uniform, gain, c01b)
    return init(key, shape, dtype)


@law(**_stated(_he, "jinit.compat.lasagne.He"))
def He(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    initializer: _Law,
    gain: Gain = 1.0,
    c01b: Flag = False,
    dtype: Floating = None,
) -> jax.Array:
    """Lasagne's form of He's law: any law, with the spread that the inputs ask for.

        σ = gain / √fan_in

    A ReLU wants `gain="relu"`; with the default of 1 this is LeCun's law.

    Args:
        initializer: The law: `lasagne.Normal`, `lasagne.Uniform`, or another with a
            setting `std`.
        gain: The gain, a number or "relu" for √2.
        c01b: Whether the kernel is one of cuda-convnet, `(in, height, width, out)`.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(in, out)`, `(out, in, *spatial)` or, with `c01b`,
        `(in, height, width, out)`.

    Raises:
        ValueError: For a shape that has none of these forms.

    Example:
        >>> from jinit.compat import lasagne
        >>> lasagne.He(lasagne.Normal, gain="relu").std((200, 10))
        0.1

    References:
        lasagne.init.He. https://lasagne.readthedocs.io/en/latest/modules/init.html
    """
    init = _he("jinit.compat.lasagne.He", shape, initializer, gain, c01b)
    return init(key, shape, dtype)


@law(**_stated(_he, "jinit.compat.lasagne.HeNormal", initializer=Normal))
def HeNormal(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    gain: Gain = 1.0,
    c01b: Flag = False,
    dtype: Floating = None,
) -> jax.Array:
    """Lasagne's He law with normal weights, by default with a gain of 1.

        σ = gain / √fan_in

    A ReLU wants `gain="relu"`; with the default of 1 this is LeCun's law.

    Args:
        gain: The gain, a number or "relu" for √2.
        c01b: Whether the kernel is one of cuda-convnet, `(in, height, width, out)`.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(in, out)`, `(out, in, *spatial)` or, with `c01b`,
        `(in, height, width, out)`.

    Raises:
        ValueError: For a shape that has none of these forms.

    Example:
        >>> from jinit.compat import lasagne
        >>> lasagne.HeNormal("relu").std((200, 10))
        0.1

    References:
        lasagne.init.HeNormal. https://lasagne.readthedocs.io/en/latest/modules/init.html
    """
    init = _he("jinit.compat.lasagne.HeNormal", shape, Normal, gain, c01b)
    return init(key, shape, dtype)


@law(**_stated(_he, "jinit.compat.lasagne.HeUniform", initializer=Uniform))
def HeUniform(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    gain: Gain = 1.0,
    c01b: Flag = False,
    dtype: Floating = None,
) -> jax.Array:
    """Lasagne's He law with uniform weights, by default with a gain of 1.

        σ = gain / √fan_in

    A ReLU wants `gain="relu"`; with the default of 1 this is LeCun's law.

    Args:
        gain: The gain, a number or "relu" for √2.
        c01b: Whether the kernel is one of cuda-convnet, `(in, height, width, out)`.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(in, out)`, `(out, in, *spatial)` or, with `c01b`,
        `(in, height, width, out)`.

    Raises:
        ValueError: For a shape that has none of these forms.

    Example:
        >>> from jinit.compat import lasagne
        >>> lasagne.HeUniform().std((10, 4, 5, 5))
        0.1

    References:
        lasagne.init.HeUniform. https://lasagne.readthedocs.io/en/latest/modules/init.html
    """
    init = _he("jinit.compat.lasagne.HeUniform", shape, Uniform, gain, c01b)
    return init(key, shape, dtype)
