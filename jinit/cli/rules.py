"""`jinit rules`: the recipes, and a recipe from its text."""

import argparse
import ast
import inspect
from typing import Any

from .._core import aligned, choose, claim, shown
from .._frameworks import find_object
from ..recipes import RECIPES
from .options import RefusalError


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    rules = commands.add_parser(
        "rules",
        help="list the recipes for --rules",
        description="Lists the whole-model initializations that `jinit init` knows.",
    )
    rules.add_argument("name", nargs="?", metavar="RECIPE", help="explain this one")
    rules.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.name:
        make = _named_recipe(arguments.name, "jinit rules")
        settings = ", ".join(map(str, inspect.signature(make).parameters.values()))
        print(f"{arguments.name}({settings})\n\n{inspect.getdoc(make)}")
    else:
        print(aligned([(name, claim(make)) for name, make in RECIPES.items()], left=2))
    return 0


def recipe(text: str | None, command: str) -> Any:
    """A recipe from its text, such as `gpt2(stddev=0.01)`, or rules in a module."""
    if text is None:
        return None
    if ":" in text:
        found = find_object(text, command)
        return found() if callable(found) else found
    name, values, named = _call(text)
    return _named_recipe(name, command)(*values, **named)


def _call(text: str) -> tuple[str, list[Any], dict[str, Any]]:
    try:
        match ast.parse(text if "(" in text else f"{text}()", mode="eval").body:
            case ast.Call(ast.Name(name), args, keywords):
                values = [ast.literal_eval(each) for each in args]
                named = {str(k.arg): ast.literal_eval(k.value) for k in keywords}
                return name, values, named
    except (SyntaxError, ValueError):
        pass
    raise RefusalError(
        f"--rules needs a recipe such as gpt2(stddev=0.01). Got {shown(text)}"
    )


def _named_recipe(name: str, command: str) -> Any:
    return RECIPES[choose(command, "rules", name, RECIPES)]
