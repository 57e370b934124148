"""Training: what is learned, from what data, and what is refused."""

import itertools
from typing import Any

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jinit import pretrain
from jinit.pretrain.contrastive import ContrastiveDivergence, MachineState


KEY = jax.random.key(0)


def bars(count, rng=None):
    """Images of 4 x 4 whose rows are on or off: four bits in sixteen pixels."""
    rng = rng or np.random.default_rng(0)
    return np.repeat(rng.integers(0, 2, (count, 4)), 4, axis=1).astype(np.float32)


def test_an_update_is_contrastive_divergence():
    """Many sampled CD-1 updates have the exact expectation, for a machine of 5 x 3."""
    rng = np.random.default_rng(0)
    machine = pretrain.RBM(
        *(jnp.float32(rng.normal(0, 0.5, s)) for s in ((5, 3), 5, 3))
    )
    states_v, states_h = (
        np.array(list(itertools.product((0, 1), repeat=n)), np.float32) for n in (5, 3)
    )
    v = jnp.asarray(states_v[[19]])
    # Hidden states given v, then visible ones given these: all weighted by chance.
    chance = lambda p, states: np.prod(np.where(states, p, 1 - p), -1)
    p_h = chance(np.asarray(machine.encode(v)), states_h)
    p_v = p_h @ chance(np.asarray(machine.decode(states_h))[:, None], states_v)
    model = sum(
        p * machine.statistics(each[None]).weights
        for p, each in zip(p_v, states_v, strict=True)
    )
    exact = machine.statistics(v).weights - model

    method = ContrastiveDivergence(
        1.0, (0.0, 0.0), 0.0, None, 0.0, "bernoulli", 1, False
    )
    still = jax.tree.map(jnp.zeros_like, machine)
    state = MachineState(machine, still, jnp.zeros((1, 3)), jnp.zeros(3))
    moved = jax.vmap(
        lambda key: method.step(state, v, key, jnp.int32(1)).velocity.weights
    )(jax.random.split(KEY, 20_000))
    allowed = 5 * moved.std(0) / np.sqrt(len(moved)) + 1e-6
    assert (jnp.abs(moved.mean(0) - exact) < allowed).all()


def test_momentum_and_decay():
    machine = pretrain.RBM(jnp.full((2, 1), 3.0), jnp.zeros(2), jnp.zeros(1))
    method = ContrastiveDivergence(
        0.1, (0.5, 0.9), 0.01, None, 0, "bernoulli", 1, False
    )
    ones = jax.tree.map(jnp.ones_like, machine)
    state = MachineState(machine, ones, jnp.zeros((4, 1)), jnp.zeros(1))
    v = jnp.ones((4, 2))
    step = jax.jit(method.step)
    early, late = (step(state, v, KEY, jnp.int32(epoch)) for epoch in (5, 6))
    np.testing.assert_allclose(
        late.velocity.weights - early.velocity.weights, 0.4, rtol=1e-5
    )
    plain = jax.jit(
        ContrastiveDivergence(0.1, (0.5, 0.9), 0, None, 0, "bernoulli", 1, False).step
    )(state, v, KEY, jnp.int32(5))
    np.testing.assert_allclose(
        early.velocity.weights - plain.velocity.weights, -0.1 * 0.01 * 3, rtol=1e-3
    )


@pytest.mark.parametrize("persistent", [False, True])
def test_a_machine_learns_bars(persistent):
    machine, record = pretrain.rbm(
        bars(1000), 8, KEY, persistent=persistent, epochs=60, batch_size=20,
        momentum=(0.0, 0.0),
    )  # fmt: skip
    likelihoods = [each.pseudo_likelihood or 0 for each in record]
    assert likelihoods[0] < 16 * np.log(0.5) + 1
    assert -1 < likelihoods[-1] < 0
    # Reconstructions complete a bar of which one pixel is wrong.
    v = bars(200, np.random.default_rng(1))
    wrong = np.array(v)
    wrong[:, 0] = 1 - wrong[:, 0]
    again = machine.decode(machine.encode(wrong))
    assert (jnp.round(again) == v).mean() > 0.97


def test_it_starts_where_hinton_says():
    v = bars(400)
    machine, _ = pretrain.rbm(v, 200, KEY, epochs=1, learning_rate=1e-9)
    p = v.mean(0)
    np.testing.assert_allclose(machine.visible_bias, np.log(p / (1 - p)), atol=1e-5)
    assert machine.weights.std() == pytest.approx(0.01, rel=0.05)
    assert not jnp.abs(machine.hidden_bias).max() > 1e-6


def test_pixels_that_are_always_off_keep_finite_biases():
    v = bars(200)
    v[:, :4] = 0
    machine, _ = pretrain.rbm(v, 4, KEY, epochs=1, batch_size=50)
    chex.assert_tree_all_finite(machine)
    assert machine.visible_bias[0] < -6


def test_a_sparsity_target_is_held():
    activity = lambda **settings: (
        pretrain.rbm(bars(1000), 16, KEY, epochs=40, batch_size=20, **settings)
        .rbm.encode(bars(500))
        .mean()
    )
    assert activity(sparsity=0.1, sparsity_cost=1.0) < 0.2 < activity()


def test_a_sparsity_target_pulls_down_from_the_first_update():
    machine, _ = pretrain.rbm(
        bars(100), 4, KEY, epochs=1, sparsity=0.1, sparsity_cost=100.0
    )
    assert (machine.hidden_bias < 0).all()  # every unit is on half the time


def test_gaussian_units_learn_a_direction():
    rng = np.random.default_rng(0)
    sign = rng.choice([-1, 1], (2000, 1))
    v = (2 * sign * np.ones(6) + rng.normal(size=(2000, 6))).astype(np.float32)
    machine, record = pretrain.rbm(
        v, 2, KEY, visible="gaussian", epochs=60, batch_size=50
    )
    agree = np.sign(machine.decode(machine.encode(v))) == sign
    assert agree.mean() > 0.98
    assert record.epochs[-1].pseudo_likelihood is None
    assert "pseudo" not in str(record)


def test_held_out_rows_show_overfitting():
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 2, (60, 30)).astype(np.float32)
    _, record = pretrain.rbm(
        noise, 60, KEY, epochs=200, batch_size=20, held_out=1 - noise
    )
    gaps = [each.gap or 0 for each in record]
    assert gaps[-1] > gaps[0] + 1


def test_streams_and_arrays_train_alike():
    v = bars(200)
    settings = {"epochs": 3, "batch_size": 50, "shuffle": False}
    whole, _ = pretrain.rbm(v, 4, KEY, **settings)
    parts, _ = pretrain.rbm([v[:100], v[100:]], 4, KEY, **settings)
    chex.assert_trees_all_close(whole, parts, rtol=1e-5, atol=1e-6)
    once, _ = pretrain.rbm(iter([v[:100], v[100:]]), 4, KEY, **settings)
    chex.assert_trees_all_equal(once, parts)


def test_equal_keys_train_equal_stacks():
    once, again = (
        pretrain.dbn(bars(200), [6, 4], KEY, epochs=2).layers for _ in range(2)
    )
    chex.assert_trees_all_equal(once, again)
    # A layer does not know of those above.
    alone = pretrain.dbn(bars(200), [6], KEY, epochs=2).layers
    chex.assert_trees_all_equal(once[0], alone[0])


def test_a_linear_autoencoder_reaches_its_closed_form():
    """Untied and linear: W V = (E x̃ᵀx̃)⁻¹ E x̃ᵀx, here of masked inputs."""
    rng = np.random.default_rng(0)
    n, level = 4, 0.3
    v = (rng.normal(size=(4000, n)) @ rng.normal(size=(n, n))).astype(np.float32)
    v -= v.mean(0)
    (layer,), _ = pretrain.denoising_autoencoder(
        v, [n], KEY, visible="gaussian", activation="identity", tied=False,
        level=level, epochs=60, batch_size=100,
        optimizer=optax.adam(optax.cosine_decay_schedule(0.02, 60 * 40)),
    )  # fmt: skip
    C = v.T @ v / len(v)
    # Masks are independent: E x̃ᵢx̃ⱼ is (1 − ν)² C off the diagonal, (1 − ν) C on it.
    kept = 1 - level
    corrupted = kept**2 * C + (kept - kept**2) * np.diag(np.diag(C))
    closed = np.linalg.solve(corrupted, kept * C)
    # What is left is the noise of minibatches.
    np.testing.assert_allclose(
        layer.weights @ layer.down.weights, closed, atol=0.06 * np.abs(closed).max()
    )
    np.testing.assert_allclose(layer.visible_bias, 0, atol=0.1)


@pytest.mark.parametrize("corruption", ["masking", "salt_and_pepper", "gaussian"])
def test_autoencoders_undo_corruption(corruption):
    layers, record = pretrain.denoising_autoencoder(
        bars(500), [12, 8], KEY, corruption=corruption, epochs=25, batch_size=20,
        optimizer=optax.adam(0.01),
    )  # fmt: skip
    v = bars(200, np.random.default_rng(1))
    wrong = np.array(v)
    wrong[:, 5] = 0
    again = layers[0].decode(layers[0].encode(wrong))
    assert (jnp.round(again) == v).mean() > 0.97
    assert [each.layer for each in record] == [1] * 25 + [2] * 25


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        ("masking", (0.4 + 0.6 * 0.5, 0.0, 0.6 * 0.5)),
        ("salt_and_pepper", (0.2 + 0.6 * 0.5, 0.0, 0.2 + 0.6 * 0.5)),
    ],
)
def test_corruptions_have_the_shares_they_state(kind, law):
    from jinit.pretrain.corruption import Corruption

    v = (jax.random.uniform(KEY, (200, 500)) < 0.5).astype(jnp.float32)
    noisy = Corruption(0.4, kind)(v, jax.random.key(1))
    shares = [(noisy == 0).mean(), ((noisy > 0) & (noisy < 1)).mean(), noisy.mean()]
    np.testing.assert_allclose(shares, law, atol=0.01)  # 5 σ of 100,000 entries


def test_layers_drop_into_a_model_by_path():
    class MLP(nn.Module):
        @nn.compact
        def __call__(self, x):
            for width in (8, 4):
                x = nn.sigmoid(nn.Dense(width, param_dtype=jnp.bfloat16)(x))
            return nn.Dense(10)(x)

    v = bars(200)
    layers, _ = pretrain.dbn(v, [8, 4], KEY, epochs=2)
    old = MLP().init(KEY, v[:1])
    new = pretrain.transfer(layers, old, ["Dense_0", "Dense_1"])
    assert new["params"]["Dense_2"]["kernel"] is old["params"]["Dense_2"]["kernel"]
    kernel = new["params"]["Dense_0"]["kernel"]
    assert kernel.dtype == jnp.bfloat16
    np.testing.assert_array_equal(kernel, layers[0].weights.astype(jnp.bfloat16))
    bias = new["params"]["Dense_1"]["bias"]
    np.testing.assert_array_equal(bias, layers[1].hidden_bias.astype(jnp.bfloat16))
    chex.assert_trees_all_equal_structs(old, new)
    for paths, words in (
        (["Dense_0"], "a path for each layer"),
        (["Dense_0", "Dense_7"], "fits none: nearest is"),
        (["Dense_0", "Dense_*"], "Dense_0/, params/Dense_1/"),
        (["Dense_1", "Dense_0"], "shapes"),
    ):
        with pytest.raises(ValueError, match=f"transfer.*{words}"):
            pretrain.transfer(layers, old, paths)


@pytest.mark.parametrize("tied", [True, False])
def test_an_unrolled_stack_is_the_stack(tied):
    v = bars(100)
    layers, _ = pretrain.denoising_autoencoder(v, [8, 4], KEY, tied=tied, epochs=2)
    deep = pretrain.unroll(layers)
    code = layers[1].encode(layers[0].encode(v))
    np.testing.assert_allclose(deep.encode(v), code, rtol=1e-6)
    back = layers[0].decode(layers[1].decode(code))
    np.testing.assert_allclose(deep(v), back, rtol=1e-6)
    # It trains as a whole.
    error = lambda deep: jnp.square(deep(v) - v).mean()
    slope = jax.grad(error)(deep)
    better = jax.tree.map(lambda p, g: p - 0.5 * g, deep, slope)
    assert error(better) < error(deep)


def test_a_ctrl_c_keeps_what_is_done(monkeypatch):
    def interrupted(items, total, label):
        for number, item in enumerate(items):
            if label == "layer 2" and number == 1:
                raise KeyboardInterrupt
            yield item

    monkeypatch.setattr("jinit.pretrain.greedy.track", interrupted)
    with pytest.warns(UserWarning, match="dbn` was stopped"):
        layers, record = pretrain.dbn(bars(200), [6, 4, 3], KEY, epochs=3)
    assert len(layers) == 2
    assert [(each.layer, each.epoch) for each in record] == [
        (1, 1), (1, 2), (1, 3), (2, 1),
    ]  # fmt: skip
    chex.assert_tree_all_finite(layers)


def test_records_print_and_plot():
    _, record = pretrain.dbn(bars(200), [6, 4], KEY, epochs=2, held_out=bars(50))
    assert str(record).splitlines()[0].split() == [
        "layer", "epoch", "error", "pseudo-likelihood", "held-out", "gap",
    ]  # fmt: skip
    assert len(record.plot().axes) == 3


def test_filters_are_drawn(tmp_path):
    path = tmp_path / "filters.png"
    pretrain.plot_filters(np.eye(16), str(path), count=9)
    assert path.read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match=r"plot_filters.*15 pixels"):
        pretrain.plot_filters(np.ones((15, 3)))


@pytest.mark.parametrize(
    ("data", "settings", "error", "words"),
    [
        (bars(50) * np.nan, {}, ValueError, "finite"),
        (bars(200) * 255, {}, ValueError, "from 0 to 1"),
        (bars(50), {}, ValueError, "batch_size"),
        (np.ones((200, 4, 4)), {}, ValueError, r"reshape\(len\(x\), -1\)"),
        ([bars(200), bars(200)[:, :3]], {}, ValueError, "one length"),
        (3, {}, TypeError, "an array or an iterable"),
        (bars(200), {"k": 0}, ValueError, "k"),
        (bars(200), {"visible": "binary"}, ValueError, "visible"),
        (bars(200), {"learning_rate": -1}, ValueError, "learning_rate"),
        (bars(200), {"momentum": (0.5, 1.5)}, ValueError, "momentum"),
        (bars(200), {"epochs": 0}, ValueError, "epochs"),
        (bars(200), {"sparsity": 2.0}, ValueError, "sparsity"),
        (bars(200), {"momentum": 0.9}, TypeError, "`momentum` to be two numbers"),
        (bars(200), {"persistent": "no"}, TypeError, "`persistent`"),
        (bars(200), {"held_out": bars(9)[:, :3]}, ValueError, r"\(rows, 16\)"),
        (bars(200), {"held_out": bars(9) * np.nan}, ValueError, "`held_out`"),
        (bars(200), {"held_out": bars(9) * 255}, ValueError, "255 in `held_out`"),
    ],
)
def test_what_it_refuses(data, settings, error, words):
    with pytest.raises(error, match=f"rbm.*{words}"):
        pretrain.rbm(data, 4, KEY, **settings)


def test_divergence_names_the_layer():
    v = 1e3 * np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)
    with pytest.raises(ValueError, match="layer 1, epoch"):
        pretrain.rbm(v, 4, KEY, visible="gaussian", learning_rate=100.0, epochs=50)


def test_settings_of_stacks_are_checked():
    with pytest.raises(ValueError, match=r"dbn.*Did you mean 'epochs'"):
        pretrain.dbn(bars(200), [4], KEY, epoch=3)
    with pytest.raises(ValueError, match=r"denoising_autoencoder.*corruption"):
        pretrain.denoising_autoencoder(bars(200), [4], KEY, corruption="pepper")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="salt and pepper"):
        pretrain.denoising_autoencoder(
            bars(200), [4, 2], KEY, corruption="salt_and_pepper", activation="relu"
        )
    with pytest.raises(TypeError, match=r"unroll.*layers"):
        pretrain.unroll([])
    with pytest.raises(TypeError, match=r"denoising_autoencoder.*`optimizer`.*'adam'"):
        pretrain.denoising_autoencoder(bars(200), [4], KEY, optimizer="adam")
    with pytest.raises(ValueError, match=r"rbm` needs `hidden`"):
        pretrain.rbm(bars(200), 0, KEY)
    for widths in ([], 4):
        with pytest.raises(TypeError, match=r"dbn` needs `widths` to be a list"):
            pretrain.dbn(bars(200), widths, KEY)  # pyright: ignore[reportArgumentType]
    both: Any = ((), pretrain.History(()))
    with pytest.raises(TypeError, match=r"transfer` needs a sequence of pre-trained"):
        pretrain.transfer(both, {}, ["Dense_0"])


def test_arrays_without_rows_are_passed_over():
    v = bars(200)
    whole, parts = (pretrain.rbm(x, 4, KEY, epochs=1) for x in (v, [v[:0], v]))
    chex.assert_trees_all_equal(whole, parts)
