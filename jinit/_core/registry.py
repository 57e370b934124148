"""Initializers by name: from text, from JSON, from numbers, arrays and functions."""

import ast
import difflib
import math
from collections.abc import Callable, Mapping
from typing import Any, TYPE_CHECKING

import jax
import numpy as np


if TYPE_CHECKING:
    from .initializer import Initializer


_initializers: dict[str, "Initializer"] = {}


def register(name: str, initializer: "Initializer") -> None:
    """Makes the initializer known to `jinit.get`."""
    rival = _initializers.get(name)
    if rival is not None and rival.__module__ != initializer.__module__:
        raise ValueError(
            f"`jinit.law` needs a name that is not taken. Got {name!r}, which "
            f"`{rival.__module__}` has registered."
        )
    _initializers[name] = initializer


def names() -> tuple[str, ...]:
    """The registered names, sorted; an alias is found under its law's own name."""
    return tuple(sorted(_initializers))


def lookup(name: str) -> "Initializer":
    """The registered initializer of that name; an unknown one lists the nearest."""
    name = _ALIASES.get(name, name)
    if name not in _initializers:
        near = difflib.get_close_matches(name, [*_initializers, *_ALIASES], n=3)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ValueError(
            f"`jinit.get` needs the name of an initializer. Got {name!r}.{hint}"
        )
    return _initializers[name]


_ALIASES: dict[str, str] = {}


def alias(name: str, initializer: "Initializer") -> "Initializer":
    """A second name for the same initializer."""
    _ALIASES[name] = initializer.law.name
    return initializer


def get(spec: Any) -> "Initializer":
    """The initializer that `spec` names.

    Args:
        spec: A name (`"he_normal"`), a call as text (`"he_normal(mode='fan_out')"`,
            parsed and never evaluated), a mapping from `to_config()`, a number
            (`jinit.constant`), an array (`jinit.from_array`), a function
            `(key, shape, dtype)`, or an initializer.

    Returns:
        An `Initializer`.

    Raises:
        ValueError: For an unknown name or a text that is no call.
        TypeError: For anything else.

    Example:
        >>> import jinit
        >>> jinit.get("normal(0.02)") == jinit.normal(stddev=0.02)
        True
        >>> jinit.get(0.5)
        constant(value=0.5)
    """
    from .initializer import Initializer

    if isinstance(spec, Initializer):
        return spec
    if isinstance(spec, str):
        return _parse(spec)
    if isinstance(spec, Mapping):
        return from_config(spec)
    if isinstance(spec, np.ndarray | jax.Array | np.generic) and np.ndim(spec):
        return lookup("from_array")(spec)
    if isinstance(spec, Callable):
        return lookup("from_callable")(spec)
    if isinstance(spec, bool) or not np.isscalar(spec):
        raise TypeError(
            "`jinit.get` needs a name, a number, an array or a function "
            f"`(key, shape, dtype)`. Got {spec!r}."
        )
    return lookup("constant")(spec)


def from_config(config: Mapping[str, Any]) -> "Initializer":
    """The initializer whose `to_config()` is `config`.

    Args:
        config: `{"name": ..., "settings": {...}}`, plain JSON values.

    Returns:
        An `Initializer`.

    Raises:
        ValueError: If the mapping has another form or the name is unknown.

    Example:
        >>> import jinit
        >>> jinit.normal(0.02).to_config()
        {'name': 'normal', 'settings': {'stddev': 0.02}}
        >>> jinit.from_config({"name": "normal", "settings": {"stddev": 0.02}})
        normal(stddev=0.02)
    """
    if not isinstance(config, Mapping) or not set(config) <= {"name", "settings"}:
        raise ValueError(
            "`jinit.from_config` needs a mapping of `name` and `settings`. "
            f"Got {config!r}."
        )
    found = lookup(config.get("name", ""))
    settings = {
        name: from_config(value) if isinstance(value, Mapping) else value
        for name, value in config.get("settings", {}).items()
    }
    return found.configure(**settings) if settings else found


def _parse(text: str) -> "Initializer":
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        tree = None
    return _read(tree, text)


def _read(tree: ast.expr | None, text: str) -> "Initializer":
    """The initializer of a parsed `name` or `name(settings)`."""
    match tree:
        case ast.Name(name) | ast.Attribute(ast.Name("jinit"), name):
            return lookup(name)
        case ast.Call(function, args, keywords) if all(k.arg for k in keywords):
            settings = {str(k.arg): _literal(k.value, text) for k in keywords}
            values = [_literal(value, text) for value in args]
            return _read(function, text).configure(*values, **settings)
    raise ValueError(
        "`jinit.get` needs a name or a call such as \"he_normal(mode='fan_out')\". "
        f"Got {text!r}."
    )


def _literal(tree: ast.expr, text: str) -> Any:
    if isinstance(tree, ast.Call):
        return _read(tree, text)
    try:
        return ast.literal_eval(_Infinity().visit(tree))
    except ValueError:
        raise ValueError(
            "`jinit.get` needs settings that are numbers, strings or tuples. "
            f"Got {ast.unparse(tree)!r} in {text!r}."
        ) from None


class _Infinity(ast.NodeTransformer):
    """`inf`, which is how Python writes an infinite number, read back as one."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(math.inf) if node.id == "inf" else node
