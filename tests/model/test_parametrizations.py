"""Parametrizations beyond muP: of depth, of time, of units and norms."""

# Some calls here are wrong on purpose.
# pyright: reportArgumentType=false, reportCallIssue=false

import functools
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import jinit
from jinit._model.mup.optimizers import named_paths
from tests.zoo import decoders, lora
from tests.zoo.adapters import shapes
from tests.zoo.entry import text
from tests.zoo.language import GPT


KEY = jax.random.key(0)
OUT = "blocks/MultiHeadDotProductAttention_0/out/kernel"
QUERY = "blocks/MultiHeadDotProductAttention_0/query/kernel"


@functools.cache
def gpt(width, depth, scanned=True):
    apply, params, x = shapes(GPT(depth, width, 2, 11, scanned), text(2, 4))
    return jinit.trace(apply, params, x), params


def scales(rule, base=(16, 2), target=(32, 8), scanned=True, **settings):
    (base, _), (target, _) = gpt(*base, scanned), gpt(*target, scanned)
    return jinit.mup(base, target, rule, **settings)


def stream(p, x):
    """A residual network whose depth is an axis of its kernels, before the head."""
    block = lambda x, w: (x + jnp.tanh(x @ w["up"]) @ w["down"], None)
    return jax.lax.scan(block, x @ p["first"], p["blocks"])[0]


def residual(p, x):
    return stream(p, x) @ p["head"]


def residual_shapes(width, depth):
    shape = lambda *sizes: jax.ShapeDtypeStruct(sizes, "float32")
    square = shape(depth, width, width)
    blocks = {"up": square, "down": square}
    return {"first": shape(5, width), "blocks": blocks, "head": shape(width, 3)}


@pytest.mark.parametrize("alpha", [0.5, 0.75, 1.0])
def test_completep_is_table_1_of_its_paper(alpha):
    found = scales("completep", alpha=alpha, form="multiplier")
    n, L = 2.0, 4.0
    hidden, closing = found[QUERY].scaling, found[OUT].scaling
    for each in (hidden, closing):
        assert each.std == n**-0.5
        assert each.adam == pytest.approx(n**-1 * L ** (alpha - 1))
        assert each.epsilon == pytest.approx(n**-1 * L**-alpha)
        # Weight decay λ n, which the learning rate multiplies.
        assert each.shrink / each.adam == pytest.approx(n)
    assert (hidden.multiplier, closing.multiplier) == (1.0, L**-alpha)
    norm, last = found["blocks/RMSNorm_0/scale"].scaling, found["norm/scale"].scaling
    assert norm.adam == pytest.approx(L ** (alpha - 1))
    assert (last.adam, last.epsilon, last.std) == (1.0, 1.0, 1.0)
    table = found["tokens/embedding"]
    assert (table.scaling.adam, table.scaling.epsilon, table.behind) == (1, 1, 1 / n)


def test_the_depth_is_read_of_loops_and_of_lists_and_can_be_given():
    scanned, listed = scales("completep"), scales("completep", scanned=False)
    for i in range(8):
        at = lambda i: OUT.replace("blocks", f"block{i}")
        assert listed[at(i)].scaling == scanned[OUT].scaling
        assert listed[at(i)].origin == f"params/{at(min(i, 1))}"
    given = scales("completep", base=(16, 8), depth=(2, 8))
    assert given[OUT].scaling == scanned[OUT].scaling
    assert scales("completep", base=(32, 8))[OUT].scaling.std == 1


def test_completedp_follows_batch_and_duration():
    plain = scales("completedp")
    assert plain["tokens/embedding"].scaling.epsilon == 0.5
    found = scales("completedp", batch=(8, 32), duration=(100, 900))
    root = (4 / 9) ** 0.5
    for before, after in zip(plain, found, strict=True):
        assert after.scaling.adam == pytest.approx(before.scaling.adam * root)
        assert after.scaling.epsilon == pytest.approx(before.scaling.epsilon / root)
        decays = [w.scaling.shrink / w.scaling.adam for w in (before, after)]
        assert decays[1] == pytest.approx(decays[0] * root)
    assert found.momentum == 4 / 9


@pytest.mark.parametrize("wrap", [lambda make: make, optax.inject_hyperparams])
def test_the_optimizer_is_that_of_each_parameter_alone(wrap):
    found = scales("completedp", batch=(8, 16))
    _, shapes = gpt(32, 8)
    rules = [("**", jinit.normal(stddev=0.1))]
    params = jinit.materialize(shapes, KEY, found.rules(rules))
    slope = jax.tree.map(lambda w: w**3 + 1e-7, params)
    settings = {"weight_decay": 0.1, "b2": 0.95}
    whole = found.optimizer(wrap(optax.adamw), 1e-2, **settings)
    updates, _ = whole.update(slope, whole.init(params), params)

    def alone(path, w, slope):
        scaling = found[path].scaling
        one = optax.adamw(
            1e-2 * scaling.adam,
            b1=1 - 0.1 * 2,
            b2=1 - 0.05 * 2,
            eps=1e-8 * scaling.epsilon,
            weight_decay=0.1 * scaling.shrink / scaling.adam,
        )
        return one.update(slope, one.init(w), w)[0]

    expected = jax.tree.map(alone, named_paths(params), params, slope)
    for ours, theirs in zip(*map(jax.tree.leaves, (updates, expected)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    epsilons, decays = found.epsilons(), found.weight_decays()
    assert epsilons["params"]["tokens"]["embedding"] == pytest.approx(0.5 / 2**0.5)
    assert decays["params"]["tokens"]["embedding"] == pytest.approx(2**0.5)
    loose = found.weight_decays("decoupled")
    assert {round(each, 9) for each in jax.tree.leaves(loose)} == {2.0}


@pytest.mark.parametrize("rule", ["mup", "completedp", "spectral"])
def test_at_the_base_all_is_the_users_own(rule):
    found, (_, shapes) = scales(rule, (16, 2), (16, 2)), gpt(16, 2)
    rules = [("**", jinit.normal(stddev=0.02))]
    own = jinit.materialize(shapes, KEY, rules)
    ours = jinit.materialize(shapes, KEY, found.rules(rules))
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), own, ours))
    apply = GPT(2, 16, 2, 11).apply
    ids = jnp.arange(8).reshape(2, 4)
    both = [jax.make_jaxpr(f)(own, ids) for f in (found.forward(apply), apply)]
    assert str(both[0]) == str(both[1])
    plain, made = optax.adamw(1e-3), found.optimizer(optax.adamw, 1e-3)
    steps = [each.update(own, each.init(own), own)[0] for each in (plain, made)]
    assert jax.tree.all(jax.tree.map(lambda a, b: (a == b).all(), *steps))
    states = [jax.tree.structure(each.init(own)) for each in (plain, made)]
    assert states[0] == states[1]


def test_umup_draws_units_and_gives_each_kind_of_layer_a_third():
    found, (_, shapes) = scales("umup"), gpt(32, 8)
    d, layers = 32, 8
    root = layers**-0.5
    hidden, closing, down = (
        found[p].scaling for p in (QUERY, OUT, "blocks/down/kernel")
    )
    assert hidden.multiplier == pytest.approx(d**-0.5)
    assert closing.multiplier == pytest.approx(d**-0.5 * root)
    assert down.multiplier == pytest.approx((3 * d) ** -0.5 * root)
    assert hidden.adam == closing.adam == pytest.approx(d**-0.5 * root)
    table = found["tokens/embedding"]
    assert table.scaling.adam == d**-0.5
    assert table.behind == 1 / d
    rules = found.rules([("scale", 1.0), ("**", jinit.normal(stddev=0.02))])
    params = jinit.materialize(shapes, KEY, rules)["params"]
    assert float(jnp.std(params["blocks"]["down"]["kernel"])) == pytest.approx(
        1, abs=0.02
    )
    # τ of Appendix G: each branch gives the unnormalized stream α √(2 / branches).
    taus = [
        (layers + (i + 1) // 2 + i // 2) ** -0.5 for i in range(2 * layers)
    ]  # with both ratios 1
    grown = np.cumprod([1.0, *(1 + tau**2 for tau in taus)]) ** 0.5
    for tau, stream in zip(taus, grown, strict=False):
        assert tau * stream == pytest.approx(root)
    with pytest.raises(ValueError, match=r"'umup' has: of adam. Got 'sgd'"):
        found.optimizer(optax.sgd, 0.1)


def test_spectral_norms_are_as_the_condition_says():
    tree = lambda n: {
        name: jax.ShapeDtypeStruct(size, "float32")
        for name, size in (("a", (20, n)), ("b", (n, n)), ("c", (n, 40)))
    }
    found = jinit.mup(tree(100), tree(800), "spectral")
    rules = [("**", jinit.lecun_normal)]
    norms = {}
    for n, own in ((100, rules), (800, found.rules(rules))):
        drawn = jinit.materialize(tree(n), KEY, own)
        for name, w in drawn.items():
            wanted = (w.shape[1] / w.shape[0]) ** 0.5
            norm = float(np.linalg.norm(w, 2)) / wanted
            norms.setdefault(name, []).append(norm)
    for small, large in norms.values():
        assert large == pytest.approx(small, rel=0.08)


def test_modula_is_exact():
    found, (_, shapes) = scales("modula"), gpt(32, 8)
    rules = found.rules([("scale", 1.0), ("**", jinit.normal(stddev=0.02))])
    params = jinit.materialize(shapes, KEY, rules)["params"]
    rows = np.linalg.norm(params["tokens"]["embedding"], axis=-1)
    np.testing.assert_allclose(rows, 32**0.5, rtol=1e-5)
    for name, (m, n) in {"up": (32, 96), "down": (96, 32)}.items():
        for w in params["blocks"][name]["kernel"]:
            values = np.linalg.svd(w, compute_uv=False)
            np.testing.assert_allclose(values, (n / m) ** 0.5, rtol=1e-4)
    assert found[OUT].scaling.multiplier == pytest.approx(1 / 16 / 3)
    assert found["blocks/down/kernel"].scaling.multiplier == 1 / 16
    assert found[QUERY].scaling.adam == 0.5


@pytest.mark.parametrize("rule", ["ntk", "mean_field", "standard"])
def test_the_ends_are_what_they_are_by_definition(rule):
    n, shape = 4, lambda *sizes: jax.ShapeDtypeStruct(sizes, "float32")
    tree = lambda n: {"a": shape(6, n), "b": shape(n, 3)}
    found = jinit.mup(tree(8), tree(8 * n), rule)
    a, b = found["a"].scaling, found["b"].scaling
    effective = {"ntk": n**-0.5, "mean_field": 1 / n, "standard": n**-0.5}[rule]
    assert a.std * a.multiplier == 1
    assert b.std * b.multiplier == effective
    # What a step of gradient descent changes of f is C A², times the gradients.
    kernels = {"ntk": (1, 1 / n), "mean_field": (n, 1 / n), "standard": (1, 1)}[rule]
    assert (a.sgd * a.multiplier**2, b.sgd * b.multiplier**2) == kernels
    if rule != "standard":
        init = jinit.mup(tree(8), tree(8 * n), rule, form="init")
        assert init["b"].scaling == b.moved(1 / b.multiplier)
    if rule == "mean_field":
        deep = lambda n: {**tree(n), "c": shape(n, n)}
        with pytest.raises(ValueError, match=r"one hidden layer.*Got the hidden.* c\."):
            jinit.mup(deep(8), deep(32), rule)


def moved(rule, depth):
    """How far four steps of Adam move the end of the stream."""
    x = jax.random.normal(KEY, (16, 5))
    y = jnp.stack([x[:, 0] * x[:, 1], x[:, 2], jnp.sin(x[:, 3])], -1)
    shapes = [residual_shapes(16, each) for each in (2, depth)]
    found = jinit.mup(*(jinit.trace(residual, each, x) for each in shapes), rule)
    stacked = jinit.lecun_normal(batch_axis=0)
    own = [("head", 0.0), ("blocks/*", stacked), ("first", jinit.lecun_normal)]
    params = start = jinit.materialize(shapes[1], KEY, found.rules(own))
    optimizer = found.optimizer(optax.adam, 1e-2)
    state = optimizer.init(params)

    @jax.jit
    def step(params, state):
        loss = lambda p: jnp.mean((residual(p, x) - y) ** 2)
        updates, state = optimizer.update(jax.grad(loss)(params), state, params)
        return optax.apply_updates(params, updates), state

    for _ in range(4):
        params, state = step(params, state)
    return float(jnp.sqrt(jnp.mean((stream(params, x) - stream(start, x)) ** 2)))


BOUNDS = {"completep": (-0.15, 0.15), "mup": (0.4, 2.0)}


@pytest.mark.parametrize(("rule", "bounds"), BOUNDS.items())
def test_adam_moves_the_stream_alike_at_all_depths(rule, bounds):
    depths = (2, 8, 32)
    changes = [moved(rule, depth) for depth in depths]
    low, high = bounds
    assert low < np.polyfit(np.log(depths), np.log(changes), 1)[0] < high


def attention_apart(params, factor):
    """The parameters with the queries of every attention times a factor."""
    at = params["params"]["blocks"]["MultiHeadDotProductAttention_0"]["query"]
    query = {"kernel": at["kernel"] * factor}
    block = params["params"]["blocks"]
    attention = {**block["MultiHeadDotProductAttention_0"], "query": query}
    blocks = {**block, "MultiHeadDotProductAttention_0": attention}
    return {"params": {**params["params"], "blocks": blocks}}


def test_forward_scales_attention_and_tied_logits_in_the_models_own_code():
    found, (_, shapes) = scales("mup"), gpt(32, 8)
    (attention,) = found.attentions
    assert (attention.base, attention.size) == (8, 16)
    assert attention.factor == pytest.approx(2**-0.5)
    assert attention.place.endswith("blocks/MultiHeadDotProductAttention_0")
    assert "times 0.7071, for 1/d_head and not 1/√d_head" in str(found)
    params = jinit.materialize(shapes, KEY, [("**", jinit.normal(stddev=0.5))])
    apply: Any = GPT(8, 32, 2, 11).apply
    ids = jnp.arange(12).reshape(3, 4) % 11
    ours = found.forward(apply)
    theirs = lambda p, ids: 0.5 * apply(attention_apart(p, 2**-0.5), ids)
    sums = [
        jax.jit(jax.value_and_grad(lambda p, f=f: jnp.sum(f(p, ids) ** 2)))(params)
        for f in (ours, theirs)
    ]
    for a, b in zip(*map(jax.tree.leaves, sums), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3 * float(jnp.std(b)))
    jaxpr = str(jax.make_jaxpr(ours)(params, ids))
    assert "scan" in jaxpr
    assert "remat" in jaxpr  # what the model saves, it still saves
    with pytest.raises(ValueError, match=r"Got 0 attentions where there were 1"):
        found.forward(lambda p, x: x)(params, ids)


@pytest.mark.parametrize("scale", [lambda d: d**-0.5, lambda d: 1 / d, lambda d: 0.1])
@pytest.mark.parametrize("place", ["queries", "keys", "logits", "divided"])
def test_the_scale_of_attention_is_found_wherever_it_is(scale, place):
    def attend(p, x):
        q, k, v = (x @ p[name] for name in "qkv")
        by = scale(q.shape[-1])
        q, k = (q * by, k) if place == "queries" else (q, k)
        k = by * jnp.roll(k, 1, 0) if place == "keys" else k
        z = jnp.einsum("qd,kd->qk", q, k)
        z = {"logits": z * by, "divided": z / (1 / by)}.get(place, z)
        z = jnp.where(jnp.tri(len(x), dtype=bool), z + p["bias"], -1e9)
        return jax.nn.softmax(z) @ v

    def traced(n):
        sizes = {"q": (6, n), "k": (6, n), "v": (6, 6), "bias": (4, 4)}
        params = {k: jax.ShapeDtypeStruct(s, "float32") for k, s in sizes.items()}
        return jinit.trace(attend, params, jax.ShapeDtypeStruct((4, 6), "float32"))

    (attention,) = jinit.mup(traced(8), traced(32)).attentions
    assert attention.kernels == ("q", "k")
    assert attention.factor == pytest.approx(1 / 4 / (scale(32) / scale(8)))


def scaled_model(n, table, head, kernel):
    """A model whose author has factors of the width: of a table, a head, a kernel."""

    def apply(p, ids):
        x = p["table"][ids] * table(n)
        x = x + jnp.tanh(x @ (p["a"] * kernel(n)) + p["b"])
        x = x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True))
        return x @ p["table"].T * head(n), (x * head(n)) @ p["head"]

    sizes = {"table": (11, n), "a": (n, n), "b": (n,), "head": (n, 5)}
    return apply, {k: jax.ShapeDtypeStruct(s, "float32") for k, s in sizes.items()}


@pytest.mark.parametrize("form", ["init", "multiplier", "symmetric"])
def test_what_the_model_scales_itself_is_not_scaled_again(form):
    # A model with √n, 1/√n and 1/√n of its own is, with its factors moved, the plain.
    own = [lambda n: n**0.5, lambda n: n**-0.5, lambda n: n**-0.5]
    ids, logits = jnp.arange(4), []
    for factors in (own, [lambda n: 1.0] * 3):
        small, large = (scaled_model(n, *factors) for n in (16, 64))
        traces = [jinit.trace(*each, ids) for each in (small, large)]
        found = jinit.mup(*traces, form=form)
        at = [factor(16) for factor in factors]  # what is right at the base
        rules = [
            ("table", jinit.normal(stddev=1 / at[0])),
            ("a", jinit.normal(stddev=0.25 / at[2])),
            ("b", jinit.normal(stddev=0.1)),
            ("head", jinit.normal(stddev=0.25 / at[1])),
        ]
        params = jinit.materialize(large[1], KEY, found.rules(rules))
        tied, other = jax.jit(found.forward(large[0]))(params, ids)
        logits.append((tied * (at[0] / at[1]), other))
        total = found["a"].scaling.std * found["a"].scaling.multiplier
        assert total * (factors[2](64) / at[2]) == pytest.approx(0.5)
    for a, b in zip(*logits, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-3)


def sandwich(n, depth, end):
    """Branches that end in a norm, with a scale γ or 1 + γ or none."""
    norm = lambda x: x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6)

    def apply(p, x):
        x = x @ p["first"]
        for i in range(depth):
            h = jnp.tanh(norm(x) @ p[f"block{i}"]["w"])
            h = norm(h @ p[f"block{i}"]["v"])
            x = x + end(h, p[f"block{i}"].get("scale"))
        return norm(x) @ p["head"]

    shape = lambda *sizes: jax.ShapeDtypeStruct(sizes, "float32")
    block = {"w": shape(n, n), "v": shape(n, n), "scale": shape(n)}
    blocks = {f"block{i}": block for i in range(depth)}
    return apply, {"first": shape(5, n), "head": shape(n, 3), **blocks}


ENDS = {
    "γ": (lambda h, scale: h * scale, 1.0),
    "1 + γ": (lambda h, scale: h * (1 + scale), 0.0),
}


@pytest.mark.parametrize("form", ["init", "multiplier"])
@pytest.mark.parametrize("end", ENDS)
def test_branches_that_end_in_a_norm_are_scaled_as_those_that_do_not(end, form):
    x = jax.random.normal(KEY, (8, 5))
    models = [sandwich(16, depth, ENDS[end][0]) for depth in (2, 8)]
    found = jinit.mup(
        *(jinit.trace(*each, x) for each in models), "completep", form=form
    )
    rules = [("scale", ENDS[end][1]), ("**", jinit.normal(stddev=0.25))]
    params = jinit.materialize(models[1][1], KEY, found.rules(rules))
    plain = jinit.materialize(models[1][1], KEY, rules)
    quarter = sandwich(16, 8, lambda h, scale: 0.25 * ENDS[end][0](h, scale))[0]
    np.testing.assert_allclose(
        jax.jit(found.forward(models[1][0]))(params, x),
        jax.jit(quarter)(plain, x),
        atol=1e-5,
    )


def test_a_branch_that_nothing_scales_is_refused():
    models = [sandwich(16, depth, lambda h, scale: h) for depth in (2, 8)]
    traces = [jinit.trace(*each, jnp.ones((4, 5))) for each in models]
    jinit.mup(*traces)
    with pytest.raises(ValueError, match=r"a norm with a scale.*Got one of block0/v,"):
        jinit.mup(*traces, "completep")


def test_a_rule_of_its_own_hides_the_logits():
    @jax.custom_vjp
    def attend(q, k):
        return jax.nn.softmax(q @ k.T)

    attend.defvjp(lambda q, k: (attend(q, k), None), lambda _, g: (g, g))
    apply = lambda p, x: attend(x @ p["q"], x @ p["k"])
    shape = lambda n: {name: jax.ShapeDtypeStruct((6, n), "float32") for name in "qk"}
    x = jnp.ones((4, 6))
    traces = [jinit.trace(apply, shape(n), x) for n in (2, 8)]
    found = jinit.mup(*traces)
    with pytest.raises(ValueError, match="a derivative rule of its own"):
        found.forward(apply)({"q": jnp.ones((6, 8)), "k": jnp.ones((6, 8))}, x)


def decoder(monkeypatch, width, **sizes):
    for name, size in {"WIDTH": width, **sizes}.items():
        monkeypatch.setattr(decoders, name, size)
    model = nnx.eval_shape(lambda: decoders.Decoder(decoders.Experts, nnx.Rngs(0)))
    return jinit.trace(model, jax.ShapeDtypeStruct((2, 4), "int32"))


def test_experts_are_hidden_and_routers_outputs(monkeypatch):
    traces = [decoder(monkeypatch, width, DEPTH=1) for width in (16, 64)]
    found = jinit.mup(*traces)
    kinds = {width.path.removeprefix("blocks/0/"): width.kind for width in found}
    assert kinds["mlp/router/kernel"] == "router"
    assert {kinds[f"mlp/{name}"] for name in ("gate", "up", "down")} == {"hidden"}
    assert kinds["head/kernel"] == "output"
    assert found["blocks/0/mlp/router/kernel"].scaling == found["head/kernel"].scaling
    numbers = jax.tree.leaves(
        found.muon_dimensions(), is_leaf=lambda x: hasattr(x, "reduction_axis")
    )
    assert optax.contrib.MuonDimensionNumbers((1,), (2,)) in numbers
    assert len(numbers) == 4 + 3  # attention and experts; no table, head or router


def test_kernels_of_states_are_hidden_complex_ones_too():
    def apply(p, u):
        step = lambda h, x: (p["pole"] * h + x,) * 2
        read = u @ p["in"]
        _, h = jax.lax.scan(step, jnp.zeros(read.shape[1:], read.dtype), read)
        _, h = jax.lax.scan(lambda s, x: (jnp.tanh(x + s @ p["again"]),) * 2, h[0], h)
        return (h @ p["out"]).real @ p["head"]

    def traced(n):
        shape = lambda *sizes, kind="complex64": jax.ShapeDtypeStruct(sizes, kind)
        params = {"pole": shape(n), "in": shape(5, n), "again": shape(n, n)}
        params |= {"out": shape(n, n), "head": shape(n, 3, kind="float32")}
        return jinit.trace(apply, params, jnp.ones((4, 2, 5)))

    found = jinit.mup(traced(8), traced(32))
    kinds = {width.path: width.kind for width in found}
    assert kinds == {
        "pole": "vector", "in": "input", "again": "hidden", "out": "hidden",
        "head": "output",
    }  # fmt: skip


def test_low_rank_factors_have_the_rates_of_lora_plus(monkeypatch):
    traces = []
    for width in (16, 64):
        monkeypatch.setattr(lora, "WIDTH", width)
        monkeypatch.setattr(lora, "DEPTH", 1)
        model = lora.LoRAModel(nnx.Rngs(0))
        traces.append(jinit.trace(model, jax.ShapeDtypeStruct((2, 4), "int32")))
    found = jinit.mup(*traces)
    a, b = (found[f"blocks/0/out/lora/lora_{side}"] for side in "ab")
    assert (a.kind, b.kind) == ("output", "input")
    assert b.scaling.adam / a.scaling.adam == 4


def test_muon_moves_matrices_by_the_norm_of_their_fans():
    norms = {}
    for width in (16, 64):
        found, (_, shapes) = scales("mup", (16, 2), (width, 2)), gpt(width, 2)
        params = jinit.materialize(shapes, KEY, [("**", jinit.normal(stddev=1.0))])
        numbers = found.muon_dimensions()
        assert numbers["params"]["tokens"]["embedding"] is None
        for rms in (None, 0.2):
            made = found.optimizer(
                optax.contrib.muon, 0.1, consistent_rms=rms, ns_steps=20,
                muon_weight_dimension_numbers=numbers, ns_coeffs=(1.875, -1.25, 0.375),
            )  # fmt: skip
            update = jax.jit(lambda p, made=made: made.update(p, made.init(p), p)[0])
            blocks = update(params)["params"]["blocks"]
            query = blocks["MultiHeadDotProductAttention_0"]["query"]["kernel"][0]
            matrices = {"query": query.reshape(width, -1)}
            matrices["down"] = blocks["down"]["kernel"][0]
            for name, w in matrices.items():
                wanted = (w.shape[1] / w.shape[0]) ** 0.5
                norm = float(np.linalg.norm(w, 2)) / wanted
                norms.setdefault((name, rms), []).append(norm)
    for small, large in norms.values():
        assert large == pytest.approx(small, rel=0.05)


def test_what_it_found_travels():
    for rule in ("completep", "modula", "umup"):
        found = scales(rule)
        other = pickle.loads(pickle.dumps(found))
        assert other == found
        assert str(other) == str(found)


TREE = {"a": jax.ShapeDtypeStruct((4, 8), "float32")}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jinit.mup(TREE, TREE, "completeP"), "Did you mean 'completep'"),
        (lambda: jinit.mup(TREE, TREE, "completep"), "`target` to be a trace"),
        (lambda: jinit.mup(TREE, TREE, alpha=1), "speaks of depth. Got `alpha` 1"),
        (lambda: jinit.mup(TREE, TREE, batch=(1, 2)), r"'completedp' for `batch`. Got"),
        (lambda: scales("completedp", batch=(1, 2, 3)), "`batch` to be two"),
        (lambda: jinit.mup(TREE, TREE, "ntk", form="symmetric"), "is a table of muP"),
        (
            lambda: jinit.mup(TREE, TREE).optimizer(lambda rate: None, 0.1),
            "Give `kind`: 'sgd' where they do",
        ),
        (
            lambda: jinit.mup(TREE, TREE).optimizer(optax.lamb, 0.1),
            "Got <function lamb",
        ),
        (lambda: jinit.mup(TREE, gpt(32, 8)[0], "completep"), "`base` to be a trace"),
        (lambda: jinit.mup(TREE, TREE).weight_decays("adamw"), "'torch'"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
