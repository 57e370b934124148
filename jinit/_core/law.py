"""A law: the pure function that draws weights, and what is known of it undrawn."""

import dataclasses
import difflib
import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from .draw import check_weights
from .fans import Fans
from .marginal import Marginal
from .registry import home_of, is_ours
from .settings import AnyDType
from .text import listed, reason, shown


@dataclasses.dataclass(frozen=True, eq=False)
class Law:
    """A pure function that draws weights, and what is known of it without drawing."""

    function: Callable[..., jax.Array]
    marginal: Callable[..., Marginal] | None = None
    fans: Callable[..., Fans] | None = None
    check: Callable[..., None] | None = None

    @property
    def name(self) -> str:
        """The name under which `jinit.get` finds the law."""
        return self.function.__name__

    @functools.cached_property
    def home(self) -> str:
        """The module that a pickle or a dotted name finds the law in."""
        home = home_of(self.function.__module__)
        # What a spawned process calls the main module of the one that spawned it.
        return "__main__" if home == "__mp_main__" else home

    @property
    def public_name(self) -> str:
        """The name that messages use."""
        return f"{self.home}.{self.name}" if is_ours(self.home) else self.name

    @functools.cached_property
    def parameters(self) -> dict[str, inspect.Parameter]:
        """The settings: all parameters after key and shape; dtype is one of them."""
        _, _, *rest = inspect.signature(self.function).parameters.values()
        if self._takes_dtype_third:
            default = rest[0].replace(default=None, kind=inspect.Parameter.KEYWORD_ONLY)
            rest = [*rest[1:], default]
        return {parameter.name: parameter for parameter in rest}

    @functools.cached_property
    def _takes_dtype_third(self) -> bool:
        third = [*inspect.signature(self.function).parameters.values()][2:3]
        return [(p.name, p.default) for p in third] == [("dtype", inspect._empty)]

    @functools.cached_property
    def hints(self) -> dict[str, Any]:
        """The annotations that say what a setting may be."""
        hints = typing.get_type_hints(self.function, include_extras=True)
        if not hasattr(hints.get("dtype"), "__metadata__"):
            hints["dtype"] = AnyDType
        return hints

    @functools.cached_property
    def types(self) -> dict[str, Any]:
        """The types of the settings, without the rules that annotations carry."""
        return typing.get_type_hints(self.function)

    @functools.cached_property
    def is_random(self) -> bool:
        """Whether draws need a key; a law that ignores its key names it `_`."""
        return next(iter(inspect.signature(self.function).parameters)) != "_"

    @property
    def is_foreign(self) -> bool:
        """Whether the function is another's, or runs one."""
        return not is_ours(self.home) or self.name == "from_callable"

    @property
    def form(self) -> str:
        """The settings with their defaults, as a line of text."""
        bare = [p.replace(annotation=p.empty) for p in self.parameters.values()]
        return f"{self.name}{inspect.Signature(bare)}"

    def __call__(self, key, shape, *, dtype: np.dtype, **settings: Any) -> jax.Array:
        """Draws, with every setting given."""
        if self._takes_dtype_third:
            w = self.function(key, shape, dtype, **settings)
        else:
            w = self.function(key, shape, dtype=dtype, **settings)
        return check_weights(self.public_name, w, shape, dtype)

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The settings that a call names, by position or keyword; refuses others."""
        signature = inspect.Signature([*self.parameters.values()])
        try:
            return signature.bind_partial(*args, **kwargs).arguments
        except TypeError as error:
            unknown = [name for name in kwargs if name not in self.parameters]
            near = difflib.get_close_matches("".join(unknown[:1]), self.parameters, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            got = ", ".join(map(shown, unknown))
            got = got or f"({listed(args, kwargs)}): {reason(error)}"
            raise TypeError(
                f"`{self.public_name}` has the settings `{self.form}`. Got {got}.{hint}"
            ) from None
