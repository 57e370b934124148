"""The sweep over learning rates: what it trains, keeps, and dares to say."""

import json
import math
import struct
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jinit
from jinit._model.checks import rates as face, Transfer
from jinit._training import best_rates, edges, mean_of_seeds, runs, trend
from jinit._training.lines import apart


RATES = [0.01, 0.03, 0.1, 0.3, 1.0, 300.0]
BATCHES = [(jnp.ones(3), jnp.zeros(3))]
half_square = lambda z, y: jnp.mean((z - y) ** 2) / 2


def make(size, learning_rate, key):
    """A weight under a curvature that is the size: the best rate of SGD is 1/size."""
    weight = 1 + jax.random.uniform(key)
    return (lambda w, x: jnp.sqrt(size) * w * x), weight, optax.sgd(learning_rate)


def swept(make=make, sizes=(1, 2), steps=20, seeds=2, path=None):
    return jinit.transfer(
        make, sizes, RATES, BATCHES, half_square, steps=steps, seeds=seeds, path=path
    )


def expected(size, steps=20):
    """The mean loss of the last tenth of gradient descent, by rate and seed."""
    keys = [jax.random.fold_in(jax.random.key(0), seed) for seed in range(2)]
    weights = np.array([1 + float(jax.random.uniform(key)) for key in keys])
    t = np.arange(steps - max(1, round(steps / 10)), steps)
    shrink = (1 - size * np.array(RATES)[:, None]) ** (2 * t)
    return size / 2 * shrink.mean(axis=1)[:, None] * weights**2


def test_runs_are_those_of_gradient_descent():
    found = swept()
    for size, losses in zip(found.sizes, found.losses, strict=True):
        losses = np.array(losses)
        assert np.isinf(losses[-1]).all()  # |1 − 300| to the power of 38, squared
        np.testing.assert_allclose(losses[:4], expected(size)[:4], rtol=2e-5)
        start = np.mean(expected(size, 1)[0])
        np.testing.assert_allclose(found.first[size - 1], start, rtol=1e-6)
    assert [each.diverged for each in found.best] == [2, 2]
    assert found.is_complete
    assert "2 of 12" in str(found)


def test_a_rate_that_has_to_be_a_number_is_one():
    def concrete(size, learning_rate, key):
        assert isinstance(learning_rate, float)
        return make(size, learning_rate, key)

    by_rate, traced = (np.array(swept(each).losses) for each in (concrete, make))
    np.testing.assert_allclose(by_rate, traced, rtol=1e-5)


def test_runs_that_do_not_fit_are_made_in_parts(monkeypatch):
    every = np.array(swept().losses)
    fits = iter([False, True, False, True])
    monkeypatch.setattr(runs, "_fits", lambda compiled: next(fits))
    np.testing.assert_allclose(swept().losses, every, rtol=1e-6)


def test_what_a_model_raises_is_passed_on():
    def broken(size, learning_rate, key):
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        swept(broken)


def test_what_is_done_is_kept_and_goes_on(tmp_path, monkeypatch):
    path = tmp_path / "sweep.json"
    trained = []
    train = face.side_by_side

    def counted(runs, rates, seeds):
        (size,) = runs.make.args
        trained.append((size, len(rates)))
        return train(runs, rates, seeds)

    monkeypatch.setattr(face, "side_by_side", counted)
    first = swept(path=path)
    assert trained == [(1, 12), (2, 12)]
    more = swept(path=path, sizes=(1, 2, 4), seeds=3)
    assert trained[2:] == [(1, 6), (2, 6), (4, 18)]
    np.testing.assert_array_equal(np.array(more.losses)[:2, :, :2], first.losses)
    assert swept(path=path) == first
    with pytest.raises(ValueError, match=r"same model, data, loss.*of 1 in"):
        swept(path=path, steps=10)
    rows = json.loads(path.read_text())["runs"]
    assert {row["last"] for row in rows if row["rate"] == 300} == {"inf"}
    path.write_text("{}")
    with pytest.raises(ValueError, match="a file that it wrote, or none"):
        swept(path=path)


def test_a_stopped_sweep_holds_the_sizes_that_were_done():
    def stopped(size, learning_rate, key):
        if size == 4:
            raise KeyboardInterrupt
        return make(size, learning_rate, key)

    with pytest.warns(UserWarning, match=r"`jinit.transfer` was stopped"):
        found = swept(stopped, sizes=(1, 2, 4))
    assert not found.is_complete
    assert [each.size for each in found.best] == [1, 2]
    assert "over width 1 to 2" in found.verdict
    with pytest.raises(KeyboardInterrupt), pytest.warns(match="stopped"):
        swept(stopped, sizes=(4, 8))


def test_over_batches_a_step_is_taken_for_each_part():
    batches = [(jnp.ones(4), jnp.zeros(4))]
    by_parts = lambda size, rate, key: make(1, rate, key)
    found = jinit.transfer(
        by_parts, [2, 4], RATES, batches, half_square, over="batch", steps=10, seeds=2
    )
    for losses, steps in zip(found.losses, (20, 10), strict=True):
        np.testing.assert_allclose(losses[:4], expected(1, steps)[:4], rtol=2e-5)


def test_a_seed_takes_the_batches_in_an_order_of_its_own():
    batches = [(jnp.ones(1), jnp.full(1, float(i))) for i in range(8)]
    first = lambda z, y: jnp.mean(y)
    found = jinit.transfer(
        lambda *_: ((lambda w, x: w * x), jnp.ones(()), optax.sgd(0.1)),
        [1, 2], RATES, batches, first, steps=8, seeds=3,
    )  # fmt: skip
    last = np.array(found.losses)[0, 0]
    assert len(set(last.tolist())) > 1
    np.testing.assert_array_equal(found.losses, np.broadcast_to(last, (2, 6, 3)))


def test_the_best_rate_is_the_lowest_point_of_a_parabola():
    x = np.linspace(-3, 2, 6)
    losses = np.stack([(x - 0.3) ** 2, (x + 1.2) ** 2 + 5], axis=1)
    np.testing.assert_allclose(best_rates(2**x, losses), [0.3, -1.2])
    assert edges(losses) == (False, False)


@pytest.mark.parametrize(
    ("losses", "best", "edge"),
    [
        ([1, 2, 3, 4], 0, (True, False)),
        ([4, 3, 2, 1], 3, (False, True)),
        ([3, 2, 1, np.inf], 2, (False, False)),  # bracketed by what has diverged
        ([np.inf] * 4, np.nan, (False, False)),
        ([2, 1, 1, 2], 1.5, (False, False)),
        ([1, 1, 1, 1], 0, (True, False)),
    ],
)
def test_a_best_rate_at_an_edge_is_one_that_was_tried(losses, best, edge):
    column = np.array(losses, float)[:, None]
    found = best_rates(2.0 ** np.arange(4), column)
    np.testing.assert_allclose(found, [best])
    assert edges(column) == edge


def test_an_interval_is_students():
    found = mean_of_seeds([1.0, 2.0, 3.0])
    half = 4.302653 / math.sqrt(3)
    np.testing.assert_allclose(found, [2, 2 - half, 2 + half], rtol=1e-6)
    np.testing.assert_allclose(mean_of_seeds([1.0, 1.0], 0.5), [1, 0.5, 1.5])
    assert not mean_of_seeds([1.0]).is_known


def test_a_trend_is_the_change_from_end_to_end():
    sizes = [64, 128, 1024]
    best = np.log2([[0.4 * 64 / n, 0.1 * 64 / n] for n in sizes])
    np.testing.assert_allclose(trend(sizes, best), [-4, -4, -4], atol=1e-9)


def sweep(best, noise=0.05, seeds=3, sizes=(64, 256, 1024), rates=range(-8, 3)):
    """A sweep whose best rates are these, in octaves, but for noise over seeds."""
    x = np.array(rates, float)
    shift = noise * np.resize([-1, 1, 0], seeds)
    losses = [(x[:, None] - b - shift) ** 2 for b in best]
    rows = tuple(tuple(map(tuple, each.tolist())) for each in losses)
    return Transfer(sizes, tuple((2.0**x).tolist()), rows, (9.0,) * len(sizes))


@pytest.mark.parametrize(
    ("found", "transfers", "said"),
    [
        (sweep([-3, -3.1, -2.9]), True, "Transfers over width 64 to 1024: the best"),
        (sweep([-2, -4, -6]), False, "falls by a factor of 16 (95 % over 3 seeds: 11"),
        (sweep([-6, -4, -2]), False, "Does not transfer over width 64 to 1024: the"),
        (sweep([-3, -2.5, -2]), None, "3 seeds neither show that it stays within a"),
        (sweep([-3, -3, -3], seeds=1), None, "but one seed says nothing of chance."),
        (sweep([-3, -3, -11]), None, "at 1024 the lowest rate tried, 0.00391, is the"),
        (sweep([-3, -3, 4]), None, "at 1024 the highest rate tried, 4, is the best"),
    ],
)
def test_a_verdict_claims_what_seeds_allow(found, transfers, said):
    assert found.transfers is transfers
    assert said in found.verdict
    assert said in str(found)


def test_seeds_that_part_allow_no_claim():
    x, noise = np.arange(-8.0, 3), [[0, 0, 0], [1.5, -1.5, 0], [2, -1, 0]]
    losses = [(x[:, None] + 3 - np.array(each)) ** 2 for each in noise]
    rows = tuple(tuple(map(tuple, each.tolist())) for each in losses)
    found = Transfer((1, 2, 4), tuple((2.0**x).tolist()), rows, (9.0,) * 3)
    assert found.transfers is None
    first, *_, last = found.best
    np.testing.assert_allclose([first.low, first.high], [2**-3.5, 2**-2.5])
    assert last.low < 2**-3.5 < 2**-2.5 < last.high


def test_a_size_that_always_diverges_has_no_best_rate():
    rows = ((1.0,), (0.5,), (1.0,)), ((math.inf,),) * 3
    found = Transfer((1, 2), (0.1, 0.2, 0.4), rows, (2.0, 2.0))
    assert found.transfers is None
    assert "at 2 a seed has diverged at all learning rates" in found.verdict
    assert "3 of 3" in str(found)


def test_a_sweep_plots_itself(tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "sweep.png"
    figure = sweep([-3, -3, -3]).plot(str(path))
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    assert (width, height) == tuple((150 * figure.get_size_inches()).astype(int))
    left, right = figure.axes
    texts = ["width 64", "width 256", "width 1024"]
    assert [text.get_text() for text in left.texts] == texts
    ticks = [text.get_text() for text in right.get_xticklabels()]
    assert ticks == ["64", "256", "1024"]
    assert "Transfers over width" in figure.get_suptitle().replace("\n", " ")
    rows = ((1.0,), (math.inf,), (math.inf,)), ((math.inf,),) * 3
    Transfer((1, 2), (0.1, 0.2, 0.4), rows, (2.0, math.inf)).plot()


def test_labels_stand_apart_in_their_order():
    places = np.array(apart([0.5, 0.5, 0.9, 0.1], 0.1))
    np.testing.assert_allclose(places, [0.45, 0.55, 0.9, 0.1])
    np.testing.assert_allclose(apart([0.2, 0.1], 0.05), [0.2, 0.1])
    assert apart([], 0.1) == []


def test_refusals(tmp_path):
    def call(rates=RATES, batches=BATCHES, sizes=(1, 2), **options: Any):
        jinit.transfer(make, sizes, rates, batches, half_square, **options)

    with pytest.raises(ValueError, match=r"three or more .*Got \[0\.1, 0\.2\]"):
        call([0.1, 0.2, 0.1])
    with pytest.raises(ValueError, match="above 0"):
        call([0.0, 0.1, 0.2])
    with pytest.raises(ValueError, match=r"two or more sizes.*Got sizes \(3,\)"):
        call(sizes=[3, 3])
    with pytest.raises(ValueError, match=r"batches of one shape and dtype.*shorter"):
        call(batches=[*BATCHES, (jnp.ones(2), jnp.zeros(2))])
    with pytest.raises(ValueError, match=r"a file that it can write.*No such file"):
        call(path=tmp_path / "none" / "sweep.json")
    with pytest.raises(ValueError, match=r"a multiple of 2. Got \[3\] rows"):
        call(over="batch")
