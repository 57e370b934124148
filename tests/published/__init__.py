"""Every published number, recomputed: one table, a family of rows to a file.

A row names its source, the numbers with the digits that they were printed with, and the
function that recomputes them. `reference §n` and `catalogue §n` are the collections of
formulas and of schemes that jinit was written from: their numbers were computed by
other programs before there was a library. Sections and equations of papers are as they
are remembered. `python -m tests.published` prints the table, `tests/test_published.py`
holds it.
"""

from . import (
    activations,
    classical,
    data,
    depth,
    implicit,
    low_rank,
    mean_field,
    sequences,
    settings,
    structured,
)
from .row import (
    distances as distances,
    Number as Number,
    number as number,
    numbers as numbers,
    recomputed as recomputed,
    Row as Row,
)


TABLE: list[Row] = [
    row
    for family in (
        classical,
        activations,
        mean_field,
        depth,
        structured,
        sequences,
        implicit,
        low_rank,
        data,
        settings,
    )
    for row in family.ROWS
]
