"""State-space models: Mamba-2, S4D, LRU, S5 and Griffin's RG-LRU.

Poles, steps and skips are their authors' own: another law makes them forget at once or
grow without bound.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn, nnx
from flax.linen import initializers as init

from .entry import entry, image, text
from .parts import cross_entropy, inverse_softplus, log_uniform, squared_error


WIDTH, STATES, HEADS, DEPTH, LENGTH = 64, 16, 4, 2, 24


class Mamba2Mixer(nnx.Module):
    """Heads with one pole each, read and written through vectors of the input."""

    def __init__(self, rngs: nnx.Rngs):
        inner = 2 * WIDTH
        mixed = inner + 2 * STATES
        linear = lambda m, n: nnx.Linear(m, n, use_bias=False, rngs=rngs)
        self.inner = linear(WIDTH, inner + mixed + HEADS)
        self.conv = nnx.Conv(
            mixed, mixed, (4,), padding="CAUSAL", feature_group_count=mixed, rngs=rngs
        )
        steps = log_uniform(rngs.params(), (HEADS,), 1e-3, 1e-1)
        self.dt_bias = nnx.Param(inverse_softplus(steps))
        self.A_log = nnx.Param(jnp.log(jnp.arange(1.0, HEADS + 1)))
        self.D = nnx.Param(jnp.ones(HEADS))
        self.norm = nnx.RMSNorm(inner, rngs=rngs)
        self.out = linear(inner, WIDTH)

    def __call__(self, u: jax.Array) -> jax.Array:
        inner = 2 * WIDTH
        z, mixed, dt = jnp.split(self.inner(u), (inner, 2 * inner + 2 * STATES), -1)
        mixed = nnx.silu(self.conv(mixed))
        x, b, c = jnp.split(mixed, (inner, inner + STATES), -1)
        x = x.reshape(*x.shape[:2], HEADS, -1)
        dt = jax.nn.softplus(dt + self.dt_bias[...])
        decay = jnp.exp(-dt * jnp.exp(self.A_log[...]))

        def step(state: jax.Array, now: tuple) -> tuple[jax.Array, jax.Array]:
            decay, dt, x, b, c = now
            write = jnp.einsum("bh,bhp,bn->bhpn", dt, x, b)
            state = decay[..., None, None] * state + write
            return state, jnp.einsum("bhpn,bn->bhp", state, c)

        start = jnp.zeros((*x[:, 0].shape, STATES))
        times = jax.tree.map(lambda a: a.swapaxes(0, 1), (decay, dt, x, b, c))
        y = jax.lax.scan(step, start, times)[1].swapaxes(0, 1)
        y = (y + self.D[...][:, None] * x).reshape(z.shape)
        return self.out(self.norm(y * nnx.silu(z)))


class Mamba2(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        normal = init.normal(0.02)
        self.embed = nnx.Embed(96, WIDTH, embedding_init=normal, rngs=rngs)
        self.mixers = nnx.List([Mamba2Mixer(rngs) for _ in range(DEPTH)])
        self.norms = nnx.List([nnx.RMSNorm(WIDTH, rngs=rngs) for _ in range(DEPTH)])
        self.norm = nnx.RMSNorm(WIDTH, rngs=rngs)

    def __call__(self, ids: jax.Array) -> jax.Array:
        x = self.embed(ids)
        for norm, mixer in zip(self.norms, self.mixers, strict=True):
            x = x + mixer(norm(x))
        return self.embed.attend(self.norm(x))


MAMBA = {
    "*A_log": "log(1..heads): a range of time constants",
    "*dt_bias": "drawn: the inverse softplus of log-uniform steps",
    "*D": "ones",
}


@entry((text(4, LENGTH),), own=MAMBA, loss=cross_entropy)
def mamba2() -> nnx.Module:
    """Steps, poles and skips stay. One projection makes gates, signals, readers,
    writers and steps: one law for all its columns. `out` closes a branch.
    """
    return Mamba2(nnx.Rngs(0))


def complex_weight(module: nn.Module, name: str, law: Any, *shape: int) -> jax.Array:
    """A complex parameter held as two real ones."""
    return jax.lax.complex(
        module.param(f"{name}_re", law, shape), module.param(f"{name}_im", law, shape)
    )


def scan_modes(poles: jax.Array, inputs: jax.Array) -> jax.Array:
    """x_t = poles · x_{t-1} + inputs_t, in parallel along the second axis."""
    combine = lambda a, b: (b[0] * a[0], b[0] * a[1] + b[1])
    factors = jnp.broadcast_to(poles, inputs.shape)
    return jax.lax.associative_scan(combine, (factors, inputs), axis=1)[1]


class S4D(nn.Module):
    """A convolution per channel, whose kernel is a sum of damped waves."""

    @nn.compact
    def __call__(self, u: jax.Array) -> jax.Array:
        steps = lambda key, shape: jnp.log(log_uniform(key, shape, 1e-3, 1e-1))
        waves = lambda key, shape: jnp.pi * jnp.arange(shape[1]) * jnp.ones(shape)
        modes = (WIDTH, STATES // 2)
        step = jnp.exp(self.param("log_dt", steps, (WIDTH,)))[:, None]
        decay = self.param("log_A_real", init.constant(math.log(0.5)), modes)
        pole = jax.lax.complex(-jnp.exp(decay), self.param("A_imag", waves, modes))
        c = complex_weight(self, "C", init.normal(0.5**0.5), *modes)
        d = self.param("D", init.normal(1.0), (WIDTH,))
        length = u.shape[1]
        growth = jnp.exp((step * pole)[..., None] * jnp.arange(length))
        weights = c * (jnp.exp(step * pole) - 1) / pole
        kernel = 2 * jnp.einsum("hn,hnl->lh", weights, growth).real
        spectra = [jnp.fft.rfft(a, 2 * length, axis=-2) for a in (u, kernel)]
        y = jnp.fft.irfft(spectra[0] * spectra[1], axis=1)[:, :length]
        return nn.gelu(y + d * u)


class LRU(nn.Module):
    """Diagonal complex recurrence with poles drawn on a ring (Orvieto et al.)."""

    @nn.compact
    def __call__(self, u: jax.Array) -> jax.Array:
        def ring(key: jax.Array, shape: tuple) -> jax.Array:
            squared = jax.random.uniform(key, shape, minval=0.81, maxval=0.998)
            return jnp.log(-0.5 * jnp.log(squared))

        def phase(key: jax.Array, shape: tuple) -> jax.Array:
            return jnp.log(jax.random.uniform(key, shape, maxval=jnp.pi / 10))

        nu = jnp.exp(self.param("nu_log", ring, (STATES,)))
        theta = jnp.exp(self.param("theta_log", phase, (STATES,)))
        keep = 0.5 * jnp.log1p(-jnp.exp(-2 * nu))
        gamma = jnp.exp(self.param("gamma_log", lambda key: keep))
        b = complex_weight(self, "B", init.normal((2 * WIDTH) ** -0.5), WIDTH, STATES)
        c = complex_weight(self, "C", init.normal(STATES**-0.5), STATES, WIDTH)
        d = self.param("D", init.normal(1.0), (WIDTH,))
        poles = jnp.exp(jax.lax.complex(-nu, theta))
        x = scan_modes(poles, (u.astype(b.dtype) @ b) * gamma)
        return nn.gelu((x @ c).real + d * u)


class S5(nn.Module):
    """One state for all channels, with the modes of HiPPO and a step for each."""

    @nn.compact
    def __call__(self, u: jax.Array) -> jax.Array:
        steps = lambda key, shape: jnp.log(log_uniform(key, shape, 1e-3, 1e-1))
        waves = lambda key, shape: jnp.pi * jnp.arange(shape[0], dtype=jnp.float32)
        decay = self.param("Lambda_re", init.constant(-0.5), (STATES,))
        poles = jax.lax.complex(decay, self.param("Lambda_im", waves, (STATES,)))
        step = jnp.exp(self.param("log_step", steps, (STATES,)))
        b = complex_weight(self, "B", init.normal(WIDTH**-0.5), WIDTH, STATES)
        c = complex_weight(self, "C", init.normal(STATES**-0.5), STATES, WIDTH)
        d = self.param("D", init.normal(1.0), (WIDTH,))
        kept = jnp.exp(poles * step)
        x = scan_modes(kept, (u.astype(b.dtype) @ b) * (kept - 1) / poles)
        return nn.gelu(2 * (x @ c).real + d * u)


class RGLRU(nn.Module):
    """Griffin's recurrence: gates in blocks move the pole between 0 and its own."""

    @nn.compact
    def __call__(self, u: jax.Array) -> jax.Array:
        def pole(key: jax.Array, shape: tuple) -> jax.Array:
            a = jax.random.uniform(key, shape, minval=0.9, maxval=0.999)
            return inverse_softplus(-jnp.log(a) / 8)

        def gate(name: str) -> jax.Array:
            blocks = (HEADS, WIDTH // HEADS, WIDTH // HEADS)
            lecun = init.lecun_normal(batch_axis=0)
            w = self.param(f"{name}_kernel", lecun, blocks)
            bias = self.param(f"{name}_bias", init.zeros, blocks[:2])
            parts = u.reshape(*u.shape[:-1], HEADS, -1)
            y = jnp.einsum("blhi,hij->blhj", parts, w) + bias
            return jax.nn.sigmoid(y).reshape(u.shape)

        rate = jax.nn.softplus(self.param("a_param", pole, (WIDTH,)))
        log_a = -8 * rate * gate("recurrence_gate")
        x = jnp.sqrt(-jnp.expm1(2 * log_a)) * gate("input_gate") * u
        combine = lambda a, b: (b[0] * a[0], b[0] * a[1] + b[1])
        return jax.lax.associative_scan(combine, (jnp.exp(log_a), x), axis=1)[1]


class Griffin(nn.Module):
    """The recurrent block: a gated branch beside a convolution and a recurrence."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        y = nn.gelu(nn.Dense(WIDTH, name="linear_y")(x))
        x = nn.Dense(WIDTH, name="linear_x")(x)
        x = nn.Conv(WIDTH, (4,), padding="CAUSAL", feature_group_count=WIDTH)(x)
        return nn.Dense(WIDTH, name="linear_out")(RGLRU(name="rg_lru")(x) * y)


class Stack(nn.Module):
    """Layers behind norms, each mixed by a gated projection, pooled at the end."""

    layer: type[nn.Module]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.Dense(WIDTH, name="encoder")(x)
        for i in range(DEPTH):
            y = self.layer(name=f"layer_{i}")(nn.LayerNorm()(x))
            x = x + nn.glu(nn.Dense(2 * WIDTH, name=f"mix_{i}")(y))
        return nn.Dense(10, name="decoder")(x.mean(1))


SERIES = (image(4, LENGTH, 8),)
S4D_OWN = {
    "*log_dt": "drawn: log-uniform steps",
    "*log_A_real": "log ½",
    "*A_imag": "pi n: the waves of S4D-Lin",
    "*/D": "drawn: a skip per channel",
    "*C_??": "drawn: coefficients of modes, of variance 1 together",
}
LRU_OWN = {
    "*_log": "drawn: a ring of poles within the unit circle, and what normalizes them",
    "*/D": "drawn: a skip per channel",
}
S5_OWN = {
    "*Lambda_re": "-0.5",
    "*Lambda_im": "pi n",
    "*log_step": "drawn: log-uniform steps",
    "*/D": "drawn: a skip per channel",
}
RG_LRU_OWN = {"*a_param": "drawn: poles within (.9, .999)"}


@entry(SERIES, own=S4D_OWN, loss=squared_error)
def s4d() -> nn.Module:
    """Modes, steps, coefficients and skips stay: the kernel they make has the size."""
    return Stack(S4D)


@entry(SERIES, own=LRU_OWN, loss=squared_error)
def lru() -> nn.Module:
    """The ring and its normalizer stay; B and C are kernels, real and imaginary apart,
    whose variances add: each pair shares 1/fan_in.
    """
    return Stack(LRU)


@entry(SERIES, own=S5_OWN, loss=squared_error)
def s5() -> nn.Module:
    """Modes, steps and skips stay; B and C are kernels in two real parts each."""
    return Stack(S5)


@entry(SERIES, own=RG_LRU_OWN, loss=squared_error)
def rg_lru() -> nn.Module:
    """Poles stay; the gates are blocks, with the fan of one block and zero biases."""
    return Stack(Griffin)
