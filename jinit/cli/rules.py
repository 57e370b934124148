"""`jinit rules`: the recipes by kind of model, one of them, and what it plans."""

import argparse
import inspect
import itertools
from collections.abc import Callable
from typing import Any

from .._core import aligned, claim
from .._frameworks import find_model, find_object
from .._model import plan_model
from ..recipes import Recipe, RECIPES
from .options import abstract_input, add_model, add_own, RefusalError
from .output import markdown_table, require, show
from .sources import authors, brief, reference


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    rules = commands.add_parser(
        "rules",
        help="list the recipes for whole models",
        description="Lists the recipes for --rules by kind of model. Explains one; "
        "with a model prints what it gives each of its parameters, and why.",
    )
    rules.set_defaults(run=_run)
    add = rules.add_argument
    add("name", nargs="?", metavar="RECIPE", help="one, such as 'gpt2(stddev=0.01)'")
    add_model(add, "--model")
    add_own(add)
    add("--markdown", action="store_true", help="the list as a page of documentation")


def _run(arguments: argparse.Namespace) -> int:
    if arguments.markdown:
        print(_page())
    elif arguments.model or arguments.input_shape:
        show(_plan(arguments, "jinit rules"))
    elif arguments.name:
        print(_explained(arguments.name, "jinit rules"))
    else:
        print(_listed())
    return 0


def _plan(arguments: argparse.Namespace, command: str) -> Any:
    """What `jinit.explain` says of a model under a recipe."""
    if not (arguments.name and arguments.model and arguments.input_shape):
        raise RefusalError("a plan needs a RECIPE, a --model and an --input-shape")
    require("rich")
    rules, x = recipe(arguments.name, command, "RECIPE"), abstract_input(arguments)
    model = find_model(arguments.model, command)
    return plan_model(command, model, None, (x,), rules, {}, arguments.own, True)[1]


def _explained(text: str, command: str) -> str:
    """The settings of a recipe and its docstring."""
    make = Recipe.named(command, "RECIPE", text.partition("(")[0])
    settings = ", ".join(map(str, inspect.signature(make).parameters.values()))
    return f"{make.__name__}({settings})\n\n{inspect.getdoc(make)}"


def _kinds() -> list[tuple[str, list[Callable[..., Any]]]]:
    """The recipes by kind of model: the first line of the module that has them."""
    every = sorted(RECIPES.values(), key=_kind)  # stable: in order within a kind
    return [(kind, [*found]) for kind, found in itertools.groupby(every, _kind)]


def _kind(make: Callable[..., Any]) -> str:
    module = inspect.getmodule(inspect.unwrap(make))
    said = claim(module).removeprefix("Recipes of ").rstrip(".") or make.__module__
    return said[0].upper() + said[1:]


def _listed() -> str:
    row = lambda make: (make.__name__, claim(make), brief(make))
    lists = ((kind, aligned([*map(row, found)], left=3)) for kind, found in _kinds())
    return "\n\n".join(f"{kind}\n\n{found}" for kind, found in lists)


def _page() -> str:
    """Every recipe, what it assumes and its source, as Markdown."""
    tables = [f"## {kind}\n\n{_table(found)}" for kind, found in _kinds()]
    return "\n\n".join([_HEAD, *tables])


_HEAD = """\
# Which recipe for which run

Made by `jinit rules --markdown`. A recipe is how the authors of a run or a paper \
started their models: `jinit.initialize(model, key, x, rules=jinit.recipes.gpt2())`. \
`jinit rules gpt2` says all about one, with its formulas and settings; `jinit rules \
gpt2 --model package.module:factory --input-shape 8,128` says what it gives each \
parameter of your model. A model of no such run is best off without a recipe: \
`jinit.initialize` then takes what its computation asks for."""


def _table(found: list[Callable[..., Any]]) -> str:
    head = ("recipe", "what it is", "what it assumes", "source")
    row = lambda make: (f"`{make.__name__}`", claim(make), _assumed(make), _cited(make))
    return markdown_table(head, map(row, found))


def _assumed(make: Callable[..., Any]) -> str:
    """What a recipe takes for granted: the paragraph that begins with "Assumes"."""
    _, found, rest = (inspect.getdoc(make) or "").partition("\nAssumes")
    said = " ".join(rest.partition("\n\n")[0].split()).removeprefix(": ")
    return said[:1].upper() + said[1:] if found else ""


def _cited(make: Callable[..., Any]) -> str:
    """Authors and year, with a link where the reference has one."""
    _, address = reference(make)
    return f"[{authors(make)}]({address})" if address else authors(make)


def recipe(text: str | None, command: str, option: str = "--rules") -> Any:
    """A recipe from its text, such as `gpt2(stddev=0.01)`, or rules in a module."""
    if text is None:
        return None
    if ":" in text:
        found = find_object(text, command)
        return found() if callable(found) else found
    return Recipe.from_text(command, option, text)
