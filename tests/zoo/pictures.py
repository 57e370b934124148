"""Convolutional nets: ConvNeXt, EfficientNet, ResNet, a net of PReLU; and SwinV2."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn, nnx
from flax.linen import initializers as init

from .entry import entry, image
from .parts import attend, cross_entropy, split_heads


class ConvNeXtBlock(nn.Module):
    """A depthwise convolution, then an MLP of every pixel, behind LayerScale."""

    keep: float

    @nn.compact
    def __call__(self, x: jax.Array, deterministic: bool) -> jax.Array:
        width = x.shape[-1]
        h = nn.Conv(width, (7, 7), feature_group_count=width)(x)
        h = nn.gelu(nn.Dense(4 * width)(nn.LayerNorm()(h)))
        h = nn.Dense(width)(h)
        h = h * self.param("gamma", init.constant(1e-6), (width,))
        drop = nn.Dropout(1 - self.keep, broadcast_dims=(1, 2, 3))
        return x + drop(h, deterministic=deterministic)


class ConvNeXt(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array, deterministic: bool = True) -> jax.Array:
        for i, width in enumerate((32, 64)):
            conv = nn.Conv(width, (2, 2), 2, "VALID", name=f"reduce_{i}")
            x = nn.LayerNorm()(conv(x)) if i == 0 else conv(nn.LayerNorm()(x))
            for j in range(2):
                block = ConvNeXtBlock(1 - 0.05 * (2 * i + j), name=f"block_{i}{j}")
                x = block(x, deterministic)
        return nn.Dense(10, name="head")(nn.LayerNorm()(x.mean((1, 2))))


@entry(
    (image(4, 16, 16, 3),),
    own={"*gamma": "1e-06: branches start closed"},
    loss=cross_entropy,
)
def convnext() -> nn.Module:
    """LayerScale stays; a branch is dropped whole, for a sample at a time; the norm of
    the mean over pixels gives the head variance 1.
    """
    return ConvNeXt()


class SqueezeExcite(nnx.Module):
    def __init__(self, width: int, rngs: nnx.Rngs):
        self.squeeze = nnx.Linear(width, width // 4, rngs=rngs)
        self.excite = nnx.Linear(width // 4, width, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        h = nnx.silu(self.squeeze(x.mean((1, 2), keepdims=True)))
        return x * nnx.sigmoid(self.excite(h))


class ConvNorm(nnx.Module):
    def __init__(
        self, inner: int, outer: int, size: int, rngs: nnx.Rngs, groups: int = 1
    ):
        law = init.variance_scaling(2.0, "fan_out", "normal")
        self.conv = nnx.Conv(
            inner,
            outer,
            (size, size),
            feature_group_count=groups,
            use_bias=False,
            kernel_init=law,
            rngs=rngs,
        )
        self.norm = nnx.BatchNorm(outer, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.norm(self.conv(x))


class MBConv(nnx.Module):
    """Expand, filter each channel, excite, project; the sum has no activation."""

    def __init__(self, width: int, rngs: nnx.Rngs):
        wide = 4 * width
        self.expand = ConvNorm(width, wide, 1, rngs)
        self.filter = ConvNorm(wide, wide, 3, rngs, groups=wide)
        self.excite = SqueezeExcite(wide, rngs)
        self.project = ConvNorm(wide, width, 1, rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        h = nnx.silu(self.filter(nnx.silu(self.expand(x))))
        return x + self.project(self.excite(h))


class EfficientNet(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.stem = ConvNorm(3, 16, 3, rngs)
        self.blocks = nnx.List([MBConv(16, rngs) for _ in range(3)])
        self.top = ConvNorm(16, 64, 1, rngs)
        self.drop = nnx.Dropout(0.2, rngs=rngs)
        self.head = nnx.Linear(64, 10, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.silu(self.stem(x))
        for block in self.blocks:
            x = block(x)
        return self.head(self.drop(nnx.silu(self.top(x)).mean((1, 2))))


@entry((image(4, 12, 12, 3),), loss=cross_entropy)
def efficientnet() -> type[nnx.Module]:
    """As batch norm makes its input of variance 1, what follows reads silu of a unit
    normal; a mean over pixels is small, and its gate starts near 1/2.
    """
    return EfficientNet


@entry((image(4, 12, 12, 3),), loss=cross_entropy)
def efficientnet_evaluation() -> nnx.Module:
    """The same laws as in training: averages that stand for statistics are no gates."""
    model = EfficientNet(nnx.Rngs(0))
    model.eval()
    return model


class ResNet(nn.Module):
    """Basic blocks whose batch norms share statistics over an axis of devices."""

    axis_name: str | None = "batch"

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = True) -> jax.Array:
        norm = lambda **settings: nn.BatchNorm(
            not train, axis_name=self.axis_name, **settings
        )
        conv = lambda n, size, stride=1: nn.Conv(
            n, (size, size), stride, use_bias=False, kernel_init=init.he_normal()
        )
        x = nn.relu(norm()(conv(32, 3)(x)))
        for width, stride in ((32, 1), (64, 2)):
            h = nn.relu(norm()(conv(width, 3, stride)(x)))
            h = norm(scale_init=init.zeros)(conv(width, 3)(h))
            if x.shape != h.shape:
                x = norm(name=f"norm_proj_{width}")(conv(width, 1, stride)(x))
            x = nn.relu(x + h)
        return nn.Dense(10, name="head")(x.mean((1, 2)))


@entry(
    (image(4, 12, 12, 3),),
    own={"*BatchNorm_[24]/scale": "zeros: each block starts as its skip"},
    loss=cross_entropy,
)
def resnet() -> nn.Module:
    """he_normal, as each layer reads relu of a normed signal; the last norm of a block
    starts at 0 (Goyal et al.). The axis is bound by who trains it, not by who draws it.
    """
    return ResNet()


@entry((image(2, 4, 12, 12, 3),), name="resnet_mapped", loss=cross_entropy)
def resnet_over_an_axis() -> tuple:
    """Under vmap over that axis: a norm is a norm, whatever it averages over."""
    model = ResNet()
    apply = lambda variables, x: jax.vmap(
        lambda x: model.apply(variables, x, mutable=True)[0], axis_name="batch"
    )(x)
    return apply, jax.eval_shape(model.init, jax.random.key(0), image(4, 12, 12, 3))


class PReLUNet(nn.Module):
    """SRResNet: residual blocks with PReLU, one skip over all, and shuffled pixels."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        conv = lambda n, size=3: nn.Conv(n, (size, size))
        x = first = nn.PReLU(negative_slope_init=0.25)(conv(32, 5)(x))
        for _ in range(3):
            x = x + conv(32)(nn.PReLU(negative_slope_init=0.25)(conv(32)(x)))
        x = nn.PReLU(negative_slope_init=0.25)(conv(4 * 32)(first + conv(32)(x)))
        b, h, w, _ = x.shape
        x = x.reshape(b, h, w, 2, 2, 32).transpose(0, 1, 3, 2, 4, 5)
        return conv(3, 5)(x.reshape(b, 2 * h, 2 * w, 32))


@entry((image(4, 8, 8, 3),), own={"*negative_slope": "0.25"})
def prelu() -> nn.Module:
    """The slope stays what it was: with 1 the net were linear. He's gain for it."""
    return PReLUNet()


class WindowAttention(nn.Module):
    """Cosines over a temperature per head, biased by an MLP of log-distances."""

    heads: int
    window: int

    @nn.compact
    def __call__(self, x: jax.Array, hidden: jax.Array | float = 0.0) -> jax.Array:
        width, n = x.shape[-1], self.window
        dense = lambda n, name, bias=True: nn.Dense(
            n, use_bias=bias, kernel_init=init.truncated_normal(0.02), name=name
        )
        q = dense(width, "q")(x)
        k, v = dense(width, "k", bias=False)(x), dense(width, "v")(x)
        q, k, v = (split_heads(each, self.heads) for each in (q, k, v))
        q, k = (a / (jnp.linalg.norm(a, axis=-1, keepdims=True) + 1e-6) for a in (q, k))
        scale = self.param(
            "logit_scale", init.constant(math.log(10.0)), (self.heads, 1, 1)
        )
        at = jnp.stack(jnp.meshgrid(jnp.arange(n), jnp.arange(n)), -1).reshape(-1, 2)
        distance = 8 * (at[:, None] - at) / (n - 1)
        grid = jnp.sign(distance) * jnp.log2(1 + jnp.abs(distance)) / 3
        hidden_layer = nn.relu(dense(32, "position_in")(grid))
        bias = dense(self.heads, "position_out", bias=False)(hidden_layer)
        bias = 16 * jax.nn.sigmoid(bias).transpose(2, 0, 1)
        q = q * jnp.exp(jnp.minimum(scale, math.log(100.0)))[..., 0]
        return dense(width, "out")(attend(q, k, v, bias + hidden, scale=False))


class SwinV2Block(nn.Module):
    """Norms at the ends of branches; every other block shifts its windows."""

    shift: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        b, size, _, width = x.shape
        h = jnp.roll(x, (-self.shift, -self.shift), (1, 2))
        cut = (b, size // 4, 4, size // 4, 4, width)
        h = h.reshape(cut).swapaxes(2, 3).reshape(-1, 16, width)
        h = WindowAttention(4, 4, name="attention")(h)
        h = h.reshape(b, size // 4, size // 4, 4, 4, width).swapaxes(2, 3)
        h = jnp.roll(h.reshape(x.shape), (self.shift, self.shift), (1, 2))
        x = x + nn.LayerNorm()(h)
        h = nn.gelu(nn.Dense(4 * width, kernel_init=init.truncated_normal(0.02))(x))
        h = nn.Dense(width, kernel_init=init.truncated_normal(0.02))(h)
        return x + nn.LayerNorm()(h)


class SwinV2(nn.Module):
    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = nn.LayerNorm()(nn.Conv(32, (2, 2), 2, "VALID", name="embed")(x))
        for i in range(2):
            x = SwinV2Block(2 * i, name=f"block_0{i}")(x)
        b, h, w, c = x.shape
        x = x.reshape(b, h // 2, 2, w // 2, 2, c).swapaxes(2, 3)
        x = nn.Dense(64, use_bias=False, name="merge")(
            x.reshape(b, h // 2, w // 2, 4 * c)
        )
        x = nn.LayerNorm()(x)
        for i in range(2):
            x = SwinV2Block(0, name=f"block_1{i}")(x)
        return nn.Dense(10, name="head")(nn.LayerNorm()(x).mean((1, 2)))


@entry((image(4, 16, 16, 3),), own={"*logit_scale": "log 10"}, loss=cross_entropy)
def swin_v2() -> nn.Module:
    """The norm at the end of a branch carries its factor of depth, not the kernel; two
    blocks at each width; the MLP of a fixed grid has fans and zero biases as any.
    """
    return SwinV2()
