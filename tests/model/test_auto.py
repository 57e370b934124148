import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from jax.experimental.pallas import pallas_call

import jinit
from jinit._activations import gaussian_moments, squared_gain
from jinit._model.auto.calm import _second
from jinit._model.keys import path_keys
from jinit._model.plan import Choice
from tests.zoo.adapters import shapes
from tests.zoo.entry import image, text
from tests.zoo.full import FULL
from tests.zoo.language import GPT


KEY = jax.random.key(0)


def deep(phi, depth=50, width=64):
    layers = [f for _ in range(depth) for f in (nn.Dense(width), phi)]
    return nn.Sequential(layers)


def choice(plan, path) -> Choice:
    return next(each for each in plan if each.path == path)


def std(plan, path, shape) -> float:
    initializer = choice(plan, path).initializer
    assert initializer is not None
    return float(initializer.std(shape))


@pytest.mark.parametrize(
    "phi", [nn.relu, nn.gelu, nn.silu, jnp.tanh, nn.selu], ids=lambda phi: phi.__name__
)
def test_fifty_layers_keep_the_second_moment_where_the_default_loses_it(phi):
    model, x = deep(phi), jax.random.normal(jax.random.key(1), (128, 64))
    shapes = jax.eval_shape(model.init, KEY, x)
    flax = {2: jinit.lecun_normal, 1: jinit.zeros}
    default = jax.tree.map(lambda leaf: flax[leaf.ndim](KEY, leaf.shape), shapes)
    params = jinit.initialize((model.apply, shapes), KEY, x)

    @jax.jit
    def moments(params):
        seen = model.apply(params, x, capture_intermediates=_dense)[1]
        each = seen["intermediates"].values()
        return jnp.stack([jnp.mean(z["__call__"][0] ** 2) for z in each])

    before, after = moments(default), moments(params)
    assert len(after) == 50
    kept = _second(("tanh",) * 49) if phi is jnp.tanh else 1.0  # nearly linear
    assert after[:-1].min() > 0.5 * kept
    assert after[:-1].max() < 2 * kept
    assert 0.5 < after[-1] < 2
    if phi is not nn.selu:  # LeCun's law, Flax's default, is the one for SELU
        assert before.min() < 0.05


@pytest.mark.parametrize("phi", [jnp.tanh, jax.nn.selu])
def test_a_loop_of_layers_keeps_the_second_moment(phi):
    def apply(p, x):
        step = lambda h, w: (phi(h @ w), h @ w)
        h, z = jax.lax.scan(step, x @ p["in"], p["w"])
        return h @ p["out"], jnp.mean(z**2, (1, 2))

    shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
    params = {"in": shape(32, 256), "w": shape(8, 256, 256), "out": shape(256, 8)}
    x = jax.random.normal(KEY, (64, 32))
    _, each = apply(jinit.initialize((apply, params), KEY, x), x)
    kept = _second(("tanh",) * 8) if phi is jnp.tanh else 1.0  # nearly linear
    start = kept / gaussian_moments(phi, kept).second  # the first reads no φ
    assert each[0] == pytest.approx(start, rel=0.2)
    assert each[1:].min() > 0.5 * kept
    assert each[1:].max() < 2.5 * kept


def test_slices_of_one_parameter_read_what_most_of_them_read():
    def apply(p, x, phis=(jnp.tanh,) * 4):
        for w, phi in zip(p["w"], phis, strict=True):
            x = phi(x @ w)
        return x @ p["out"]

    shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
    params = {"w": shape(4, 64, 64), "out": shape(64, 64)}
    x = shape(8, 64)
    assert jinit.trace(apply, params, x)["w"].activation_name == "tanh"
    q = _second(("tanh",) * 4)
    square = 1 / gaussian_moments("tanh", q).second
    plan = jinit.explain(apply, params, x)
    assert std(plan, "w", (64, 64)) ** 2 == pytest.approx(q * square / 64, rel=1e-4)
    # The first slice reads no tanh, and what it adds has not quite worn off.
    assert std(plan, "out", (64, 64)) ** 2 == pytest.approx(square / 64, rel=0.15)
    mixed = lambda p, x: apply(p, x, (jnp.tanh, jax.nn.relu, jax.nn.relu, jnp.tanh))
    row = jinit.trace(mixed, params, x)["w"]
    assert (row.activation_name, row.note) == ("relu", "its slices read tanh, relu")


def _root_mean_square(h):
    return jnp.sqrt(jnp.mean(h**2, -1, keepdims=True) + 1e-6)


@pytest.mark.parametrize(
    "norm",
    [
        lambda h: h / jnp.linalg.norm(h, axis=-1, keepdims=True),
        lambda h: 3 * h / _root_mean_square(h),
        jax.nn.standardize,
    ],
)
def test_a_norm_leaves_what_its_formula_says(norm):
    apply = lambda p, x: norm(x @ p["a"]) @ p["b"]
    params = {name: jax.ShapeDtypeStruct((64, 64), "float32") for name in "ab"}
    x = jax.random.normal(KEY, (128, 64))
    z = apply(jinit.initialize((apply, params), KEY, x), x)
    assert float(jnp.mean(z**2)) == pytest.approx(1, abs=0.1)


def _dense(module, _):
    return isinstance(module, nn.Dense)


@pytest.mark.parametrize("law", ["truncated_normal", "normal", "uniform", "orthogonal"])
@pytest.mark.parametrize("direction", ["forward", "backward", "both"])
def test_every_law_has_the_variance_that_the_fans_and_the_gain_ask_for(law, direction):
    params = {"a": jnp.zeros((64, 4, 16)), "b": jnp.zeros((32, 4, 16))}
    apply = lambda p, x: jnp.einsum(
        "bhk,dhk->bd", jnp.tanh(jnp.einsum("bi,ihk->bhk", x, p["a"])), p["b"]
    )
    plan = jinit.explain(
        apply, params, jnp.zeros((8, 64)), law=law, direction=direction
    )
    fan = {"forward": 64, "backward": 32, "both": 48}[direction]
    expected = squared_gain("tanh", direction) / fan
    init = choice(plan, "b").initializer
    assert init is not None
    assert init.std((32, 4, 16)) ** 2 == pytest.approx(expected, rel=1e-6)
    drawn = plan.draw(KEY, params)["b"]
    assert float(jnp.mean(drawn**2)) == pytest.approx(expected, rel=0.15)


def test_each_reason_names_the_fan_the_activation_and_the_branch():
    plan = jinit.explain(*FULL["GPT"]())
    down = choice(plan, "params/blocks/down/kernel")
    assert down.reason == "fan_in 768, swiglu before it, closes 1 of 24 branches"
    assert down.initializer is not None
    assert down.initializer.std(down.shape) ** 2 == pytest.approx(
        1 / (24 * 768 * gaussian_moments("swiglu").second)
    )
    assert choice(plan, "params/tokens/embedding").initializer == jinit.normal(
        stddev=256**-0.5
    )
    plan_of_unet = jinit.explain(*FULL["U-Net"]())
    head = choice(plan_of_unet, "params/head/kernel")
    assert head.initializer == jinit.he_normal()
    assert head.reason == "fan_in 16 = 1·1·16, relu before it"
    pooled = choice(plan_of_unet, "params/down1/kernel").reason
    assert pooled.startswith("fan_in 144 = 3·3·16, relu before it, reads E x² = ")
    assert str(plan).splitlines()[1].startswith("params/tokens/embedding")


def test_roles_get_their_constants():
    every = [
        c for name in ("ViT-B/16", "ResNet-50") for c in jinit.explain(*FULL[name]())
    ]
    ends = [c for c in every if c.reason == "ends 1 of 16 branches"]
    assert [c.initializer for c in ends] == [jinit.constant(1 / 4)] * 16
    by_role = {c.role: c.initializer for c in every if c not in ends}
    assert by_role["bias"] == by_role["norm offset"] == jinit.zeros()
    assert by_role["norm scale"] == jinit.ones()
    assert by_role["positional"] == by_role["token"] == jinit.normal(stddev=0.02)


def test_zero_residuals_make_every_block_its_skip():
    module = GPT(depth=2, width=16, heads=2, vocab=11)
    apply, params, x = shapes(module, text(2, 4))
    x = jnp.arange(8).reshape(2, 4)
    drawn = jinit.initialize((apply, params), KEY, x, residual="zero")
    blocks = drawn["params"]["blocks"]
    assert not blocks["down"]["kernel"].any()
    embed, norm = drawn["params"]["tokens"]["embedding"], 1e-6
    h = embed[x] + drawn["params"]["positions"]["embedding"][:4]
    h = h * jax.lax.rsqrt(jnp.mean(h * h, -1, keepdims=True) + norm)
    assert jnp.allclose(apply(drawn, x), h @ embed.T, atol=1e-5)


def test_an_unnormalized_residual_stream_stays_within_a_factor_of_two():
    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            for _ in range(6):
                y = nn.relu(nn.Dense(256)(x))
                x = x + nn.Dense(128)(y)
            return nn.Dense(10, name="head")(x)

    x = jax.random.normal(jax.random.key(1), (256, 128))
    apply, params, _ = shapes(Net(), image(256, 128))
    drawn = jinit.initialize((apply, params), KEY, x)
    layers = {each.name: each for each in jinit.probe(apply, drawn, x).layers}
    inner = [layers[f"Dense_{2 * i}"].second_moment for i in range(6)]
    assert min([*inner, layers["head"].second_moment]) > 0.5
    assert max([*inner, layers["head"].second_moment]) < 2
    scales = [choice(jinit.explain(apply, params, x), f"params/Dense_{2 * i}/kernel")
              for i in range(6)]  # fmt: skip
    stds = [each.initializer.std(each.shape) for each in scales if each.initializer]
    assert stds == sorted(stds, reverse=True)  # the stream grows, the readers shrink


class Residual(nn.Module):
    """Twelve branches without normalization."""

    @nn.compact
    def __call__(self, x):
        for _ in range(12):
            x = x + nn.Dense(64)(nn.relu(nn.Dense(64)(x)))
        return nn.Dense(10, name="head")(x)


@pytest.mark.parametrize(
    ("phi", "w0"),
    [
        (lambda z: jnp.sin(30 * z), 30),
        (lambda z: jnp.sin(z * -5.0), 5),
        (lambda z: jnp.sin(30 * (jnp.abs(z) + 1) * z), 30),
        (jnp.sin, None),
        (lambda z: z + jnp.sin(3 * z) ** 2 / 3, None),
    ],
)
def test_a_sine_of_high_frequency_gets_the_bounds_of_siren(phi, w0):
    apply = lambda p, x: phi(phi(x @ p[0]) @ p[1].T) @ p[2]
    shapes = [jax.ShapeDtypeStruct(s, "float32") for s in ((2, 64), (32, 64), (32, 3))]
    plan = jinit.explain((apply, shapes), jnp.ones((8, 2)))
    drawn = [choice.initializer for choice in plan]
    siren = jinit.implicit.siren
    if w0 is None:
        assert all(init and init.law != siren.law for init in drawn)
        return
    turned = siren(w0=w0, in_axis=(1,), out_axis=(0,))
    assert drawn == [siren(first=True, w0=w0), turned, siren(w0=w0)]
    assert plan.choices[1].reason == f"sin({w0} z) after it"


def test_a_sine_of_high_frequency_takes_another_law_at_the_same_size():
    apply = lambda p, x: jnp.sin(30 * jnp.sin(30 * (x @ p[0])) @ p[1]) @ p[2]
    shapes = [jax.ShapeDtypeStruct(s, "float32") for s in ((2, 64), (64, 64), (64, 3))]
    stds = [
        [each.initializer.std(each.shape) for each in plan if each.initializer]
        for plan in (
            jinit.explain((apply, shapes), jnp.ones((8, 2)), law=law)
            for law in ("truncated_normal", "normal")
        )
    ]
    np.testing.assert_allclose(*stds, rtol=1e-5)


def test_a_stream_of_zero_branches_stays_as_it_starts():
    apply, params, x = shapes(Residual(), image(2, 64))
    stds = {
        residual: std(
            jinit.explain(apply, params, x, residual=residual),
            "params/head/kernel",
            (64, 10),
        )
        for residual in ("scaled", "zero")
    }
    assert stds["zero"] == pytest.approx(1 / 8)
    assert stds["scaled"] == pytest.approx(1 / 8 / np.sqrt(2))


def test_backward_takes_the_slope_of_a_gated_pair_and_1_where_nothing_is_known():
    def apply(p, x):
        h = jax.nn.silu(x @ p["gate"]) * (x @ p["up"])
        return jnp.sort(h @ p["down"]) @ p["out"]

    params = {name: jnp.ones((8, 8)) for name in ("gate", "up", "down", "out")}
    plan = jinit.explain(apply, params, jnp.ones((2, 8)), direction="backward")
    slope = gaussian_moments("swiglu").slope
    for path, square in (("down", 1 / slope), ("out", 1.0)):
        assert std(plan, path, (8, 8)) ** 2 == pytest.approx(square / 8)


def test_recurrent_kernels_are_orthogonal_per_gate():
    x = jnp.zeros((2, 3, 6))
    rnn = nn.RNN(nn.OptimizedLSTMCell(8))
    params = jinit.initialize((rnn.apply, rnn.init(KEY, x)), KEY, x)
    kernel = params["params"]["cell"]["hf"]["kernel"]
    assert jnp.allclose(kernel.T @ kernel, jnp.eye(8), atol=1e-5)

    def fused(p, x):  # a cell with all four gates in one kernel
        def step(h, x):
            i, f, g, o = jnp.split(x @ p["wi"] + h @ p["wh"], 4, -1)
            return jax.nn.sigmoid(o) * jnp.tanh(i * g + f), None

        return jax.lax.scan(step, jnp.zeros((2, 8)), x.swapaxes(0, 1))[0]

    shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
    params = jinit.initialize((fused, {"wi": shape(6, 32), "wh": shape(8, 32)}), KEY, x)
    for gate in jnp.split(params["wh"], 4, 1):
        assert jnp.allclose(gate.T @ gate, jnp.eye(8), atol=1e-5)


def test_a_key_depends_on_its_path_alone():
    small, large = (deep(nn.relu, depth) for depth in (2, 4))
    x = jnp.ones((1, 64))
    draw = lambda model: jinit.initialize(
        (model.apply, jax.eval_shape(model.init, KEY, x)),
        KEY,
        x,
    )["params"]
    assert jnp.array_equal(
        draw(small)["layers_2"]["kernel"], draw(large)["layers_2"]["kernel"]
    )
    keys = jax.random.key_data(path_keys(KEY, ["a/b", "a/c", "b/a"]))
    assert len({tuple(map(int, key)) for key in keys}) == 3


def test_what_is_no_weight_is_kept_and_without_a_value_gets_a_default():
    apply = lambda p, x: jnp.maximum(x @ p["w"], p["floor"]) * p["gate"]
    params = {
        "w": jnp.ones((4, 4)), "floor": jnp.full(4, -3.0), "gate": jnp.full(4, 0.5),
        "step": jnp.asarray(7),
    }  # fmt: skip
    drawn = jinit.initialize((apply, params), KEY, jnp.ones((2, 4)))
    assert drawn["floor"] is params["floor"]
    assert drawn["gate"] is params["gate"]
    assert drawn["step"] is params["step"]
    of_numpy = jinit.initialize(
        (apply, jax.tree.map(np.asarray, params)), KEY, np.ones((2, 4))
    )
    assert np.array_equal(of_numpy["gate"], params["gate"])
    abstract = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), params)
    drawn = jinit.initialize((apply, abstract), KEY, jnp.ones((2, 4)))
    assert jnp.array_equal(drawn["gate"], jnp.ones(4))
    assert drawn["step"].dtype == params["step"].dtype


def test_dtypes_are_those_of_the_parameters():
    model = nn.Sequential([nn.Dense(8, param_dtype=jnp.bfloat16), nn.relu, nn.Dense(4)])
    x = image(2, 6)
    params = jinit.initialize((model.apply, jax.eval_shape(model.init, KEY, x)), KEY, x)
    kernels = params["params"]
    assert kernels["layers_0"]["kernel"].dtype == jnp.bfloat16
    assert kernels["layers_2"]["kernel"].dtype == jnp.float32


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"law": "he"}, r"`jinit.initialize` needs `law`"),
        ({"direction": "up"}, r"`jinit.initialize` needs `direction`"),
        ({"residual": "small"}, r"`jinit.initialize` needs `residual`"),
    ],
)
def test_unknown_options_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        jinit.initialize(
            (lambda w, x: x @ w, np.ones((2, 2))),
            KEY,
            np.ones((1, 2)),
            **settings,
        )


def test_a_causal_transformer_without_norms_keeps_its_scale():
    class Bare(nn.Module):
        @nn.compact
        def __call__(self, x):
            mask = nn.make_causal_mask(x[..., 0])
            for i in range(4):
                attention = nn.MultiHeadDotProductAttention(4, name=f"attention{i}")
                x = x + attention(x, mask=mask)
                y = nn.gelu(nn.Dense(256, name=f"up{i}")(x))
                x = x + nn.Dense(64, name=f"out{i}")(y)
            return nn.Dense(64, name="head")(x)

    x = jax.random.normal(KEY, (8, 32, 64))
    x = x + x[:, :1]  # positions that share much of what they hold
    probe = jinit.probe(Bare().apply, jinit.initialize(Bare(), KEY, x), x / x.std())
    moments = [z.second_moment for z in probe.layers if "out" not in z.path]
    assert len(moments) == 4 * 4 + 1  # queries, keys, values, up; the head
    assert all(0.5 < moment < 2 for moment in moments)


OPAQUE = {
    "callback": lambda x, w: jax.pure_callback(jnp.dot, image(2, 6), x, w),
    "foreign": lambda x, w: jax.ffi.ffi_call("not_there", image(2, 6))(x, w),
    "pallas": lambda x, w: pallas_call(_multiply, image(2, 6), interpret=True)(x, w),
    "solve": lambda x, w: jax.lax.linalg.triangular_solve(w[:, :4], x)[:, :1] + w[:2],
    "largest": lambda x, w: jnp.maximum(x[:1, :1], w)[:2],
    "chosen": lambda x, w: jnp.einsum(
        "ti,tio->to", x, jnp.stack([w, w])[x[:, 0].astype(int)]
    ),
}


def _multiply(x, w, out):
    out[...] = x[...] @ w[...]


@pytest.mark.parametrize("name", OPAQUE)
def test_what_no_one_can_read_starts_as_a_kernel_of_its_shape(name):
    apply = lambda p, x: jnp.tanh(OPAQUE[name](x, p["w"])) @ p["out"]
    params = {"w": image(4, 6), "out": image(6, 3)}
    plan = {each.path: each for each in jinit.explain(apply, params, image(2, 4))}
    assert "not known" in plan["w"].doubt
    with pytest.warns(UserWarning, match="is not sure"):
        weights = jinit.initialize((apply, params), jax.random.key(0), image(2, 4))
    assert all(each.any() for each in weights.values())


def test_what_is_unused_or_a_stack_of_what_is_unknown_is_no_zero():
    hidden = lambda p, x: jax.pure_callback(jnp.dot, image(2, 6), x, p["experts"])
    params = {"idle": image(4, 6), "experts": image(5, 4, 6), "scalar": image()}
    plan = jinit.explain(hidden, params, image(2, 4))
    experts, idle, scalar = (each.initializer for each in plan)
    assert experts
    assert idle
    assert experts.fans((5, 4, 6)) == idle.fans((4, 6)) == (4, 6)
    assert scalar is jinit.zeros


@pytest.mark.parametrize("rules", [None, [("**", jinit.ones)]])
def test_a_function_that_reads_none_of_its_parameters_is_named(rules):
    apply = lambda p, x: 2 * x
    with pytest.warns(UserWarning, match="no parameter that reaches an output"):
        jinit.explain(apply, {"w": image(4, 4)}, image(2, 4), rules=rules)
