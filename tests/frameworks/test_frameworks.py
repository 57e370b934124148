"""Models of every framework: what is drawn, what stays, and what comes back."""

import functools

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn, nnx
from jax.sharding import PartitionSpec as P

import jinit


KEY, X = jax.random.key(0), jax.ShapeDtypeStruct((4, 6), "float32")
PLAIN = [("{kernel,weight}", jinit.he_normal), ("bias", 0.0)]
HE = [*PLAIN, ("scale", 1.0)]


class Linen(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool):
        split = nn.with_partitioning(nn.initializers.normal(1e-3), (None, "x"))
        x = nn.Dense(8, kernel_init=split, name="a")(x)
        x = nn.BatchNorm(use_running_average=not train, name="norm")(x)
        x = nn.Dropout(0.1, deterministic=not train)(nn.relu(x))
        return nn.Dense(2, name="b")(x)


class NNX(nnx.Module):
    def __init__(self, rngs):
        split = nnx.with_partitioning(nnx.initializers.normal(1e-3), (None, "x"))
        self.a = nnx.Linear(6, 8, kernel_init=split, rngs=rngs)
        self.norm = nnx.BatchNorm(8, rngs=rngs)
        self.drop = nnx.Dropout(0.1, rngs=rngs)
        self.b = nnx.Linear(8, 2, rngs=rngs)

    def __call__(self, x):
        return self.b(self.drop(nnx.relu(self.norm(self.a(x)))))


@pytest.mark.parametrize("rules", [HE, None], ids=["rules", "auto"])
def test_linen_gives_what_init_gives(rules):
    model = Linen()
    drawn = jinit.initialize(model, KEY, X, rules=rules)
    theirs = model.init({"params": KEY, "dropout": KEY}, jnp.ones(X.shape), train=True)
    chex.assert_trees_all_equal_structs(drawn, theirs)
    chex.assert_trees_all_equal(drawn["batch_stats"], theirs["batch_stats"])
    kernel = drawn["params"]["a"]["kernel"]
    assert kernel.names == (None, "x")
    assert kernel.value.std() > 0.1
    out = model.apply(drawn, jnp.ones(X.shape), train=False)
    chex.assert_shape(out, (4, 2))


def made_nnx():
    with nnx.use_eager_sharding(False):
        return NNX(nnx.Rngs(0))


@pytest.mark.parametrize("rules", [HE, None], ids=["rules", "auto"])
@pytest.mark.parametrize("kind", ["class", "function", "partial", "module"])
def test_nnx_gives_a_module(kind, rules):
    make = {
        "class": NNX,
        "function": lambda rngs: NNX(rngs),
        "partial": functools.partial(NNX),
        "module": made_nnx(),
    }[kind]
    module = jinit.initialize(make, KEY, X, rules=rules)
    assert isinstance(module, NNX)
    assert module.a.kernel[...].std() > 0.1
    assert (module.norm.var[...] == 1).all()
    assert module(jnp.ones(X.shape)).shape == (4, 2)


@pytest.mark.parametrize("rules", [PLAIN, None], ids=["rules", "auto"])
@pytest.mark.parametrize("made", [True, False])
def test_equinox_gives_a_module(made, rules):
    make = lambda key: eqx.nn.MLP(6, 2, 8, 1, key=key)
    model = make(KEY) if made else make
    x = jax.ShapeDtypeStruct((6,), "float32")
    module = jinit.initialize(model, jax.random.key(1), x, rules=rules)
    assert isinstance(module, eqx.nn.MLP)
    assert module(jnp.ones(6)).shape == (2,)
    weight = module.layers[0].weight
    assert not jnp.array_equal(weight, make(KEY).layers[0].weight)
    if rules is None:  # stored (out, in), as the trace sees
        assert abs(weight.std() * 6**0.5 - 1) < 0.4


class Buffers(eqx.Module):
    layer: eqx.nn.Linear
    table: np.ndarray
    order: jax.Array

    def __init__(self, key):
        self.layer = eqx.nn.Linear(6, 6, key=key)
        self.table = np.full(6, 2, np.float32)
        self.order = jnp.arange(6)[::-1]

    def __call__(self, x):
        return self.layer(x[self.order] * self.table)


class Features(nnx.Module):
    """Cosines of fixed frequencies, then a layer."""

    def __init__(self, rngs: nnx.Rngs):
        self.frequencies = jnp.arange(1.0, 5.0)
        self.out = nnx.Linear(4, 3, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.out(jnp.cos(x * self.frequencies))


def test_a_plain_array_of_an_nnx_module_is_read_as_its_value():
    x = jax.ShapeDtypeStruct((1000, 1), "float32")
    plans = [jinit.explain(Features, x) for _ in range(2)]
    assert plans[0] == plans[1]
    assert not plans[0].unsure
    made = jinit.initialize(Features, KEY, x)
    np.testing.assert_array_equal(made.frequencies, [1, 2, 3, 4])


def test_an_equinox_constructor_makes_what_is_no_weight():
    x = jax.ShapeDtypeStruct((6,), "float32")
    module, theirs = jinit.initialize(Buffers, KEY, x), Buffers(KEY)
    chex.assert_trees_all_equal(module.table, theirs.table)
    chex.assert_trees_all_equal(module.order, theirs.order)
    assert module.layer.weight.std() > 0.1
    assert module(jnp.ones(6)).shape == (6,)


def test_equal_paths_give_equal_weights_in_linen_and_nnx():
    linen = jinit.initialize(Linen(), KEY, X, rules=HE)["params"]
    module = jinit.initialize(NNX, KEY, X, rules=HE)
    assert jnp.array_equal(linen["a"]["kernel"].value, module.a.kernel[...])
    assert jnp.array_equal(linen["b"]["kernel"], module.b.kernel[...])


@pytest.mark.parametrize("model", [Linen(), NNX], ids=["linen", "nnx"])
def test_a_mesh_alone_takes_the_model_s_own_annotations(model):
    mesh = jax.make_mesh((8,), ("x",))
    drawn = jinit.initialize(model, KEY, X, rules=HE, mesh=mesh)
    kernel = (
        drawn.a.kernel[...] if model is NNX else drawn["params"]["a"]["kernel"].value
    )
    assert kernel.sharding.spec == P(None, "x")
    alone = jinit.initialize(model, KEY, X, rules=HE)
    same = alone.a.kernel[...] if model is NNX else alone["params"]["a"]["kernel"].value
    assert jnp.array_equal(kernel, same)


class Stateful(nn.Module):
    @nn.compact
    def __call__(self, x):
        self.variable("stats", "mean", lambda: x.mean(0))
        split = nn.with_logical_partitioning(
            nn.initializers.normal(1e-3), ("in", "out")
        )
        w = self.param("w", split, (6, 8))
        self.variable("average", "w", lambda: jnp.array(w))
        cache = lambda: nn.Partitioned(jnp.zeros((16, 2)), ("x", None))
        self.variable("cache", "keys", cache)
        return x @ w


def test_other_collections_come_of_the_weights_and_the_inputs():
    x = jax.random.normal(KEY, X.shape)
    drawn = jinit.initialize(Stateful(), KEY, x)
    assert jnp.allclose(drawn["stats"]["mean"], x.mean(0))
    assert jnp.array_equal(drawn["average"]["w"], drawn["params"]["w"].value)
    assert drawn["params"]["w"].value.any()


def test_boxes_of_every_collection_and_of_logical_names_say_where_they_go():
    mesh = jax.make_mesh((8,), ("x",))
    with nn.logical_axis_rules([("out", "x"), ("in", None)]):
        drawn = jinit.initialize(Stateful(), KEY, X, mesh=mesh)
    assert drawn["params"]["w"].value.sharding.spec == P(None, "x")
    assert drawn["cache"]["keys"].value.sharding.spec == P("x", None)
    with pytest.raises(ValueError, match=r"axes .'x',. of the mesh. Got .*'in', 'out'"):
        jinit.initialize(Stateful(), KEY, X, mesh=mesh)


def test_an_object_with_init_and_apply_and_a_pair():
    class Model:
        init = staticmethod(lambda key, x: {"w": jax.random.normal(key, (6, 2))})
        apply = staticmethod(lambda params, x: x @ params["w"])

    drawn = jinit.initialize(Model, KEY, X, rules=[("w", jinit.he_normal)])
    pair = jinit.initialize(
        (Model.apply, {"w": shape(6, 2)}), KEY, X, rules=[("w", jinit.he_normal)]
    )
    chex.assert_trees_all_equal(drawn, pair)


def shape(*sizes):
    return jax.ShapeDtypeStruct(sizes, "float32")


def test_a_constructor_of_plain_weights_needs_rules(monkeypatch):
    make = lambda key: {"w": jax.random.normal(key, (6, 2))}
    drawn = jinit.initialize(make, KEY, rules=[("w", jinit.he_normal)])
    assert drawn["w"].shape == (6, 2)
    with pytest.raises(ValueError, match="Give `rules`, or a pair"):
        jinit.initialize(make, KEY, X)


@pytest.mark.parametrize("model", [3, "model", (1, 2), None])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(TypeError, match=r"`jinit.initialize` needs a model: a linen"):
        jinit.initialize(model, KEY, X)


def test_flags_are_no_inputs():
    with pytest.raises(TypeError, match=r"`jinit.initialize` needs inputs .*Got True"):
        jinit.initialize(Linen(), KEY, X, True)


@pytest.mark.parametrize("inputs", [((8, 6),), (8,), ({"x": (8, 6)},)])
def test_sizes_are_no_inputs(inputs):
    with pytest.raises(TypeError, match=r"`jinit.initialize` .*jax.ShapeDtypeStruct"):
        jinit.initialize(Linen(), KEY, *inputs)


def test_a_number_is_no_key():
    with pytest.raises(TypeError, match=r"`jinit.initialize` needs a key.*Got 42"):
        jinit.initialize(Linen(), 42, X)


def test_initialize_works_under_jit():
    draw = lambda key: jinit.initialize(Linen(), key, X, rules=HE)["params"]
    chex.assert_trees_all_equal(jax.jit(draw)(KEY), draw(KEY))


def test_values_of_unknown_roles_are_kept_where_there_are_values():
    apply = lambda p, x: jnp.maximum(x @ p["w"], p["floor"])
    params = {"w": jnp.ones((6, 2)), "floor": jnp.full(2, -3.0)}
    drawn = jinit.initialize((apply, params), KEY, X)
    assert drawn["floor"] is params["floor"]


def test_random_streams_of_any_name_have_a_key():
    class Noisy(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(3)(x + jax.random.normal(self.make_rng("noise"), x.shape))

    drawn = jinit.initialize(Noisy(), KEY, X)
    assert drawn["params"]["Dense_0"]["kernel"].shape == (6, 3)


X6 = jax.ShapeDtypeStruct((4, 6), "float32")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: jinit.initialize(KEY, Linen(), X6), "model first and the key second"),
        (lambda: jinit.materialize(KEY, {"w": X6}, [("w", 0)]), "tree first and the"),
        (lambda: jinit.materialize({"w": X6}, [("w", 0)], KEY), "a key to draw. Got"),
        (lambda: jinit.reinit(KEY, {"w": X6}, "w", [("w", 0)]), "tree first and the"),
        (lambda: jinit.trace(KEY, X6), "model first. Got a key"),
        (lambda: jinit.trace(({"w": X6}, jnp.dot), X6), "Swap them"),
        (lambda: jinit.explain(Linen, X6), "Got the class Linen. Call it"),
        (lambda: jinit.explain({"w": X6}), "needs a model: .* Got dict"),
        (lambda: jinit.trace(Linen()), "needs the inputs of the model. Got none"),
        (lambda: jinit.trace(NNX, jnp.ones((4, 7))), r"takes. Got float32\[4,7\]"),
        (lambda: jinit.trace(jnp.dot), "params and the inputs of a function"),
    ],
)
def test_what_is_in_the_wrong_place_is_said_with_the_fix(call, said):
    with pytest.raises((TypeError, ValueError), match=said) as refusal:
        call()
    assert str(refusal.value).startswith("`jinit.")


def test_a_key_of_any_form_will_do():
    drawn = jinit.initialize(NNX, KEY, X6)
    legacy = jinit.initialize(NNX, jax.random.key_data(jax.random.key(0)), X6)
    streams = jinit.initialize(NNX, nnx.Rngs(0), X6)
    for other in (legacy, streams):
        assert jnp.array_equal(drawn.a.kernel[...], other.a.kernel[...])


def test_constants_and_keys_are_put_under_a_guard():
    with jax.transfer_guard("disallow"):
        jinit.trace(NNX, X6)
        jinit.explain(Linen(), X6)
        module = jinit.initialize(NNX, KEY, X6)
        jinit.estimate(Linen(), X6)
    assert module.a.kernel[...].std() > 0.1


def test_keys_among_the_params_are_no_weights():
    def apply(params, x):
        noise = jax.random.normal(params["key"], (2,))
        return x @ params["w"] + noise

    params = {"w": shape(6, 2), "key": KEY}
    assert [row.path for row in jinit.trace(apply, params, X6)] == ["w"]
    drawn = jinit.initialize((apply, params), KEY, X6)
    assert drawn["key"] is params["key"]
    assert drawn["w"].shape == (6, 2)

    class Noisy:
        def init(self, key, x):
            return {
                "w": jnp.arange(12.0).reshape(6, 2),
                "key": jax.random.fold_in(key, 1),
            }

        def apply(self, params, x):
            return apply(params, x)

    drawn = jinit.initialize(Noisy(), KEY, X6)
    assert drawn["key"] == jax.random.fold_in(KEY, 1)
    assert drawn["w"].tolist() == jnp.arange(12.0).reshape(6, 2).tolist()


def test_a_function_with_an_optional_key_is_no_constructor():
    apply = lambda params, x, key=None: x @ params
    (row,) = jinit.trace(apply, shape(6, 2), X6)
    assert row.shape == (6, 2)
