"""The comparison of starts: what it trains, from where, and what it dares to say."""

import functools
import json
import math
from typing import Any

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jinit
from jinit._compare import Comparison
from jinit._compare.chance import chance
from jinit._compare.outcomes import steps_to
from jinit._frameworks import with_batch
from jinit._training import runs


KEY = jax.random.key(3)
DIMENSIONS = ("NHWC", "HWIO", "NHWC")
RATES = [0.1, 0.3, 1.0, 300.0]
SIGNS = jnp.array([[1.0], [-1.0], [1.0], [-1.0]])
ONE = [(SIGNS, 10 * SIGNS)]  # half of (w − 10)², and 50 without learning
X = jax.random.normal(jax.random.key(0), (32, 6))
BATCHES = [(X, X[:, :1] * X[:, 1:2]), (X[::-1], X[::-1, :1])]


def half_square(z, y):
    return jnp.mean((z - y) ** 2) / 2


def line(w, x):
    return w * x


def start(weight):
    """A start from a weight that depends on the seed alone."""
    return lambda model, key, x: weight * (1 + jax.random.uniform(key))


def compared(**options: Any) -> Comparison:
    given = {
        "model": (line, np.ones(())),
        "loss": half_square,
        "batches": ONE,
        "key": KEY,
        "starts": {"one": start(1.0), "two": start(-8.0)},
        "learning_rates": RATES,
        "seeds": 2,
        "steps": 20,
        "optimizer": optax.sgd,
    }
    return jinit.compare(**{**given, **options})


def first_weights():
    keys = [jax.random.fold_in(KEY, seed) for seed in range(2)]
    return np.array([1 + float(jax.random.uniform(key)) for key in keys])


def curve(rate, weight, steps=20):
    """The losses of gradient descent on half a square."""
    return ((1 - rate) ** np.arange(steps) * (weight - 10)) ** 2 / 2


def test_runs_are_those_of_gradient_descent_from_the_starts():
    found = compared()
    close = functools.partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-6)
    for i, scale in enumerate([1, -8]):
        for j, rate in enumerate(RATES[:3]):
            for seed, weight in enumerate(scale * first_weights()):
                expected = curve(rate, weight)
                close(found.curves[i][j][seed], expected)
                close(found.losses[i][j][seed], expected[-2:].mean())
        assert np.isinf(found.losses[i][-1]).all()
    assert found.chance == pytest.approx(50, rel=1e-4)
    assert [each.diverged for each in found.results] == [2, 2]
    assert "2 of 8 diverged" in str(found)


def test_steps_are_those_to_the_end_of_the_baseline():
    found = compared(learning_rates=[0.01, 0.1, 0.12], steps=40)
    one, two = found.results
    assert (one.rate, one.steps) == (0.12, 40.0)
    assert two.steps == math.inf  # twice as far away, at the same rate
    curves = np.array([[4.0, 2.0, 1.0, 0.5], [4.0, 3.0, 2.0, 1.0]])
    goals, free = np.array([1.0, 2.0]), np.zeros(2)
    assert steps_to(goals, curves, 400, free) == 300
    assert steps_to(goals, curves, 400, np.array([0.0, 8.0])) == 304
    assert steps_to(goals / 3, curves, 400, free) == math.inf


def test_all_starts_see_the_batches_in_the_order_of_the_seed():
    batches = [(jnp.ones((1, 1)), jnp.full((1, 1), float(i))) for i in range(8)]
    mean = lambda z, y: jnp.mean(y)
    found = jinit.compare(
        (line, jnp.ones(())), mean, batches, KEY, {"a": start(1.0), "b": start(5.0)},
        RATES, steps=8, optimizer=optax.sgd,
    )  # fmt: skip
    a, b = np.array(found.curves)
    np.testing.assert_array_equal(a, b)
    orders = a[0]
    assert len({tuple(order) for order in orders}) == 3
    np.testing.assert_array_equal(np.sort(orders), [range(8)] * 3)


def test_chance_is_the_best_of_constant_outputs():
    labels = jnp.array([0] * 6 + [1] * 2)
    logits = lambda w, x: x @ w
    subject = with_batch("test", logits, jnp.ones((6, 3)), None, X[:8])
    cross_entropy = lambda z, y: optax.softmax_cross_entropy_with_integer_labels(
        z, y
    ).mean()
    found = chance(subject, cross_entropy, [(X[:8], labels)], [(X[:8], labels)])
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert abs(found - entropy) < 1e-4
    # Fitted to what is trained on, and taken of what is held out.
    other = [(X[:2], jnp.array([1, 1]))]
    found = chance(subject, cross_entropy, [(X[:8], labels)], other)
    assert abs(found + math.log(0.25)) < 1e-2
    scalar = with_batch("test", lambda w, x: (x @ w).sum(), jnp.ones(6), None, X)
    assert math.isnan(chance(scalar, half_square, BATCHES, BATCHES))


class Mlp(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Dense(64, bias_init=nn.initializers.ones)(x))
        return nn.Dense(1)(x)


def weights_of(start, model=None):
    """The weights of the first seed, of which the optimizer makes nothing."""
    seen: list[Any] = []

    made: Any = optax.GradientTransformation

    def watch(rate):
        def init(weights):
            jax.debug.callback(lambda w: seen.append(w), weights)
            return ()

        return made(init, lambda g, s, w: (g, s))

    jinit.compare(
        model or Mlp(), half_square, BATCHES, KEY, [start], RATES, seeds=1, steps=1,
        optimizer=watch,
    )  # fmt: skip
    jax.effects_barrier()
    return jax.tree.map(np.asarray, seen[-1])["params"]


def test_starts_are_what_their_names_say():
    key = jax.random.fold_in(KEY, 0)
    own = Mlp().init(key, X)["params"]
    kernel = lambda params: np.asarray(params["Dense_0"]["kernel"])
    jax.tree.map(np.testing.assert_array_equal, weights_of("own"), own)
    planned = jinit.initialize(Mlp(), key, X)["params"]
    jax.tree.map(np.testing.assert_array_equal, weights_of("initialize"), planned)
    lawful = weights_of(jinit.normal(0.5))
    assert abs(kernel(lawful).std() - 0.5) < 0.06
    np.testing.assert_array_equal(lawful["Dense_0"]["bias"], 1.0)  # the model's own
    recipe = weights_of("torch_default")
    assert np.abs(kernel(recipe)).max() <= 1 / math.sqrt(6)
    assert np.unique(recipe["Dense_0"]["bias"]).size > 1
    rules = weights_of([("kernel", 0.25), ("**", jinit.zeros)])
    assert (kernel(rules) == 0.25).all()
    fitted = weights_of("lsuv")
    first = X @ kernel(fitted)
    assert abs(np.var(first) - 1) < 0.1


def test_a_module_that_takes_one_example_is_trained_on_batches():
    model = lambda key: eqx.nn.MLP(6, 1, 16, 1, key=key)
    found = jinit.compare(
        model, half_square, BATCHES, KEY, learning_rates=[1e-3, 1e-2, 3e-2], steps=30,
        held_out=[(X[:5], X[:5, :1])],
    )  # fmt: skip
    assert found.is_complete
    assert found.held_out
    assert "held-out loss" in str(found)
    assert (np.array(found.losses) < 2).all()


def test_random_streams_are_new_in_every_step():
    class Noisy(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = x * self.param("w", nn.initializers.ones, (1,))
            return x + jax.random.normal(self.make_rng("dropout"), x.shape)

    still = lambda rate: optax.set_to_zero()
    found = compared(model=Noisy(), starts=["own"], seeds=1, steps=5, optimizer=still)
    assert len({*found.curves[0][0][0]}) == 5


def test_what_is_done_is_kept_and_goes_on(tmp_path):
    path = tmp_path / "starts.json"
    first = compared(path=path)
    starts = {"one": start(1.0), "two": start(-8.0), "three": start(3.0)}
    more = compared(starts=starts, seeds=3, path=path)
    np.testing.assert_array_equal(np.array(more.losses)[:2, :, :2], first.losses)
    assert len(json.loads(path.read_text())["runs"]) == 3 * 4 * 3
    jax.tree.map(np.testing.assert_equal, compared(path=path).curves, first.curves)
    with pytest.raises(ValueError, match=r"same model, data.*of one in"):
        compared(path=path, steps=10)
    with pytest.raises(ValueError, match=r"same model, data.*of two in"):
        compared(path=path, starts={"one": start(1.0), "two": start(2.5)})


def test_a_stopped_comparison_holds_the_starts_that_were_done():
    def stopped(model, key, x):
        raise KeyboardInterrupt

    starts = {"one": start(1.0), "two": stopped, "three": start(2.0)}
    with pytest.warns(UserWarning, match=r"`jinit.compare` was stopped"):
        found = compared(starts=starts)
    assert not found.is_complete
    assert [each.start for each in found.results] == ["one"]
    assert found.verdict.startswith("Nothing to compare")


def test_a_budget_of_time_takes_seeds_one_by_one():
    whole = compared(minutes=10.0)
    np.testing.assert_array_equal(whole.losses, compared().losses)
    with pytest.warns(UserWarning, match=r"has used its 1e-09 minutes: one, 1 of 4"):
        none = compared(minutes=1e-9)
    assert none.results == ()
    assert str(none) == "Not told: no start is done."


def made(*losses, rates=(1.0, 2.0, 4.0, 8.0), chance=2.0):
    """A comparison with these losses by start, rate and seed."""
    every = np.array(losses, float)
    curves = np.stack([np.full_like(every, chance), every], axis=-1)
    plain: Any = lambda x: tuple(map(plain, x)) if np.ndim(x) else float(x)
    names = "abcd"[: len(every)]
    costs = plain(np.zeros((len(every), every.shape[-1])))
    return Comparison(
        tuple(names), rates, plain(every), plain(curves), costs, chance, 2
    )


LOW = [[2.0] * 4, [0.1, 0.11, 0.1, 0.1], [0.2] * 4, [2.0] * 4]
HIGH = [[2.0] * 4, [0.9, 1.0, 1.0, 0.9], [1.0] * 4, [2.0] * 4]
NEAR = [[2.0] * 4, [0.1, 0.1, 0.11, 0.1], [0.2] * 4, [2.0] * 4]
EDGE = [[2.0] * 4, [1.8] * 4, [1.2] * 4, [0.9, 1.0, 1.0, 0.9]]
LOST = [[math.inf] * 4, [2.0] * 4, [2.1] * 4, [math.inf] * 4]
single = lambda start: [row[:1] for row in start]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (made(LOW, HIGH), "a (0.103) trains best: it is better than b (0.95); 95 %"),
        (made(HIGH, LOW), "b (0.103) trains best"),
        (made(LOW, NEAR), "Not told apart over 4 seeds: a (0.103) and b (0.103)."),
        (made(LOW, NEAR, HIGH), "and b (0.103). a is better than c (0.95); 95 % sure"),
        (made(LOW, EDGE), "and b (0.95) at the highest rate tried: try higher ones"),
        (made(LOW, LOST), "a (0.103) trains best: it is better than b (2)"),
        (made(LOST, LOST), "Not told: no start learns anything"),
        (made(single(LOW), single(HIGH)), "one seed says nothing of chance"),
        (made(LOW), "Nothing to compare: a (0.103)"),
    ],
)
def test_a_verdict_claims_what_seeds_allow(found, said):
    assert said in found.verdict
    assert found.verdict in str(found)


def test_what_works_is_told_by_the_best_of_all():
    low, high = made(LOW, HIGH).results
    assert (low.working, low.works, low.failed) == (2, (2.0, 4.0), 0)
    assert (high.working, high.failed) == (0, 0)
    assert math.isnan(high.works[0])
    lost = made(LOW, LOST).results[1]
    assert (lost.failed, lost.diverged, lost.edge) == (4, 8, "")
    assert made(LOW, EDGE).results[1].edge == "highest"
    halves = [[2.0] * 4, [2.0, 2.0, 0.1, 0.1], [2.0] * 4, [2.0] * 4]
    assert made(LOW, halves).results[1].failed == 2


def test_equal_starts_are_rarely_told_apart():
    """Of two starts of one law, about one comparison in twenty is wrong."""
    draws = np.random.default_rng(0).normal(size=(400, 2, 1, 5))
    losses = np.full((400, 2, 3, 5), 99.0)
    losses[:, :, 1:2] = np.exp(draws)
    found = [made(*each, rates=(1.0, 2.0, 3.0), chance=99.0) for each in losses]
    wrong = np.mean(["trains best" in each.verdict for each in found])
    assert abs(wrong - 0.05) < 0.03


def test_a_picture_shows_every_start(tmp_path):
    path = tmp_path / "starts.png"
    figure = made(LOW, HIGH, LOST).plot(str(path))
    texts = {each.get_text() for ax in figure.axes for each in ax.texts}
    assert {"a, 2", "b, 2", "c, 2", "a", "b", "c", "chance"} <= texts
    assert path.stat().st_size > 10_000
    with pytest.raises(ValueError, match="a start that is done"):
        made(np.full((3, 2), np.nan), rates=(1.0, 2.0, 3.0)).plot()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"starts": []}, "one or more, each of another name"),
        ({"starts": ["own", "own"]}, "A dict gives them names"),
        ({"starts": ["hee_normal"]}, "Did you mean 'he_normal'"),
        ({"starts": ["gpt2(x"]}, "a recipe such as gpt2"),
        ({"starts": {"a": start(np.ones(3)), "b": start(1.0)}}, "one structure"),
        ({"learning_rates": [0.1, 0.2]}, "three or more different numbers"),
        ({"batches": []}, "`batches` to have one"),
        ({"batches": [*ONE, (jnp.ones((3, 1)), jnp.ones((3, 1)))]}, "of one shape"),
        ({"held_out": [3]}, "`held_out` to be pairs"),
        ({"optimizer": lambda rate: 3}, "`optimizer` to return an optimizer"),
        ({"model": (line, jax.ShapeDtypeStruct((), "float32")), "starts": ["own"]},
         "a model that says how it starts"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(options, words):
    with pytest.raises((ValueError, TypeError), match=words) as caught:
        compared(**options)
    assert str(caught.value).startswith("`jinit.compare` needs")


def test_one_draw_for_all_seeds_is_said():
    with pytest.warns(UserWarning, match="the same weights of own for every seed"):
        compared(starts=["own"])


def test_convolutions_learn_alike_in_a_loop_and_step_by_step(monkeypatch):
    """In a loop they are slow on a CPU, and each run then goes alone."""

    def convolve(w, x):
        y = jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", None, None, DIMENSIONS)
        return y.mean((1, 2))

    x = jax.random.normal(jax.random.key(0), (8, 4, 4, 1))
    found = []
    for slow in (True, False):
        monkeypatch.setattr(runs, "_is_slow_in_loops", lambda lowered, slow=slow: slow)
        found.append(
            compared(
                model=(convolve, jnp.ones((3, 3, 1, 1))),
                starts={
                    "one": lambda model, key, x: jax.random.normal(key, (3, 3, 1, 1))
                },
                batches=[(x, x[:, 0, 0]), (x[::-1], x[:, 1, 1])],
                held_out=[(x, x[:, 0, 0])],
                steps=5,
            )
        )
    np.testing.assert_allclose(found[0].losses, found[1].losses, rtol=1e-5)
    np.testing.assert_allclose(found[0].curves, found[1].curves, rtol=1e-5)
