import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import jinit
from jinit._model.auto.chains import _moments, mirrored


def _mirrored(layers, *shape):
    model, x = nn.Sequential(layers), jax.ShapeDtypeStruct(shape, "float32")
    params = jax.eval_shape(model.init, jax.random.key(0), x)
    return mirrored(jinit.trace(model.apply, params, x))


def _dense(phi, depth, width):
    return [f for _ in range(depth) for f in (nn.Dense(width), phi)]


def test_a_chain_is_mirrored_where_random_weights_would_leave_the_band():
    assert not _mirrored(_dense(nn.relu, 10, 256), 4, 256)
    chosen = _mirrored(_dense(nn.relu, 60, 256), 4, 256)
    assert list(chosen.values()) == ["out", *["both"] * 58, "in"]
    assert not _mirrored(_dense(nn.gelu, 4, 256), 4, 256)
    assert len(_mirrored(_dense(nn.gelu, 20, 256), 4, 256)) == 20


@pytest.mark.parametrize("phi", [jnp.tanh, nn.selu, nn.elu, jax.nn.mish])
def test_only_what_is_linear_in_pairs_is_mirrored(phi):
    assert not _mirrored(_dense(phi, 60, 64), 4, 64)


def test_normalization_odd_widths_and_other_readers_end_a_chain():
    normalized = [f for _ in range(40) for f in (nn.Dense(64), nn.LayerNorm(), nn.relu)]
    assert not _mirrored(normalized, 4, 64)
    assert not _mirrored(_dense(nn.relu, 40, 33), 4, 33)

    def apply(params, x):
        for w in params:
            x = jnp.concatenate([jax.nn.relu(x @ w), jax.nn.relu(x @ w)], -1)
        return x

    params = [jax.ShapeDtypeStruct((16, 8), "float32")] * 60
    assert not mirrored(
        jinit.trace(apply, params, jax.ShapeDtypeStruct((4, 16), "float32"))
    )


def test_a_drift_without_a_mirror_is_said():
    def looped(p, x):
        h = jax.lax.scan(lambda h, w: (nn.gelu(h @ w), None), x @ p["in"], p["w"])[0]
        return h @ p["out"]

    def unrolled(p, x):
        for w in p["w"]:
            x = nn.gelu(x @ w)
        return x

    shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
    stack = {"in": shape(8, 16), "w": shape(40, 16, 16), "out": shape(16, 4)}
    plan = {each.path: each for each in jinit.explain(looped, stack, shape(2, 8))}
    assert "random weights drift: a stack" in plan["w"].reason
    assert "drift" not in plan["in"].reason
    odd = {"w": [shape(15, 15)] * 40}
    for each in jinit.explain(unrolled, odd, shape(2, 15)):
        assert "random weights drift: an odd width" in each.reason
    for each in jinit.explain(unrolled, odd, shape(2, 15), mirror=False):
        assert "drift" not in each.reason


def test_kernels_of_several_axes_stay_out_of_chains():
    heads = nn.DenseGeneral((4, 4), axis=(-2, -1))
    chosen = _mirrored([heads, *_dense(nn.gelu, 12, 16)], 2, 4, 4)
    assert "params/layers_0/kernel" not in chosen
    grouped = [
        f for _ in range(40) for f in (nn.Conv(8, (1,), feature_group_count=2), nn.relu)
    ]
    assert not _mirrored(grouped, 2, 6, 8)


def test_a_chain_that_closes_a_branch_adds_its_share():
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            y = x
            for _ in range(12):
                y = nn.gelu(nn.Dense(16)(y))
            return nn.Dense(4)(x + nn.Dense(16, name="last")(y))

    x = jax.ShapeDtypeStruct((2, 16), "float32")
    params = jax.eval_shape(Net().init, jax.random.key(0), x)
    plan = {each.path: each for each in jinit.explain(Net().apply, params, x)}
    init = plan["params/last/kernel"].initializer
    assert init is not None
    assert init.law.name == "looks_linear"
    # One branch: as much again as the stream, by eight pairs of units.
    assert init.std((16, 16)) ** 2 == pytest.approx(1 / 8)


def test_a_mirrored_convolutional_network_is_linear():
    layers = [f for _ in range(6) for f in (nn.Conv(4, (3, 3)), nn.gelu)]
    model = nn.Sequential([*layers, nn.Conv(2, (3, 3))])
    x, y = jax.random.normal(jax.random.key(1), (2, 3, 8, 8, 4))
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    params = jinit.initialize((model.apply, shapes), jax.random.key(2), x)
    kernel = params["params"]["layers_2"]["kernel"]
    assert jnp.array_equal(kernel[..., :2, :], -kernel[..., 2:, :])
    f = jax.jit(lambda x: model.apply(params, x))
    assert jnp.allclose(f(x) + f(y), f(x + y), atol=1e-5)


def test_the_spread_is_that_of_simulated_networks():
    # One layer: Var log q = (E φ⁴ / (E φ²)² − 1) / n, over 4,000 draws of ‖φ(z)‖².
    excess, slope = _moments("relu")
    assert (excess, slope) == pytest.approx((5.0, 1.0))  # (3/2) / (1/2)² − 1
    n, draws = 256, 4000
    z = jax.random.normal(jax.random.key(0), (draws, n))
    spread = np.log(np.asarray((jax.nn.relu(z) ** 2).mean(1))).var()
    assert spread == pytest.approx(excess / n, rel=5 * np.sqrt(2 / draws))
