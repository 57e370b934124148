"""A recipe as text, such as `gpt2(stddev=0.01)`: parsed, and never evaluated."""

import ast
from typing import Any

from .._core import shown


def call_of(where: str, what: str, text: str) -> tuple[str, list[Any], dict[str, Any]]:
    """The name, the values and the named values of a call.

    Args:
        where: The public function or command that asks.
        what: The argument that holds the text.
        text: A name, or a call with plain values.
    """
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
