"""What is printed is what it is: names are text, and a message has one line."""

import io

import jax
import numpy as np
import pytest

import jinit
from jinit._core.text import aligned, printable, rich_table, shown


NAMES = [
    "layers_[ab]",
    "[/x]",
    "[red]w[/red]",
    "a\x1b[31mb",
    "a\nb",
    "\ud800",
    "\u202eab",
]


@pytest.mark.parametrize("name", NAMES)
def test_tables_print_names_as_they_are(name):
    from rich.console import Console

    told = printable(name)
    assert told.isprintable()
    assert aligned([("name", "size"), (name, "3")]).split("\n")[1].startswith(told)
    file = io.StringIO()
    Console(file=file, width=100).print(rich_table(("name", "size"), [(name, "3")]))
    assert told in file.getvalue()


class Unprintable:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        ("a\nb", repr("a\nb")),
        (np.zeros((3, 5)), "float64[3,5]"),
        (jax.ShapeDtypeStruct((30,), "bfloat16"), "bfloat16[30]"),
    ],
)
def test_a_value_is_shown_in_one_line(value, text):
    assert shown(value) == text


def test_what_is_long_or_deep_or_deleted_is_shown_shortened():
    deep: list = []
    for _ in range(20_000):
        deep = [deep]
    gone = jax.device_put(np.ones(3))
    gone.delete()
    assert len(shown("x" * 10**6)) == 120
    assert shown(deep) == "a list"
    assert shown(Unprintable()) == "a Unprintable"
    assert shown(gone) == "a deleted array float32[3]"


def test_a_plan_prints_hostile_names():
    tree = {name: jax.ShapeDtypeStruct((2, 2), "float32") for name in NAMES[:-2]}
    rules = [("**", jinit.zeros)]
    plan = jinit.explain(tree, rules=rules)
    assert len(str(plan).split("\n")) == len(tree) + 1
