"""DETR: a set of boxes, asked for by learned queries."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen import initializers as init

from .entry import entry, image
from .parts import sines, squared_error


WIDTH, HEADS, QUERIES = 64, 4, 8


class Attention(nn.Module):
    """Positions are added to queries and keys, not to values."""

    @nn.compact
    def __call__(
        self, x: jax.Array, at: jax.Array, context: jax.Array, there: jax.Array
    ) -> jax.Array:
        xavier = init.xavier_uniform()
        attention = nn.MultiHeadDotProductAttention(HEADS, kernel_init=xavier)
        return attention(x + at, context + there, context)


class MLP(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        xavier = init.xavier_uniform()
        h = nn.relu(nn.Dense(2 * WIDTH, kernel_init=xavier)(x))
        return nn.Dense(WIDTH, kernel_init=xavier)(h)


class DETR(nn.Module):
    """A convolution in place of the backbone, two encoder and two decoder layers."""

    @nn.compact
    def __call__(
        self, pixels: jax.Array, train: bool = False
    ) -> tuple[jax.Array, jax.Array]:
        drop = nn.Dropout(0.1, deterministic=not train)
        add = lambda x, h: nn.LayerNorm()(x + drop(h))
        x = nn.relu(nn.Conv(32, (3, 3), 2, name="backbone")(pixels))
        x = nn.Conv(WIDTH, (1, 1), name="input_projection")(x)
        rows, columns = (sines(jnp.arange(n), WIDTH // 2) for n in x.shape[1:3])
        grid = [
            jnp.broadcast_to(rows[:, None], (*x.shape[1:3], WIDTH // 2)),
            jnp.broadcast_to(columns[None], (*x.shape[1:3], WIDTH // 2)),
        ]
        there = jnp.concatenate(grid, -1).reshape(-1, WIDTH)
        x = x.reshape(len(x), -1, WIDTH)
        for i in range(2):
            x = add(x, Attention(name=f"encoder_{i}")(x, there, x, there))
            x = add(x, MLP(name=f"encoder_mlp_{i}")(x))
        queries = self.param("queries", init.normal(1.0), (QUERIES, WIDTH))
        y = jnp.zeros((len(x), QUERIES, WIDTH))
        for i in range(2):
            y = add(y, Attention(name=f"self_{i}")(y, queries, y, queries))
            y = add(y, Attention(name=f"cross_{i}")(y, queries, x, there))
            y = add(y, MLP(name=f"decoder_mlp_{i}")(y))
        y = nn.LayerNorm(name="norm")(y)
        prior = init.constant(-math.log((1 - 0.01) / 0.01))
        classes = nn.Dense(10, bias_init=prior, name="classes")(y)
        h = nn.relu(nn.Dense(WIDTH, name="box_in")(y))
        boxes = nn.Dense(4, kernel_init=init.zeros, name="box_out")(h)
        return classes, jax.nn.sigmoid(boxes)


@entry(
    (image(2, 12, 12, 3),),
    own={
        "*classes/bias": "-4.6: objects are rare, as the focal loss wants",
        "*box_out/kernel": "zeros: boxes start in the middle",
    },
    loss=squared_error,
)
def detr() -> nn.Module:
    """Queries are a table of std 1; what reads them alone has roles and fans like any
    layer. The first self-attention of the decoder reads values of 0.
    """
    return DETR()
