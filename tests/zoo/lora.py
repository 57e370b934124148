"""LoRA on a checkpoint: low-rank factors beside kernels that are there."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from .entry import entry, text
from .parts import attend, causal, cross_entropy, split_heads


VOCABULARY, WIDTH, HEADS, DEPTH, RANK = 96, 64, 4, 2, 4


def stored(seed: int, *shape: int) -> jax.Array:
    """A trained kernel, as a checkpoint has it: no draw of this process."""
    w = np.random.default_rng(seed).standard_normal(shape) * shape[0] ** -0.5
    return jnp.asarray(w, jnp.float32)


class Adapted(nnx.Module):
    """x W + (x A) B · alpha / r."""

    def __init__(self, seed: int, m: int, n: int, rngs: nnx.Rngs):
        self.kernel = nnx.Param(stored(seed, m, n))
        self.lora = nnx.LoRA(m, RANK, n, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return x @ self.kernel[...] + 2.0 * self.lora(x)


class Block(nnx.Module):
    def __init__(self, seed: int, rngs: nnx.Rngs):
        adapted = lambda i, m, n: Adapted(10 * seed + i, m, n, rngs)
        self.qkv, self.out = adapted(0, WIDTH, 3 * WIDTH), adapted(1, WIDTH, WIDTH)
        self.up, self.down = adapted(2, WIDTH, 128), adapted(3, 128, WIDTH)
        self.norm_1 = nnx.RMSNorm(WIDTH, rngs=rngs)
        self.norm_2 = nnx.RMSNorm(WIDTH, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        q, k, v = jnp.split(self.qkv(self.norm_1(x)), 3, -1)
        q, k, v = (split_heads(each, HEADS) for each in (q, k, v))
        x = x + self.out(attend(q, k, v, causal(x.shape[1])))
        return x + self.down(nnx.gelu(self.up(self.norm_2(x))))


class LoRAModel(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.embed = nnx.Param(stored(1, VOCABULARY, WIDTH))
        self.blocks = nnx.List([Block(i, rngs) for i in range(1, DEPTH + 1)])
        self.norm = nnx.RMSNorm(WIDTH, rngs=rngs)
        self.head = nnx.Param(stored(2, WIDTH, VOCABULARY))

    def __call__(self, ids: jax.Array) -> jax.Array:
        x = self.embed[...][ids]
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.head[...]


LORA = {
    "*lora/lora_b": "zeros: the model starts as its checkpoint",
    "*/kernel": "the checkpoint",
    "embed": "the checkpoint",
    "head": "the checkpoint",
}


@entry((text(4, 16),), own=LORA, loss=cross_entropy)
def lora() -> type[nnx.Module]:
    """Kernels of a checkpoint depend on no key and stay; B stays 0; A has the law of
    a kernel that reads the same as W.
    """
    return LoRAModel
