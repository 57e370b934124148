"""Chains of saturating layers: how much they drive inputs apart."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit._model.auto.calm import _chi, _second


KEY = jax.random.key(0)
SLOPE = 1.5  # of Deep Kernel Shaping
X = jax.random.normal(jax.random.key(1), (8, 64))


def shape(*sizes):
    return jax.ShapeDtypeStruct(sizes, "float32")


def plain(depth, width=256, phi=jnp.tanh):
    shapes = {"first": shape(64, width), "head": shape(width, 10)}
    shapes |= {f"layer{i}": shape(width, width) for i in range(1, depth)}

    def apply(w, x):
        z = phi(x @ w["first"])
        for i in range(1, depth):
            z = phi(z @ w[f"layer{i}"])
        return z @ w["head"]

    return apply, shapes


def seconds(plan):
    return {row.path: row.makes for row in plan if row.makes is not None}


@pytest.mark.parametrize("depth", [5, 20, 100])
def test_the_slope_of_the_whole_map_is_that_of_kernel_shaping(depth):
    q = _second(("tanh",) * depth)
    z, weight = np.polynomial.hermite_e.hermegauss(99)
    mean = lambda f: np.sum(weight * f(np.sqrt(q) * z)) / np.sum(weight)
    chi = q * mean(lambda z: 1 / np.cosh(z) ** 4) / mean(lambda z: np.tanh(z) ** 2)
    assert abs(chi**depth - SLOPE) < 1e-6


def stretch(weights, apply):
    """How much less alike two inputs become that are nearly the same."""
    push = jax.random.normal(jax.random.key(2), X.shape)
    outputs, moved = jax.jvp(lambda x: apply(weights, x), (X,), (push,))
    return float(jnp.mean(moved**2) / jnp.mean(outputs**2) * jnp.mean(X**2))


def test_a_deep_network_drives_inputs_no_further_apart():
    apply, shapes = plain(20)
    model = apply, shapes
    calm = [
        stretch(jinit.initialize(model, jax.random.key(seed), X), apply)
        for seed in range(4)
    ]
    assert abs(np.mean(calm) / SLOPE - 1) < 0.25
    wild = jinit.materialize(
        shapes, KEY, [("**", jinit.lecun_normal(gain=jinit.gain("tanh")))]
    )
    assert stretch(wild, apply) > 8  # 1.178²⁰ = 26 in a wide one


def test_every_layer_makes_as_much_and_the_last_makes_one():
    apply, shapes = plain(20)
    plan = jinit.explain(apply, shapes, X)
    made = seconds(plan)
    q = _second(("tanh",) * 20)
    assert made.pop("head") == pytest.approx(1, rel=0.02)
    np.testing.assert_allclose(list(made.values()), q, rtol=0.02)
    assert "20 layers of tanh drive inputs apart" in str(plan)
    probe = jinit.probe(apply, jinit.initialize((apply, shapes), KEY, X), X, plan=plan)
    probe.require_healthy()


@pytest.mark.parametrize(
    "model",
    [
        plain(2),  # too short to matter
        plain(20, phi=jax.nn.relu),  # keeps inputs as near as they are
        plain(20, phi=jax.nn.gelu),  # not odd: mirrored, where it matters
        plain(20, phi=lambda z: z),
    ],
)
def test_others_keep_their_signals_at_one(model):
    made = seconds(jinit.explain(*model, X))
    np.testing.assert_allclose(list(made.values()), 1, rtol=0.02)


def test_coordinates_are_driven_apart():
    """A picture by 10 layers of tanh: held-out loss .59 ± .15, calmed .80 ± .07."""
    apply, shapes = plain(10)
    shapes["first"] = shape(2, 256)
    made = seconds(jinit.explain(apply, shapes, X[:, :2]))
    np.testing.assert_allclose(list(made.values()), 1, rtol=0.1)


def test_a_law_of_the_gradient_keeps_the_gradient():
    """E φ′(z)² of a narrow z is near 1, and no layer is made smaller for another."""
    apply, shapes = plain(20)
    keeping = [jinit.explain(apply, shapes, X, direction="backward")]
    keeping += [jinit.explain(apply, shapes, X, direction="both")]
    assert not any("apart" in str(plan) for plan in keeping)
    weights = jinit.initialize((apply, shapes), KEY, X, direction="backward")
    slopes = jax.grad(lambda w: jnp.sum(apply(w, X)))(weights)
    first, last = (jnp.mean(slopes[name] ** 2) for name in ("layer1", "layer19"))
    assert 1e-2 < first / last < 1e3  # at 1/1.6² a layer it would be 1e-8


class Residual(nn.Module):
    norm: bool

    @nn.compact
    def __call__(self, x):
        for _ in range(8):
            y = nn.LayerNorm()(x) if self.norm else x
            y = nn.Dense(64)(jnp.tanh(nn.Dense(64)(y)))
            x = x + y
        return nn.Dense(10)(x)


@pytest.mark.parametrize("norm", [False, True])
def test_branches_start_again_from_the_stream(norm):
    plan = jinit.explain(Residual(norm), X)
    assert "apart" not in str(plan)


def test_norms_leave_nothing_to_calm():
    class Normed(nn.Module):
        @nn.compact
        def __call__(self, x):
            for _ in range(8):
                x = jnp.tanh(nn.LayerNorm()(nn.Dense(64)(x)))
            return nn.Dense(10)(x)

    assert "apart" not in str(jinit.explain(Normed(), X))


def test_a_stack_of_layers_is_a_chain():
    shapes = {"layers": shape(20, 64, 64), "head": shape(64, 10)}

    def apply(w, x):
        x, _ = jax.lax.scan(lambda x, w: (jnp.tanh(x @ w), None), x, w["layers"])
        return x @ w["head"]

    plan = jinit.explain(apply, shapes, X)
    q = _second(("tanh",) * 20)
    kept = jinit.gaussian_moments("tanh", q).second
    (layers,) = [row.initializer for row in plan if row.path == "layers"]
    assert layers is not None
    assert layers.settings["gain"] ** 2 == pytest.approx(q / kept, rel=1e-3)
    assert seconds(plan)["head"] == pytest.approx(1, rel=0.05)


def test_it_grows_nearer_to_linear_with_depth():
    qs = [_second(("tanh",) * depth) for depth in (3, 10, 30, 100)]
    assert qs == sorted(qs, reverse=True)
    assert _chi("tanh", 1.0) == pytest.approx(1.1778, abs=1e-4)
