"""Miniatures of the decoders that recipes of language models are for.

Each is `(apply, shapes of the parameters, tokens)`, written from the architecture.
"""

from typing import Any

import jax
import jax.numpy as jnp

from tests.zoo.entry import image, text
from tests.zoo.parts import attend, causal, rotate, split_heads


VOCABULARY, LENGTH = 48, 6
TOKENS = text(2, LENGTH)


def norm(x: jax.Array, scale: Any = 1.0) -> jax.Array:
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6) * scale


def attention(p: dict, x: jax.Array, heads: int) -> jax.Array:
    """Rotary positions and grouped keys; through a latent (MLA) where `kv_a` is."""
    q = x @ p["q"] if "q" in p else norm(x @ p["q_a"]) @ p["q_b"]
    k, v = (
        (x @ p["k"], x @ p["v"])
        if "k" in p
        else jnp.split(norm(x @ p["kv_a"]) @ p["kv_b"], 2, -1)
    )
    groups = heads * k.shape[-1] // q.shape[-1]
    q, k, v = split_heads(q, heads), split_heads(k, groups), split_heads(v, groups)
    k, v = (jnp.repeat(each, heads // groups, axis=-2) for each in (k, v))
    return attend(rotate(q), rotate(k), v, causal(x.shape[1])) @ p["o"]


def swiglu(p: dict, x: jax.Array) -> jax.Array:
    return (jax.nn.silu(x @ p["w1"]) * (x @ p["w3"])) @ p["w2"]


def experts(p: dict, x: jax.Array) -> jax.Array:
    """Two of the experts for each token, weighed by sigmoids, and a shared one."""
    scores = jax.nn.sigmoid(x @ p["router"])
    best, index = jax.lax.top_k(scores, 2)
    weights = best / best.sum(-1, keepdims=True)
    chosen = jax.nn.one_hot(index, scores.shape[-1]) * weights[..., None]
    h = jax.nn.silu(jnp.einsum("bld,edf->blef", x, p["w1"]))
    h = h * jnp.einsum("bld,edf->blef", x, p["w3"])
    y = jnp.einsum("blef,efd->bled", h, p["w2"])
    return jnp.einsum("bled,blke->bld", y, chosen) + swiglu(p["shared"], x)


def layer(p: dict, x: jax.Array, heads: int) -> jax.Array:
    """Two branches; with a norm behind each (Peri-LN) where the layer has one."""
    after = lambda name, y: norm(y, p[name]) if name in p else y
    feed = experts if "router" in p["mlp"] else swiglu
    y = attention(p["attention"], norm(x, p["before_attention"]), heads)
    x = x + after("after_attention", y)
    return x + after("after_mlp", feed(p["mlp"], norm(x, p["before_mlp"])))


def decoder(
    depth: int = 3,
    width: int = 16,
    *,
    heads: int = 2,
    scanned: bool = False,
    moe: bool = False,
    latent: bool = False,
    peri: bool = False,
    tied: bool = False,
) -> tuple[Any, Any, Any]:
    """Llama; DeepSeek with `moe` and `latent`; Gemma with `peri` and `tied`."""
    d, f, n = width, 2 * width, width // 2
    made = {"w1": image(d, f), "w3": image(d, f), "w2": image(f, d)}
    if moe:
        each = {name: image(4, *leaf.shape) for name, leaf in made.items()}
        made = each | {"router": image(d, 4), "shared": made}
    asked = {"q": image(d, d), "k": image(d, n), "v": image(d, n)}
    if latent:
        asked = {"q_a": image(d, n), "q_b": image(n, d)}
        asked |= {"kv_a": image(d, n), "kv_b": image(n, 2 * d)}
    norms = ["before_attention", "before_mlp"]
    norms += ["after_attention", "after_mlp"] if peri else []
    one = dict.fromkeys(norms, image(d))
    one |= {"attention": asked | {"o": image(d, d)}, "mlp": made}
    params: dict[str, Any] = {"embed": image(VOCABULARY, d), "norm": image(d)}
    params |= {} if tied else {"head": image(d, VOCABULARY)}
    stack = lambda leaf: image(depth, *leaf.shape)
    params["layers"] = jax.tree.map(stack, one) if scanned else [one] * depth

    def apply(p: Any, tokens: jax.Array) -> jax.Array:
        x = p["embed"][tokens]
        if scanned:
            step = lambda x, own: (layer(own, x, heads), None)
            x, _ = jax.lax.scan(step, x, p["layers"])
        for own in () if scanned else p["layers"]:
            x = layer(own, x, heads)
        return norm(x, p["norm"]) @ (p["embed"].T if tied else p["head"])

    return apply, params, TOKENS


def sinks(depth: int = 3, width: int = 16, *, scanned: bool = False) -> Any:
    """gpt-oss: biases everywhere, sinks of attention, gates interleaved with values."""
    d, f, heads = width, 8, 2
    one: dict[str, Any] = dict.fromkeys("qkvo", image(d, d)) | {"sinks": image(heads)}
    one |= dict.fromkeys(("q_bias", "k_bias", "v_bias", "o_bias"), image(d))
    one |= {"router": image(d, 4), "router_bias": image(4)}
    one |= {"mlp1": image(4, d, 2 * f), "mlp1_bias": image(4, 2 * f)}
    one |= {"mlp2": image(4, f, d), "mlp2_bias": image(4, d)}
    stack = lambda leaf: image(depth, *leaf.shape)
    params: dict[str, Any] = {"embed": image(VOCABULARY, d)}
    params |= {"head": image(d, VOCABULARY)}
    params["layers"] = jax.tree.map(stack, one) if scanned else [one] * depth

    def attention(p: dict, x: jax.Array) -> jax.Array:
        each = (split_heads(x @ p[n] + p[f"{n}_bias"], heads) for n in "qkv")
        q, k, v = each
        logits = jnp.einsum("bqhd,bkhd->bhqk", q, k) * d**-0.5 + causal(x.shape[1])
        sink = jnp.broadcast_to(p["sinks"][:, None, None], (*logits.shape[:3], 1))
        weights = jax.nn.softmax(jnp.concatenate([logits, sink], -1))[..., :-1]
        y = jnp.einsum("bhqk,bkhd->bqhd", weights, v).reshape(x.shape)
        return y @ p["o"] + p["o_bias"]

    def feed(p: dict, x: jax.Array) -> jax.Array:
        best, index = jax.lax.top_k(x @ p["router"] + p["router_bias"], 2)
        chosen = jax.nn.one_hot(index, 4) * jax.nn.softmax(best)[..., None]
        h = jnp.einsum("bld,edf->blef", x, p["mlp1"]) + p["mlp1_bias"]
        gate, up = jnp.minimum(h[..., ::2], 7), jnp.clip(h[..., 1::2], -7, 7)
        h = gate * jax.nn.sigmoid(1.702 * gate) * (up + 1)
        y = jnp.einsum("blef,efd->bled", h, p["mlp2"]) + p["mlp2_bias"]
        return jnp.einsum("bled,blke->bld", y, chosen)

    def block(p: dict, x: jax.Array) -> jax.Array:
        x = x + attention(p, norm(x))
        return x + feed(p, norm(x))

    def apply(p: Any, tokens: jax.Array) -> jax.Array:
        x = p["embed"][tokens]
        if scanned:
            x, _ = jax.lax.scan(lambda x, own: (block(own, x), None), x, p["layers"])
        for own in () if scanned else p["layers"]:
            x = block(own, x)
        return norm(x) @ p["head"]

    return apply, params, TOKENS
