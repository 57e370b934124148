"""Models of latent codes in Haiku: VQ-VAE and a normalizing flow."""

import haiku as hk
import jax
import jax.numpy as jnp

from .entry import entry, image


class ResidualStack(hk.Module):
    def __call__(self, x: jax.Array) -> jax.Array:
        for i in range(2):
            h = hk.Conv2D(16, 3, name=f"wide_{i}")(jax.nn.relu(x))
            x = x + hk.Conv2D(32, 1, name=f"narrow_{i}")(jax.nn.relu(h))
        return jax.nn.relu(x)


def quantize(z: jax.Array, size: int = 32) -> jax.Array:
    """The nearest of the codes, through which the gradient passes straight."""
    law = hk.initializers.VarianceScaling(distribution="uniform")
    book = hk.get_parameter("codebook", (z.shape[-1], size), init=law)
    distance = (z**2).sum(-1, keepdims=True) - 2 * z @ book + (book**2).sum(0)
    codes = book.T[distance.argmin(-1)]
    return z + jax.lax.stop_gradient(codes - z) + (codes - jax.lax.stop_gradient(codes))


def vqvae(x: jax.Array) -> jax.Array:
    x = jax.nn.relu(hk.Conv2D(16, 4, 2, name="encoder_1")(x))
    x = hk.Conv2D(32, 3, name="encoder_2")(x)
    x = ResidualStack(name="encoder")(x)
    x = quantize(hk.Conv2D(8, 1, name="to_code")(x))
    x = ResidualStack(name="decoder")(hk.Conv2D(32, 3, name="decoder_1")(x))
    return hk.Conv2DTranspose(3, 4, 2, name="decoder_2")(x)


@entry((image(4, 8, 8, 3),), name="vq_vae")
def vector_quantized() -> hk.Transformed:
    """What follows the quantizer reads codes, of the codebook's size and not of z's.
    Codes are a table, fan or not: its own law or one of variance 1.
    """
    return hk.without_apply_rng(hk.transform(vqvae))


def coupling(x: jax.Array, name: str) -> tuple[jax.Array, jax.Array]:
    """One half is shifted and scaled by an MLP of the other, which ends in 0."""
    still, moved = jnp.split(x, 2, -1)
    zeros = hk.initializers.Constant(0.0)
    net = hk.nets.MLP([64, 64], activate_final=True, name=f"{name}_mlp")
    last = hk.Linear(2 * moved.shape[-1], w_init=zeros, name=f"{name}_last")
    shift, scale = jnp.split(last(net(still)), 2, -1)
    scale = jnp.tanh(scale)
    moved = moved * jnp.exp(scale) + shift
    return jnp.concatenate([moved, still], -1), scale.sum(-1)


def real_nvp(x: jax.Array) -> jax.Array:
    """The density of each sample, in log."""
    total = jnp.zeros(len(x))
    for i in range(4):
        x, volume = coupling(x, f"coupling_{i}")
        total = total + volume
    return total - 0.5 * (x**2).sum(-1)


def likelihood(density: jax.Array, key: jax.Array) -> jax.Array:
    del key
    return -density.mean()


@entry(
    (image(16, 8),), own={"*_last/w": "zeros: starts as the identity"}, loss=likelihood
)
def flow() -> hk.Transformed:
    """The last layers stay 0, so that the flow starts as the identity, of volume 1."""
    return hk.without_apply_rng(hk.transform(real_nvp))
