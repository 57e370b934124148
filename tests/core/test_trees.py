import pytest

from jinit._core.trees import glob


@pytest.mark.parametrize(
    ("pattern", "matched", "missed"),
    [
        ("kernel", ["kernel", "a/b/kernel"], ["a/kernel/b", "my_kernel", "kernels"]),
        ("mlp/*/kernel", ["mlp/0/kernel", "x/mlp/up/kernel"], ["mlp/kernel"]),
        ("mlp/*/kernel", [], ["mlp/a/b/kernel"]),
        ("mlp/**", ["mlp/a", "x/mlp/a/b"], ["xmlp/a", "mlp"]),
        ("mlp/**/kernel", ["mlp/kernel", "mlp/a/b/kernel"], ["a/kernel"]),
        ("/params/kernel", ["params/kernel"], ["x/params/kernel"]),
        ("{up,down}/kernel", ["up/kernel", "a/down/kernel"], ["gate/kernel"]),
        ("block[0-2]/?", ["block1/w"], ["block3/w", "block1/ww"]),
        ("block[!0]/w", ["block1/w"], ["block0/w"]),
        ("a.b", ["a.b"], ["axb"]),
        ("**", ["a", "a/b/c"], []),
    ],
)  # fmt: skip
def test_a_glob_matches_the_end_of_a_path(pattern, matched, missed):
    expression = glob(pattern)
    assert all(expression.match(path) for path in matched)
    assert not any(expression.match(path) for path in missed)
