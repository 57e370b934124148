"""Random small computations: compositions of what other people's models do.

A step maps (batch, positions, features) to the same shape, with weights that it asks
for. A program is a few steps and a head; branches, gates and sums hold steps in turn.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np


BATCH, LENGTH, WIDTH = 64, 4, 64
X: TypeAlias = jax.Array
Forward: TypeAlias = Callable[[Any, X], X]

ACTIVATIONS = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "gelu": jax.nn.gelu,
    "silu": jax.nn.silu,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "elu": jax.nn.elu,
    "leaky relu": jax.nn.leaky_relu,
    "sin": jnp.sin,
    "abs": jnp.abs,
    "squared relu": lambda x: jax.nn.relu(x) ** 2,
    "gaussian": lambda x: jnp.exp(-(x**2)),
    "mish": lambda x: x * jnp.tanh(jax.nn.softplus(x)),
    "hard sigmoid": jax.nn.hard_sigmoid,
    "erf": jax.lax.erf,
    "signed root": lambda x: jnp.sign(x) * jnp.sqrt(jnp.abs(x)),
    "clip": lambda x: jnp.clip(x, -1, 0.5),
    "log of 1 + abs": lambda x: jnp.log1p(jnp.abs(x)),
    "relu or leak": lambda x: jnp.where(x > 0, x, 0.1 * x),
    "atan": jnp.arctan,
}


@dataclasses.dataclass
class Program:
    """A computation, its weights as shapes, and what it is made of, in words."""

    steps: list[str] = dataclasses.field(default_factory=list)
    shapes: dict[str, jax.ShapeDtypeStruct] = dataclasses.field(default_factory=dict)
    forward: Forward = lambda p, x: x

    def weight(self, *shape: int, name: str = "kernel") -> str:
        path = f"{name}_{len(self.shapes)}"
        self.shapes[path] = jax.ShapeDtypeStruct(shape, "float32")
        return path

    def __repr__(self) -> str:
        return ", ".join(self.steps)


def program(seed: int) -> Program:
    """The computation of a number."""
    rng = np.random.default_rng(seed)
    made = Program()
    steps = [_step(rng, made) for _ in range(int(rng.integers(2, 7)))]
    head = made.weight(WIDTH, WIDTH, name="head")
    made.forward = _chain([*steps, lambda p, x: x @ p[head]])
    return made


def _chain(steps: Sequence[Forward]) -> Forward:
    def forward(p: Any, x: X) -> X:
        for step in steps:
            x = step(p, x)
        return x

    return forward


def _step(rng: np.random.Generator, made: Program, nested: bool = False) -> Forward:
    kinds = (
        _KINDS if not nested else {k: v for k, v in _KINDS.items() if v not in _DEEP}
    )
    name = str(rng.choice([*kinds]))
    made.steps.append(name)
    return kinds[name](rng, made)


def _dense(rng: np.random.Generator, made: Program) -> Forward:
    w, phi = made.weight(WIDTH, WIDTH), _activation(rng, made)
    if rng.random() < 0.5:
        return lambda p, x: phi(x @ p[w])
    b = made.weight(WIDTH, name="bias")
    return lambda p, x: phi(x @ p[w] + p[b])


def _activation(rng: np.random.Generator, made: Program) -> Callable[[X], X]:
    name = str(rng.choice([*ACTIVATIONS]))
    made.steps[-1] += f" {name}"
    return ACTIVATIONS[name]


def _scaled(rng: np.random.Generator, made: Program) -> Forward:
    w, c = made.weight(WIDTH, WIDTH), float(rng.choice([0.1, 0.5, 2.0, 8.0]))
    phi, b = _activation(rng, made), made.weight(WIDTH, name="bias")
    return lambda p, x: phi(c * (x @ p[w]) + p[b])


def _layer_norm(rng: np.random.Generator, made: Program) -> Forward:
    g = made.weight(WIDTH, name="scale")
    over = -1 if rng.random() < 0.7 else 0

    def forward(p: Any, x: X) -> X:
        x = x - x.mean(over, keepdims=True)
        return x * jax.lax.rsqrt((x**2).mean(over, keepdims=True) + 1e-6) * p[g]

    return forward


def _rms_norm(rng: np.random.Generator, made: Program) -> Forward:
    g = made.weight(WIDTH, name="scale")
    return lambda p, x: x / jnp.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * p[g]


def _group_norm(rng: np.random.Generator, made: Program) -> Forward:
    groups = int(rng.choice([2, 4, 8]))

    def forward(p: Any, x: X) -> X:
        y = x.reshape(*x.shape[:-1], groups, -1)
        y = y - y.mean((1, 3), keepdims=True)
        return (y / jnp.sqrt(y.var((1, 3), keepdims=True) + 1e-6)).reshape(x.shape)

    return forward


def _residual(rng: np.random.Generator, made: Program) -> Forward:
    branch, w = _step(rng, made, nested=True), made.weight(WIDTH, WIDTH)
    return lambda p, x: x + branch(p, x) @ p[w]


def _gated(rng: np.random.Generator, made: Program) -> Forward:
    a, b = made.weight(WIDTH, WIDTH), made.weight(WIDTH, WIDTH)
    phi, c = _activation(rng, made), made.weight(WIDTH, WIDTH)
    return lambda p, x: (phi(x @ p[a]) * (x @ p[b])) @ p[c]


def _attention(rng: np.random.Generator, made: Program) -> Forward:
    q, k, v, o = (made.weight(WIDTH, WIDTH) for _ in range(4))
    causal, heads = rng.random() < 0.5, int(rng.choice([1, 4]))
    split = lambda x: jnp.swapaxes(x.reshape(*x.shape[:-1], heads, -1), -2, -3)

    def forward(p: Any, x: X) -> X:
        queries, keys, values = (split(x @ p[name]) for name in (q, k, v))
        logits = queries @ jnp.swapaxes(keys, -1, -2) / (WIDTH / heads) ** 0.5
        if causal:
            logits = jnp.where(np.tril(np.ones((LENGTH, LENGTH), bool)), logits, -1e9)
        read = jax.nn.softmax(logits) @ values
        return jnp.swapaxes(read, -2, -3).reshape(x.shape) @ p[o]

    return forward


def _two_in_one(rng: np.random.Generator, made: Program) -> Forward:
    u, v = made.weight(WIDTH, 8), made.weight(8, WIDTH)
    return lambda p, x: x @ (p[u] @ p[v])


def _concatenated(rng: np.random.Generator, made: Program) -> Forward:
    a, phi = made.weight(WIDTH, WIDTH), _activation(rng, made)
    w = made.weight(2 * WIDTH, WIDTH)
    return lambda p, x: jnp.concatenate([phi(x @ p[a]), x], -1) @ p[w]


def _largest_of_two(rng: np.random.Generator, made: Program) -> Forward:
    a, b = made.weight(WIDTH, WIDTH), made.weight(WIDTH, WIDTH)
    return lambda p, x: jnp.maximum(x @ p[a], x @ p[b])


def _masked(rng: np.random.Generator, made: Program) -> Forward:
    kept = rng.random((LENGTH, 1)) < 0.7
    return lambda p, x: jnp.where(kept, x, 0)


def _dropout(rng: np.random.Generator, made: Program) -> Forward:
    rate, key = float(rng.choice([0.1, 0.5])), jax.random.key(int(rng.integers(99)))

    def forward(p: Any, x: X) -> X:
        kept = jax.random.bernoulli(key, 1 - rate, x.shape)
        return jnp.where(kept, x / (1 - rate), 0)

    return forward


def _scan(rng: np.random.Generator, made: Program) -> Forward:
    w, phi = made.weight(3, WIDTH, WIDTH), _activation(rng, made)

    def forward(p: Any, x: X) -> X:
        body = lambda x, w: (phi(x @ w), None)
        return jax.lax.scan(body, x, p[w])[0]

    return forward


def _scan_of_branches(rng: np.random.Generator, made: Program) -> Forward:
    a, phi = made.weight(3, WIDTH, WIDTH), _activation(rng, made)
    b = made.weight(3, WIDTH, WIDTH)

    def forward(p: Any, x: X) -> X:
        body = lambda x, ab: (x + phi(x @ ab[0]) @ ab[1], None)
        return jax.lax.scan(body, x, (p[a], p[b]))[0]

    return forward


def _recurrent(rng: np.random.Generator, made: Program) -> Forward:
    w, r = made.weight(WIDTH, WIDTH), made.weight(WIDTH, WIDTH)

    def forward(p: Any, x: X) -> X:
        def body(h: X, x: X) -> tuple[X, X]:
            h = jnp.tanh(x @ p[w] + h @ p[r])
            return h, h

        first = jnp.zeros_like(x[:, 0])
        return jnp.swapaxes(jax.lax.scan(body, first, jnp.swapaxes(x, 0, 1))[1], 0, 1)

    return forward


def _per_head(rng: np.random.Generator, made: Program) -> Forward:
    w = made.weight(4, WIDTH // 4, WIDTH // 4)

    def forward(p: Any, x: X) -> X:
        heads = x.reshape(*x.shape[:-1], 4, -1)
        return jnp.einsum("...hi,hij->...hj", heads, p[w]).reshape(x.shape)

    return forward


def _convolution(rng: np.random.Generator, made: Program) -> Forward:
    w = made.weight(3, WIDTH, WIDTH)
    layout = jax.lax.conv_dimension_numbers(
        (BATCH, LENGTH, WIDTH), (3, WIDTH, WIDTH), ("NHC", "HIO", "NHC")
    )
    conv = jax.lax.conv_general_dilated
    return lambda p, x: conv(x, p[w], (1,), "SAME", dimension_numbers=layout)


def _taps(rng: np.random.Generator, made: Program) -> Forward:
    mix = made.weight(WIDTH, name="mix")

    def forward(p: Any, x: X) -> X:
        before = jnp.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1]
        return x + (before - x) * jax.nn.sigmoid(p[mix])

    return forward


def _group_sums(rng: np.random.Generator, made: Program) -> Forward:
    ids = rng.integers(0, LENGTH, 2 * LENGTH)
    a, b = made.weight(WIDTH, WIDTH), made.weight(WIDTH, WIDTH)

    def forward(p: Any, x: X) -> X:
        sent = jnp.concatenate([x @ p[a], jnp.tanh(x @ p[b])], 1)
        summed = jax.ops.segment_sum(jnp.swapaxes(sent, 0, 1), ids, LENGTH)
        return jnp.swapaxes(summed, 0, 1)

    return forward


def _pooled(rng: np.random.Generator, made: Program) -> Forward:
    w = made.weight(WIDTH, WIDTH)
    pools = {"mean": jnp.mean, "max": jnp.max, "sum": jnp.sum}
    name = str(rng.choice([*pools]))
    made.steps[-1] += f" {name}"
    return lambda p, x: x + pools[name](x, 1, keepdims=True) @ p[w]


def _softmax(rng: np.random.Generator, made: Program) -> Forward:
    w = made.weight(WIDTH, WIDTH)
    return lambda p, x: WIDTH**0.5 * jax.nn.softmax(x @ p[w])


def _tokens(rng: np.random.Generator, made: Program) -> Forward:
    table, count = made.weight(11, WIDTH, name="embedding"), 11
    ids = rng.integers(0, count, (BATCH, LENGTH))
    return lambda p, x: x + p[table][ids]


def _experts(rng: np.random.Generator, made: Program) -> Forward:
    router, w = made.weight(WIDTH, 4), made.weight(4, WIDTH, WIDTH)

    def forward(p: Any, x: X) -> X:
        chances = jax.nn.softmax(x @ p[router])
        best, _ = jax.lax.top_k(chances, 2)
        kept = jnp.where(chances >= best[..., -1:], chances, 0)
        kept = kept / kept.sum(-1, keepdims=True)
        return jnp.einsum("...e,...i,eij->...j", kept, x, p[w])

    return forward


_STATELESS: dict[str, Callable[[X], X]] = {
    "transposed": lambda x: x[:, ::-1, ::-1],
    "running sum": lambda x: jnp.cumsum(x, 1),
    "sorted": lambda x: jnp.sort(x, -1),
    "largest of neighbors": lambda x: jnp.maximum(x, jnp.roll(x, 1, 1)),
    "frequencies": lambda x: jnp.fft.fft(x, axis=-1).real / WIDTH**0.5,
    "in low precision": lambda x: x.astype(jnp.bfloat16).astype(jnp.float32),
    "rounded, straight through": lambda x: x + jax.lax.stop_gradient(jnp.round(x) - x),
    "unit rows": lambda x: (
        WIDTH**0.5 * x / (jnp.linalg.norm(x, axis=-1, keepdims=True) + 1e-6)
    ),
    "soft cap": lambda x: 5 * jnp.tanh(x / 5),
    "half of each": lambda x: jnp.concatenate(
        [jax.nn.relu(x[..., : WIDTH // 2]), x[..., WIDTH // 2 :]], -1
    ),
    "pairs turned": lambda x: jnp.concatenate(
        [-x[..., WIDTH // 2 :], x[..., : WIDTH // 2]], -1
    ),
    "square": lambda x: x**2,
    "of a condition": lambda x: jax.lax.cond(x.sum() > 0, jnp.tanh, jnp.sin, x),
}

_KINDS: dict[str, Callable[[np.random.Generator, Program], Forward]] = {
    "dense": _dense,
    "dense, then": _dense,
    "factor": _scaled,
    "layer norm": _layer_norm,
    "rms norm": _rms_norm,
    "group norm": _group_norm,
    "residual": _residual,
    "gated": _gated,
    "attention": _attention,
    "product of kernels": _two_in_one,
    "concatenated": _concatenated,
    "largest of two": _largest_of_two,
    "masked": _masked,
    "dropout": _dropout,
    "scan": _scan,
    "scan of branches": _scan_of_branches,
    "recurrent": _recurrent,
    "per head": _per_head,
    "convolution": _convolution,
    "shift": _taps,
    "group sums": _group_sums,
    "pooled": _pooled,
    "softmax": _softmax,
    "tokens": _tokens,
    "experts": _experts,
    **{
        name: lambda rng, made, f=function: lambda p, x: f(x)
        for name, function in _STATELESS.items()
    },
}
_DEEP = {_residual, _scan_of_branches}
