"""Miniatures of the decoders that are trained with Muon, as `(apply, shapes, tokens)`.

They hold scalars of their own: multipliers of the stream, value embeddings, gates.
"""

from typing import Any

import jax
import jax.numpy as jnp

from tests.recipes.decoders import experts, LENGTH, norm, TOKENS, VOCABULARY
from tests.zoo.entry import image
from tests.zoo.parts import attend, causal, rotate, split_heads


HEADS = 2


def shifted(x: jax.Array) -> jax.Array:
    """Every token's vector at the token after it."""
    return jnp.concatenate([0 * x[:, :1], x[:, :-1]], 1)


def relu_squared(p: dict, x: jax.Array) -> jax.Array:
    return jax.nn.relu(x @ p["c_fc"]) ** 2 @ p["c_proj"]


def queries_keys_values(p: dict, x: jax.Array) -> list[jax.Array]:
    q, k, v = (split_heads(x @ p[name], HEADS) for name in ("c_q", "c_k", "c_v"))
    return [rotate(norm(q)), rotate(norm(k)), v]


def nanochat(depth: int = 4, width: int = 32) -> tuple[Any, Any, Any]:
    """Untied head, relu², no scales in norms; x₀ and value embeddings mixed in."""
    d = width
    attention = dict.fromkeys(("c_q", "c_k", "c_v", "c_proj"), image(d, d))
    mlp = {"c_fc": image(d, 4 * d), "c_proj": image(4 * d, d)}
    gated = attention | {"ve_gate": image(12, HEADS)}
    layers = [{"attn": gated if i % 2 else attention, "mlp": mlp} for i in range(depth)]
    params = {
        "wte": image(VOCABULARY, d), "lm_head": image(d, VOCABULARY),
        "value_embeds": {str(i): image(VOCABULARY, d) for i in range(1, depth, 2)},
        "resid_lambdas": image(depth), "x0_lambdas": image(depth),
        "smear_gate": image(24, 1), "smear_lambda": image(1),
        "backout_lambda": image(1), "h": layers,
    }  # fmt: skip

    def apply(p: Any, tokens: jax.Array) -> jax.Array:
        x = norm(p["wte"][tokens])
        gate = jax.nn.sigmoid(x[..., :24] @ p["smear_gate"])
        x = x0 = x + p["smear_lambda"] * gate * shifted(x)
        middle = x
        for i, own in enumerate(p["h"]):
            x = p["resid_lambdas"][i] * x + p["x0_lambdas"][i] * x0
            y = norm(x)
            q, k, v = queries_keys_values(own["attn"], y)
            if "ve_gate" in own["attn"]:
                gate = 3 * jax.nn.sigmoid(y[..., :12] @ own["attn"]["ve_gate"])
                value = split_heads(p["value_embeds"][str(i)][tokens], HEADS)
                v = v + gate[..., None] * value
            x = x + attend(1.2 * q, 1.2 * k, v, causal(LENGTH)) @ own["attn"]["c_proj"]
            x = x + relu_squared(own["mlp"], norm(x))
            middle = x if i == depth // 2 else middle
        x = norm(x - p["backout_lambda"] * middle)
        return 15 * jnp.tanh(x @ p["lm_head"] / 15)

    return apply, params, TOKENS


def grug(depth: int = 2, width: int = 32) -> tuple[Any, Any, Any]:
    """Experts beside a shared one, gated norms, and a gate on each attention head."""
    d = width
    kernels = dict.fromkeys(("c_q", "c_k", "c_v", "c_proj"), image(d, d))
    made = {"w1": image(d, d), "w3": image(d, d), "w2": image(d, d)}
    each = {name: image(4, *leaf.shape) for name, leaf in made.items()}
    gated = {"scale": image(d), "w_down": image(d, 8), "w_up": image(8, d)}
    layer = {
        "attn": kernels | {"attn_gate": image(d, HEADS)},
        "mlp": each | {"router": image(d, 4), "shared": made},
        "before_attn": gated,
        "before_mlp": gated,
    }
    params = {
        "token_embed": image(VOCABULARY, d), "output_proj": image(d, VOCABULARY),
        "embed_norm": gated, "final_norm": gated, "blocks": [layer] * depth,
    }  # fmt: skip

    def gated_norm(p: dict, x: jax.Array) -> jax.Array:
        x = norm(x, p["scale"])
        return x * jax.nn.sigmoid(jax.nn.silu(x @ p["w_down"]) @ p["w_up"])

    def attention(p: dict, x: jax.Array) -> jax.Array:
        q, k, v = queries_keys_values(p, x)
        y = split_heads(attend(1.3 * q, k, v, causal(LENGTH)), HEADS)
        y = y * (2 * jax.nn.sigmoid(x @ p["attn_gate"]))[..., None]
        return y.reshape(x.shape) @ p["c_proj"]

    def apply(p: Any, tokens: jax.Array) -> jax.Array:
        x = gated_norm(p["embed_norm"], p["token_embed"][tokens])
        for own in p["blocks"]:
            x = x + attention(own["attn"], gated_norm(own["before_attn"], x))
            x = x + experts(own["mlp"], gated_norm(own["before_mlp"], x))
        return gated_norm(p["final_norm"], x) @ p["output_proj"]

    return apply, params, TOKENS
