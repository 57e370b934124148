import fnmatch
import random
import time

import pytest

from jinit._core.globs import glob


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
        ("*", ["a", "a\nb", "x/a"], []),
        ("{a,{b,c/*}}/w", ["a/w", "b/w", "c/d/w"], ["c/w", "{b/w"]),
        ("{a", ["{a"], ["a"]),
        ("[z-a]", [], ["m", "z", "-"]),
        ("[!]", ["[!]"], ["a"]),
        ("[]a]", ["]", "a"], ["b"]),
        ("a[!b]c", ["adc"], ["a/c", "abc"]),
        ("a[b-]", ["ab", "a-"], ["ac"]),
    ],
)  # fmt: skip
def test_a_glob_matches_the_end_of_a_path(pattern, matched, missed):
    expression = glob(pattern)
    assert all(expression.matches(path) for path in matched)
    assert not any(expression.matches(path) for path in missed)


def test_a_glob_of_one_name_reads_as_the_shell_reads_it():
    chance = random.Random(0)
    text = lambda letters, most: "".join(
        chance.choices(letters, k=chance.randint(0, most))
    )
    for _ in range(1000):
        pattern, name = text("ab*?[]!-", 7), text("ab]-!", 5)
        expected = fnmatch.fnmatchcase(name, pattern)
        assert glob(f"/{pattern}").matches(name) == expected, (pattern, name)


@pytest.mark.parametrize("part", ["*a", "**/a/", "{a*,{a*,*a}}", "{", "[", "?*"])
def test_no_glob_is_slow(part):
    pattern, start = 30 * part + "b", time.perf_counter()
    assert not glob(pattern).matches("a" * 300)
    assert not glob(pattern).matches("a/" * 150 + "c")
    assert time.perf_counter() - start < 10
