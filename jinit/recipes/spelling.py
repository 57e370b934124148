"""Recipes as text, such as `gpt2(stddev=0.01)`: parsed, and never evaluated."""

import ast
from collections.abc import Callable
from typing import Any

from .._core import choose, shown
from .recipe import Recipe, RECIPES


def recipe_from(where: str, what: str, text: str) -> Recipe:
    """The recipe that a text names, with its settings.

    Args:
        where: The public function or command that asks.
        what: The argument that holds the text.
        text: A name, or a call with plain values.
    """
    name, values, named = _call(where, what, text)
    return recipe_named(where, what, name)(*values, **named)


def recipe_named(where: str, what: str, name: str) -> Callable[..., Recipe]:
    """The function that makes a recipe, by its name."""
    return RECIPES[choose(where, what, name, RECIPES)]


def _call(where: str, what: str, text: str) -> tuple[str, list[Any], dict[str, Any]]:
    try:
        match ast.parse(text if "(" in text else f"{text}()", mode="eval").body:
            case ast.Call(ast.Name(name), args, keywords):
                values = [ast.literal_eval(each) for each in args]
                named = {str(k.arg): ast.literal_eval(k.value) for k in keywords}
                return name, values, named
    except (SyntaxError, ValueError):
        pass
    raise ValueError(
        f"`{where}` needs `{what}` to be a recipe such as gpt2(stddev=0.01). Got "
        f"{shown(text)}."
    )
