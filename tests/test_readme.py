"""The README's tables of initializers are the package's, name for name."""

import pathlib
import re

import jinit
from jinit._core.registry import FAMILIES


README = pathlib.Path(__file__).parents[1] / "README.md"


def rows(title: str) -> list[str]:
    """The first cells of the tables under a title."""
    section = README.read_text().partition(f"## {title}")[2].partition("\n## ")[0]
    return [line.split("|")[1] for line in section.splitlines() if line[:3] == "| `"]


def test_every_initializer_has_its_row():
    listed = re.findall(r"`(\w+)`", " ".join(rows("All initializers")))
    every = {name: getattr(jinit, name) for name in dir(jinit)}
    exported = {n for n, v in every.items() if isinstance(v, jinit.Initializer)}
    assert sorted(listed) == sorted(exported)


def test_every_family_has_its_row():
    listed = re.findall(r"`jinit\.(\w+)`", " ".join(rows("All initializers")))
    modules = {family.partition(".")[0] for family in FAMILIES}
    assert listed == sorted({*modules, "growth", "low_rank"})
