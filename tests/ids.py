"""Names of test cases that a person can read: lambdas by source, values by text."""

import linecache
import types
from typing import Any


LONGEST = 60
KNOWN_TO_PYTEST = (str, bytes, int, float, complex, type(None), type)


def name_of(value: Any) -> str | None:
    """The name of a case, or None where pytest's own is as good."""
    if isinstance(value, types.FunctionType):
        return source(value) if value.__name__ == "<lambda>" else None
    if isinstance(value, KNOWN_TO_PYTEST) or hasattr(value, "__name__"):
        return None
    # A set has another order in every process.
    text = repr(sorted(value)) if isinstance(value, set | frozenset) else repr(value)
    if len(text) <= LONGEST and " at 0x" not in text and "\n" not in text:
        return text.replace("::", ":")
    return None if type(value).__module__ == "builtins" else type(value).__name__


def source(function: types.FunctionType) -> str | None:
    """The body of a lambda, as it is written, on one line."""
    code = function.__code__
    spans = [
        (first, start, last, end)
        for first, last, start, end in code.co_positions()
        if first and last and start is not None and end  # RESUME covers nothing
    ]
    first, start = min(span[:2] for span in spans)
    last, end = max(span[2:] for span in spans)
    lines = linecache.getlines(code.co_filename)[first - 1 : last]
    if not lines:
        return None
    encoded = [line.encode() for line in lines]  # columns count bytes
    encoded[-1] = encoded[-1][:end]
    encoded[0] = encoded[0][start:]
    text = " ".join(b"".join(encoded).decode().split()).replace("::", ":")
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
