"""Recipes of agents: which kernel makes what, and how large its outputs start."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import jinit
from jinit import recipes
from tests.zoo import reinforcement  # noqa: F401 (its entries)
from tests.zoo.adapters import shapes
from tests.zoo.entry import image, normals, ZOO
from tests.zoo.plans import KEY, laws


ROOT2 = math.sqrt(2)


def zoo(name):
    """A model of the zoo as `laws` takes it."""
    entry = ZOO[name]
    return shapes(entry.model, *entry.inputs)


def gains(model, recipe):
    """By layer, the gain of the orthogonal kernels of a model."""
    found = {}
    for path, law in laws(model, recipe).items():
        if law.law.name == "orthogonal":
            name = path.removesuffix("/kernel").split("/")[-1]
            found[name] = law.settings.get("gain", 1.0)
    return found


def test_ppo_tells_the_heads_and_keeps_the_policy_even():
    hidden = dict.fromkeys(("actor_0", "actor_1", "critic_0", "critic_1"), ROOT2)
    heads = {"actor_head": 0.01, "critic_head": 1.0}
    assert gains(zoo("ppo"), recipes.ppo()) == pytest.approx(hidden | heads)
    entry = ZOO["ppo"]
    for rules, log_std in ((recipes.ppo(), 0), (recipes.ppo(log_std=-1), -1)):
        plan = jinit.explain(entry.model, *entry.inputs, rules=rules)
        (law,) = (choice.initializer for choice in plan if "log_std" in choice.path)
        assert law == jinit.constant(log_std)  # the model itself has -0.5


class Atari(nn.Module):
    """A common trunk of convolutions; heads without names of their own."""

    actions: int

    @nn.compact
    def __call__(self, x):
        for filters, size, stride in ((8, 4, 2), (16, 3, 1)):
            x = nn.relu(nn.Conv(filters, (size, size), stride)(x))
        x = nn.relu(nn.Dense(32)(x.reshape(x.shape[0], -1)))
        return nn.Dense(self.actions)(x), nn.Dense(1)(x)[:, 0]


def test_ppo_tells_heads_without_names_by_their_outputs():
    model = shapes(Atari(6), image(2, 10, 10, 3))
    inner = dict.fromkeys(("Conv_0", "Conv_1", "Dense_0"), ROOT2)
    heads = {"Dense_1": 0.01, "Dense_2": 1.0}
    assert gains(model, recipes.ppo()) == pytest.approx(inner | heads)
    window = laws(model, recipes.ppo())["params/Conv_0/kernel"]
    assert window.settings["in_axis"] == (0, 1, 2)  # 48 inputs in one matrix


def test_a_policy_of_gain_a_hundredth_is_as_even_as_can_be():
    features = np.asarray(normals(8, 64)) / 8  # of length 1
    odds = np.exp(features @ np.asarray(jinit.orthogonal(gain=0.01)(KEY, (64, 6))))
    policy = odds / odds.sum(-1, keepdims=True)
    entropy = -(policy * np.log(policy)).sum(-1)
    assert entropy == pytest.approx(math.log(6), rel=1e-4)


def test_heads_of_one_output_each_need_a_name():
    model = shapes(Atari(1), image(2, 10, 10, 3))
    with pytest.raises(ValueError, match=r"head makes actions .* for jinit.recipes.pp"):
        laws(model, recipes.ppo())
    for recipe in (recipes.ppo(policy="Dense_1/*"), recipes.ppo(value="Dense_2/*")):
        found = gains(model, recipe)
        assert (found["Dense_1"], found["Dense_2"]) == (0.01, 1)

    def named(params, x):
        return x @ params["agent"]["pi"], x @ params["agent"]["critic"]["out"]

    shape = image(4, 1)
    params = {"agent": {"pi": shape, "critic": {"out": shape}}}
    model = named, params, image(2, 4)
    assert gains(model, recipes.ppo()) == {"pi": 0.01, "out": 1}


def test_ppo_needs_a_head():
    hidden = lambda p, x: x * p["w"]
    with pytest.raises(jinit.UnmatchedError, match=r"'output head'. of jinit.rec"):
        laws((hidden, {"w": image(4)}, image(2, 4)), recipes.ppo())


class Memory(nn.Module):
    """A GRU between layers, whose state a finished episode resets."""

    @nn.compact
    def __call__(self, inputs):
        x, done = inputs
        x = nn.relu(nn.Dense(16, name="encoder")(x))
        scan = functools.partial(
            nn.scan, variable_broadcast="params", split_rngs={"params": False}
        )

        def step(cell, carry, now):
            x, done = now
            return cell(jnp.where(done[:, None], 0.0, carry), x)

        cell = nn.GRUCell(16, name="cell")
        state = jnp.zeros_like(x[0])
        _, x = scan(step)(cell, state, (x, done))
        dense = lambda n, name: nn.Dense(n, name=name)
        policy = dense(5, "policy")(nn.relu(dense(16, "actor")(x)))
        return policy, dense(1, "value")(nn.relu(dense(16, "critic")(x)))


def test_ppo_rnn_doubles_what_follows_the_cell():
    done = jax.ShapeDtypeStruct((3, 2), bool)
    model = shapes(Memory(), (image(3, 2, 6), done))
    outside = {"encoder": ROOT2, "actor": 2, "critic": 2, "policy": 0.01, "value": 1}
    from_state = dict.fromkeys(("hr", "hz", "hn"), 1)
    assert gains(model, recipes.ppo_rnn()) == pytest.approx(outside | from_state)
    found = laws(model, recipes.ppo_rnn())
    for name in ("ir", "iz", "in"):
        law = found[f"params/cell/{name}/kernel"]
        assert law.std((16, 16)) == pytest.approx(0.25)
    with pytest.raises(jinit.UnmatchedError, match=r"'recurrent kernel'. of jinit.rec"):
        laws(shapes(Atari(6), image(2, 10, 10, 3)), recipes.ppo_rnn())


class TanhPolicy(nn.Module):
    actions: int

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Dense(16)(x))
        heads = [nn.Dense(self.actions, name=name)(x) for name in ("mean", "log_std")]
        warmth = self.param("log_temp", nn.initializers.zeros, ())
        return heads, jnp.exp(warmth)


def test_sac_gives_critics_the_gain_of_a_layer_and_the_policy_less():
    for actions in (3, 1):
        model = shapes(TanhPolicy(actions), image(2, 4))
        recipe = recipes.sac(temperature=0.5)
        expected = {"Dense_0": ROOT2, "mean": 1, "log_std": 1}
        assert gains(model, recipe) == pytest.approx(expected)
        assert laws(model, recipe)["params/log_temp"] == jinit.constant(math.log(0.5))
    critics = ZOO["critics"]
    for choice in jinit.explain(critics.model, *critics.inputs, rules=recipes.sac()):
        if choice.path.endswith("kernel"):  # of 5 members, the last layers as well
            each = jinit.orthogonal(
                gain=ROOT2, in_axis=(1,), out_axis=(2,), batch_axis=(0,)
            )
            assert choice.initializer == each


def test_a_temperature_is_a_model_of_its_own():
    class Temperature(nn.Module):
        @nn.compact
        def __call__(self):
            return jnp.exp(self.param("log_temp", nn.initializers.zeros, ()))

    (choice,) = jinit.explain(Temperature(), rules=recipes.sac(temperature=0.1))
    assert choice.initializer == jinit.constant(math.log(0.1))


def test_ddpg_bounds_layers_by_fan_in_and_heads_by_a_number():
    for recipe, last in ((recipes.ddpg(), 3e-3), (recipes.ddpg(3e-4), 3e-4)):
        found = laws(shapes(Atari(6), image(2, 10, 10, 3)), recipe)
        for name, bound, kernel in (
            ("Conv_0", 1 / math.sqrt(4 * 4 * 3), (4, 4, 3, 8)),
            ("Dense_1", last, (32, 6)),
            ("Dense_2", last, (32, 1)),
        ):
            support = found[f"params/{name}/kernel"].support(kernel)
            assert support == pytest.approx((-bound, bound))
    # A start of its own, 0, goes before the bias of a rule that yields, not of this.
    assert found["params/Dense_2/bias"].support((1,)) == pytest.approx((-last, last))
    assert found["params/Conv_0/bias"].support((8,))[1] == pytest.approx(48**-0.5)


class SimBa(nn.Module):
    """Two blocks behind norms, and a last norm."""

    @nn.compact
    def __call__(self, x):
        x = nn.Dense(16, name="embed")(x)
        for _ in range(2):
            x = x + nn.Dense(16)(nn.relu(nn.Dense(64)(nn.LayerNorm()(x))))
        x = nn.LayerNorm()(x)
        return nn.Dense(3, name="mean")(x), nn.Dense(3, name="std")(x)


def test_simba_draws_blocks_by_he_and_the_rest_orthogonal():
    model = shapes(SimBa(), image(2, 5))
    found = laws(model, recipes.simba())
    for i, shape in enumerate([(64, 16), (16, 64)] * 2):
        law = found[f"params/Dense_{i}/kernel"]
        assert law.std(shape) == pytest.approx(math.sqrt(2 / shape[0]))
        assert law.support(shape)[1] < 4 * law.std(shape)  # truncated, as in JAX
    for name in ("embed", "mean", "std"):
        assert found[f"params/{name}/kernel"] == jinit.orthogonal()
    with pytest.raises(jinit.UnmatchedError, match="in a residual branch"):
        laws(shapes(Atari(6), image(2, 10, 10, 3)), recipes.simba())


def unit(x):
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True)


class SimBaV2(nn.Module):
    """Blocks on the sphere. Each scaler stores its scale; `factor` makes its start."""

    blocks: int
    width: int = 16

    @nn.compact
    def __call__(self, x):
        dense = lambda n, name: nn.Dense(n, use_bias=False, name=name)

        def scaled(x, name, factor=1.0):
            return self.param(name, nn.initializers.ones, x.shape[-1:]) * factor * x

        x = unit(jnp.concatenate([x, jnp.full((*x.shape[:-1], 1), 3.0)], -1))
        x = unit(scaled(dense(self.width, "embed")(x), "embed_scaler"))
        alpha = math.sqrt(self.width) / (self.blocks + 1)
        for i in range(self.blocks):
            h = scaled(dense(4 * self.width, f"up_{i}")(x), f"up_scaler_{i}")
            h = unit(dense(self.width, f"down_{i}")(nn.relu(h) + 1e-8))
            x = unit(x + scaled(h - x, f"step_{i}", alpha))
        h = scaled(dense(self.width, "value")(x), "value_scaler")
        return dense(7, "bins")(h) + self.param("bias", nn.initializers.zeros, (7,))


@pytest.mark.parametrize("blocks", [1, 2])
def test_simba_v2_keeps_units_on_the_sphere_and_steps_by_one_in_n(blocks):
    model = shapes(SimBaV2(blocks), image(2, 5))
    found = laws(model, recipes.simba_v2())
    start = lambda name: found[f"params/{name}"].mean(())
    assert start("embed_scaler") == pytest.approx(math.sqrt(2 / 16))
    assert start("value_scaler") == 1
    for i in range(blocks):
        assert start(f"up_scaler_{i}") == pytest.approx(math.sqrt(2 / 16) / 2)
        assert start(f"step_{i}") == pytest.approx(1 / math.sqrt(16))
    for name in ("embed", "up_0", "down_0", "value", "bins"):
        on_the_sphere = jinit.normalized(jinit.orthogonal, axis=(0,))
        assert found[f"params/{name}/kernel"] == on_the_sphere
    found = laws(model, recipes.simba_v2(stored=False))
    assert start("step_0") == pytest.approx(1 / (blocks + 1))
    with pytest.raises(jinit.UnmatchedError, match=r"role.'gate'. of jinit.recipes.si"):
        laws(shapes(SimBa(), image(2, 5)), recipes.simba_v2())


class Dreamer(nn.Module):
    """A world in miniature: an encoder, a GRU in blocks, and heads of every kind."""

    bins: int = 15

    @nn.compact
    def __call__(self, inputs):
        picture, state = inputs
        dense = lambda n, name: nn.Dense(n, name=name)
        x = nn.silu(nn.Conv(8, (5, 5), 2, name="cnn")(picture)).reshape(
            len(picture), -1
        )
        x = nn.RMSNorm()(nn.silu(dense(32, "obs")(x)))
        blocks = jnp.concatenate([x, state], -1).reshape(len(x), 4, -1)
        kernel = self.param("dyngru", nn.initializers.ones, (4, 16, 24))
        gates = jnp.einsum("bgi,gio->bgo", blocks, kernel)
        reset, new, update = (a.reshape(len(x), -1) for a in jnp.split(gates, 3, -1))
        update = jax.nn.sigmoid(update - 1)
        new = jnp.tanh(jax.nn.sigmoid(reset) * new)
        x = update * new + (1 - update) * state
        outputs = {"rew": self.bins, "con": 1, "val": self.bins, "pol": 4}
        hidden = lambda name: nn.RMSNorm()(nn.silu(dense(32, f"{name}_mlp")(x)))
        return {name: dense(n, name)(hidden(name)) for name, n in outputs.items()}


def test_dreamer_imagines_no_reward_and_acts_evenly():
    model = shapes(Dreamer(), (image(2, 8, 8, 3), image(2, 32)))
    found = laws(model, recipes.dreamer())
    for name, std, shape in (
        ("cnn/kernel", 1 / math.sqrt(5 * 5 * 3), (5, 5, 3, 8)),  # strides do not count
        ("obs/kernel", 1 / math.sqrt(128), (128, 32)),
        ("dyngru", 1 / math.sqrt(4 * 16), (4, 16, 24)),  # the inputs of all blocks do
        ("con/kernel", 1 / math.sqrt(32), (32, 1)),
        ("pol/kernel", 0.01 / math.sqrt(32), (32, 4)),
        ("rew/kernel", 0, (32, 15)),
        ("val/kernel", 0, (32, 15)),
    ):
        law = found[f"params/{name}"]
        assert law.std(shape) == pytest.approx(std)
        cut = 2 * std / 0.87962566
        assert law.support(shape)[1] == pytest.approx(cut, rel=1e-5)
    with pytest.raises(jinit.UnmatchedError, match=r"of jinit.recipes.dreamer"):
        laws(shapes(SimBa(), image(2, 5)), recipes.dreamer())
