"""muP: the published tables, their equivalence, and what each parameter gets."""

# Some calls here are wrong on purpose.
# pyright: reportArgumentType=false, reportCallIssue=false

import dataclasses
from fractions import Fraction
from typing import Any, get_args

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn, nnx

import jinit
from jinit._model.mup import Form, Kind, mup, Scaling, scaling
from jinit._model.rules import Leaf, no_trace, resolve
from jinit.compose import scaled
from tests.zoo.adapters import shapes
from tests.zoo.entry import image, text
from tests.zoo.language import GPT


KEY = jax.random.key(0)
N = 4  # the growth of the width
H = Fraction(1, 2)

# Powers of the width, as printed: variance, multiplier, SGD's rate, Adam's.
PRINTED = {
    ("init", "input"): (0, 0, 1, 0),
    ("init", "hidden"): (-1, 0, 0, -1),
    ("init", "output"): (-2, 0, -1, -1),
    ("multiplier", "input"): (0, 0, 1, 0),
    ("multiplier", "hidden"): (-1, 0, 0, -1),
    ("multiplier", "output"): (0, -1, 1, 0),
    ("symmetric", "input"): (-1, H, 0, -H),
    ("symmetric", "hidden"): (-1, 0, 0, -1),
    ("symmetric", "output"): (-1, -H, 0, -H),
}


def shape(*sizes, dtype="float32"):
    return jax.ShapeDtypeStruct(sizes, dtype)


def mlp(n, depth=1):
    hidden = {f"hidden_{i}": {"kernel": shape(n, n)} for i in range(depth)}
    return {
        "first": {"kernel": shape(6, n), "bias": shape(n)},
        **hidden,
        "last": {"kernel": shape(n, 3), "bias": shape(3)},
    }


def forward(params, x):
    x = jnp.tanh(x @ params["first"]["kernel"] + params["first"]["bias"])
    x = jnp.tanh(x @ params["hidden_0"]["kernel"])
    return x @ params["last"]["kernel"] + params["last"]["bias"]


RULES = [("kernel", jinit.lecun_normal), ("bias", jinit.normal(stddev=0.5))]


def fans(kind):
    """The growth of both fans of a parameter of that class."""
    grown = {"input": (1, N), "vector": (1, N), "hidden": (N, N), "output": (N, 1)}
    return tuple(map(float, grown.get(kind, (1, 1))))


@pytest.mark.parametrize(("form", "kind"), PRINTED)
def test_each_form_is_the_table_of_the_paper(form, kind):
    variance, multiplier, sgd, adam = PRINTED[form, kind]
    kinds = (kind, "vector") if kind == "input" else (kind,)
    for each in kinds:
        found = scaling(each, form, *fans(kind))
        assert found.std == float(N) ** float(Fraction(variance) / 2)
        assert found.multiplier == float(N) ** float(multiplier)
        assert (found.sgd, found.adam) == (float(N) ** sgd, float(N) ** float(adam))


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("form", get_args(Form))
@pytest.mark.parametrize("other", get_args(Form))
def test_the_tables_are_one_orbit(kind, form, other):
    start, end = (scaling(kind, each, *fans(kind)) for each in (form, other))
    moved = start.moved(end.multiplier / start.multiplier)
    assert dataclasses.astuple(moved) == pytest.approx(dataclasses.astuple(end))


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_the_three_forms_train_alike(kind):
    # Adam without its epsilon does not see the scale of a gradient.
    make = {"sgd": optax.sgd, "adam": lambda rate: optax.adam(rate, eps=0.0)}[kind]
    x = jax.random.normal(KEY, (16, 6))
    # A floor: no entry's gradient is as small as its rounding.
    loss = lambda apply: lambda p: jnp.mean((apply(p, x) - 3 + x[:, :3]) ** 2)
    outputs = {}
    for form in get_args(Form):
        scales = mup(mlp(8), mlp(8 * N), form=form)
        params = jinit.materialize(mlp(8 * N), KEY, scales.rules(RULES))
        apply = scales.forward(forward)
        optimizer = scales.optimizer(make, 0.01, kind)
        state = optimizer.init(params)
        for _ in range(3):
            gradient = jax.grad(loss(apply))(params)
            updates, state = optimizer.update(gradient, state, params)
            params = optax.apply_updates(params, updates)
        outputs[form] = apply(params, x)
    start = forward(
        jinit.materialize(mlp(8 * N), KEY, mup(mlp(8), mlp(8 * N)).rules(RULES)), x
    )
    assert jnp.abs(outputs["init"] - start).max() > 0.03
    for form in ("multiplier", "symmetric"):
        np.testing.assert_allclose(outputs[form], outputs["init"], atol=2e-5)


@pytest.mark.parametrize("form", get_args(Form))
def test_at_the_base_width_nothing_differs_by_a_bit(form):
    scales = mup(mlp(16), mlp(16), form=form)
    ones = jax.tree.map(lambda _: 1.0, mlp(16))
    assert scales.multipliers() == scales.learning_rates("sgd") == ones
    assert scales.learning_rates("adam") == ones
    for (_, value), rule in zip(RULES, scales.rules(RULES), strict=True):
        leaf = Leaf("hidden_0/kernel", (16, 16), np.dtype("float32"), no_trace("test"))
        assert resolve(rule.value, leaf) is value
    params = jinit.materialize(mlp(16), KEY, RULES)
    chex.assert_trees_all_equal(
        jinit.materialize(mlp(16), KEY, scales.rules(RULES)), params
    )
    slope = jax.tree.map(lambda w: w**2 + 1, params)
    plain, ours = optax.adam(0.1), scales.optimizer(optax.adam, 0.1)
    step = lambda made: made.update(slope, made.init(params), params)[0]
    chex.assert_trees_all_equal(step(ours), step(plain))


@pytest.mark.parametrize("form", get_args(Form))
@pytest.mark.parametrize(
    "init",
    [
        jinit.lecun_normal(),
        jinit.he_uniform(mode="fan_out"),
        jinit.glorot_normal(),
        jinit.normal(stddev=0.02),
        jinit.orthogonal(gain=2.0),
    ],
)
def test_a_kernel_has_the_deviation_of_the_base_times_the_factor(form, init):
    scales = mup(mlp(16), mlp(16 * N), form=form)
    rules = scales.rules([("kernel", init), ("bias", 0.0)])
    plan = jinit.explain(mlp(16 * N), rules=rules)
    for choice in plan:
        width = scales[choice.path]
        if choice.path.endswith("kernel"):
            expected = init.std(width.base) * width.scaling.std
            assert choice.initializer
            assert choice.initializer.std(choice.shape) == pytest.approx(expected)


def test_a_law_that_grows_as_it_should_stays_itself():
    rules = mup(mlp(16), mlp(16 * N)).rules([("**", jinit.lecun_normal)])
    leaf = Leaf("hidden_0/kernel", (64, 64), np.dtype("float32"), no_trace("test"))
    assert resolve(rules[0].value, leaf) == jinit.lecun_normal
    head = dataclasses.replace(leaf, path="last/kernel", shape=(64, 3))
    assert resolve(rules[0].value, head) == scaled(jinit.lecun_normal, 0.5)
    (rule,) = mup(mlp(16), mlp(16 * N)).rules([("**", jinit.zeros)])
    assert resolve(rule.value, head) == jinit.zeros


def test_constants_are_scaled_where_the_form_asks_and_zero_stays():
    tree = lambda n: {"scale": shape(n), "bias": shape(n), "head": shape(n, 2)}
    rules = [("scale", 1.0), ("**", jinit.zeros)]
    for form in get_args(Form):
        scales = mup(tree(8), tree(8 * N), form=form)
        params = jinit.materialize(tree(8 * N), KEY, scales.rules(rules))
        seen = scales.forward(lambda params: params)(params)
        assert (seen["scale"] == 1).all()
        assert not seen["bias"].any()
        assert not seen["head"].any()


def kinds(scales):
    return {width.path: width.kind for width in scales}


def test_shapes_alone_tell_the_class_of_plain_kernels():
    tree = lambda n: {
        "embedding": shape(50, n),
        "first": {"kernel": shape(3, 3, 3, n)},
        "conv": {"kernel": shape(3, 3, n, 2 * n), "bias": shape(2 * n)},
        "stacked": {"kernel": shape(5, n, n), "scale": shape(5, n)},
        "head": {"kernel": shape(n, 10), "bias": shape(10)},
        "temperature": shape(),
    }
    scales = mup(tree(8), tree(24))
    assert kinds(scales) == {
        "embedding": "input",
        "first/kernel": "input",
        "conv/kernel": "hidden",
        "conv/bias": "vector",
        "stacked/kernel": "hidden",
        "stacked/scale": "input",
        "head/kernel": "output",
        "head/bias": "finite",
        "temperature": "finite",
    }
    assert {(w.n_in, w.n_out) for w in scales} == {(1, 3), (3, 3), (3, 1), (1, 1)}
    assert "8×10 → 24×10" in str(scales)


def test_averages_of_a_batch_norm_do_not_grow():
    traces, trees = [], []
    for n in (4, 8):
        model = nn.Sequential([nn.Dense(n), nn.BatchNorm(use_running_average=True)])
        x = jnp.ones((2, 3))
        trees.append(jax.eval_shape(model.init, KEY, x))
        traces.append(jinit.trace(model.apply, trees[-1], x))
    for scales in (mup(*traces, form="symmetric"), mup(*trees, form="symmetric")):
        factors = scales.multipliers()
        assert set(jax.tree.leaves(factors["batch_stats"])) == {1.0}
        assert set(jax.tree.leaves(factors["params"])) == {2**0.5}


class Attention(nn.Module):
    heads: int

    @nn.compact
    def __call__(self, x):
        x = nn.Dense(8 * self.heads, name="first")(x)
        x = nn.MultiHeadDotProductAttention(self.heads, name="attention")(x, x)
        return nn.Dense(5, name="head")(x)


def test_a_trace_tells_what_shapes_can_not():
    (_, small, x), (_, large, _) = (
        shapes(Attention(heads), shape(2, 6, 4)) for heads in (2, 6)
    )
    with pytest.raises(ValueError, match="Give traces") as caught:
        mup(small, large)
    names = ("query/kernel", "key/kernel", "value/kernel", "out/kernel", "query/bias")
    for name in names:
        assert f"params/attention/{name}" in str(caught.value)
    assert "head" not in str(caught.value)
    assert "first" not in str(caught.value)
    traces = [
        jinit.trace(Attention(heads).apply, params, x)
        for heads, params in ((2, small), (6, large))
    ]
    scales = mup(*traces)
    for name in names[:-1]:
        width = scales[f"params/attention/{name}"]
        assert (width.kind, width.n_in, width.n_out) == ("hidden", 3, 3)
    assert scales["attention/query/bias"].kind == "vector"
    assert scales["attention/query/bias"].n_out == 3
    # One trace is enough, and gives nested dictionaries for a tree.
    assert kinds(mup(small, traces[1])) == kinds(mup(traces[0], large)) == kinds(scales)
    chex.assert_trees_all_equal(
        scales.learning_rates(), mup(traces[0], large).learning_rates()
    )
    rules = [("bias", 0.0), (jinit.is_kernel(), jinit.traced(jinit.lecun_normal))]
    plan = jinit.explain(Attention(6), x, rules=scales.rules(rules))
    laws: dict[str, Any] = {choice.path: choice.initializer for choice in plan}
    assert laws["params/attention/out/kernel"].std((6, 8, 48)) == 48**-0.5


class Depthwise(nn.Module):
    channels: int

    @nn.compact
    def __call__(self, x):
        c = self.channels
        x = nn.Conv(c, (3, 3), name="first")(x)
        x = nn.Conv(c, (3, 3), feature_group_count=c, name="depthwise")(x)
        x = nn.Conv(c, (3, 3), feature_group_count=2, name="grouped")(x)
        return nn.Dense(5, name="head")(x.reshape(x.shape[0], -1))


def test_groups_of_a_convolution_are_read_not_guessed():
    traces = []
    for channels in (4, 8):
        apply, params, x = shapes(Depthwise(channels), image(2, 6, 6, 3))
        traces.append(jinit.trace(apply, params, x))
    scales = mup(*traces)
    grown = lambda name: (scales[f"{name}/kernel"].n_in, scales[f"{name}/kernel"].n_out)
    assert grown("first") == grown("depthwise") == (1, 2)
    assert grown("grouped") == (2, 2)
    assert grown("head") == (2, 1)


class Tied(nn.Module):
    width: int

    @nn.compact
    def __call__(self, tokens):
        embed = nn.Embed(11, self.width, name="embed")
        return embed.attend(nn.Dense(self.width)(embed(tokens)))


@pytest.mark.parametrize("form", get_args(Form))
def test_a_tied_embedding_is_an_input_whose_logits_are_the_models_own(form):
    traces = []
    for width in (8, 8 * N):
        apply, params, x = shapes(Tied(width), shape(2, 4, dtype="int32"))
        traces.append(jinit.trace(apply, params, x))
    width = mup(*traces, form=form)["embed/embedding"]
    assert width.kind == "input"
    # What is between its entries at the base and the logits is 1/n in every form.
    factor, scaling = float(width.note.rsplit(" ", 1)[1]), width.scaling
    assert factor * scaling.std * scaling.multiplier == width.behind == 1 / N


def test_the_optimizer_gives_each_parameter_its_own_rate():
    scales = mup(mlp(8), mlp(8 * N))
    params = jax.tree.map(lambda s: jnp.zeros(s.shape), mlp(8 * N))
    ones = jax.tree.map(jnp.ones_like, params)
    schedule = optax.linear_schedule(1.0, 0.0, 2)
    for kind in ("adam", "sgd"):
        optimizer = scales.optimizer(optax.sgd, schedule, kind)
        state = optimizer.init(params)
        for factor in (1.0, 0.5):
            updates, state = optimizer.update(ones, state, params)
            rates = jax.tree.map(lambda u: -float(u.ravel()[0]), updates)
            expected = jax.tree.map(lambda m: factor * m, scales.learning_rates(kind))  # noqa: B023
            assert rates == expected
    assert set(jax.tree.leaves(scales.learning_rates("sgd"))) == {0.25, 1.0, 4.0}


def test_it_fits_nnx_and_the_inner_tree_of_linen():
    state = lambda n: nnx.state(
        nnx.eval_shape(lambda: nnx.Linear(4, n, rngs=nnx.Rngs(0)))
    )
    scales = mup(state(8), state(16))
    assert kinds(scales) == {"bias": "vector", "kernel": "input"}
    made: Any = nnx.state(nnx.Linear(4, 16, rngs=nnx.Rngs(0)))
    optimizer = scales.optimizer(optax.sgd, 1.0, "sgd")
    updates, _ = optimizer.update(made, optimizer.init(made), made)
    np.testing.assert_array_equal(updates["kernel"][...], -2 * made["kernel"][...])
    outer = mup({"params": mlp(8)}, {"params": mlp(16)})
    assert outer.multipliers(mlp(16)) == mup(mlp(8), mlp(16)).multipliers()


class Residual(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.Dense(8, name="first")(x)
        for i in range(2):
            h = nn.relu(nn.Dense(16, name=f"up_{i}")(x))
            x = x + nn.Dense(8, name=f"down_{i}")(h)
        return nn.Dense(3, name="head")(x)


def test_depth_mup_scales_branches_alike_in_every_form():
    apply, params, x = shapes(Residual(), shape(2, 5))
    trace = jinit.trace(apply, params, x)
    one = Scaling(1.0, 1.0, 1.0, 1.0)
    for form in get_args(Form):
        scales = mup(trace, trace, "depth_mup", form=form, depth=(2, 8))
        assert scales["first/kernel"].scaling == scales["head/bias"].scaling == one
        for name in ("up_0/kernel", "up_1/bias"):
            inside = dataclasses.replace(one, adam=0.5, muon=0.5, shrink=0.5)
            assert scales[name].scaling == inside
        for name in ("down_0/kernel", "down_1/bias"):
            found = scales[name].scaling
            assert found.std * found.multiplier == 0.5
            plain = Scaling(1.0, 0.5, 0.5, 1.0, muon=0.5, shrink=0.5)
            expected = plain.moved(found.multiplier / 0.5)
            assert found == expected
    with pytest.raises(ValueError, match=r"`target` to be a trace for 'depth_mup'"):
        mup(params, params, "depth_mup", depth=(2, 8))
    with pytest.raises(ValueError, match=r"`depth`.*Got 0"):
        mup(trace, trace, "depth_mup", depth=(0, 8))
    with pytest.raises(ValueError, match=r"speaks of depth. Got `depth` \(2, 8\)"):
        mup(trace, trace, depth=(2, 8))


def test_a_longer_scan_and_a_larger_vocabulary_are_not_width():
    found = []
    for depths in ((2, 2), (2, 4)):
        traces = []
        for width, depth in zip((32, 64), depths, strict=True):
            model = GPT(depth=depth, width=width, scanned=True)
            apply, params, x = shapes(model, text(2, 8))
            traces.append(jinit.trace(apply, params, x))
        found.append([(w.kind, w.n_in, w.n_out) for w in mup(*traces)])
    assert found[0] == found[1]
    assert {n for _, *fans in found[0] for n in fans} == {1, 2}
    tables = []
    for vocabulary, width in ((10, 8), (30, 16)):
        apply, params, x = shapes(nn.Embed(vocabulary, width), shape(5, dtype="int32"))
        tables.append(jinit.trace(apply, params, x))
    (table,) = mup(*tables)
    assert (table.kind, table.n_in, table.n_out) == ("input", 1, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: mup(
                {"a": shape(2), "b": shape(3)}, {"a": shape(2, 2), "c": shape(3)}
            ),
            ValueError,
            r"b \(3,\): base only\n  c \(3,\): target only\n  a \(2,\) and \(2, 2\)",
        ),
        (lambda: mup(mlp(4), mlp(8), form="init_"), ValueError, "mean 'init'"),
        (lambda: mup({"a": 3}, {"a": 3}), TypeError, "`base`.* at a"),
        (
            lambda: mup(mlp(4), mlp(8)).learning_rates("adm"),
            ValueError,
            "mean 'adam'",
        ),
        (lambda: mup(mlp(4), mlp(8))["lost"], KeyError, "no parameter 'lost'"),
        (
            lambda: jinit.materialize(
                mlp(8),
                KEY,
                mup(mlp(4), mlp(8)).rules([("**", jax.nn.initializers.normal())]),
            ),
            TypeError,
            r"state their standard deviation. Got from_callable.* for first/bias",
        ),
        (
            lambda: mup({"k": shape(1, 1, 4, 9)}, {"k": shape(1, 1, 8, 9)}),
            ValueError,
            r"k \(1, 1, 4, 9\) → \(1, 1, 8, 9\)",
        ),
        (
            lambda: mup({"weight": shape(4, 9)}, {"weight": shape(8, 9)}),
            ValueError,
            r"weight \(4, 9\) → \(8, 9\)",
        ),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("base", "message"),
    [
        (
            {"a": jax.ShapeDtypeStruct((0, 4), "float32")},
            r"at least 1. Got \(0, 4\) at a",
        ),
        ({"a": np.zeros(())} | {"b": None, "c": object()}, "other things at c"),
    ],
)
def test_what_has_no_width_is_refused(base, message):
    with pytest.raises((TypeError, ValueError), match=f"`jinit.mup` .*{message}"):
        jinit.mup(base, base)
