"""The coordinate check: what it measures, and that muP passes it."""

import struct

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jinit
from jinit import coord_check
from jinit._model.checks import CoordinateCheck, Curve
from jinit._model.mup import Form, mup


KEY = jax.random.key(0)
WIDTHS = (32, 64, 128, 256)


def shape(*sizes):
    return jax.ShapeDtypeStruct(sizes, "float32")


def mlp(n):
    return {"first": shape(32, n), "mid": shape(n, n), "next": shape(n, n),
            "last": shape(n, 16)}  # fmt: skip


def forward(params, x):
    for name in ("first", "mid", "next"):
        x = jax.nn.relu(x @ params[name])
    return x @ params["last"]


def labeled(i):
    x = jax.random.normal(jax.random.fold_in(KEY, i), (128, 32))
    return x, jnp.argmax(x[:, :16] + x[:, 16:], axis=1)


BATCHES = [labeled(i) for i in range(3)]
RULES = [("last", jinit.zeros), ("**", jinit.he_normal)]


def cross_entropy(outputs, labels):
    return optax.softmax_cross_entropy_with_integer_labels(outputs, labels).mean()


def checked(base, make, rate, kind, form: Form = "init"):
    """At a base width muP; without one, the standard parametrization."""

    def model(width, key):
        scales = mup(mlp(base or width), mlp(width), form=form)
        params = jinit.materialize(mlp(width), key, scales.rules(RULES))
        optimizer = scales.optimizer(make, rate, kind)
        return scales.forward(forward), params, optimizer

    return coord_check(model, WIDTHS, BATCHES, cross_entropy, seeds=8)


@pytest.mark.parametrize(
    ("make", "rate", "kind", "form"),
    [
        (optax.adam, 2e-3, "adam", "init"),
        (optax.sgd, 0.05, "sgd", "init"),
        (optax.adam, 2e-3, "adam", "symmetric"),
    ],
)
def test_an_mlp_under_mup_moves_alike_at_all_widths(make, rate, kind, form):
    found = checked(32, make, rate, kind, form)
    assert found.is_flat, str(found)
    assert "Flat" in str(found)


def test_an_mlp_under_the_standard_parametrization_does_not():
    found = checked(None, optax.adam, 2e-3, "adam")
    assert not found.is_flat
    assert found.slopes["outputs"] > 0.5
    assert min(found.slopes["mid"], found.slopes["next"]) > 0.2
    assert abs(found.slopes["first"]) < 0.1
    assert "outputs +" in found.verdict


def powers(*slopes, **theory):
    """A check of mid, head and outputs that move as the width to these powers."""
    rows = [tuple((width**slope,) for width in WIDTHS) for slope in slopes]
    once = (1,) * len(WIDTHS)
    curves = (
        Curve("mid", "hidden", once, rows[0]),
        Curve("head", "head", once, rows[1], **theory),
        Curve("outputs", "outputs", once, rows[2], **theory),
    )
    return CoordinateCheck(curves, WIDTHS)


def test_a_random_head_under_mup_may_fall_with_the_width():
    theory = {"low": -0.5, "why": "a random head"}
    found = powers(0.0, -0.37, -0.37, **theory)
    assert found.is_flat
    expected = "but for head -0.37, outputs -0.37, as theory has it: a random head."
    assert expected in found.verdict
    assert "-0.50 to 0" in str(found)
    assert not powers(0.0, -0.37, -0.37).is_flat
    steep = powers(0.0, -0.8, -0.37, **theory)
    assert steep.verdict.endswith("at head -0.80.")
    assert steep.headline == "Not flat over width: down in head."
    assert not powers(0.0, 0.3, 0.0, **theory).is_flat


def test_a_head_is_random_if_its_first_outputs_are_no_zeros():
    def make(scale):
        def model(width, key):
            apply = lambda w, x: jnp.tanh(x @ w["a"]) @ w["head"]
            weights = {"a": jnp.ones((3, width)), "head": scale * jnp.ones((width, 2))}
            return apply, weights, optax.sgd(0.1)

        return model

    x = jax.random.normal(KEY, (5, 3))
    check = lambda scale: coord_check(
        make(scale), [4, 8], [(x, None)], lambda z, _: z.sum(), steps=1
    )
    lows = lambda scale: [curve.low for curve in check(scale).curves]
    assert lows(1.0) == [0, -0.5, -0.5]
    assert lows(0.0) == [0, 0, 0]
    assert [curve.kind for curve in check(1.0).curves] == ["input", "head", "outputs"]


def test_a_change_is_what_one_step_of_gradient_descent_makes():
    x = jax.random.normal(KEY, (5, 3))

    def make(width, key):
        apply = lambda w, x: 2.0 * (x @ w["only"])
        return apply, {"only": jnp.zeros((3, width))}, optax.sgd(0.5)

    # Loss Σ 2xw has the gradient 2 Σ x over the batch, alike for all units.
    found = coord_check(make, [4, 16], [(x, None)], lambda z, _: z.sum(), steps=2)
    change = np.asarray(x) @ -(0.5 * 2 * np.asarray(x).sum(axis=0))
    rms = float(np.sqrt(np.mean(change**2)))
    for curve, factor in zip(found.curves, (1, 2), strict=True):
        for steps in curve.changes:
            np.testing.assert_allclose(steps, [factor * rms, 2 * factor * rms], 1e-5)
    assert found.layers == ("only", "outputs")
    assert found.is_flat


def test_seeds_are_averaged_in_their_squares_and_batches_taken_in_turn():
    seen = []

    def make(width, key):
        seen.append(key)
        apply = lambda w, x: x * w["gain"] @ jnp.ones((2, 2))
        return apply, {"gain": jax.random.normal(key, (2,))}, optax.sgd(1.0)

    batches = [(jnp.ones((1, 2)), 1.0), (jnp.ones((1, 2)), -3.0)]
    loss = lambda z, target: target * z[0, 0]
    found = coord_check(make, [2, 4], batches, loss, steps=3, seeds=2)
    assert len({tuple(jax.random.key_data(key).tolist()) for key in seen}) == 2
    # Σ gain moves by −2 · target at each step: −2, +4, +2.
    np.testing.assert_allclose(found.curves[-1].changes, [[2, 4, 2]] * 2, rtol=1e-5)


def test_layers_in_a_scan_are_seen():
    def make(width, key):
        def apply(params, x):
            body = lambda x, w: (jnp.tanh(x @ w), None)
            return jax.lax.scan(body, x, params["stack"])[0]

        params = {"stack": jinit.normal(stddev=0.3)(key, (3, 32, 32))}
        return apply, params, optax.sgd(0.1)

    mse = lambda z, y: jnp.mean((z - y[:, None]) ** 2)
    found = coord_check(make, [1, 2], BATCHES, mse)
    assert found.layers == ("stack", "outputs")
    assert found.slopes == {"stack": pytest.approx(0), "outputs": pytest.approx(0)}


def test_a_layer_in_a_branch_is_left_out():
    def make(width, key):
        def apply(w, x):
            x = jax.lax.cond(x.sum() < 1e9, lambda: x @ w["in"], lambda: 2 * x)
            return x @ w["out"]

        params = {"in": jnp.eye(32), "out": jnp.eye(32)}
        return apply, params, optax.sgd(0.1)

    found = coord_check(make, [1, 2], BATCHES, lambda z, _: jnp.mean(z**2))
    assert found.layers == ("out", "outputs")


def record(changes, **options):
    curves = [
        Curve(f"layer_{i}", "hidden", (1, 1, 1), tuple((value,) for value in row))
        for i, row in enumerate(changes)
    ]
    return CoordinateCheck(tuple(curves), (10, 100, 1000), **options)


def test_slopes_are_exponents_of_the_width():
    found = record([[1.0, 1.0, 1.0], [1.0, 10.0, 100.0], [8.0, 4.0, 2.0], [0, 0, 0]])
    slopes = [0, 1, -np.log10(2), 0]
    np.testing.assert_allclose(list(found.slopes.values()), slopes, atol=1e-12)
    assert not found.is_flat
    assert "at 2 hidden (layer_1 +1.00)." in found.verdict
    assert "4: -0.30 to +1.00" in str(found)
    assert record([[1.0, 1.1, 1.2]], tolerance=0.05).is_flat
    assert not record([[1.0, 1.1, 1.2]], tolerance=0.01).is_flat


@pytest.mark.parametrize("bad", [np.inf, np.nan, 0.0])
def test_a_layer_that_blows_up_or_stands_still_at_one_width_is_not_flat(bad):
    assert not record([[1.0, bad, 1.0]]).is_flat


def test_a_check_plots_itself(tmp_path):
    pytest.importorskip("matplotlib")
    rows = (1.0, 2.0), (1.5, 3.0)
    curves = [Curve(name, "hidden", (1, 1), rows) for name in "ab"]
    curves.append(Curve("outputs", "outputs", (1, 1), rows))
    found = CoordinateCheck(tuple(curves), (64, 128))
    path = tmp_path / "check.png"
    figure = found.plot(str(path))
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    assert (width, height) == tuple((150 * figure.get_size_inches()).astype(int))
    # A thin line per layer, and one per kind, labelled in its color at its end.
    assert [len(ax.lines) for ax in figure.axes] == [3 + 2, 3 + 2]
    np.testing.assert_array_equal(figure.axes[1].lines[0].get_ydata(), [2.0, 3.0])
    labels = figure.axes[1].texts
    assert [text.get_text() for text in labels] == ["hidden +0.58", "outputs +0.58"]
    colors = [line.get_color() for line in figure.axes[1].lines[3:]]
    assert [text.get_color() for text in labels] == colors
    assert "Not flat over width: up in hidden, outputs." in figure.get_suptitle()


TOKENS = [(jnp.arange(8), (jnp.arange(8) + 1) % 8)]


def block(x, up, down, times):
    y = x / jnp.sqrt(jnp.mean(x**2, axis=-1, keepdims=True) + 1e-6)
    return x + times * jnp.tanh(y @ up) @ down


def test_over_depth_layers_are_told_by_kind_where_their_numbers_differ():
    def make(depth, key):
        def apply(w, tokens):
            x = w["table"][tokens]
            for i in range(depth):
                x = block(x, w[f"up{i}"], w[f"down{i}"], 1.0)
            return x @ w["head"]

        names = [f"{name}{i}" for i in range(depth) for name in ("up", "down")]
        weights = dict.fromkeys(["table", *names, "head"], 0.1 * jnp.ones((8, 8)))
        return apply, weights, optax.sgd(0.1)

    found = coord_check(make, [1, 3], TOKENS, cross_entropy, over="depth", steps=1)
    assert {curve.name: (curve.kind, curve.times) for curve in found.curves} == {
        "table look-up": ("input", (1, 1)), "norms": ("norm", (1, 3)),
        "up*": ("hidden", (1, 3)), "down*": ("closing", (1, 3)),
        "stream": ("stream", (1, 3)), "head": ("head", (1, 1)),
        "outputs": ("outputs", (1, 1)),
    }  # fmt: skip
    assert [each.name for each in found.curves if each.low] == ["down*"]


@pytest.mark.parametrize(("power", "flat"), [(1, True), (0, False)])
def test_over_depth_the_stream_moves_alike_if_branches_are_divided_by_it(power, flat):
    def make(depth, key):
        def apply(w, x):
            body = lambda x, w: (block(x, w[0], w[1], depth**-power), None)
            return jax.lax.scan(body, x @ w["in"], w["stack"])[0] @ w["head"]

        keys = jax.random.split(key, (2, depth))
        draw = lambda key: jinit.lecun_normal()(key, (32, 32))
        stack = jax.vmap(jax.vmap(draw))(keys)
        weights = {"in": jnp.eye(32), "stack": (stack[0], stack[1])}
        return apply, weights | {"head": jnp.zeros((32, 16))}, optax.adam(1e-3)

    found = coord_check(make, [4, 8, 16, 32], BATCHES, cross_entropy, over="depth")
    times = {curve.name: curve.times for curve in found.curves}
    assert times["stack/0"] == times["stream"] == (4, 8, 16, 32)
    assert times["in"] == times["head"] == (1, 1, 1, 1)
    assert (abs(found.slopes["stream"]) < 0.1) == flat, str(found)
    assert (found.slopes["stream"] > 0.3) == (not flat), str(found)


def test_over_batches_all_sizes_see_the_same_examples():
    def make(rate):
        def model(rows, key):
            return (lambda w, x: x @ w), jnp.zeros((3, 2)), optax.sgd(rate(rows))

        return model

    # A loss that is linear in the weights has the same gradient after every step.
    x = jax.random.normal(KEY, (8, 3))
    check = lambda rate: coord_check(
        make(rate), [2, 4, 8], [(x, x[:, :2])],
        lambda z, y: jnp.mean(z * y), over="batch", steps=2,
    )  # fmt: skip
    assert max(map(abs, check(lambda rows: 0.1 * rows).slopes.values())) < 1e-5
    assert check(lambda rows: 0.1).slopes["outputs"] == pytest.approx(-1)


def test_attention_is_seen_in_its_logits_and_a_tied_table_as_such():
    def make(width, key):
        def apply(w, tokens):
            x = w["table"][tokens]
            q, k, v = (x @ w[name] for name in ("q", "k", "v"))
            weights = jax.nn.softmax(q @ k.T / width)
            return (x + weights @ v) @ w["table"].T / width

        keys = jax.random.split(key, 4)
        weights = {name: jinit.lecun_normal(k, (width, width))
                   for name, k in zip("qkv", keys, strict=False)}  # fmt: skip
        weights["table"] = jax.random.normal(keys[3], (8, width))
        return apply, weights, optax.sgd(0.1)

    found = coord_check(make, [16, 32], TOKENS, cross_entropy, steps=1)
    assert {curve.name: curve.kind for curve in found.curves} == {
        "table look-up": "input", "q": "query/key", "k": "query/key", "v": "closing",
        "logits": "attention logits", "stream": "stream", "table": "head",
        "outputs": "outputs",
    }  # fmt: skip
    assert {c.name: c.why for c in found.curves if c.low} == dict.fromkeys(
        ["table", "outputs"], "a tied table of muP adds what falls as 1/√width"
    )


def test_refusals():
    def make(width, key):
        name = "a" if width < 4 else "b"
        return (lambda w, x: x @ w[name]), {name: jnp.ones((32, 2))}, optax.sgd(0.1)

    call = lambda widths, batches, **options: coord_check(
        make, widths, batches, lambda z, _: z.sum(), **options
    )
    with pytest.raises(ValueError, match=r"two or more sizes.*Got sizes \(8,\)"):
        call([8], BATCHES)
    with pytest.raises(ValueError, match="0 batches"):
        call([2, 4], [])
    with pytest.raises(ValueError, match=r"`steps`.*Got 0"):
        call([2, 4], BATCHES, steps=0)
    with pytest.raises(ValueError, match=r"'a', 'outputs'.* at 2 and .*'b'.* at 8"):
        call([2, 8], BATCHES)
    with pytest.raises(ValueError, match=r"a multiple of 5. Got \[128\] rows"):
        call([5, 128], BATCHES, over="batch")
    with pytest.raises(ValueError, match=r"'width', 'depth', 'batch'.*Got 'widths'"):
        call([2, 4], BATCHES, over="widths")


def test_a_kind_is_the_mean_of_its_layers():
    one = Curve("one", "hidden", (1, 1), ((1.0,), (3.0,)))
    two = Curve("two", "hidden", (3, 1), ((2.0,), (4.0,)))
    (kind,) = CoordinateCheck((one, two), (2, 4)).kinds
    np.testing.assert_allclose(kind.changes, [[(13 / 4) ** 0.5], [(25 / 2) ** 0.5]])
    assert kind.times == (4, 2)
