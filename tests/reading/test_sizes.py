"""The size of a signal, told before any weight is drawn, against the measured one."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit._graph.samples import Samples, Source
from jinit._reading import read_model, run
from tests.zoo.entry import ids, image, normals, text


KEY = jax.random.key(0)
SIZE = 64
MASK = np.tril(np.ones((16, 16), bool))


def _kernels(value, source: Source) -> Samples:
    return source.gaussian(0.0, 1 / SIZE, [0.0, 0.0])


def _told(function, x):
    """The second moments told of what a function makes of x and three kernels."""
    apply = lambda p, x: function(x, *p)
    model = read_model(apply, [jnp.eye(SIZE)] * 3, x)
    forward = run(model, _kernels)
    return [forward.top.get(i).second for i in model.graph.outputs]


def _measured(function, x, draws=8):
    """The same, on average over inputs and kernels."""
    seen = []
    for seed in range(draws):
        kernels = normals(3, SIZE, SIZE, seed=seed) / SIZE**0.5
        given = normals(*x.shape, seed=100 + seed)
        outputs = jax.tree.leaves(function(given, *kernels))
        seen.append([float(jnp.mean(jnp.abs(y) ** 2)) for y in outputs])
    return np.mean(seen, 0)


def _norm(x, axis=-1):
    x = x - x.mean(axis, keepdims=True)
    return x / jnp.sqrt((x**2).mean(axis, keepdims=True) + 1e-6)


def _norm_in_two_stages(x):
    """Over the batch, as devices do that hold parts of it: E x² − (E x)²."""
    parts = x.reshape(4, -1, x.shape[-1])
    mean, square = jnp.stack([parts.mean(1), (parts**2).mean(1)]).mean(1)
    return jax.nn.relu((x - mean) * jax.lax.rsqrt(square - mean**2 + 1e-6)).mean(0)


def _attention(x, q, k, v, mask=None):
    logits = (x @ q) @ jnp.swapaxes(x @ k, -1, -2) / 8
    weights = jax.nn.softmax(logits if mask is None else jnp.where(mask, logits, -1e9))
    return weights, weights @ (x @ v)


def _fused(x, kernel):
    """Queries, keys and values of one product, by head."""
    parts = jnp.split(x @ kernel, 3, -1)
    q, k, v = (part.reshape(*x.shape[:2], 4, -1) for part in parts)
    logits = jnp.einsum("bqhd,bkhd->bhqk", q, k) / q.shape[-1] ** 0.5
    return logits, jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(logits), v)


def _dropped(x, rate):
    kept = jax.random.bernoulli(KEY, 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate), 0)


def _rotated(x):
    angle = jnp.outer(jnp.arange(x.shape[-2]), 10.0 ** -jnp.arange(x.shape[-1] // 2))
    a, b = jnp.split(x, 2, -1)
    sin, cos = jnp.sin(angle), jnp.cos(angle)
    return jnp.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def _recurrence(a, x, **how):
    """h ← a h + x, along positions."""
    join = lambda one, two: (one[0] * two[0], one[1] * two[0] + two[1])
    return jax.lax.associative_scan(join, (a, x), axis=1, **how)[1]


def _interleaved(x):
    """Entries of which each is larger than the one before, put together by `pad`."""
    between = ((0, 0, 0), (0, 0, 1), (0, 0, 0)), ((0, 0, 0), (1, 1, 0), (0, 0, 0))
    sides = jnp.concatenate([x[:, :1], 9 * x[:, 2:3]], 1), 3 * x[:, 1:2]
    one, other = (jax.lax.pad(y, 0.0, k) for y, k in zip(sides, between, strict=True))
    return one + other


def _slow(x):
    """The lowest frequencies of a signal."""
    low = jnp.fft.rfft(x)[..., :4]
    return jnp.fft.irfft(low, x.shape[-1])


def _stack(h):
    """Each entry beside its neighbors along the last axis, taken one by one."""
    return [h[..., i] * jnp.tanh(h[..., i + 1] - h[..., i]) for i in range(3)]


def _unstacked(x):
    first, second, *_ = jnp.unstack(x, axis=1)
    return first * second + first


def _grouped(x):
    """The means over positions and groups of 4 channels, as a group norm has them."""
    return x.reshape(*x.shape[:2], -1, 4).mean((1, 3))


def _pooled(x):
    pooled = x.reshape(x.shape[0], -1, 2, x.shape[-1]).mean(2)
    squares = (x**2).reshape(x.shape[0], -1, 2, x.shape[-1]).mean(2)
    return pooled, pooled.mean(1), squares - squares.mean(1, keepdims=True)


# Rows for functions of rows, sequences for what mixes positions.
ROWS = {
    "kernel": lambda x, u, v, w: x @ w,
    "relu": lambda x, u, v, w: jax.nn.relu(x @ u) @ v,
    "exact gelu": lambda x, u, v, w: jax.nn.gelu(x @ u, approximate=False) @ v,
    "gated": lambda x, u, v, w: (jax.nn.silu(x @ u) * (x @ v)) @ w,
    "factor before a bias": lambda x, u, v, w: jax.nn.relu(4 * x @ u / 8 + 1),
    "dropout": lambda x, u, v, w: _dropped(jax.nn.relu(x @ u), 0.5),
    "dropout, seldom": lambda x, u, v, w: _dropped(jnp.tanh(x @ u), 0.1),
    "two kernels in one": lambda x, u, v, w: x @ (u[:, :8] @ v[:8]),
    "a kernel made by a layer": lambda x, u, v, w: jnp.einsum(
        "bi,bij->bj", x[:, :8], (x @ u).reshape(-1, 8, 8)
    ),
    "norm": lambda x, u, v, w: _norm(3 * jax.nn.relu(x @ u) + x),
    "norm over the batch": lambda x, u, v, w: _norm(jax.nn.relu(x @ u) @ v, 0),
    "stream of branches": lambda x, u, v, w: (
        x + jax.nn.relu(x @ u) @ v + jnp.sin(x @ v) @ w
    ),
    "straight through": lambda x, u, v, w: x + jax.lax.stop_gradient(2 * x - x),
    "norm of a fast variance": lambda x, u, v, w: _norm_in_two_stages(
        jax.nn.relu(x @ u) @ v
    ),
    "groups": lambda x, u, v, w: jax.ops.segment_sum(x @ u, jnp.arange(256) % 8, 8),
    "most of all": lambda x, u, v, w: jax.lax.top_k(x @ u, 4)[0],
    "sorted": lambda x, u, v, w: jnp.sort(x @ u),
    "noise": lambda x, u, v, w: x @ u + 2 * jax.random.normal(KEY, x.shape),
    "spectrum": lambda x, u, v, w: jnp.fft.irfft(3 * jnp.fft.rfft(x), x.shape[-1]),
    "loop": lambda x, u, v, w: jax.lax.scan(
        lambda h, w: (h + jax.nn.relu(_norm(h) @ w), None), x, jnp.stack([u, v, w])
    )[0],
    "branch": lambda x, u, v, w: jax.lax.cond(x[0, 0] > 0, jnp.tanh, jnp.sin, x @ u),
    "low precision": lambda x, u, v, w: jax.lax.reduce_precision(x @ u, 8, 7),
    "differences": lambda x, u, v, w: (x[1:] - x[:-1], x[:, 1:] + x[:, :-1]),
    "complex": lambda x, u, v, w: jnp.exp(1j * (x @ u)) * (x @ v),
}
SEQUENCES = {
    "attention": _attention,
    "attention of a fused kernel": lambda x, u, v, w: _fused(
        jax.nn.relu(x @ w), jnp.concatenate([u, v, w], 1)
    ),
    "causal attention": lambda x, q, k, v: _attention(x, q, k, v, MASK),
    "causal attention, sharp": lambda x, q, k, v: _attention(x, 8 * q, k, v, MASK),
    "rotated": lambda x, u, v, w: _rotated(x),
    "two positions": lambda x, u, v, w: (x @ u)[:, 0] + (x @ u)[:, 1],
    "one and the last": lambda x, u, v, w: jnp.tanh(x[:, 0] * (1 + x[:, -1])),
    "one beside all": lambda x, u, v, w: x - x[:, :1] * jax.nn.sigmoid(x),
    "one with itself": lambda x, u, v, w: x[:, 0] * x[:, 0],
    "one of a mean": lambda x, u, v, w: x[:, 3] - x.mean(1),
    "neighbors": lambda x, u, v, w: _stack(x),
    "unstacked": lambda x, u, v, w: _unstacked(x),
    "looked up": lambda x, u, v, w: jnp.take(x, 0, 1) - jnp.take(x, 5, 1),
    "interleaved": lambda x, u, v, w: tuple(jnp.unstack(_interleaved(x), axis=1)),
    "backwards": lambda x, u, v, w: x[:, ::-1] * jnp.abs(x)[:, ::-1] + x,
    "gated recurrence": lambda x, u, v, w: _recurrence(
        jax.nn.sigmoid(2 + x @ u), x @ v
    ),
    "recurrence from the end": lambda x, u, v, w: _recurrence(
        jax.nn.sigmoid(2 + x @ u), x @ v, reverse=True
    ),
    "decay by a constant": lambda x, u, v, w: _recurrence(jnp.full(x.shape, 0.9), x),
    "mean of a gated recurrence": lambda x, u, v, w: _recurrence(
        jax.nn.sigmoid(2 + x[:, :8] @ u), x[:, :8] @ v
    ).mean(1),
    "mean of a decay, to a kernel": lambda x, u, v, w: (
        _recurrence(jnp.full((16, 8, SIZE), 0.9), x[:, :8]) @ w
    ).mean(1),
    "low frequencies": lambda x, u, v, w: jnp.fft.rfft(jax.nn.relu(x @ u))[..., :8],
    "low frequencies of two axes": lambda x, u, v, w: jnp.fft.rfft2(jax.nn.relu(x @ u))[
        :, :4, :8
    ],
    "all that is slow": lambda x, u, v, w: _slow(jax.nn.relu(x @ u)),
    "an impulse": lambda x, u, v, w: jnp.fft.ifft(jax.nn.relu(x @ u))[..., :8],
    "mean of positions": lambda x, u, v, w: jax.nn.relu(jax.nn.relu(x @ u) @ v).mean(1),
    "norm of a mean": lambda x, u, v, w: _norm(x.mean(1)),
    "largest of positions": lambda x, u, v, w: (x @ u).max(1),
    "cumulated": lambda x, u, v, w: jnp.cumsum(jax.nn.relu(x @ u), 1),
    "pool": lambda x, u, v, w: nn.max_pool(x @ u, (4,), (4,)),
    "mean of a part that positions share": lambda x, u, v, w: _grouped(
        x @ u + (x @ v)[:, :1]
    ),
    "pools": lambda x, u, v, w: _pooled(jax.nn.relu(x @ u) @ v),
    "pools of what is hardly alike": lambda x, u, v, w: _pooled(
        x @ u + 0.3 * (x @ v)[:, :1]
    ),
    "average pool": lambda x, u, v, w: nn.avg_pool(jax.nn.relu(x @ u), (4,), (4,)),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_have_the_second_moment_that_is_told(name):
    x = jax.ShapeDtypeStruct((256, SIZE), "float32")
    np.testing.assert_allclose(
        _told(ROWS[name], x), _measured(ROWS[name], x), rtol=0.15
    )


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences_have_the_second_moment_that_is_told(name):
    x, function = jax.ShapeDtypeStruct((16, 16, SIZE), "float32"), SEQUENCES[name]
    np.testing.assert_allclose(_told(function, x), _measured(function, x), rtol=0.2)


def test_entries_at_places_that_are_not_known_are_two():
    def apply(p, x, i, j):
        one, other = (jax.lax.dynamic_index_in_dim(x, k, 1, False) for k in (i, j))
        return (one - other) @ p

    kernel, x = (jax.ShapeDtypeStruct(n, "float32") for n in ((SIZE, 4), (8, 16, SIZE)))
    place = jax.ShapeDtypeStruct((), "int32")
    (choice,) = jinit.explain(apply, kernel, x, place, place)
    assert choice.reads == pytest.approx(2, rel=0.1)


def test_what_no_rule_is_known_of_is_in_doubt_and_so_is_all_that_reads_it():
    apply = lambda p, x: jnp.linalg.qr(x)[0] @ p["w"]
    plan = jinit.explain(apply, {"w": jnp.eye(SIZE)}, jnp.ones((SIZE, SIZE)))
    assert "`qr`" in next(iter(plan)).doubt


def test_an_attention_is_not_counted_on_to_average():
    # What it reads may be alike, and the first of a causal mask reads itself alone.
    apply = lambda p, x: _attention(x, p["q"], p["k"], p["v"])[1] @ p["out"]
    params = {n: jax.ShapeDtypeStruct((SIZE, SIZE), "float32") for n in "qkv"}
    params["out"] = params["q"]
    plan = jinit.explain(apply, params, jnp.ones((4, 16, SIZE)))
    last = next(choice for choice in plan if choice.path == "out")
    assert last.initializer == jinit.lecun_normal
    assert last.makes == pytest.approx(last.reads, rel=0.1)
    assert (last.reads or 1) < 0.3


def test_the_readers_of_a_small_tied_embedding_see_unit_signals():
    class Net(nn.Module):
        @nn.compact
        def __call__(self, tokens):
            embed = nn.Embed(50, 64, name="embed")
            x = embed(tokens)
            for i in range(2):
                y = nn.relu(nn.Dense(128, name=f"in{i}")(x))
                x = x + nn.Dense(64, name=f"out{i}")(y)
            return embed.attend(x)

    tokens = ids(50, 64, 8)
    params = jax.eval_shape(Net().init, KEY, tokens)
    drawn = jinit.initialize((Net().apply, params), KEY, tokens)
    probe = jinit.probe(Net().apply, drawn, tokens)
    layers = {each.name: each for each in probe.layers}
    for i in range(2):
        assert 0.5 < layers[f"in{i}"].second_moment < 2


def test_a_slice_of_whole_numbers_is_as_large_as_it_says():
    def last(params, x, lengths):
        return (x @ params["w"]) * lengths[:, -1:].squeeze(1)[:, None]

    params, lengths = {"w": image(4, 8)}, text(2, 6)
    (kernel,) = jinit.explain(last, params, image(2, 4), lengths)
    assert kernel.makes == pytest.approx(1, rel=0.02)
