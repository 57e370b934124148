"""The command `jinit compare`."""

import textwrap

import pytest

from jinit.cli import main


TASK = """
import jax, jax.numpy as jnp

def task():
    x = jax.random.normal(jax.random.key(0), (16, 4))
    w = {"a": jax.random.normal(jax.random.key(1), (4, 8)), "b": jnp.ones((8, 1))}
    mse = lambda outputs, targets: jnp.mean((outputs - targets) ** 2)
    return (lambda w, x: jnp.tanh(x @ w["a"]) @ w["b"], w), mse, [(x, x[:, :1])]

def half():
    return 1, 2
"""


@pytest.fixture
def models(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(textwrap.dedent(TASK))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_task_of_ones_own_is_compared_kept_and_drawn(models, capsys):
    starts = ["--start", "he_normal", "--start", "initialize"]
    few = ["--rates", "1e-3,8e-3", "--seeds", "2", "--steps", "5"]
    kept = ["--keep", "done.json", "--out", "found.png"]
    command = ["compare", "mine.py:task", *starts, *few, *kept]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("start")
    assert all(name in printed for name in ("he_normal", "initialize", "seeds"))
    assert (models / "found.png").stat().st_size > 10_000
    assert main(command) == 0
    assert capsys.readouterr().out == printed  # from what was kept
    assert main(["compare", "mine.py:task", "--minutes", "1e-9"]) == 0
    assert "Not told: no start is done." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "a task: --task digits-relu, or your own"),
        (["mine.py:half"], "needs to return (model, loss, batches)"),
        (["--task", "mnist-mpl"], "Did you mean 'mnist-mlp'?"),
        (["mine.py:task", "--optimizer", "adaam"], "`--optimizer` to be one of"),
        (["mine.py:task", "--rates", "1,2"], "needs a low and a high rate"),
        (["mine.py:task", "--rates", "1"], "needs a low and a high rate"),
        (["mine.py:task", "--start", "hee_normal"], "Did you mean 'he_normal'"),
        (["mine.py:task", "--out", "x.txt"], "--out needs a .png"),
    ],
)
def test_what_can_not_be_done_is_said_in_one_line(models, capsys, arguments, said):
    assert main(["compare", *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "\n" not in error.strip()
