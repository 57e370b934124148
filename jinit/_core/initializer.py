"""An initializer: a law of random weights plus its settings, as an immutable value."""

import functools
import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Generic, overload, ParamSpec, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.typing import DTypeLike

from . import draw as drawing
from .compiled import compiled, evaluate, is_small
from .fans import Fans
from .host import ours
from .law import Law
from .marginal import Marginal
from .misplaced import refuse_misplaced
from .registry import Registry
from .settings import check, Values
from .signature import CALL, CONFIGURE, Signature, signed
from .text import shown
from .values import plain, to_json, to_text


P = ParamSpec("P")
Shape: TypeAlias = Sequence[int]
Sharding: TypeAlias = jax.sharding.Sharding | jax.sharding.PartitionSpec


class Initializer(Generic[P]):
    """Weights to be: a law and its settings, as a value that draws when given a shape.

        init(key, shape, dtype, out_sharding)   draws weights of that shape
        init(**settings)                        returns a new initializer

    A call draws if its first argument is a PRNG key (or None) and a shape follows.
    Initializers of the same law and settings are equal, and equal ones share their
    compiled draws. Draws in bfloat16, float16 and float8 are made in float32 and
    rounded once; values do not depend on sharding, nor on eager against jit.

    Example:
        >>> import jax, jinit
        >>> init = jinit.he_normal(mode="fan_out")
        >>> init
        he_normal(mode='fan_out')
        >>> init == jinit.get("he_normal(mode='fan_out')")
        True
        >>> init.fans((3, 3, 64, 128))
        Fans(fan_in=576, fan_out=1152)
        >>> init(jax.random.key(0), (784, 256)).shape
        (784, 256)
    """

    __module__ = "jinit"  # where others find it, pickles among them
    __signature__ = Signature()

    law: Law
    settings: Mapping[str, Any]

    def __init__(self, law: Law, settings: Mapping[str, Any]):
        """Holds the settings that differ from the law's defaults, in its order."""
        changed = {
            name: settings[name]
            for name, parameter in law.parameters.items()
            if name in settings and not _is_default(settings[name], parameter)
        }
        # Past the immutability below, and with the names of a function, so that
        # `help`, doctest and functools.wraps read it as one.
        vars(self).update(
            law=law,
            settings=changed,
            __name__=law.name,
            __qualname__=law.name,
            __module__=law.function.__module__,
            __wrapped__=law.function,
            __doc__=f"{law.form}\n\n{inspect.getdoc(law.function) or ''}",
        )

    @overload
    def __call__(
        self,
        key: jax.Array | None,
        shape: Shape | int,
        dtype: DTypeLike | None = None,
        out_sharding: Sharding | None = None,
    ) -> jax.Array: ...

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> "Initializer[P]": ...

    @signed(CALL)
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Draws, given a key and a shape; else returns an initializer so set."""
        first, second = (*args, _MISSING, _MISSING)[:2]
        has_key = "key" in kwargs or first is None or drawing.is_key(first)
        # The first setting of `constant` may look like a raw key; no dtype looks like
        # a shape.
        may_be_value = self._takes_values and not drawing.is_typed_key(first)
        has_shape = second is not _MISSING and (
            not may_be_value or drawing.is_shape(second)
        )
        if has_key and (has_shape or "shape" in kwargs):
            return self._draw(*args, **kwargs)
        if drawing.is_key(first) and not may_be_value:
            raise TypeError(
                f"`{self.law.public_name}` needs a shape after the key. Got a key "
                f"alone. To draw, write `{self.law.name}(key, shape)`."
            )
        is_set = next(iter(self.law.parameters)) in self.settings
        refuse_misplaced(self.law, args, kwargs, is_set)
        return self.configure(*args, **kwargs)

    def _draw(
        self,
        key: jax.Array | None,
        shape: Shape | int,
        dtype: DTypeLike | None = None,
        out_sharding: Sharding | None = None,
        **settings: Any,
    ) -> jax.Array:
        if settings:
            return self.configure(**settings)._draw(key, shape, dtype, out_sharding)
        where = self.law.public_name
        self._require_complete()
        key = drawing.check_key(where, key) if self.law.is_random else None
        shape, dtype = drawing.check_shape(where, shape), self._dtype(dtype)
        sharding = drawing.check_sharding(where, out_sharding, shape)
        with drawing.in_mesh(sharding):
            if self._is_traced:
                w = evaluate(key, self, shape, dtype, sharding)
            else:
                w = compiled(key, self, shape, dtype, sharding)
        return self._checked(w)

    def _checked(self, w: jax.Array) -> jax.Array:
        """What was drawn, if it is finite: looked at where a function is not ours."""
        where = self.law.public_name
        return drawing.check_finite(where, w) if self._is_foreign else w

    def _draw_from(
        self,
        data: np.ndarray,
        kind: str,
        shape: tuple[int, ...],
        dtype: np.dtype,
        sharding: Sharding | None,
    ) -> jax.Array:
        """What a key with this data, of a kind of generators, draws."""
        with drawing.in_mesh(sharding):
            w = compiled(data, self, shape, np.dtype(dtype), sharding, kind)
        return self._checked(w)

    def _dtype(self, dtype: DTypeLike | None) -> np.dtype:
        where, hint = self.law.public_name, self.law.hints["dtype"]
        if dtype is None:
            dtype = self.settings.get("dtype", jax.dtypes.canonicalize_dtype(float))
        checked: np.dtype = check(where, "dtype", hint, dtype)
        if checked.itemsize < 8 or checked == np.complex64:
            return checked
        with ours():  # an empty array warns, as JAX does, where 64 bits are off
            return jnp.empty(0, checked).dtype

    @signed(CONFIGURE)
    def configure(self, *args: Any, **kwargs: Any) -> "Initializer[P]":
        """The initializer with these settings in place of its own.

        Raises:
            TypeError: For a setting that the law does not have, or of a wrong kind.
            ValueError: For a value that the law does not allow.
        """
        where, hints = self.law.public_name, self.law.hints
        given = {
            name: check(where, name, hints.get(name), plain(value))
            for name, value in self.law.bind(args, kwargs).items()
        }
        changed = Initializer(self.law, {**self.settings, **given})
        changed._require_complete()
        if self.law.check and not changed._is_traced:
            self.law.check(where, **changed._all_settings)
        return changed

    def _require_complete(self) -> None:
        missing = [
            name
            for name, parameter in self.law.parameters.items()
            if parameter.default is parameter.empty and name not in self.settings
        ]
        if missing:
            raise TypeError(
                f"`{self.law.public_name}` needs {', '.join(map(repr, missing))}. "
                f"Got {shown(self)}. Its form is `{self.law.form}`."
            )

    @property
    def _all_settings(self) -> dict[str, Any]:
        """Every setting but the dtype, defaults included."""
        return {
            name: self.settings.get(name, parameter.default)
            for name, parameter in self.law.parameters.items()
            if name != "dtype"
        }

    @property
    def _takes_values(self) -> bool:
        """Whether the first setting may be an array, even one that looks like a key."""
        return self.law.hints.get(next(iter(self.law.parameters))) is Values

    @property
    def _made_of(self) -> list["Initializer"]:
        """The initializers among the settings, alone or one for each part."""
        parts = jax.tree.leaves([*self.settings.values()])
        return [part for part in parts if isinstance(part, Initializer)]

    @property
    def _is_foreign(self) -> bool:
        """Whether a draw runs a function that is not ours: it may return anything."""
        return self.law.is_foreign or any(each._is_foreign for each in self._made_of)

    @property
    def _is_traced(self) -> bool:
        """Whether a setting is known only when a function that JAX traces runs."""
        is_own = any(isinstance(v, Tracer) for v in self.settings.values())
        return is_own or any(each._is_traced for each in self._made_of)

    @functools.cached_property
    def _is_small(self) -> bool:
        """Whether it may be kept: it holds no function of a user's, and little data."""
        return not self.law.is_foreign and all(map(is_small, self.settings.values()))

    @functools.cached_property
    def _parts(self) -> dict[Any, Any]:
        """What is kept for it as long as it is there: see `compiled`."""
        return {}

    def fans(self, shape: Shape | int) -> Fans:
        """`Fans(fan_in, fan_out)` of a kernel of this shape, under these settings."""
        return self._state("fans", shape)

    def mean(self, shape: Shape | int) -> float:
        """The mean of the weights, without drawing them."""
        return self.marginal(shape).mean

    def std(self, shape: Shape | int) -> float:
        """The standard deviation √E|w − E w|² of the weights, without drawing them."""
        return self.marginal(shape).std

    def support(self, shape: Shape | int) -> tuple[float, float]:
        """The closed interval that holds every weight of a real dtype."""
        return self.marginal(shape).support

    def marginal(self, shape: Shape | int) -> Marginal:
        """The law of one weight picked at random from an array of this shape."""
        return self._state("marginal", shape)

    def _state(self, what: str, shape: Shape | int) -> Any:
        self._require_complete()
        statement = getattr(self.law, what)
        if statement is None:
            raise TypeError(
                f"`{self.law.public_name}` does not state its {what}. Where the law "
                f"has one, state it: `@jinit.law({what}=...)`."
            )
        shape = drawing.check_shape(self.law.public_name, shape)
        return statement(shape, **self._all_settings)

    def to_config(self) -> dict[str, Any]:
        """The initializer as plain JSON values; `jinit.from_config` rebuilds it."""
        settings = {k: to_json(v) for k, v in self.settings.items()}
        return {"name": self._name, "settings": settings}

    @functools.cached_property
    def _identity(self) -> tuple:
        return (self.law, *self.settings.items())

    @functools.cached_property
    def _hash(self) -> int:
        return hash(self._identity)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Initializer):
            return NotImplemented
        return self._identity == other._identity

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        settings = (f"{k}={to_text(v)}" for k, v in self.settings.items())
        return f"{self._name}({', '.join(settings)})"

    @property
    def _name(self) -> str:
        """What `jinit.get` finds the law by: its name, and its module where it must."""
        return laws.spell(self.law.home, self.law.name)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(
            f"An initializer is a value and does not change. Got {name!r} = "
            f"{shown(value)}. Make another: `{self.law.name}({name}=...)`."
        )

    def __copy__(self) -> "Initializer[P]":
        return self

    def __deepcopy__(self, memo: dict) -> "Initializer[P]":
        return self

    def __getstate__(self) -> tuple[str, str, dict[str, Any]]:
        return self.law.home, self.law.name, dict(self.settings)

    def __setstate__(self, state: tuple[str, str, dict[str, Any]]) -> None:
        """Finds the law that a pickle names, importing the module that defines it."""
        module, name, settings = state
        importlib.import_module(module)
        law = laws.lookup(f"{module}.{name}", "jinit.Initializer")
        Initializer.__init__(self, law.law, settings)


laws: Registry[Initializer] = Registry()


def alias(name: str, initializer: Initializer[P]) -> Initializer[P]:
    """A second name for an initializer of ours."""
    laws.alias(initializer.law.home, name, initializer.law.name)
    return initializer


_MISSING = object()


def _is_default(value: Any, parameter: inspect.Parameter) -> bool:
    if isinstance(value, Tracer):
        return False
    try:
        return bool(value == parameter.default)
    except Exception:  # an array, or a key
        return False
