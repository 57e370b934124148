"""`jinit laws`: every initialization scheme by family, and one from its name."""

import argparse
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from .._core import aligned, claim, FAMILIES, Initializer, laws
from .output import markdown_table
from .sources import reference


# Beside the families of laws, schemes that are functions of weights or of trees.
_MODULES = sorted([*FAMILIES, "growth", "low_rank"])


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    parser = commands.add_parser(
        "laws",
        help="list the initialization schemes",
        description="Lists every initialization scheme that jinit has, by family.",
    )
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="a family, or a scheme to explain"
    )
    parser.add_argument(
        "--markdown", action="store_true", help="the list as a page of documentation"
    )
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    name = arguments.name
    if arguments.markdown:
        print(_page())
    elif name is None:
        print(_listed(_classical()), *map(_family, _MODULES), sep="\n\n")
    elif name in _MODULES:
        print(_family(name))
    else:
        print(_explained(name))
    return 0


def _classical() -> dict[str, Any]:
    """The laws that `jinit` itself exports, by name, sorted."""
    exported = dir(importlib.import_module("jinit"))
    return {k: v for k, v in laws.classical().items() if k in exported}


def schemes(family: str) -> dict[str, Any]:
    """The laws and functions that a family exports, by name, sorted."""
    module = importlib.import_module(f"jinit.{family}")
    return {
        f"{family}.{name}": each
        for name, each in sorted(vars(module).items())
        if isinstance(each, Initializer) or _is_function(each, module.__name__)
    }


def _is_function(thing: Any, module: str) -> bool:
    """Whether a thing is a public function of jinit; an alias is no second one."""
    is_own = getattr(thing, "__module__", "").startswith(module)
    return inspect.isfunction(thing) and is_own and thing.__name__[0] != "_"


def _family(family: str) -> str:
    return f"{_about(family)}\n\n{_listed(schemes(family))}"


def _about(family: str) -> str:
    return claim(importlib.import_module(f"jinit.{family}"))


def _listed(found: dict[str, Any]) -> str:
    return aligned([(name, _claim(each)) for name, each in found.items()], left=2)


def _claim(scheme: Any) -> str:
    return claim(_function(scheme))


def _function(scheme: Any) -> Callable[..., Any]:
    return scheme.law.function if isinstance(scheme, Initializer) else scheme


def _explained(name: str) -> str:
    """The settings of a scheme and its docstring."""
    family = name.removeprefix("jinit.").rpartition(".")[0]
    found = schemes(family) if family in _MODULES else {}
    scheme = found.get(name.removeprefix("jinit.")) or laws.lookup(name, "jinit laws")
    if isinstance(scheme, Initializer):
        return str(scheme.__doc__)
    arguments = inspect.signature(scheme).parameters.values()
    bare = inspect.Signature(
        [each.replace(annotation=each.empty) for each in arguments]
    )
    return f"{scheme.__name__}{bare}\n\n{inspect.getdoc(scheme)}"


def _page() -> str:
    """Every scheme and its source, as Markdown."""
    about = "The classical laws, and laws that are made of others."
    tables = [_table("jinit", about, _classical())]
    tables += [_table(f"jinit.{n}", _about(n), schemes(n)) for n in _MODULES]
    return "\n\n".join([_HEAD, *tables])


_HEAD = """\
# Every scheme

Made by `jinit laws --markdown`; `jinit laws NAME` says all about one."""


def _table(title: str, about: str, found: dict[str, Any]) -> str:
    rows = [(f"`{n}`", _claim(s), _source(s)) for n, s in found.items()]
    table = markdown_table(("name", "what it is", "source"), rows)
    return f"## {title}\n\n{about}\n\n{table}"


def _source(scheme: Any) -> str:
    """Authors, title and year of the first reference of a docstring."""
    return reference(_function(scheme))[0]
