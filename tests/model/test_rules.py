"""Rules by path, role and computation; what happens where they do not fit."""

import pickle

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import jinit
from jinit._model.rules import Leaf, no_trace, Rule
from tests.zoo.adapters import shapes
from tests.zoo.entry import image, text
from tests.zoo.language import GPT, MoE


KEY = jax.random.key(0)
L, WIDTH = 2, 32
GPT2 = [
    ("{out,down}/kernel", jinit.normal(stddev=0.02 / (2 * L) ** 0.5)),
    ("{kernel,embedding}", jinit.normal(stddev=0.02)),
    ("scale", jinit.ones),
]


def shape(*sizes, dtype="float32"):
    return jax.ShapeDtypeStruct(sizes, dtype)


TREE = {
    "h_0": {"c_proj": {"kernel": shape(8, 8), "bias": shape(8)}},
    "h_1": {"c_proj": {"kernel": shape(8, 8), "bias": shape(8)}},
    "head": {"kernel": shape(8, 4)},
}


def laws(plan):
    return {choice.path: choice.initializer for choice in plan}


def test_the_first_rule_that_matches_decides():
    rules = [("h_1/**/kernel", 3.0), ("kernel", jinit.he_normal), ("**", jinit.zeros)]
    plan = jinit.explain(TREE, rules=rules)
    assert laws(plan) == {
        "h_0/c_proj/bias": jinit.zeros,
        "h_0/c_proj/kernel": jinit.he_normal,
        "h_1/c_proj/bias": jinit.zeros,
        "h_1/c_proj/kernel": jinit.constant(3.0),
        "head/kernel": jinit.he_normal,
    }
    assert "rule 'h_1/**/kernel'" in str(plan)


def test_each_weight_of_a_gpt_2_has_the_deviation_of_the_paper():
    apply, params, x = shapes(GPT(depth=L, width=64, scanned=False), text(2, 16))
    drawn = jinit.initialize((apply, params), KEY, x, rules=GPT2)
    for path, w in jax.tree_util.tree_flatten_with_path(drawn)[0]:
        name = jax.tree_util.keystr(path)
        if "scale" in name:
            assert (w == 1).all()
            continue
        std = 0.01 if "'out'" in name or "'down'" in name else 0.02
        # Six standard errors of a standard deviation.
        assert abs(w.std() / std - 1) < 6 / (2 * w.size) ** 0.5, name


def test_a_misspelt_rule_is_an_error_that_lists_every_path_and_the_nearest():
    with pytest.raises(jinit.UnmatchedError) as caught:
        jinit.materialize(TREE, KEY, [("c_prog/kernel", 0), ("head/**", 0)])
    said = str(caught.value)
    for path in ("h_0/c_proj/kernel (8, 8)", "h_1/c_proj/bias (8,)"):
        assert path in said
    assert "'c_prog/kernel': nearest is 'h_0/c_proj/kernel'" in said
    assert "head" not in said


def test_a_rule_behind_one_that_takes_all_it_matches_is_an_error():
    with pytest.raises(jinit.UnmatchedError, match="only what earlier rules took"):
        jinit.materialize(TREE, KEY, [("**", 0), ("bias", 1)])
    jinit.materialize(TREE, None, [("**", 0), Rule("bias", 1, required=False)])


def test_a_law_may_be_named():
    tree = {"A_log": jnp.zeros((16, 4)), "kernel": jnp.zeros((8, 8))}
    rules = [("A_log", "ssm.mamba_a_log"), ("kernel", "normal(0.02)")]
    twin = [("A_log", jinit.ssm.mamba_a_log), ("kernel", jinit.normal(0.02))]
    drawn, expected = (jinit.materialize(tree, KEY, r) for r in (rules, twin))
    chex.assert_trees_all_equal(drawn, expected)


@pytest.mark.parametrize(
    ("rules", "error", "said"),
    [
        ({"kernel": jinit.zeros}, TypeError, "pairs"),
        (["kernel"], TypeError, "pair"),
        ([("kernel", "zeross")], ValueError, "Did you mean 'zeros'"),
        ([("kernel", True)], TypeError, "initializer or its name"),
        ([(3, jinit.zeros)], TypeError, "glob"),
        ([(jinit.closes_residual, 0)], TypeError, "Call it: `closes_residual()`"),
        ([("**", float("nan"))], ValueError, "finite. Got nan"),
        ([(jinit.role("bias"), 0), ("**", 0)], ValueError, "jinit.trace(apply"),
    ],
)
def test_what_is_no_rule_is_refused(rules, error, said):
    with pytest.raises(error, match=r"`jinit.materialize` needs") as caught:
        jinit.materialize(TREE, None, rules)
    assert said in str(caught.value)


def test_an_unknown_role_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"Did you mean .kernel."):
        jinit.role("kernels")  # pyright: ignore[reportArgumentType]


def test_rules_read_the_computation():
    apply, params, x = shapes(MoE(), image(2, 8, 32))
    rules = [
        (jinit.role("norm scale"), 1),
        (jinit.role("norm offset", "bias"), 0),
        (jinit.closes_residual(), jinit.zeros),
        (jinit.path("router/*") & jinit.is_kernel(), jinit.normal(stddev=0.02)),
        (~jinit.path("router/*"), jinit.traced(jinit.he_normal)),
    ]
    found = laws(jinit.explain(apply, params, x, rules=rules))
    assert found["params/down"] == jinit.zeros
    assert found["params/router/kernel"] == jinit.normal(stddev=0.02)
    # All 4 experts read a token, each with fans of its own.
    assert found["params/up"] == jinit.he_normal(fans=(32, 64))


def test_fans_are_asked_only_of_what_has_them():
    with pytest.raises(TypeError, match=r"`jinit.traced` needs"):
        jinit.traced(jinit.orthogonal)
    apply, params, x = shapes(nn.Dense(3), image(2, 4))
    rules = [("**", jinit.traced(jinit.he_normal))]
    with pytest.raises(ValueError, match="params/bias, a bias"):
        jinit.initialize((apply, params), KEY, x, rules=rules)


def test_the_right_side_may_be_a_function_of_the_leaf_or_of_a_key():
    theirs = jax.nn.initializers.lecun_normal()
    rules = [
        ("kernel", theirs),
        ("bias", lambda leaf: jinit.constant(float(len(leaf.shape)))),
    ]
    drawn = jinit.materialize(TREE, KEY, rules)
    assert (drawn["h_0"]["c_proj"]["bias"] == 1).all()
    kernel = drawn["head"]["kernel"]
    assert abs(kernel.std() * 8**0.5 - 1) < 0.6
    assert laws(jinit.explain(TREE, rules=rules))["head/kernel"] == jinit.from_callable(
        theirs
    )


def test_a_leaf_knows_its_row():
    seen = []
    apply, params, x = shapes(nn.Dense(3), image(2, 8))

    def watch(leaf: Leaf):
        seen.append((leaf.path, leaf.row.role, np.dtype(leaf.dtype)))
        return jinit.zeros

    jinit.initialize((apply, params), None, x, rules=[("**", watch)])
    assert seen == [
        ("params/bias", "bias", np.float32),
        ("params/kernel", "output head", np.float32),
    ]


def test_a_weight_does_not_depend_on_others_nor_on_the_collection():
    rules = [("**", jinit.normal(stddev=1.0))]
    small = {"a": shape(4, 4)}
    large = {"params": {"a": shape(4, 4), "b": shape(2)}}
    draw = lambda tree: jinit.materialize(tree, KEY, rules)
    assert jnp.array_equal(draw(small)["a"], draw(large)["params"]["a"])
    equal = jinit.materialize({"a": shape(4, 4), "c": shape(4, 4)}, KEY, rules)
    assert not jnp.array_equal(equal["a"], equal["c"])


@pytest.mark.parametrize(
    "made",
    [
        jinit.path("mlp/*"),
        jinit.role("kernel", "bias") & ~jinit.is_kernel() | jinit.closes_residual(),
        jinit.mup({"a": np.zeros((2, 2))}, {"a": np.zeros((4, 4))}),
    ],
)
def test_conditions_and_plans_of_width_can_be_pickled(made):
    assert str(pickle.loads(pickle.dumps(made))) == str(made)


def test_a_traced_initializer_can_be_pickled():
    leaf = Leaf("a", (2, 2), np.dtype("float32"), no_trace("here"), "here")
    loaded = pickle.loads(pickle.dumps(jinit.traced(jinit.he_normal)))
    with pytest.raises(ValueError, match="`here` needs a trace"):
        loaded(leaf)
