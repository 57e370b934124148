"""The table of published numbers: each is recomputed, or says why it is not."""

import ast
import functools
import pathlib

import pytest
from threadpoolctl import threadpool_limits

from .published import distances, numbers, Row, TABLE


TESTS = pathlib.Path(__file__).parent
RECOMPUTED = [row for row in TABLE if row.found is not None]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Matrices are small here: threads of BLAS would wait for each other."""
    with threadpool_limits(1):
        yield


@functools.cache
def names_in(file: str) -> set[str]:
    tree = ast.parse((TESTS / file).read_text())
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", RECOMPUTED, ids=str)
def test_a_published_number_is_found_again(row: Row):
    assert max(distances(row, row.right or row.printed)) <= 1
    if row.right:
        assert max(distances(row)) > 1, "what was printed is not in error"


def test_every_number_is_recomputed_or_has_a_reason():
    for row in TABLE:
        assert row.found or row.reason, row
        assert row.reason or not row.right, row
        assert numbers(row.printed) or row.test or row.reason, row
        if row.test:
            file, _, name = row.test.partition("::")
            assert name in names_in(file), row.test


def test_no_number_stands_twice():
    rows = [(row.source, row.what) for row in TABLE]
    assert len({*rows}) == len(rows)
