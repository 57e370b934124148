"""Weights drawn anew in part, completed, and compared."""

import chex
import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn, nnx
from jax.sharding import NamedSharding, PartitionSpec as P

import jinit


KEY = jax.random.key(0)
RULES = [("kernel", jinit.he_normal), ("bias", 0.5)]


def shape(*sizes, dtype="float32"):
    return jax.ShapeDtypeStruct(sizes, dtype)


ABSTRACT = {
    "body": {"kernel": shape(4, 4), "bias": shape(4)},
    "head": {"kernel": shape(4, 2, dtype="bfloat16"), "bias": shape(2)},
}


def test_reinit_leaves_all_others_the_same_objects():
    tree = jinit.materialize(ABSTRACT, KEY, RULES)
    new = jinit.reinit(tree, jax.random.key(1), "head/*", RULES)
    assert new["body"]["kernel"] is tree["body"]["kernel"]
    assert new["body"]["bias"] is tree["body"]["bias"]
    assert new["head"]["kernel"].dtype == jnp.bfloat16
    assert not jnp.array_equal(new["head"]["kernel"], tree["head"]["kernel"])
    # It is the same draw that the whole model would have had.
    again = jinit.materialize(ABSTRACT, jax.random.key(1), RULES)
    chex.assert_trees_all_equal(new["head"], again["head"])


def test_reinit_keeps_boxes_modules_and_what_is_no_weight():
    boxed = {"w": nn.Partitioned(jnp.ones((4, 4)), (None, "model"))}
    new = jinit.reinit(boxed, KEY, "w", [("w", jinit.he_normal)])
    assert new["w"].names == (None, "model")
    assert new["w"].value.shape == (4, 4)
    mlp = eqx.nn.MLP(3, 2, 4, 1, key=KEY)
    new = jinit.reinit(mlp, KEY, "layers/1/weight", [("**", jinit.zeros)])
    assert not new.layers[1].weight.any()
    assert new.layers[0].weight is mlp.layers[0].weight
    assert new.activation is mlp.activation
    state = nnx.state(nnx.Dropout(0.5, rngs=nnx.Rngs(0)))
    with pytest.raises(ValueError, match="to match a parameter"):
        jinit.reinit(state, KEY, "**", [("**", 0)])


def test_reinit_by_a_role_asks_the_trace():
    apply = lambda p, x: jax.nn.relu(x @ p["a"]) @ p["b"]
    tree = {"a": jnp.ones((4, 4)), "b": jnp.ones((4, 2))}
    trace = jinit.trace(apply, tree, jnp.ones((2, 4)))
    head = jinit.role("output head")
    new = jinit.reinit(tree, None, head, [("**", jinit.zeros)], trace=trace)
    assert new["a"] is tree["a"]
    assert not new["b"].any()


def test_reinit_of_nothing_is_refused_with_the_nearest():
    tree = jinit.materialize(ABSTRACT, KEY, RULES)
    with pytest.raises(ValueError, match="nearest is 'head/kernel'"):
        jinit.reinit(tree, KEY, "heda/kernel", RULES)


def test_reinit_of_units_leaves_all_others_to_the_bit():
    apply = lambda p, x: jax.nn.relu(x @ p["a"] + p["c"]) @ p["b"]
    tree = {k: jinit.normal(jax.random.key(i), n) for i, (k, n) in enumerate(SIZES)}
    mask = jnp.arange(6) % 3 == 0
    x = jnp.ones((2, 4))
    rules = [("a", jinit.he_normal), ("c", jinit.zeros)]
    options = {"units": mask, "trace": jinit.trace(apply, tree, x)}
    new = jinit.reinit(tree, KEY, "[ac]", rules, outgoing=True, **options)
    fresh = jinit.reinit(tree, KEY, "[ac]", rules)
    chex.assert_trees_all_equal(new["a"][:, mask], fresh["a"][:, mask])
    chex.assert_trees_all_equal(new["a"][:, ~mask], tree["a"][:, ~mask])
    chex.assert_trees_all_equal(new["c"], jnp.where(mask, 0, tree["c"]))
    assert not new["b"][mask].any()
    chex.assert_trees_all_equal(new["b"][~mask], tree["b"][~mask])
    kept = jinit.reinit(tree, KEY, "[ac]", rules, units=mask)
    assert kept["b"] is tree["b"]
    by_path = jinit.reinit(tree, KEY, "[ac]", rules, units={"a": mask, "c": ~mask})
    chex.assert_trees_all_equal(by_path["a"], kept["a"])
    chex.assert_trees_all_equal(by_path["c"], jnp.where(mask, tree["c"], 0))


SIZES = [("a", (4, 6)), ("b", (6, 3)), ("c", (6,))]


def test_units_that_do_not_fit_are_refused():
    tree = {"a": jnp.ones((4, 6)), "b": jnp.ones((6, 3))}
    redraw = lambda **options: jinit.reinit(tree, KEY, "a", RULES_A, **options)
    mask = jnp.ones(6, bool)
    with pytest.raises(ValueError, match=r"the 6 output units of a\. Got bool"):
        redraw(units=jnp.ones(4, bool))
    with pytest.raises(ValueError, match="Got float32"):
        redraw(units=jnp.ones(6))
    with pytest.raises(ValueError, match="a mask in `units` for each"):
        redraw(units={"b": mask})
    with pytest.raises(ValueError, match="needs a trace for `outgoing`"):
        redraw(units=mask, outgoing=True)
    summed = lambda p, x: (x @ p["a"]).reshape(2, -1, 3).sum(1)
    trace = jinit.trace(summed, {"a": tree["a"]}, jnp.ones((2, 4)))
    with pytest.raises(ValueError, match="reads the units of a one for one"):
        redraw(units=mask, outgoing=True, trace=trace)


RULES_A = [("a", jinit.he_normal)]


def test_a_pair_of_zeros_that_no_gradient_reaches_is_warned_of():
    abstract = {"w": shape(4, 4), "lora_a": shape(4, 2), "lora_b": shape(2, 4)}
    partial = {"w": jnp.ones((4, 4)), "lora_b": jnp.zeros((2, 4))}
    fill = lambda a, **options: jinit.fill_missing(
        partial, KEY, abstract, [("lora_a", a)], **options
    )
    with pytest.warns(UserWarning, match="product at 0: lora_a, lora_b") as seen:
        fill(jinit.zeros)
    assert seen[0].filename == __file__
    fill(jinit.he_normal)
    apply = lambda p, x: x @ p["w"] + x @ p["lora_a"] @ p["lora_b"]
    trace = jinit.trace(apply, abstract, jnp.ones((2, 4)))
    with pytest.warns(UserWarning, match="lora_a, lora_b"):
        fill(0.0, trace=trace)


@pytest.mark.parametrize("gap", ["absent", "none", "shape"])
def test_fill_missing_draws_what_the_whole_model_would_have(gap):
    whole = jinit.materialize(ABSTRACT, KEY, RULES)
    partial = {"body": whole["body"]}
    if gap != "absent":
        empty = {"none": None, "shape": shape(4, 2, dtype="bfloat16")}[gap]
        partial["head"] = {"kernel": empty, "bias": whole["head"]["bias"]}
    full = jinit.fill_missing(partial, KEY, ABSTRACT, RULES)
    chex.assert_trees_all_equal(full, whole)
    assert full["body"]["kernel"] is whole["body"]["kernel"]


def test_fill_missing_lists_all_that_does_not_fit():
    partial = {
        "body": {"kernel": jnp.ones((5, 4)), "bias": jnp.ones(4, "bfloat16")},
        "tail": jnp.ones(2),
    }
    with pytest.raises(ValueError, match=r"`jinit.fill_missing` needs") as caught:
        jinit.fill_missing(partial, KEY, ABSTRACT, RULES)
    for path in ("body/kernel", "body/bias", "tail"):
        assert f"  {path} (" in str(caught.value)
    with pytest.raises(jinit.UnmatchedError, match="head/bias"):
        jinit.fill_missing({}, KEY, ABSTRACT, [("kernel", 0.0)])


def test_fill_missing_takes_rules_and_places_as_materialize_does():
    partial = {"head": jinit.materialize(ABSTRACT["head"], KEY, RULES)}
    with pytest.raises(jinit.UnmatchedError, match="'boyd/kernel': nearest is"):
        jinit.fill_missing(partial, KEY, ABSTRACT, [("boyd/kernel", 1.0), *RULES])
    with pytest.raises(TypeError, match="as pairs"):
        jinit.fill_missing(partial, KEY, ABSTRACT, "gpt2")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="w float, wanted"):
        jinit.fill_missing({"w": 3.0}, KEY, {"w": shape()}, [("w", 0.0)])
    mesh = jax.make_mesh((2,), ("x",), devices=jax.devices()[:2])
    place = NamedSharding(mesh, P("x"))
    full = jinit.fill_missing(partial, KEY, ABSTRACT, RULES, P("x"), mesh=mesh)
    assert full["body"]["bias"].sharding.is_equivalent_to(place, 1)
    own = ABSTRACT | {"body": jax.ShapeDtypeStruct((4, 4), "float32", sharding=place)}
    full = jinit.fill_missing(partial, KEY, own, [("body", jinit.he_normal), *RULES])
    assert full["body"].sharding.is_equivalent_to(place, 2)


def test_fill_missing_completes_modules_and_by_roles():
    mlp = eqx.nn.MLP(3, 2, 4, 1, key=KEY)
    short = eqx.tree_at(lambda m: m.layers[0].weight, mlp, None)
    x = jnp.ones(3)
    arrays, rest = eqx.partition(mlp, eqx.is_array)
    trace = jinit.trace(lambda p, x: eqx.combine(p, rest)(x), arrays, x)
    full = jinit.fill_missing(
        short,
        KEY,
        mlp,
        jinit.recipes.torch_default(),
        trace=trace,
    )
    assert full.layers[1].weight is mlp.layers[1].weight
    assert full(x).shape == (2,)
    state = nnx.state(nnx.Dropout(0.5, rngs=nnx.Rngs(0)))
    assert jinit.fill_missing(state, None, state, []) == state


def test_duplicates_are_found_among_many_that_are_not():
    draw = lambda seed: jinit.he_normal(jax.random.key(seed), (8, 8))
    tree = {str(i): draw(i) for i in range(20)} | {"ones": jnp.ones((8, 8))}
    assert jinit.duplicates(tree) == []
    tree |= {"copy": draw(3), "other": draw(3).T, "zeros": jnp.zeros((8, 8))}
    tree |= {"blocks": [draw(5), draw(5)], "also ones": jnp.ones((8, 8))}
    assert sorted(jinit.duplicates(tree)) == [
        ("3", "copy"),
        ("5", "blocks/0", "blocks/1"),
    ]
    # Equal in the entries that are looked at first, but not everywhere.
    near = draw(0).at[3, 3].add(1.0)
    assert jinit.duplicates({"a": draw(0), "b": near}) == []
