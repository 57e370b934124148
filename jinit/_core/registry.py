"""Names of laws: who has registered what, and which law a name means.

A bare name means the law that a user registered under it, the last one where there are
several, and else the law of jinit. So no law that jinit adds takes a name from a user.
`jinit.name` always means ours, and `module.name` that of any other module.
"""

import difflib
from collections.abc import Iterator
from typing import Generic, TypeVar

from .text import shown


T = TypeVar("T")

OURS = "jinit"


class Registry(Generic[T]):
    """What has a name, by that name and the module that gave it."""

    def __init__(self) -> None:
        self._ours: dict[str, T] = {}
        self._aliases: dict[str, str] = {}  # of ours
        self._users: dict[str, dict[str, T]] = {}  # by name, then module, last one last

    def register(self, module: str, name: str, thing: T) -> None:
        """Gives `thing` the name that it has in `module`, in place of any before."""
        if module == OURS:
            self._ours[name] = thing
            return
        modules = self._users.setdefault(name, {})
        modules.pop(module, None)
        modules[module] = thing

    def alias(self, name: str, of: str) -> None:
        """A second name for one of ours."""
        self._aliases[name] = of

    def names(self) -> tuple[str, ...]:
        """The bare names, sorted; an alias is found under its law's own name."""
        return tuple(sorted({*self._ours, *self._users}))

    def lookup(self, name: str, where: str = "jinit.get") -> T:
        """What a bare or dotted name means; an unknown one lists the nearest."""
        for found in self._candidates(name):
            return found
        known = [*self.names(), *self._aliases]
        near = difflib.get_close_matches(name.rpartition(".")[2], known, n=3)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ValueError(
            f"`{where}` needs the name of an initializer. Got {shown(name)}.{hint}"
        )

    def spell(self, module: str, name: str) -> str:
        """The shortest text that `lookup` reads as the law that `module` calls so."""
        users = [*self._users.get(name, ())]
        bare = module == (users[-1] if users else OURS)
        return name if bare else f"{module}.{name}"

    def _candidates(self, text: str) -> Iterator[T]:
        module, _, name = text.rpartition(".")
        users = self._users.get(name, {})
        if module in users:
            yield users[module]
        if not module:
            yield from reversed(users.values())
        if module in ("", OURS):
            ours = self._aliases.get(name, name)
            yield from [self._ours[ours]] if ours in self._ours else []
