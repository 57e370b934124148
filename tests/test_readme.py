"""The README's table of initializers is the package's, name for name."""

import pathlib
import re

import jinit


README = pathlib.Path(__file__).parents[1] / "README.md"


def test_every_initializer_has_its_row():
    section = README.read_text().partition("## All initializers")[2]
    table = section.partition("\n\nYour own law")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    listed = re.findall(r"`(\w+)`", " ".join(rows))
    exported = {n for n, v in vars(jinit).items() if isinstance(v, jinit.Initializer)}
    assert sorted(listed) == sorted(exported)
