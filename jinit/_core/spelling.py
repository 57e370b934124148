"""Initializers as text and as JSON, and whatever else stands for one."""

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import jax
import numpy as np

from .arguments import public
from .foreign import entries, from_keras
from .initializer import Initializer, laws
from .settings import check, Finite, is_number, requirement
from .text import shown


@public()
def get(spec: Any) -> Initializer:
    """The initializer that `spec` names.

    Args:
        spec: A name (`"he_normal"`), a call as text (`"he_normal(mode='fan_out')"`,
            parsed and never evaluated), a mapping as `from_config` takes, a number
            (`jinit.constant`), an array (`jinit.from_array`), a function
            `(key, shape, dtype)`, or an initializer. A name that you have given to a
            law of your own means yours, and `"jinit.he_normal"` always ours.

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
    return as_initializer("jinit.get", spec)


@public()
def from_config(config: Mapping[str, Any]) -> Initializer:
    """The initializer whose `to_config()` is `config`, or which Keras writes so.

    Args:
        config: `{"name": ..., "settings": {...}}`, plain JSON values; or, as Keras has
            it, `{"class_name": ..., "config": {...}}` with Keras's names and defaults.
            Seeds are left out: a key is given when weights are drawn.

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
        >>> jinit.from_config({"class_name": "RandomNormal", "config": {"seed": 1}})
        normal(stddev=0.05)
    """
    return _from_config("jinit.from_config", config)


def as_initializer(where: str, spec: Any) -> Initializer:
    """`get` for the public function `where`, which its refusals name."""
    if isinstance(spec, Initializer):
        return spec
    if isinstance(spec, str):
        return _Text(where, spec).read()
    if entries(spec) is not None:
        return _from_config(where, spec)
    if isinstance(spec, np.ndarray | jax.Array | np.generic) and np.ndim(spec):
        return laws.lookup("jinit.from_array")(spec)
    if isinstance(spec, Callable):
        return laws.lookup("jinit.from_callable")(spec)
    if isinstance(spec, bool) or not is_number(spec):
        raise TypeError(
            f"`{where}` needs a name, a number, an array or a function "
            f"`(key, shape, dtype)`. Got {shown(spec)}."
        )
    if isinstance(spec, int) and abs(spec) >= 2**63:
        spec = check(where, "a number", Finite, spec)
    return laws.lookup("jinit.constant")(spec)


@requirement("an initializer")
def _base(where: str, what: str, value: Any) -> Initializer:
    try:
        found = as_initializer(where, value)
    except TypeError:
        raise TypeError(
            f"`{where}` needs `{what}` to be an initializer, or what `jinit.get` takes "
            f"for one. Got {shown(value)}."
        ) from None
    return found.configure()  # refuses one that lacks a setting


Base = Annotated[Initializer, _base]  # a setting that is an initializer itself


def _from_config(where: str, spec: Any) -> Initializer:
    config = entries(spec) or {}
    if "class_name" in config:
        config = entries(from_keras(where, config)) or {}
    name, given = config.get("name"), entries(config.get("settings", {}))
    odd = {*config} - {"name", "settings"}
    if not isinstance(name, str) or given is None or odd:
        raise ValueError(
            f"`{where}` needs a mapping of `name` and `settings`. Got {shown(spec)}."
        )
    settings = {key: _setting(where, value) for key, value in given.items()}
    found = laws.lookup(name, where)
    return found.configure(**settings) if settings else found


def _setting(where: str, value: Any) -> Any:
    """A setting of a config: the initializers in it are configs themselves."""
    if entries(value) is not None:
        return _from_config(where, value)
    several = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    if several and any(entries(each) is not None for each in value):
        return tuple(_setting(where, each) for each in value)
    return value


class _Text:
    """The text of an initializer, and the public function that was given it."""

    def __init__(self, where: str, text: str):
        self.where, self.text = where, text

    def read(self) -> Initializer:
        try:
            tree = ast.parse(self.text.strip(), mode="eval").body
            return self._initializer(tree)
        except (SyntaxError, RecursionError, MemoryError, UnicodeError):
            return self._initializer(None)  # no text of ours is as deep, or as odd

    def _initializer(self, tree: ast.expr | None) -> Initializer:
        """Of a parsed `name` or `name(settings)`."""
        match tree:
            case ast.Name() | ast.Attribute() if name := _dotted(tree):
                return laws.lookup(name, self.where)
            case ast.Call(function, args, keywords) if all(k.arg for k in keywords):
                settings = self._settings(keywords)
                values = [self._literal(value) for value in args]
                return self._initializer(function).configure(*values, **settings)
        raise ValueError(
            f"`{self.where}` needs a name or a call such as "
            f"\"he_normal(mode='fan_out')\". Got {shown(self.text)}."
        )

    def _settings(self, keywords: Sequence[ast.keyword]) -> dict[str, Any]:
        names = [str(keyword.arg) for keyword in keywords]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(
                f"`{self.where}` needs each setting once. Got {min(twice)!r} again in "
                f"{self.text!r}."
            )
        return {str(each.arg): self._literal(each.value) for each in keywords}

    def _literal(self, tree: ast.expr) -> Any:
        if isinstance(tree, ast.Call):
            return self._initializer(tree)
        several = isinstance(tree, ast.Tuple | ast.List)
        if several and any(isinstance(each, ast.Call) for each in tree.elts):
            return tuple(map(self._literal, tree.elts))
        try:
            return ast.literal_eval(_Infinity().visit(tree))
        except ValueError:
            raise ValueError(
                f"`{self.where}` needs settings that are numbers, strings or tuples. "
                f"Got {ast.unparse(tree)!r} in {self.text!r}."
            ) from None


def _dotted(tree: ast.expr) -> str:
    """`a.b.c` of names alone, else nothing."""
    match tree:
        case ast.Name(name):
            return name
        case ast.Attribute(value, name) if before := _dotted(value):
            return f"{before}.{name}"
    return ""


class _Infinity(ast.NodeTransformer):
    """`inf`, which is how Python writes an infinite number, read back as one."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return ast.Constant(math.inf) if node.id == "inf" else node
