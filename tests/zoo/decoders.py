"""Decoders of NNX: Llama, and a mixture of experts behind a router."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx

from .entry import entry, text
from .parts import attend, causal, cross_entropy, rotate, split_heads


VOCABULARY, WIDTH, HEADS, GROUPS, DEPTH, LENGTH = 96, 64, 4, 2, 3, 16


class Attention(nnx.Module):
    """Rotary positions; each key and value serves two heads."""

    def __init__(self, rngs: nnx.Rngs):
        linear = lambda n: nnx.Linear(WIDTH, n, use_bias=False, rngs=rngs)
        narrow = WIDTH * GROUPS // HEADS
        self.q, self.k, self.v = linear(WIDTH), linear(narrow), linear(narrow)
        self.o = linear(WIDTH)

    def __call__(self, x: jax.Array) -> jax.Array:
        q = rotate(split_heads(self.q(x), HEADS))
        k = rotate(split_heads(self.k(x), GROUPS))
        v = split_heads(self.v(x), GROUPS)
        k, v = (jnp.repeat(each, HEADS // GROUPS, axis=-2) for each in (k, v))
        return self.o(attend(q, k, v, causal(x.shape[1])))


class SwiGLU(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        linear = lambda m, n: nnx.Linear(m, n, use_bias=False, rngs=rngs)
        self.gate, self.up = linear(WIDTH, 2 * WIDTH), linear(WIDTH, 2 * WIDTH)
        self.down = linear(2 * WIDTH, WIDTH)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.down(nnx.silu(self.gate(x)) * self.up(x))


class Experts(nnx.Module):
    """Each token goes to 2 of 4 experts, weighted by the router's softmax."""

    def __init__(self, rngs: nnx.Rngs):
        lecun = nnx.initializers.lecun_normal(batch_axis=0)
        draw = lambda *shape: nnx.Param(lecun(rngs.params(), shape))
        self.router = nnx.Linear(WIDTH, 4, use_bias=False, rngs=rngs)
        self.gate, self.up = draw(4, WIDTH, 2 * WIDTH), draw(4, WIDTH, 2 * WIDTH)
        self.down = draw(4, 2 * WIDTH, WIDTH)

    def __call__(self, x: jax.Array) -> jax.Array:
        best, index = jax.lax.top_k(self.router(x), 2)
        chosen = jax.nn.one_hot(index, 4) * jax.nn.softmax(best)[..., None]
        h = nnx.silu(jnp.einsum("bld,edf->blef", x, self.gate[...]))
        h = h * jnp.einsum("bld,edf->blef", x, self.up[...])
        y = jnp.einsum("blef,efd->bled", h, self.down[...])
        return jnp.einsum("bled,blke->bld", y, chosen)


class Block(nnx.Module):
    def __init__(self, mlp: Callable[[nnx.Rngs], nnx.Module], rngs: nnx.Rngs):
        self.before_attention = nnx.RMSNorm(WIDTH, rngs=rngs)
        self.before_mlp = nnx.RMSNorm(WIDTH, rngs=rngs)
        self.attention, self.mlp = Attention(rngs), mlp(rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = x + self.attention(self.before_attention(x))
        return x + self.mlp(self.before_mlp(x))


class Decoder(nnx.Module):
    def __init__(self, mlp: Callable[[nnx.Rngs], nnx.Module], rngs: nnx.Rngs):
        self.embed = nnx.Embed(VOCABULARY, WIDTH, rngs=rngs)
        self.blocks = nnx.List([Block(mlp, rngs) for _ in range(DEPTH)])
        self.norm = nnx.RMSNorm(WIDTH, rngs=rngs)
        self.head = nnx.Linear(WIDTH, VOCABULARY, use_bias=False, rngs=rngs)

    def __call__(self, ids: jax.Array) -> jax.Array:
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


@entry((text(4, LENGTH),), loss=cross_entropy)
def llama() -> nnx.Module:
    """`o` and `down` close branches; `gate` and `up` read the same norm and multiply;
    keys and values of a group have the fans of their own matrix, not of its copies.
    """
    return Decoder(SwiGLU, nnx.Rngs(0))


@entry((text(4, LENGTH),), loss=cross_entropy)
def mixture_of_experts() -> nnx.Module:
    """Experts are stacked: fans without the axis of experts. The router's logits choose
    and are no stream; two weights that sum to 1 make the output of an expert smaller.
    """
    return Decoder(Experts, nnx.Rngs(0))
