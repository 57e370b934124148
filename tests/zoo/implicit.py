"""Nets that are functions of coordinates or of functions: SIREN, a physics-informed
net with gates, FNO, KAN and a hypernetwork."""

import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
from flax import linen as nn, nnx
from flax.linen import initializers as init

from .entry import entry, image


WIDTH = 64


class SIREN(eqx.Module):
    """Sines of 30 times a linear map of many points (Sitzmann et al.)."""

    layers: list[eqx.nn.Linear]
    head: eqx.nn.Linear

    def __init__(self, *, key: jax.Array):
        keys = jax.random.split(key, 4)
        bounds = (1 / 2, math.sqrt(6 / WIDTH) / 30, math.sqrt(6 / WIDTH) / 30)

        def linear(width: int, bound: float, key: jax.Array) -> eqx.nn.Linear:
            layer = eqx.nn.Linear(width, WIDTH, key=key)
            w = jax.random.uniform(key, (WIDTH, width), minval=-bound, maxval=bound)
            return eqx.tree_at(lambda layer: layer.weight, layer, w)

        widths = (2, WIDTH, WIDTH)
        self.layers = list(map(linear, widths, bounds, keys))
        self.head = eqx.nn.Linear(WIDTH, 1, key=keys[3])

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.layers:
            x = jnp.sin(30 * jax.vmap(layer)(x))
        return jax.vmap(self.head)(x)


@entry((image(32, 2),))
def siren() -> type[eqx.Module]:
    """The factor 30 stands in the computation: kernels of variance 2 / (30² fan), so
    that the argument of the sine has a std of about 1; the first sets the frequencies.
    """
    return SIREN


class Weighted(nn.Module):
    """A kernel as a product of its columns' sizes and directions, the sizes drawn
    (random weight factorization, Wang et al.)."""

    features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (x.shape[-1], self.features)

        def factors(key: jax.Array) -> tuple[jax.Array, jax.Array]:
            of_kernel, of_size = jax.random.split(key)
            w = init.glorot_normal()(of_kernel, shape)
            g = jnp.exp(0.5 + 0.1 * jax.random.normal(of_size, shape[1:]))
            return g, w / g

        g, v = self.param("kernel", factors)
        return x @ (g * v) + self.param("bias", init.zeros, shape[1:])


class GatedPINN(nn.Module):
    """Fourier features, and two gates that mix every layer of tanh."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = x @ self.param("fourier", init.normal(1.0), (x.shape[-1], WIDTH // 2))
        x = jnp.concatenate([jnp.cos(x), jnp.sin(x)], -1)
        u = jnp.tanh(Weighted(WIDTH, name="gate_u")(x))
        v = jnp.tanh(Weighted(WIDTH, name="gate_v")(x))
        for i in range(3):
            h = jnp.tanh(Weighted(WIDTH, name=f"layer_{i}")(x))
            x = h * u + (1 - h) * v
        return Weighted(1, name="head")(x)


@entry((image(32, 2),), own={"*/kernel/0": "drawn: exp N(.5, .1²), sizes of columns"})
def pinn() -> nn.Module:
    """The product of size and direction is the kernel and has its law; sizes stay.
    Gates take the stream's place: h u + (1 - h) v.
    """
    return GatedPINN()


class Spectral(eqx.Module):
    """A complex matrix for each of the lowest frequencies."""

    real: jax.Array
    imag: jax.Array

    def __init__(self, modes: int, *, key: jax.Array):
        keys = jax.random.split(key)
        draw = lambda key: jax.random.uniform(
            key, (WIDTH, WIDTH, modes), minval=-1 / WIDTH, maxval=1 / WIDTH
        )
        self.real, self.imag = map(draw, keys)

    def __call__(self, x: jax.Array) -> jax.Array:
        modes = self.real.shape[-1]
        low = jnp.fft.rfft(x)[:, :modes]
        w = jax.lax.complex(self.real, self.imag)
        y = jnp.einsum("im,iom->om", low, w)
        rest = x.shape[-1] // 2 + 1 - modes
        return jnp.fft.irfft(jnp.pad(y, ((0, 0), (0, rest))), x.shape[-1])


class FNO(eqx.Module):
    """Four layers of the Fourier neural operator in one dimension."""

    lift: eqx.nn.Conv1d
    spectral: list[Spectral]
    local: list[eqx.nn.Conv1d]
    project: list[eqx.nn.Conv1d]

    def __init__(self, *, key: jax.Array):
        keys = iter(jax.random.split(key, 11))
        conv = lambda m, n: eqx.nn.Conv1d(m, n, 1, key=next(keys))
        self.lift = conv(2, WIDTH)
        self.spectral = [Spectral(8, key=next(keys)) for _ in range(4)]
        self.local = [conv(WIDTH, WIDTH) for _ in range(4)]
        self.project = [conv(WIDTH, 2 * WIDTH), conv(2 * WIDTH, 1)]

    def __call__(self, x: jax.Array) -> jax.Array:
        x = self.lift(x)
        for spectral, local in zip(self.spectral, self.local, strict=True):
            x = jax.nn.gelu(spectral(x) + local(x))
        return self.project[1](jax.nn.gelu(self.project[0](x)))


@entry((image(2, 32),))
def fno() -> type[eqx.Module]:
    """Both maps of a layer share its variance; the spectral one passes only modes of
    a signal, and its real and imaginary parts share 1/width.
    """
    return FNO


class KANLayer(nnx.Module):
    """A spline per edge beside a residual silu, which stands for its start."""

    def __init__(self, inner: int, outer: int, rngs: nnx.Rngs):
        self.grid = jnp.linspace(-1.0, 1.0, 8)
        lecun = init.lecun_normal()
        self.base = nnx.Param(lecun(rngs.params(), (inner, outer)))
        noise = init.normal(0.1)(rngs.params(), (inner, 8, outer))
        self.spline = nnx.Param(noise)
        self.bias = nnx.Param(jnp.zeros(outer))

    def __call__(self, x: jax.Array) -> jax.Array:
        bumps = jnp.exp(-(((x[..., None] - self.grid) * 3.5) ** 2))
        y = jnp.einsum("bik,iko->bo", bumps, self.spline[...])
        return jax.nn.silu(x) @ self.base[...] + y + self.bias[...]


class KAN(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        widths = (4, 32, 32, 2)
        pairs = itertools.pairwise(widths)
        self.layers = nnx.List([KANLayer(m, n, rngs) for m, n in pairs])

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in self.layers:
            x = layer(x)
        return x


@entry((image(32, 4),))
def kan() -> type[nnx.Module]:
    """Base and spline are summed and share a variance; the fan of a spline is inputs
    times bumps, each as large as it is on average.
    """
    return KAN


class HyperNetwork(nn.Module):
    """An MLP of a task makes the kernels and biases of the net that reads x."""

    @nn.compact
    def __call__(self, x: jax.Array, task: jax.Array) -> jax.Array:
        z = nn.relu(nn.Dense(32, name="task_in")(task))
        z = nn.relu(nn.Dense(32, name="task_out")(z))
        for i, (m, n) in enumerate(((8, WIDTH), (WIDTH, WIDTH), (WIDTH, 4))):
            w = nn.Dense(m * n, name=f"kernel_{i}")(z).reshape(-1, m, n)
            x = jnp.einsum("bi,bij->bj", x, w) + nn.Dense(n, name=f"bias_{i}")(z)
            x = nn.relu(x) if i < 2 else x
        return x


@entry((image(16, 8), image(16, 4)))
def hypernetwork() -> nn.Module:
    """A head that makes a kernel is divided by the fan_in of what it makes (Chang et
    al. 2020); one that makes a bias adds no more than that.
    """
    return HyperNetwork()
