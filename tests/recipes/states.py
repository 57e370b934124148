"""Models that carry a state, in miniature: Mamba, RWKV-7 and Griffin, also scanned."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen import initializers as init

from tests.zoo.entry import image


WIDTH, SIZE, RANK, STATES = 16, 8, 4, 4


class Mamba(nn.Module):
    """A selective scan: the steps, the readers and the writers come of the input."""

    @nn.compact
    def __call__(self, u):
        inner = 2 * WIDTH
        dense = lambda n, name: nn.Dense(n, use_bias=False, name=name)
        x, gate = jnp.split(dense(2 * inner, "in_proj")(u), 2, -1)
        conv = nn.Conv(
            inner, (4,), padding="CAUSAL", feature_group_count=inner, name="conv1d"
        )
        x = nn.silu(conv(x))
        rest = dense(RANK + 2 * STATES, "x_proj")(x)
        step, write, read = jnp.split(rest, (RANK, RANK + STATES), -1)
        step = jax.nn.softplus(nn.Dense(inner, name="dt_proj")(step))
        decay = -jnp.exp(self.param("A_log", init.zeros, (inner, STATES)))

        def turn(state, now):
            x, step, write, read = now
            kept = jnp.exp(step[..., None] * decay) * state
            state = kept + (step * x)[..., None] * write[:, None]
            return state, jnp.einsum("bin,bn->bi", state, read)

        start = jnp.zeros((u.shape[0], inner, STATES))
        times = jax.tree.map(lambda a: a.swapaxes(0, 1), (x, step, write, read))
        y = jax.lax.scan(turn, start, times)[1].swapaxes(0, 1)
        y = y + self.param("D", init.zeros, (inner,)) * x
        return dense(WIDTH, "out_proj")(y * nn.silu(gate))


class Layer(nn.Module):
    parts: tuple[type[nn.Module], ...]

    @nn.compact
    def __call__(self, x, _=None):
        for part in self.parts:
            x = x + part(name=part.__name__)(nn.RMSNorm()(x))
        return x, None


class Stacked(nn.Module):
    """Layers behind norms, one after the other or in a scan, and a tied head."""

    parts: tuple[type[nn.Module], ...]
    depth: int = 3
    scan: bool = False

    @nn.compact
    def __call__(self, ids):
        embed = nn.Embed(32, WIDTH)
        x = embed(ids)
        if self.scan:
            layers = nn.scan(
                Layer, {"params": 0}, split_rngs={"params": True}, length=self.depth
            )
            x, _ = layers(self.parts, name="layers")(x, None)
        else:
            for i in range(self.depth):
                x, _ = Layer(self.parts, name=f"layer_{i}")(x)
        return embed.attend(nn.RMSNorm()(x))


def rwkv_shapes(depth, stacked=False):
    """The parameters of RWKV-7, by the names of its code."""
    stack = (depth,) if stacked else ()
    shape = lambda *sizes: image(*stack, *sizes)
    vectors = ("x_r", "x_w", "x_k", "x_v", "x_a", "x_g", "w0", "a0", "v0", "k_k", "k_a")
    ranks = {f"{name}1": shape(WIDTH, RANK) for name in "wavg"}
    ranks |= {f"{name}2": shape(RANK, WIDTH) for name in "wavg"}
    square = ("receptance", "key", "value", "output")
    time = {name: shape(WIDTH) for name in (*vectors, "ln_x")} | ranks
    time |= {name: shape(WIDTH, WIDTH) for name in square}
    time["r_k"] = shape(WIDTH // SIZE, SIZE)
    channels = {
        "x_k": shape(WIDTH),
        "key": shape(WIDTH, 4 * WIDTH),
        "value": shape(4 * WIDTH, WIDTH),
    }
    block = {"att": time, "ffn": channels, "ln1": shape(WIDTH), "ln2": shape(WIDTH)}
    return {
        "emb": image(32, WIDTH),
        "ln0": image(WIDTH),
        "blocks": block if stacked else [block] * depth,
        "ln_out": image(WIDTH),
        "head": image(WIDTH, 32),
    }


def rwkv(params, ids):
    """RWKV-7, without the offsets of its norms."""
    norm = lambda x, scale: jax.nn.standardize(x, axis=-1) * scale
    x = norm(params["emb"][ids], params["ln0"])

    def block(carry, p):
        x, values, is_first = carry
        y, values = time_mixing(p["att"], norm(x, p["ln1"]), values, is_first)
        x = x + y
        return (x + channel_mixing(p["ffn"], norm(x, p["ln2"])), values, False), None

    carry = x, jnp.zeros_like(x), True
    if isinstance(params["blocks"], list):
        for p in params["blocks"]:
            carry, _ = block(carry, p)
    else:
        carry, _ = jax.lax.scan(block, (*carry[:2], jnp.array(True)), params["blocks"])
    return norm(carry[0], params["ln_out"]) @ params["head"]


def shifted(x, share):
    before = jnp.pad(x, ((0, 0), (1, 0), (0, 0)))[:, :-1]
    return x + (before - x) * share


def time_mixing(p, x, values, is_first):
    at = {name: shifted(x, p[f"x_{name}"]) for name in "rwkvag"}
    factors = lambda name, f: f(at[name] @ p[f"{name}1"]) @ p[f"{name}2"]
    plain = lambda x: x
    r, k, v = at["r"] @ p["receptance"], at["k"] @ p["key"], at["v"] @ p["value"]
    decay = jnp.exp(-jnp.exp(-0.5) * jax.nn.sigmoid(p["w0"] + factors("w", jnp.tanh)))
    share = jax.nn.sigmoid(p["v0"] + factors("v", plain))
    first, v = jnp.where(is_first, v, values), v + (values - v) * share * (1 - is_first)
    rate = jax.nn.sigmoid(p["a0"] + factors("a", plain))
    gate = factors("g", jax.nn.sigmoid)
    heads = lambda x: x.reshape(*x.shape[:2], -1, SIZE)
    to = heads(k * p["k_k"])
    to = to / jnp.maximum(jnp.linalg.norm(to, axis=-1, keepdims=True), 1e-12)
    k = heads(k * (1 + (rate - 1) * p["k_a"]))
    r, v, decay, rate = map(heads, (r, v, decay, rate))

    def turn(state, now):
        r, k, v, decay, to, rate = now
        moved = jnp.einsum("bhij,bhj,bhk->bhik", state, -to, to * rate)
        state = state * decay[:, :, None] + moved + v[..., None] * k[:, :, None]
        return state, jnp.einsum("bhij,bhj->bhi", state, r)

    start = jnp.zeros((x.shape[0], WIDTH // SIZE, SIZE, SIZE))
    times = [a.swapaxes(0, 1) for a in (r, k, v, decay, to, rate)]
    y = jax.lax.scan(turn, start, times)[1].swapaxes(0, 1)
    y = jax.nn.standardize(y, axis=-1).reshape(x.shape) * p["ln_x"]
    y = y + ((r * k * p["r_k"]).sum(-1, keepdims=True) * v).reshape(x.shape)
    return (y * gate) @ p["output"], first


def channel_mixing(p, x):
    return jnp.square(jax.nn.relu(shifted(x, p["x_k"]) @ p["key"])) @ p["value"]


class RGLRU(nn.Module):
    """The first half of a block of Griffin: a recurrence with gates in blocks."""

    @nn.compact
    def __call__(self, x):
        y = nn.gelu(nn.Dense(WIDTH, name="linear_y")(x))
        x = nn.Dense(WIDTH, name="linear_x")(x)
        taps = self.param("conv_1d", init.ones, (4, WIDTH))
        past = jnp.pad(x, ((0, 0), (3, 0), (0, 0)))
        length = x.shape[1]
        shifts = [past[:, k : k + length] * taps[3 - k] for k in range(4)]
        x = shifts[0] + shifts[1] + shifts[2] + shifts[3]
        parts = x.reshape(*x.shape[:2], -1, SIZE)

        def gate(name):
            kernel = self.param(name, init.ones, (WIDTH // SIZE, SIZE, SIZE))
            return jax.nn.sigmoid(jnp.einsum("bthi,hij->bthj", parts, kernel))

        rate = jax.nn.softplus(self.param("a_param", init.ones, (WIDTH,)))
        log_a = -8 * rate * gate("a_gate").reshape(x.shape)
        x = jnp.sqrt(-jnp.expm1(2 * log_a)) * gate("input_gate").reshape(x.shape) * x
        join = lambda a, b: (a[0] * b[0], b[0] * a[1] + b[1])
        x = jax.lax.associative_scan(join, (jnp.exp(log_a), x), axis=1)[1]
        return nn.Dense(WIDTH, name="linear_out")(x * y)


class GeGLU(nn.Module):
    """The other half, whose gate and signal are slices of one kernel."""

    @nn.compact
    def __call__(self, x):
        kernel = self.param("ffw_up", init.ones, (2, WIDTH, 3 * WIDTH))
        gate, up = jnp.einsum("btd,cdf->cbtf", x, kernel)
        return nn.Dense(WIDTH, name="ffw_down")(nn.gelu(gate) * up)
