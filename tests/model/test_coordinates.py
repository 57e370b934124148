"""The coordinate check: what it measures, and that muP passes it."""

import struct

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jinit
from jinit._model.mup import coord_check, CoordinateCheck, Form, mup


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


def test_a_random_head_under_mup_may_fall_with_the_width():
    changes = lambda slope: tuple((width**slope,) for width in WIDTHS)
    rows = changes(0.0), changes(-0.37), changes(-0.37)
    names = "mid", "head", "outputs"
    found = CoordinateCheck(names, WIDTHS, rows, random_heads=names[1:])
    assert found.is_flat
    assert "but for head -0.37, outputs -0.37, where a random head" in found.verdict
    assert not CoordinateCheck(names, WIDTHS, rows).is_flat
    steep = changes(0.0), changes(-0.8), changes(-0.37)
    found = CoordinateCheck(names, WIDTHS, steep, random_heads=names[1:])
    assert found.verdict.endswith("at head -0.80.")
    grown = changes(0.0), changes(0.3), changes(0.0)
    assert not CoordinateCheck(names, WIDTHS, grown, random_heads=names[1:]).is_flat


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
    assert check(1.0).random_heads == ("head", "outputs")
    assert check(0.0).random_heads == ()


def test_a_change_is_what_one_step_of_gradient_descent_makes():
    x = jax.random.normal(KEY, (5, 3))

    def make(width, key):
        apply = lambda w, x: 2.0 * (x @ w["only"])
        return apply, {"only": jnp.zeros((3, width))}, optax.sgd(0.5)

    # Loss Σ 2xw has the gradient 2 Σ x over the batch, alike for all units.
    found = coord_check(make, [4, 16], [(x, None)], lambda z, _: z.sum(), steps=2)
    change = np.asarray(x) @ -(0.5 * 2 * np.asarray(x).sum(axis=0))
    rms = float(np.sqrt(np.mean(change**2)))
    for row, factor in zip(found.changes, (1, 2), strict=True):
        for steps in row:
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
    np.testing.assert_allclose(found.changes[-1], [[2, 4, 2]] * 2, rtol=1e-5)


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
    rows = tuple(tuple((value,) for value in row) for row in changes)
    names = tuple(f"layer_{i}" for i in range(len(rows)))
    return CoordinateCheck(names, (10, 100, 1000), rows, **options)


def test_slopes_are_exponents_of_the_width():
    found = record([[1.0, 1.0, 1.0], [1.0, 10.0, 100.0], [8.0, 4.0, 2.0], [0, 0, 0]])
    slopes = [0, 1, -np.log10(2), 0]
    np.testing.assert_allclose(list(found.slopes.values()), slopes, atol=1e-12)
    assert not found.is_flat
    assert "layer_1 +1.00, layer_2 -0.30." in found.verdict
    assert record([[1.0, 1.1, 1.2]], tolerance=0.05).is_flat
    assert not record([[1.0, 1.1, 1.2]], tolerance=0.01).is_flat


@pytest.mark.parametrize("bad", [np.inf, np.nan, 0.0])
def test_a_layer_that_blows_up_or_stands_still_at_one_width_is_not_flat(bad):
    assert not record([[1.0, bad, 1.0]]).is_flat


def test_a_check_plots_itself(tmp_path):
    pytest.importorskip("matplotlib")
    rows = tuple(((1.0, 2.0), (1.5, 3.0)) for _ in range(3))
    found = CoordinateCheck(("a", "b", "outputs"), (64, 128), rows)
    path = tmp_path / "check.png"
    figure = found.plot(str(path))
    width, height = struct.unpack(">II", path.read_bytes()[16:24])
    assert (width, height) == tuple((150 * figure.get_size_inches()).astype(int))
    assert [len(ax.lines) for ax in figure.axes] == [3, 3]
    np.testing.assert_array_equal(figure.axes[1].lines[0].get_ydata(), [2.0, 3.0])


def test_refusals():
    def make(width, key):
        name = "a" if width < 4 else "b"
        return (lambda w, x: x @ w[name]), {name: jnp.ones((32, 2))}, optax.sgd(0.1)

    call = lambda widths, batches, **options: coord_check(
        make, widths, batches, lambda z, _: z.sum(), **options
    )
    with pytest.raises(ValueError, match=r"two or more widths.*Got widths \(8,\)"):
        call([8], BATCHES)
    with pytest.raises(ValueError, match="0 batches"):
        call([2, 4], [])
    with pytest.raises(ValueError, match=r"`steps`.*Got 0"):
        call([2, 4], BATCHES, steps=0)
    with pytest.raises(ValueError, match=r"'a', 'outputs'.* at 2 and .*'b'.* at 8"):
        call([2, 8], BATCHES)
