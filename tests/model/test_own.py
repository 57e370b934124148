"""What its author started on purpose stays: each kind, in the frameworks it is in."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import jinit
from jinit._core.trees import named_leaves
from jinit._frameworks import read
from jinit._reading import read_own


KEY = jax.random.key(3)
X = jax.ShapeDtypeStruct((4, 6, 16), "float32")


def reasons(plan) -> dict[str, str]:
    return {choice.path.removeprefix("params/"): choice.reason for choice in plan}


class Mixture(nn.Module):
    """Each kind of start that an author chooses, in one small module."""

    @nn.compact
    def __call__(self, x):
        constant = nn.initializers.constant
        width = x.shape[-1]
        table = lambda _, shape: jnp.sin(
            jnp.arange(shape[0])[:, None] * 10.0 ** -jnp.linspace(0, 4, shape[1])
        )
        x = nn.Dense(width, name="first")(x) + self.param("table", table, x.shape[1:])
        x = nn.PReLU(negative_slope_init=0.25, name="prelu")(x)
        rates = lambda _, shape: jnp.log(jnp.broadcast_to(jnp.arange(1.0, 5), shape))
        steps = lambda key, shape: jnp.log(
            jax.random.uniform(key, shape, minval=1e-3, maxval=0.1)
        )
        decay = -jnp.exp(self.param("A_log", rates, (width, 4)))
        step = jax.nn.softplus(
            nn.Dense(width, use_bias=False, name="dt")(x)
            + self.param("dt_bias", steps, (width,))
        )
        h = x * jnp.exp(step[..., None] * decay).sum(-1)
        x = x + self.param("scale", constant(1e-5), (width,)) * nn.Dense(width)(h)
        x = x + self.param("rezero", constant(0.0), ()) * nn.Dense(width)(x)
        x = x + nn.Dense(width, kernel_init=nn.initializers.zeros, name="shut")(x)
        heat = jnp.exp(self.param("logit_scale", constant(np.log(1 / 0.07)), ()))
        classes = nn.Dense(3, bias_init=constant(-4.6), name="classes")(x)
        return heat * classes, self.param("log_std", constant(-0.5), (2,))


OWN = {
    "table": "a table",
    "prelu/negative_slope": "0.25",
    "A_log": "a table",
    "dt_bias": "drawn",
    "scale": "1e-05",
    "rezero": "zeros",
    "shut/kernel": "zeros, so that its branch starts closed",
    "logit_scale": "2.65926",
    "classes/bias": "-4.6",
    "log_std": "-0.5",
}


def test_the_plan_says_what_the_model_itself_starts_with():
    found = reasons(jinit.explain(Mixture(), X))
    assert {path: found[path] for path in OWN} == {
        path: f"the model's own: {text}" for path, text in OWN.items()
    }
    for path in ("first/kernel", "dt/kernel", "classes/kernel"):
        assert "own" not in found[path]


def test_what_stays_is_what_init_makes_of_the_same_key_to_the_bit():
    drawn = named_leaves(jinit.initialize(Mixture(), KEY, X))
    own = named_leaves(Mixture().init(KEY, jnp.zeros(X.shape)))
    for path in OWN:
        path = f"params/{path}"
        assert np.array_equal(drawn[path], own[path]), path
    assert not np.array_equal(*(each["params/first/kernel"] for each in (drawn, own)))


def test_none_keeps_nothing_and_a_selector_what_it_matches():
    nothing = reasons(jinit.explain(Mixture(), X, own="none"))
    assert not any("own" in reason for reason in nothing.values())
    for own in ("A_log", jinit.path("A_log"), lambda leaf: leaf.shape == (16, 4)):
        chosen = reasons(jinit.explain(Mixture(), X, own=own))
        assert chosen.pop("A_log") == "the model's own: a table"
        # What kernels read is another signal then.
        laws = {p: why.partition(", reads")[0] for p, why in chosen.items()}
        assert all(nothing[path].startswith(law) for path, law in laws.items())
    with pytest.raises(
        ValueError, match=r"`own` to match a parameter. Got 'A_lag'.*'.*A_log'"
    ):
        jinit.explain(Mixture(), X, own="A_lag")
    with pytest.raises(TypeError, match=r"'keep', 'none', a glob .* Got 3"):
        jinit.explain(Mixture(), X, own=3)


def test_rules_win_where_they_name_a_leaf_and_a_recipe_leaves_the_rest():
    torch = reasons(jinit.explain(Mixture(), X, rules=jinit.recipes.torch_default()))
    named = {path for path, why in torch.items() if why.startswith("rule")}
    assert {"shut/kernel", "classes/bias", "first/kernel"} <= named
    for path in ("A_log", "scale", "prelu/negative_slope", "log_std"):
        assert torch[path] == f"the model's own: {OWN[path]}"
    gpt = reasons(jinit.explain(Mixture(), X, rules=jinit.recipes.gpt2()))
    for path in ("dt_bias", "classes/bias"):
        assert gpt[path] == f"the model's own: {OWN[path]}"
    none = jinit.explain(Mixture(), X, rules=jinit.recipes.gpt2(), own="log_std")
    assert reasons(none)["log_std"] == "the model's own: -0.5"
    assert reasons(none)["classes/bias"] == "rule role('bias', 'norm offset')"
    every = jinit.explain(Mixture(), X, rules=[("**", jinit.normal)])
    assert {*reasons(every).values()} == {"rule '**'"}


def gated(module, width=6):
    """An NNX module whose author has chosen most of its starts."""
    from flax import nnx

    class Gated(module):
        def __init__(self, rngs):
            self.inner = nnx.LoRALinear(width, 32, lora_rank=2, rngs=rngs)
            self.gate = nnx.Param(jnp.zeros(()))
            self.poles = nnx.Param(-jnp.exp(rngs.params.uniform((32,))))
            grid = jnp.arange(16.0)[:, None] / 10 ** jnp.linspace(0, 4, 32)
            self.waves = nnx.Param(jnp.sin(grid))
            self.places = nnx.Param(rngs.params.normal((16, 32)))

        def __call__(self, x):
            h = self.inner(x) + self.waves[...] + self.places[...]
            return h + self.gate[...] * jnp.exp(self.poles[...]) * nnx.relu(h)

    return Gated


def test_an_nnx_module_is_read_from_its_constructor_or_its_values():
    from flax import nnx

    make, x = gated(nnx.Module), jax.ShapeDtypeStruct((4, 16, 6), "float32")
    module = make(nnx.Rngs(KEY))
    own = {
        "inner/lora/lora_b": "zeros, so that its branch starts closed",
        "inner/bias": "zeros",
        "gate": "zeros",
        "waves": "a table",
    }
    for model, poles in ((make, "drawn"), (module, "a table")):
        found = reasons(jinit.explain(model, x))
        for path, text in {**own, "poles": poles}.items():
            assert found[path] == f"the model's own: {text}"
        assert found["places"] == "positional"
        assert "own" not in found["inner/kernel"] + found["inner/lora/lora_a"]
        made = jinit.initialize(model, KEY, x)
        for name in ("poles", "waves", "gate"):
            drawn, theirs = (getattr(each, name)[...] for each in (made, module))
            assert np.array_equal(drawn, theirs)


def test_random_biases_of_equinox_become_zero_and_the_plan_says_so():
    import equinox as eqx

    class Net(eqx.Module):
        cell: eqx.nn.LSTMCell
        conv: eqx.nn.Conv1d
        slope: eqx.nn.PReLU
        out: eqx.nn.Linear

        def __init__(self, key):
            first, second, third = jax.random.split(key, 3)
            self.cell = eqx.nn.LSTMCell(8, 8, key=first)
            self.conv = eqx.nn.Conv1d(5, 8, 3, key=second)
            self.slope = eqx.nn.PReLU()
            self.out = eqx.nn.Linear(8, 3, key=third)

        def __call__(self, x):
            step = lambda state, x: (self.cell(x, state), None)
            state = jnp.zeros(8), jnp.zeros(8)
            h = self.slope(self.conv(x.T)).T
            return self.out(jax.lax.scan(step, state, h)[0][0])

    x = jax.ShapeDtypeStruct((12, 5), "float32")
    for model in (Net, Net(KEY)):
        found = reasons(jinit.explain(model, x))
        for bias in ("cell/bias", "conv/bias", "out/bias"):
            assert found[bias] == "bias; the model's own was random"
        assert found["slope/negative_slope"] == "the model's own: 0.25"
        assert not jinit.initialize(model, KEY, x).out.bias.any()


def test_haiku_and_keras_keep_what_they_start_with():
    import haiku as hk
    import keras

    constant = hk.initializers.Constant

    def gated(x):
        h = hk.Linear(8, b_init=constant(1.0), name="up")(x)
        h = h * hk.get_parameter("scale", (8,), init=constant(1e-5))
        return hk.Linear(3, w_init=constant(0.0), name="head")(h)

    found = reasons(jinit.explain(hk.transform(gated), X))
    assert found["up/b"] == "the model's own: ones"
    assert found["~/scale"] == "the model's own: 1e-05"
    assert found["head/w"].startswith("the model's own: zeros, so that the outputs")
    layers = keras.layers
    prior: Any = keras.initializers.Constant(-4.6)
    model = keras.Sequential(
        [layers.LSTM(8, name="memory"), layers.Dense(3, bias_initializer=prior)]
    )
    found = jinit.explain(model, X)
    biases = [x.reason for x in found if x.path.endswith("bias")]
    assert sorted(biases) == ["the model's own: -4.6", "the model's own: a table"]
    made = jinit.initialize(model, KEY, X)
    bias = made.layers[0].cell.bias.value
    assert np.array_equal(bias, np.repeat([0.0, 1.0, 0.0, 0.0], 8))


def test_arrays_beside_a_function_stay_unless_they_are_kernels_or_embeddings():
    apply = lambda p, x: jax.nn.relu(x @ p["a"] * p["gate"] + p["b"]) @ p["out"]
    given = {
        "a": jnp.zeros((16, 8)), "gate": jnp.full(8, 0.1), "b": jnp.full(8, -2.0),
        "out": jnp.ones((8, 3)),
    }  # fmt: skip
    plan = reasons(jinit.explain((apply, given), X))
    assert plan["gate"] == "the model's own: 0.1"
    assert plan["b"] == "the model's own: -2"
    drawn = jinit.initialize((apply, given), KEY, X)
    assert drawn["gate"] is given["gate"]
    assert float(drawn["a"].std()) > 0 < float(drawn["out"].std())
    shapes = jax.eval_shape(lambda: given)
    assert "own" not in "".join(reasons(jinit.explain((apply, shapes), X)).values())


class Large(nn.Module):
    """Two tables larger than a device should make alone, beside a kernel."""

    @nn.compact
    def __call__(self, x):
        steps = lambda key, shape: -jax.random.uniform(key, shape, minval=1, maxval=2)
        waves = lambda _, shape: jnp.sin(
            jnp.arange(shape[0])[:, None] + jnp.zeros(shape)
        )
        poles = self.param("poles", steps, (1024, 2048))
        table = self.param("table", waves, (1024, 2048))
        return nn.Dense(2048)(x) * jnp.exp(poles).sum(0) + table.sum(0)


def test_each_device_makes_its_own_part_of_what_stays():
    mesh = jax.make_mesh((8,), ("m",))
    place = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("m"))
    x = jax.ShapeDtypeStruct((2, 16), "float32")
    subject = read("test", Large(), KEY, (x,))
    own = read_own(subject)
    start = own["params/poles"].start
    assert start is not None
    wanted = sorted(own[f"params/{name}"].index for name in ("poles", "table"))
    program, consts = start.program(wanted, KEY, [place, place])
    compiled = program.lower(consts, jax.random.key_data(KEY)).compile()
    assert "f32[1024,2048]" not in compiled.as_text()
    assert "f32[128,2048]" in compiled.as_text()
    rules = [("{poles,table}", jax.sharding.PartitionSpec("m"))]
    drawn = jinit.initialize(Large(), KEY, x, mesh=mesh, shardings=rules)["params"]
    alone = jinit.initialize(Large(), KEY, x)["params"]
    for name in ("poles", "table"):
        assert drawn[name].sharding == place
        assert jnp.allclose(drawn[name], alone[name], rtol=1e-6)


def test_what_is_made_leaves_the_kernels_out():
    subject = read("test", Mixture(), KEY, (X,))
    own = read_own(subject)
    start = own["params/dt_bias"].start
    assert start is not None
    whole = start.traced(KEY.dtype)[0].jaxpr
    part, _ = start.part([own["params/dt_bias"].index], KEY.dtype)
    assert len(part.jaxpr.eqns) < len(whole.eqns) / 10
    assert not {"erf_inv", "dot_general"} & {each.primitive.name for each in part.eqns}
    assert own["params/scale"].number == 1e-5  # of which nothing is made


def test_a_key_is_asked_for_only_where_something_that_stays_is_drawn():
    rules = [("A_log", 0.0), ("**", jinit.zeros)]
    with pytest.raises(TypeError, match=r"`jinit.initialize` needs a key.*Got None"):
        jinit.initialize(Mixture(), None, X, rules=rules, own="dt_bias")
    drawn = jinit.initialize(Mixture(), None, X, rules=rules, own="table")["params"]
    assert drawn["table"].any()


def test_inside_jit_as_outside():
    draw = lambda key: jinit.initialize(Mixture(), key, X)
    pairs = zip(*map(jax.tree.leaves, (draw(KEY), jax.jit(draw)(KEY))), strict=True)
    assert all(jnp.allclose(x, y, rtol=1e-6) for x, y in pairs)


@pytest.mark.parametrize("law", ["orthogonal", "normal", "lecun_normal", "uniform"])
def test_a_head_that_starts_much_smaller_than_other_kernels_stays(law):
    draws = getattr(nn.initializers, law)
    small = lambda key, shape, dtype: 0.01 * draws()(key, shape, dtype)

    class Actor(nn.Module):
        head: Any

        @nn.compact
        def __call__(self, x):
            h = nn.tanh(nn.Dense(64, kernel_init=draws())(x))
            return nn.Dense(3, kernel_init=self.head, name="head")(h)

    said = reasons(jinit.explain(Actor(small), X))
    assert said["head/kernel"].startswith("the model's own: a small head")
    assert "own" not in reasons(jinit.explain(Actor(draws()), X))["head/kernel"]
