"""Whole trees: on meshes, one program per distinct parameter, no forward pass."""

import chex
import jax
import pytest
from flax import linen as nn
from jax.sharding import AbstractMesh, AxisType, NamedSharding, PartitionSpec as P

import jinit
from jinit._model.keys import path_keys
from tests.zoo.adapters import shapes
from tests.zoo.entry import text
from tests.zoo.language import GPT


KEY = jax.random.key(0)


def shape(*sizes, dtype="float32"):
    return jax.ShapeDtypeStruct(sizes, dtype)


TREE = {
    "normal": shape(16, 32),
    "half": shape(16, 32, dtype="bfloat16"),
    "uniform": shape(8, 64),
    "cut": shape(16, 16),
    "constant": shape(64, 8),
}
RULES = [
    ("{normal,half}", jinit.he_normal),
    ("uniform", jinit.glorot_uniform),
    ("cut", jinit.truncated_normal(stddev=0.02)),
    ("constant", jinit.constant(0.3)),
]
SPECS = [P("x"), P(None, "x"), P("x", "y"), P(("x", "y"))]


def mesh(devices):
    y = 2 if devices > 1 else 1
    return jax.make_mesh((devices // y, y), ("x", "y"), devices=jax.devices()[:devices])


@pytest.mark.parametrize("devices", [1, 2, 4, 8])
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_weights_are_bitwise_those_of_one_device(devices, spec):
    alone = jinit.materialize(TREE, KEY, RULES)
    drawn = jinit.materialize(TREE, KEY, RULES, spec, mesh=mesh(devices))
    chex.assert_trees_all_equal(drawn, alone)
    for leaf in jax.tree.leaves(drawn):
        wanted = NamedSharding(mesh(devices), spec)
        assert leaf.sharding.is_equivalent_to(wanted, leaf.ndim)


def test_a_draw_takes_no_memory_beside_its_shard():
    grid = jax.make_mesh((4, 2), ("x", "y"), axis_types=(AxisType.Auto,) * 2)
    place = NamedSharding(grid, P("x", "y"))
    tree = {"w": shape(1024, 1024)}
    draw = lambda key: jinit.materialize(tree, key, [("w", jinit.he_normal)], place)
    memory = jax.jit(draw).lower(KEY).compile().memory_analysis()
    shard = 4 * 1024 * 1024 // 8
    assert memory is not None
    assert memory.output_size_in_bytes == shard
    assert memory.temp_size_in_bytes <= 0.1 * shard


def test_shardings_may_be_rules_or_a_tree_that_stops_early():
    rules = [("normal", P("x", "y")), ("u*", P("y"))]
    drawn = jinit.materialize(TREE, KEY, RULES, rules, mesh=mesh(8))
    for name, spec in (("normal", P("x", "y")), ("uniform", P("y"))):
        wanted = NamedSharding(mesh(8), spec)
        assert drawn[name].sharding.is_equivalent_to(wanted, 2)
    assert drawn["cut"].sharding.is_fully_replicated
    nested = {"a": {"b": shape(8, 8), "c": shape(8)}, "d": shape(8)}
    drawn = jinit.materialize(
        nested,
        None,
        [("**", 1.0)],
        {"a": P("x"), "d": P()},
        mesh=mesh(8),
    )
    assert drawn["a"]["c"].sharding.spec == P("x")
    with pytest.raises(ValueError, match="'mistake'"):
        jinit.materialize(TREE, KEY, RULES, [("mistake", P("x"))], mesh=mesh(8))
    with pytest.raises(ValueError, match=r"for `cut.*divides the shape"):
        jinit.materialize({"cut": shape(9)}, None, [("**", 1.0)], P("x"), mesh=mesh(8))


def test_places_are_checked_before_a_plan_and_need_devices_for_a_draw():
    rules, grid = [("**", 1.0)], AbstractMesh((2,), ("x",))
    draw = lambda *args, **options: jinit.materialize(
        {"w": shape(9)},
        None,
        rules,
        *args,
        **options,
    )
    with pytest.raises(ValueError, match="divides the shape"):
        draw(P("x"), mesh=grid)
    with pytest.raises(ValueError, match="mesh of devices"):
        draw(mesh=grid)
    with pytest.raises(ValueError, match=r"axes \('x',\) of the mesh. Got .*'z'"):
        draw(P("z"), mesh=grid)
    with pytest.raises(ValueError, match="structure of the weights"):
        draw({"v": P()}, mesh=grid)
    with pytest.raises(TypeError, match="Got 4"):
        draw(mesh=4)


def test_weights_go_where_their_shapes_say():
    place = NamedSharding(mesh(8), P("x"))
    tree = {"a": jax.ShapeDtypeStruct((8,), "float32", sharding=place), "b": shape(3)}
    drawn = jinit.materialize(tree, None, [("**", 1.0)])
    assert drawn["a"].sharding == place
    assert len(drawn["b"].devices()) == 1


def test_memory_is_checked_without_shardings_too(monkeypatch):
    monkeypatch.setattr("jinit._model.estimate._limit", lambda found: 2**10)
    with pytest.raises(ValueError, match="Got 2 KiB for each, of 1 KiB"):
        jinit.materialize({"w": shape(512)}, None, [("**", 1.0)])


@pytest.mark.parametrize(
    ("tree", "error", "said"),
    [
        ({"w": 3.0}, TypeError, "Got 3.0 at w"),
        ({"w": KEY}, TypeError, "PRNG key at w"),
        ({"a/b": shape(2), "a": {"b": shape(2)}}, ValueError, "two at a/b"),
    ],
)
def test_a_tree_of_weights_holds_arrays_each_at_its_own_path(tree, error, said):
    with pytest.raises(error, match=said):
        jinit.materialize(tree, None, [("**", 1.0)])


def test_a_jitted_draw_gives_the_same_bits():
    draw = lambda key: jinit.materialize(TREE, key, RULES)
    chex.assert_trees_all_equal(jax.jit(draw)(KEY), draw(KEY))


def programs(work):
    """How many programs are compiled for the weights in a piece of work."""
    names = []

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            names.append(event)

    jax.clear_caches()
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        work()
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    return len(names)


def test_equal_parameters_share_a_program_at_any_depth():
    rules = [("kernel", jinit.lecun_normal), ("bias", jinit.zeros)]
    tree = lambda n: {
        str(i): {"kernel": shape(8, 8), "bias": shape(8)} for i in range(n)
    }
    jinit.materialize(tree(2), KEY, rules)  # what JAX itself compiles once
    once = programs(lambda: jinit.materialize(tree(2), KEY, rules))
    keys = programs(lambda: path_keys(KEY, ["0", "1"]))
    assert programs(lambda: jinit.materialize(tree(24), KEY, rules)) == once
    # One for the keys, and those to read them; one per distinct parameter.
    assert once <= keys + 2 + 1


def test_a_collection_s_name_does_not_count_unless_it_tells_two_paths_apart():
    data = lambda *paths: jax.random.key_data(path_keys(KEY, paths)).tolist()
    assert data("params/a/w", "batch_stats/m")[0] == data("a/w")[0]
    first, second = data("params/a/w", "a/w")
    assert first != second == data("a/w")[0]


def test_a_plan_of_ten_billion_parameters_allocates_nothing():
    wide, tokens = 5120, 50304
    block = {"qkv": shape(wide, 3 * wide), "out": shape(wide, wide),
             "up": shape(wide, 4 * wide), "down": shape(4 * wide, wide)}  # fmt: skip
    tree = {"embed": shape(tokens, wide), "blocks": [block] * 31}
    places = [
        ("{qkv,up,embed}", P("data", "model")),
        ("{out,down}", P("model", "data")),
    ]
    grid = AbstractMesh((16, 16), ("data", "model"))
    told = jinit.estimate(tree, shardings=places, mesh=grid)
    assert told.parameters == 31 * 12 * wide**2 + tokens * wide > 10e9
    assert told.per_device == told.total / 256
    plan = jinit.explain(tree, rules=[("**", jinit.he_normal)])
    assert len(plan) == 31 * 4 + 1
    with pytest.raises(ValueError, match=r"Got 149 MiB for each, of 100 MiB.*embed"):
        jinit.estimate(tree, shardings=places, mesh=grid, limit=100 * 2**20)


class Wide(nn.Module):
    """Its activations would fill 64 TiB."""

    @nn.compact
    def __call__(self, x):
        return nn.Dense(4, name="out")(nn.relu(nn.Dense(2**14)(x)))


def test_no_forward_pass_is_run():
    x = jax.ShapeDtypeStruct((2**30, 8), "float32")
    params = jinit.initialize(Wide(), KEY, x)
    assert params["params"]["out"]["kernel"].shape == (2**14, 4)


class Vast(nn.Module):
    """Its kernels would fill terabytes, the second with zeros."""

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Dense(2**20)(x))
        return nn.Dense(2**20, kernel_init=nn.initializers.zeros, name="out")(x)


@pytest.mark.parametrize("rules", [None, [("**", jinit.zeros)]])
def test_a_plan_computes_no_start_of_the_model_inside_a_trace_or_outside(rules):
    x = jax.ShapeDtypeStruct((2, 2**18), "float32")
    draw = lambda key: jinit.initialize(Vast(), key, x, rules=rules)
    found = jax.eval_shape(draw, KEY)
    assert found["params"]["out"]["kernel"].shape == (2**20, 2**20)
    *_, last = jinit.explain(Vast(), x, rules=rules)
    assert (last.initializer, last.makes) == (jinit.zeros, 0)


def test_no_rules_means_what_the_computation_asks_for():
    apply, params, tokens = shapes(GPT(depth=2, width=32, heads=2), text(2, 8))
    chex.assert_trees_all_equal(
        jinit.initialize((apply, params), KEY, tokens),
        jinit.explain(apply, params, tokens).draw(KEY, params),
    )


def test_a_model_that_reads_no_parameter_is_said_to():
    tree = {"w": jax.ShapeDtypeStruct((4, 4), "float32")}
    x = jax.ShapeDtypeStruct((2, 4), "float32")
    with pytest.warns(UserWarning, match="`jinit.explain` finds no parameter"):
        jinit.explain((lambda _, x: 2 * x, tree), x)
