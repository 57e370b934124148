"""Models that read text."""

import jax
import jax.numpy as jnp
from flax import linen as nn


class RMSNorm(nn.Module):
    @nn.compact
    def __call__(self, x):
        scale = self.param("scale", nn.initializers.ones, x.shape[-1:])
        return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6) * scale


class DecoderBlock(nn.Module):
    width: int
    heads: int

    @nn.compact
    def __call__(self, x, _):
        y, mask = RMSNorm()(x), nn.make_causal_mask(x[..., 0])
        attention = nn.MultiHeadDotProductAttention(self.heads, use_bias=False)
        x = x + attention(y, y, mask=mask)
        y = RMSNorm()(x)
        dense = lambda n, name: nn.Dense(n, use_bias=False, name=name)
        y = nn.silu(dense(3 * self.width, "gate")(y)) * dense(3 * self.width, "up")(y)
        return x + dense(self.width, "down")(y), None


class GPT(nn.Module):
    """Scanned and rematerialized blocks or a loop of them, SwiGLU, tied embeddings."""

    depth: int = 12
    width: int = 256
    heads: int = 8
    vocab: int = 1000
    scanned: bool = True

    @nn.compact
    def __call__(self, tokens):
        embed = nn.Embed(self.vocab, self.width, name="tokens")
        positions = nn.Embed(tokens.shape[1], self.width, name="positions")
        x = embed(tokens) + positions(jnp.arange(tokens.shape[1]))
        if self.scanned:
            block = nn.scan(
                nn.remat(DecoderBlock, prevent_cse=False),
                variable_axes={"params": 0},
                split_rngs={"params": True},
                length=self.depth,
            )
            x, _ = block(self.width, self.heads, name="blocks")(x, None)
        for i in range(0 if self.scanned else self.depth):
            x, _ = DecoderBlock(self.width, self.heads, name=f"block{i}")(x, None)
        return embed.attend(RMSNorm(name="norm")(x))


class MoE(nn.Module):
    """A residual block of experts with dense routing."""

    experts: int = 4
    width: int = 32

    @nn.compact
    def __call__(self, x):
        y = nn.LayerNorm()(x)
        gates = nn.softmax(nn.Dense(self.experts, use_bias=False, name="router")(y))
        init = nn.initializers.lecun_normal(batch_axis=0)
        shape = (self.experts, self.width, 2 * self.width)
        up = self.param("up", init, shape)
        down = self.param("down", init, (shape[0], shape[2], shape[1]))
        y = nn.relu(jnp.einsum("btd,edf->ebtf", y, up))
        y = jnp.einsum("ebtf,efd->ebtd", y, down)
        return x + jnp.einsum("ebtd,bte->btd", y, gates)
