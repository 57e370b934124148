"""A mixture of experts of 1 trillion parameters, in linen, NNX and as a function.

61 layers of width 7168 in one scan, 384 experts of which a token goes to 8, one more
that all go to, and attention of grouped queries with rotary positions. Every parameter
says where it lies on a mesh of slices, each of which has data, expert and model axes.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn, nnx
from jax.sharding import PartitionSpec as P


AXES = ("slice", "data", "expert", "model")
ROWS: Any = ("slice", "data")  # the axes over which weights are spread, as in FSDP


@dataclasses.dataclass(frozen=True)
class Sizes:
    width: int = 7168
    layers: int = 61
    heads: int = 64
    groups: int = 8
    head: int = 128
    experts: int = 384
    active: int = 8
    hidden: int = 2048
    vocab: int = 163840


TRILLION = Sizes()
SMALL = Sizes(
    width=64, layers=2, heads=4, groups=4, head=16, experts=8, active=2, hidden=32,
    vocab=128,
)  # fmt: skip


def layer_shapes(c: Sizes) -> dict[str, tuple[tuple[int, ...], P]]:
    """The shape and the place of each parameter of one layer."""
    d, f, e = c.width, c.hidden, c.experts
    return {
        "norm1": ((d,), P()),
        "query": ((d, c.heads, c.head), P(ROWS, "model")),
        "key": ((d, c.groups, c.head), P(ROWS, "model")),
        "value": ((d, c.groups, c.head), P(ROWS, "model")),
        "out": ((c.heads, c.head, d), P("model", None, ROWS)),
        "norm2": ((d,), P()),
        "router": ((d, e), P(ROWS)),
        "gate": ((e, d, f), P("expert", ROWS, "model")),
        "up": ((e, d, f), P("expert", ROWS, "model")),
        "down": ((e, f, d), P("expert", "model", ROWS)),
        "shared_gate": ((d, f), P(ROWS, "model")),
        "shared_up": ((d, f), P(ROWS, "model")),
        "shared_down": ((f, d), P("model", ROWS)),
    }


def layer(p: Any, x: jax.Array, c: Sizes) -> jax.Array:
    x = x + attention(p, rms(x) * p["norm1"], c)
    h = rms(x) * p["norm2"]
    shared = jax.nn.silu(h @ p["shared_gate"]) * (h @ p["shared_up"])
    return x + shared @ p["shared_down"] + routed(p, h, c)


def attention(p: Any, h: jax.Array, c: Sizes) -> jax.Array:
    q, k, v = (jnp.einsum("btd,dhk->bthk", h, p[n]) for n in ("query", "key", "value"))
    q, k = rotated(q), rotated(k)
    q = q.reshape(*q.shape[:2], c.groups, -1, c.head)
    scores = jnp.einsum("btgrk,bsgk->bgrts", q, k) / jnp.sqrt(c.head).astype(h.dtype)
    seen = jnp.tri(h.shape[1], dtype=bool)
    weights = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf))
    mixed = jnp.einsum("bgrts,bsgk->btgrk", weights, v)
    mixed = mixed.reshape(*h.shape[:2], c.heads, c.head)
    return jnp.einsum("bthk,hkd->btd", mixed, p["out"])


def routed(p: Any, h: jax.Array, c: Sizes) -> jax.Array:
    """Each token through the experts that the router likes best, if they have room."""
    best, chosen = jax.lax.top_k(jax.nn.sigmoid(h @ p["router"]), c.active)
    best = best / best.sum(-1, keepdims=True)
    one_hot = jax.nn.one_hot(chosen, c.experts, dtype=h.dtype)
    room = max(2 * h.shape[1] * c.active // c.experts, 4)
    sent = one_hot.sum(2)
    place = jnp.cumsum(sent, 1) * sent - 1
    slot = jax.nn.one_hot(place.astype(int), room, dtype=h.dtype)
    inside = jnp.einsum("btec,btd->becd", slot, h)
    gate, up = (jnp.einsum("becd,edf->becf", inside, p[n]) for n in ("gate", "up"))
    back = jnp.einsum("becf,efd->becd", jax.nn.silu(gate) * up, p["down"])
    weight = jnp.einsum("btk,btke->bte", best, one_hot)
    return jnp.einsum("btec,bte,becd->btd", slot, weight, back)


def rms(x: jax.Array) -> jax.Array:
    return x * jax.lax.rsqrt(jnp.mean(x**2, -1, keepdims=True) + 1e-6)


def rotated(x: jax.Array) -> jax.Array:
    half = x.shape[-1] // 2
    angle = jnp.arange(x.shape[1])[:, None] * 1e4 ** (-jnp.arange(half) / half)
    sin, cos = jnp.sin(angle)[:, None], jnp.cos(angle)[:, None]
    a, b = jnp.split(x, 2, -1)
    turned = jnp.concatenate([a * cos - b * sin, a * sin + b * cos], -1)
    return turned.astype(x.dtype)


def plain(c: Sizes) -> tuple[tuple[Any, Any], Any]:
    """A function beside its shapes, and where these lie."""
    tree: Any = {
        "tokens": ((c.vocab, c.width), P("model", ROWS)),
        "layers": {
            name: ((c.layers, *shape), P(None, *place))
            for name, (shape, place) in layer_shapes(c).items()
        },
        "norm": ((c.width,), P()),
        "head": ((c.width, c.vocab), P(ROWS, "model")),
    }
    of = lambda f: jax.tree.map(f, tree, is_leaf=lambda x: isinstance(x, tuple))

    def apply(p, tokens):
        step = lambda x, one: (layer(one, x, c), None)
        x, _ = jax.lax.scan(step, p["tokens"][tokens], p["layers"])
        return (rms(x) * p["norm"]) @ p["head"]

    shapes = of(lambda x: jax.ShapeDtypeStruct(x[0], jnp.bfloat16))
    return (apply, shapes), of(lambda x: x[1])


def start(name: str, shape: tuple[int, ...], place: P, partitioned: Any) -> Any:
    """What a framework draws a parameter with, and where it is to lie."""
    norm = name.startswith("norm")
    law = nn.initializers.ones if norm else nn.initializers.normal(0.02)
    return partitioned(law, (*place, *[None] * (len(shape) - len(place))))


class LinenLayer(nn.Module):
    sizes: Sizes

    @nn.compact
    def __call__(self, x, _):
        p = {}
        for name, at in layer_shapes(self.sizes).items():
            init = start(name, *at, nn.with_partitioning)
            p[name] = self.param(name, init, at[0], jnp.bfloat16)
        return layer(p, x, self.sizes), None


class Linen(nn.Module):
    sizes: Sizes

    @nn.compact
    def __call__(self, tokens):
        c = self.sizes

        def param(name: str, shape: tuple[int, ...], place: P):
            init = start(name, shape, place, nn.with_partitioning)
            return self.param(name, init, shape, jnp.bfloat16)

        layers = nn.scan(
            LinenLayer,
            variable_axes={"params": 0},
            split_rngs={"params": True},
            length=c.layers,
            metadata_params={nn.PARTITION_NAME: None},
        )
        x = param("tokens", (c.vocab, c.width), P("model", ROWS))[tokens]
        x, _ = layers(c, name="layers")(x, None)
        x = rms(x) * param("norm", (c.width,), P())
        return x @ param("head", (c.width, c.vocab), P(ROWS, "model"))


class NNXLayer(nnx.Module):
    def __init__(self, c: Sizes, rngs: nnx.Rngs):
        self.sizes = c
        for name, at in layer_shapes(c).items():
            init = start(name, *at, nnx.with_partitioning)
            setattr(self, name, nnx.Param(init(rngs.params(), at[0], jnp.bfloat16)))

    def __call__(self, x):
        p = {name: getattr(self, name)[...] for name in layer_shapes(self.sizes)}
        return layer(p, x, self.sizes)


class NNX(nnx.Module):
    def __init__(self, c: Sizes, rngs: nnx.Rngs):
        def param(name: str, shape: tuple[int, ...], place: P):
            init = start(name, shape, place, nnx.with_partitioning)
            return nnx.Param(init(rngs.params(), shape, jnp.bfloat16))

        @nnx.split_rngs(splits=c.layers)
        @nnx.vmap(in_axes=0, transform_metadata={nnx.PARTITION_NAME: None})
        def layers(rngs):
            return NNXLayer(c, rngs)

        self.tokens = param("tokens", (c.vocab, c.width), P("model", ROWS))
        self.layers = layers(rngs)
        self.norm = param("norm", (c.width,), P())
        self.head = param("head", (c.width, c.vocab), P(ROWS, "model"))

    def __call__(self, tokens):
        scan = nnx.scan(in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)
        x = scan(lambda x, one: one(x))(self.tokens[...][tokens], self.layers)
        return (rms(x) * self.norm[...]) @ self.head[...]
