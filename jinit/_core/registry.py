"""Names of laws: who has registered what, and which law a name means.

A bare name means the law that a user registered under it, the last one where there are
several, and else the law of jinit. So no law that jinit adds takes a name from a user.
`jinit.name` always means ours, and `module.name` that of any other module. The laws of
a family are named by it, `ssm.s4d_inv`, and load when one of them is asked for, as do
those that are made of other laws.
"""

import difflib
import importlib
from collections.abc import Iterator
from typing import Generic, TypeVar

from .text import shown


T = TypeVar("T")

OURS = "jinit"

# Public modules of laws for one kind of model, or of one other library.
FAMILIES = (
    "attention",
    "compat.lasagne",
    "compat.timm",
    "compat.torch",
    "conv",
    "features",
    "flow",
    "hyper",
    "hypercomplex",
    "implicit",
    "recurrent",
    "reservoir",
    "sparsity",
    "spiking",
    "ssm",
)

# The module of laws that are made of others, which are named in jinit itself.
COMPOSED = "compose"


def home_of(module: str) -> str:
    """The public module of the laws that a module defines."""
    if not is_ours(module):
        return module
    families = (f"{OURS}.{family}" for family in FAMILIES)
    return next(
        (each for each in families if f"{module}.".startswith(f"{each}.")), OURS
    )


def is_ours(home: str) -> bool:
    """Whether laws of this public module are jinit's."""
    return home.partition(".")[0] == OURS


class Registry(Generic[T]):
    """What has a name, by that name and the module that gave it."""

    def __init__(self) -> None:
        self._ours: dict[str, T] = {}  # by name, after its family where it has one
        self._aliases: dict[str, str] = {}  # of ours
        self._users: dict[str, dict[str, T]] = {}  # by name, then module, last one last

    def register(self, module: str, name: str, thing: T) -> None:
        """Gives `thing` the name that it has in `module`, in place of any before."""
        if is_ours(module):
            self._ours[_own(f"{module}.{name}")] = thing
            return
        modules = self._users.setdefault(name, {})
        modules.pop(module, None)
        modules[module] = thing

    def alias(self, module: str, name: str, of: str) -> None:
        """A second name for one of ours."""
        self._aliases[_own(f"{module}.{name}")] = _own(f"{module}.{of}")

    def classical(self) -> dict[str, T]:
        """What is named in jinit itself and not in a family, sorted."""
        _load(COMPOSED)
        return {k: v for k, v in sorted(self._ours.items()) if "." not in k}

    def names(self) -> tuple[str, ...]:
        """The names, sorted; an alias is found under its law's own name."""
        for module in (*FAMILIES, COMPOSED):
            _load(module)
        return tuple(sorted({*self._ours, *self._users}))

    def lookup(self, name: str, where: str = "jinit.get") -> T:
        """What a bare or dotted name means; an unknown one lists the nearest."""
        for _, found in self._meanings(name):
            return found
        near = " or ".join(map(repr, self._near(name)))
        hint = f" Did you mean {near}?" if near else ""
        raise ValueError(
            f"`{where}` needs the name of an initializer. Got {shown(name)}.{hint}"
        )

    def spell(self, module: str, name: str) -> str:
        """The shortest text that `lookup` reads as the law that `module` calls so."""
        full = f"{module}.{name}"
        bare = _own(full) if is_ours(module) else name
        owner = next((module for module, _ in self._meanings(bare)), OURS)
        return bare if owner == (OURS if is_ours(module) else module) else full

    def _meanings(self, text: str) -> Iterator[tuple[str, T]]:
        """What a text may mean and whose it is, what it does mean first."""
        module, _, name = text.rpartition(".")
        users = self._users.get(name, {})
        if module in users:
            yield module, users[module]
        if not module:
            yield from reversed(users.items())
        if _own(text) not in self._ours:
            _load(_own(text).rpartition(".")[0] or COMPOSED)
        own = self._aliases.get(_own(text), _own(text))
        if own in self._ours:
            yield OURS, self._ours[own]

    def _near(self, name: str) -> list[str]:
        """The names nearest to an unknown one, whichever family they are of."""
        full = {n.rpartition(".")[2]: n for n in [*self.names(), *self._aliases]}
        last = name.rpartition(".")[2]
        return [full[n] for n in difflib.get_close_matches(last, full, n=3)]


def _own(text: str) -> str:
    """A name of ours without the `jinit.` before it."""
    return text.removeprefix(f"{OURS}.")


def _load(module: str) -> None:
    if module in (*FAMILIES, COMPOSED):
        importlib.import_module(f"{OURS}.{module}")
