"""Miniatures of decoders whose stream is on a sphere, or several, as `(apply, ...)`."""

from typing import Any

import jax
import jax.numpy as jnp

from tests.recipes.decoders import norm, TOKENS, VOCABULARY
from tests.zoo.entry import image
from tests.zoo.parts import attend, causal, rotate, split_heads


HEADS = 2


def unit(x: jax.Array) -> jax.Array:
    return x / jnp.linalg.norm(x, axis=-1, keepdims=True)


def ngpt(depth: int = 2, width: int = 32, *, scanned: bool = False) -> Any:
    """nGPT: every vector has length 1, and learned vectors scale what is compared."""
    d, start = width, width**-0.5
    one = dict.fromkeys(("query", "key", "value", "att_c_proj"), image(d, d))
    one |= {"c_fc": image(d, 8 * d), "mlp_c_proj": image(4 * d, d)}
    one |= dict.fromkeys(("attn_alpha", "mlp_alpha", "sqk"), image(d))
    one |= {"suv": image(8 * d)}
    stack = lambda leaf: image(depth, *leaf.shape)
    params = {
        "wte": image(VOCABULARY, d), "lm_head": image(d, VOCABULARY),
        "sz": image(VOCABULARY),
        "h": jax.tree.map(stack, one) if scanned else [one] * depth,
    }  # fmt: skip

    def layer(p: dict, h: jax.Array) -> jax.Array:
        q, k, v = (
            split_heads(h @ p[name], HEADS) for name in ("query", "key", "value")
        )
        scale = split_heads(p["sqk"] / start, HEADS)
        q, k = scale * unit(rotate(q)), scale * unit(rotate(k))
        q = q * (d / HEADS) ** 0.5
        y = attend(q, k, v, causal(h.shape[1]), scale=False) @ p["att_c_proj"]
        h = unit(h + jnp.abs(p["attn_alpha"] * (0.05 / start)) * (unit(y) - h))
        u, gate = jnp.split(p["suv"] * d**0.5 * (h @ p["c_fc"]), 2, -1)
        y = (u * jax.nn.silu(gate)) @ p["mlp_c_proj"]
        return unit(h + jnp.abs(p["mlp_alpha"] * (0.05 / start)) * (unit(y) - h))

    def apply(p: Any, tokens: jax.Array) -> jax.Array:
        h = p["wte"][tokens]
        if scanned:
            h, _ = jax.lax.scan(lambda h, own: (layer(own, h), None), h, p["h"])
        for own in () if scanned else p["h"]:
            h = layer(own, h)
        return p["sz"] / start * (h @ p["lm_head"])

    return apply, params, TOKENS


def streams(
    depth: int = 2, width: int = 16, n: int = 4, *, scanned: bool = False
) -> Any:
    """Hyper-connections around the attention and the MLP of every layer."""
    d = width
    connection = {
        "static_alpha": image(n, n + 1), "dynamic_alpha_fn": image(d, n + 1),
        "dynamic_alpha_scale": image(), "static_beta": image(n),
        "dynamic_beta_fn": image(d), "dynamic_beta_scale": image(),
        "norm": image(d),
    }  # fmt: skip
    one = dict.fromkeys(("q", "k", "v", "o"), image(d, d))
    one |= {"up": image(d, 2 * d), "down": image(2 * d, d)}
    one |= {"hc_attn": connection, "hc_mlp": connection}
    stack = lambda leaf: image(depth, *leaf.shape)
    params = {
        "embed": image(VOCABULARY, d), "head": image(d, VOCABULARY),
        "layers": jax.tree.map(stack, one) if scanned else [one] * depth,
    }  # fmt: skip

    def connect(p: dict, x: jax.Array, branch: Any) -> jax.Array:
        y = norm(x, p["norm"])
        alpha = jnp.tanh(y @ p["dynamic_alpha_fn"]) * p["dynamic_alpha_scale"]
        mixed = jnp.einsum("blst,blsd->bltd", alpha + p["static_alpha"], x)
        beta = jnp.tanh(y @ p["dynamic_beta_fn"]) * p["dynamic_beta_scale"]
        beta = beta + p["static_beta"]
        return mixed[:, :, 1:] + beta[..., None] * branch(mixed[:, :, 0])[:, :, None]

    def layer(p: dict, x: jax.Array) -> jax.Array:
        def attention(h: jax.Array) -> jax.Array:
            q, k, v = (split_heads(norm(h) @ p[name], HEADS) for name in "qkv")
            return attend(q, k, v, causal(h.shape[1])) @ p["o"]

        x = connect(p["hc_attn"], x, attention)
        mlp = lambda h: jax.nn.gelu(norm(h) @ p["up"]) @ p["down"]
        return connect(p["hc_mlp"], x, mlp)

    def apply(p: Any, tokens: jax.Array) -> jax.Array:
        x = jnp.repeat(p["embed"][tokens][:, :, None], n, axis=2)
        if scanned:
            x, _ = jax.lax.scan(lambda x, own: (layer(own, x), None), x, p["layers"])
        for own in () if scanned else p["layers"]:
            x = layer(own, x)
        return norm(x.sum(2)) @ p["head"]

    return apply, params, TOKENS
