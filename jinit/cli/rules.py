"""`jinit rules`: the recipes, and a recipe from its text."""

import argparse
import ast
from typing import Any

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
    import inspect

    from ..core.text import aligned
    from ..model.recipes import claim, RECIPES

    if arguments.name:
        make = _named_recipe(arguments.name, "jinit rules")
        print(f"{arguments.name}{inspect.signature(make)}\n\n{inspect.getdoc(make)}")
    else:
        print(aligned([(name, claim(make)) for name, make in RECIPES.items()], left=2))
    return 0


def recipe(text: str | None, command: str) -> Any:
    """A recipe from its text, such as `gpt2(stddev=0.01)`, or rules in a module."""
    from ..model.load import find_object

    if text is None:
        return None
    if ":" in text:
        found = find_object(text, command)
        return found() if callable(found) else found
    try:
        call = ast.parse(text if "(" in text else f"{text}()", mode="eval").body
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Name)
        values = [ast.literal_eval(each) for each in call.args]
        named = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (AssertionError, SyntaxError, ValueError):
        raise RefusalError(
            f"--rules needs a recipe such as gpt2(stddev=0.01). Got {text!r}"
        ) from None
    return _named_recipe(call.func.id, command)(*values, **named)


def _named_recipe(name: str, command: str) -> Any:
    from ..core.settings import choose
    from ..model.recipes import RECIPES

    return RECIPES[choose(command, "rules", name, RECIPES)]
