"""Numbers and tables as text: how every record, plan, report and figure prints."""

import difflib
import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jax.core import Tracer


NONE = "–"  # in place of a number that is not known


def digits(value: float | None, count: int = 3, none: str = NONE) -> str:
    """A number in significant digits; `none` where there is none, ∞ beyond all."""
    if value is None or math.isnan(value):
        return none
    return f"{value:.{count}g}".replace("inf", "∞")


def percent(value: float | None) -> str:
    """A share as a whole percentage."""
    return NONE if value is None else f"{value:.0%}"


def times(factor: float) -> str:
    """A factor: two decimals near 1, two digits elsewhere."""
    return f"{factor:.2f}x" if 0.1 <= factor < 10 else f"{factor:.2g}x"


def signed(value: float) -> str:
    """A number around 0 with its sign, in two decimals."""
    return f"{value:+.2f}"


def printable(text: str) -> str:
    """A name in one line, as it is: what is no letter a terminal shows, escaped."""
    if text.isprintable():
        return text
    return "".join(x if x.isprintable() else ascii(x)[1:-1] for x in text)


def shown(value: Any, most: int = 120) -> str:
    """A value as a message names it: in one line, shortened, whatever it is.

    Arrays of more than a few numbers are named by dtype and shape.
    """
    try:
        text = _array(value) or repr(value)
    except Exception:  # a `repr` of a user's class, or one too deep
        text = f"a {type(value).__name__}"
    return shown_text(text, most)


def shown_text(text: str, most: int = 120) -> str:
    """A text in one line, shortened in the middle."""
    text = printable(text)
    return text if len(text) <= most else f"{text[: most - 20]}…{text[-19:]}"


def named(path: str) -> str:
    """A path as a message names it: in one line, shortened where it is long."""
    return shown_text(path, 300)


def reason(error: BaseException) -> str:
    """What another library says of its error, in one line."""
    return shown_text(str(error).strip().partition("\n")[0], 300)


def listed(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """The arguments of a call, as a message names them."""
    named = (f"{name}={shown(value, 40)}" for name, value in kwargs.items())
    return ", ".join((*(shown(value, 40) for value in args), *named))


def _array(value: Any) -> str:
    """float32[3,5] of an array or shape; nothing of what is none, or prints short."""
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    if dtype is None or not isinstance(shape, tuple):
        return ""
    if isinstance(value, Tracer):
        return f"a traced {dtype}[{','.join(map(str, shape))}]"
    if getattr(value, "is_deleted", bool)() is True:
        return f"a deleted array {dtype}[{','.join(map(str, shape))}]"
    if str(dtype).startswith("key<"):
        return f"keys[{','.join(map(str, shape))}]" if shape else "a key"
    if math.prod(shape) <= 8 and not isinstance(value, type):
        return ""
    return f"{dtype}[{','.join(map(str, shape))}]"


def sizes(shape: Sequence[int]) -> str:
    """A shape: 3×3×64; nothing for no axes."""
    return "×".join(map(str, shape))


def memory(count: float) -> str:
    """Bytes as people read them: 1.5 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            break
        count /= 1024
    return f"{digits(count)} {unit}"


def claim(thing: Any) -> str:
    """The first line of what a thing says of itself."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Rows of cells as text, the first `left` columns to the left, others right."""
    rows = [[*map(printable, row)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def rich_table(
    head: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[int] = ()
) -> Any:
    """The same for a rich console, folded where it is narrow; `right` are numbers."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table, numbers = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)), set(right)
    table.header_style = "dim"
    for i, name in enumerate(head):
        if i in numbers:
            table.add_column(name, justify="right", no_wrap=True)
        else:
            table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


LONGEST = 200  # letters of a pattern that are compared


def nearest(text: str, choices: Sequence[str]) -> str:
    """What comes nearest, as the end of a message; nothing where nothing is near."""
    # By the ends: a pattern may leave out where a path begins. Longer ones take long.
    text = text[-LONGEST:]
    likeness = lambda other: difflib.SequenceMatcher(
        None, text[::-1], other[::-1][: len(text) + 4]
    ).ratio()
    near = max(choices, key=likeness, default=None)
    return f": nearest is {near!r}" if near and likeness(near) > 0.5 else ""
