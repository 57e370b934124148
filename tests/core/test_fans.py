"""Fans, by what they are for: the variance of what comes out.

Weights of variance 1 / fan_in keep the variance of unit inputs; weights of variance
1 / fan_out keep that of unit gradients. Both are measured for every layer.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings, strategies as st
from jax import lax

import jinit
from jinit import Fans, fans, fans_from_einsum

from ..helpers import key


NHWC = ("NHWC", "HWIO", "NHWC")


def conv(dimensions=NHWC, **options):
    options = {"window_strides": (1, 1), "padding": "VALID", **options}
    return lambda x, w: lax.conv_general_dilated(
        x, w, dimension_numbers=dimensions, **options
    )


def transposed(stride):
    return lambda x, w: lax.conv_transpose(x, w, (stride, stride), "VALID")


def einsum(equation):
    return functools.partial(jnp.einsum, equation)


class Layer(NamedTuple):
    apply: Any
    x: tuple[int, ...]
    w: tuple[int, ...]
    fans: Fans
    inside: slice | None = None  # away from the border, where fewer terms meet


IMAGE, INSIDE = (2, 18, 18), slice(4, 14)

LAYERS = {
    "dense": Layer(einsum("bi,io->bo"), (200, 96), (96, 160), fans((96, 160))),
    "experts": Layer(
        einsum("ebi,eio->ebo"),
        (4, 100, 64),
        (4, 64, 96),
        fans((4, 64, 96), batch_axis=0),
    ),
    "query heads": Layer(
        einsum("btd,dhk->bthk"),
        (4, 25, 64),
        (64, 4, 24),
        fans_from_einsum("btd,dhk->bthk", (64, 4, 24)),
    ),
    "attention output": Layer(
        einsum("bthk,hkd->btd"),
        (4, 25, 4, 24),
        (4, 24, 64),
        fans_from_einsum("bthk,hkd->btd", (4, 24, 64)),
    ),
    "conv": Layer(conv(), (*IMAGE, 8), (3, 5, 8, 12), fans((3, 5, 8, 12)), INSIDE),
    "dilated": Layer(
        conv(rhs_dilation=(2, 2)),
        (*IMAGE, 8),
        (3, 3, 8, 12),
        fans((3, 3, 8, 12)),
        INSIDE,
    ),
    "strided": Layer(
        conv(window_strides=(2, 2)),
        (*IMAGE, 8),
        (4, 4, 8, 32),
        fans((4, 4, 8, 32), stride=2),
        INSIDE,
    ),
    "grouped": Layer(
        conv(feature_group_count=4),
        (*IMAGE, 16),
        (3, 3, 4, 24),
        fans((3, 3, 4, 24), groups=4),
        INSIDE,
    ),
    "depthwise with multiplier": Layer(
        conv(feature_group_count=8),
        (*IMAGE, 8),
        (3, 3, 1, 24),
        fans((3, 3, 1, 24), groups=8),
        INSIDE,
    ),
    "transposed, stride 1": Layer(
        transposed(1),
        (*IMAGE, 8),
        (3, 3, 8, 12),
        fans((3, 3, 8, 12), transposed=True),
        slice(4, 16),
    ),
    "transposed, stride 2": Layer(
        transposed(2),
        (2, 12, 12, 8),
        (3, 3, 8, 12),
        fans((3, 3, 8, 12), stride=2, transposed=True),
        slice(4, 20),
    ),
    "transposed, stride 4": Layer(
        transposed(4),
        (2, 8, 8, 8),
        (5, 5, 8, 12),
        fans((5, 5, 8, 12), stride=(4, 4), transposed=True),
        slice(4, 28),
    ),
    "torch layout": Layer(
        conv(("NCHW", "OIHW", "NCHW")),
        (2, 8, 18, 18),
        (12, 8, 3, 5),
        fans((12, 8, 3, 5), layout="torch"),
        INSIDE,
    ),
    "c01b layout": Layer(
        conv(("NHWC", "IHWO", "NHWC")),
        (*IMAGE, 8),
        (8, 3, 5, 12),
        fans((8, 3, 5, 12), layout="c01b"),
        INSIDE,
    ),
}  # fmt: skip


def mean_square(y, inside=None):
    return jnp.mean((y if inside is None else y[:, inside, inside]) ** 2)


def normal(key, shape):
    return jinit.normal(1.0)(key, shape)


def mean_over_draws(measure, n=24):
    measure = jax.jit(measure)  # convolutions are slow inside of a scan
    return sum(float(measure(k)) for k in jax.random.split(key(), n)) / n


@pytest.mark.parametrize("name", LAYERS)
def test_weights_over_fan_in_keep_the_variance_of_the_signal(name):
    layer = LAYERS[name]

    def measure(key):
        key_x, key_w = jax.random.split(key)
        w = normal(key_w, layer.w) / layer.fans.fan_in**0.5
        y = layer.apply(normal(key_x, layer.x), w)
        return mean_square(y, layer.inside if "transposed" in name else None)

    assert mean_over_draws(measure) == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("name", LAYERS)
def test_weights_over_fan_out_keep_the_variance_of_the_gradient(name):
    layer = LAYERS[name]

    def measure(key):
        key_g, key_w = jax.random.split(key)
        w = normal(key_w, layer.w) / layer.fans.fan_out**0.5
        y, pull_back = jax.vjp(lambda x: layer.apply(x, w), jnp.zeros(layer.x))
        (gradient,) = pull_back(normal(key_g, y.shape))
        if name == "torch layout":
            gradient = gradient.transpose(0, 2, 3, 1)
        return mean_square(gradient, None if "transposed" in name else layer.inside)

    assert mean_over_draws(measure) == pytest.approx(1.0, rel=0.05)


def test_a_fused_projection_is_three_kernels_side_by_side():
    shape, d = (64, 3 * 64), 64
    assert fans(shape, groups=3) == Fans(d, d) == fans((d, d))
    fused = jinit.glorot_uniform(groups=3)
    assert fused.std(shape) == jinit.glorot_uniform.std((d, d))


@pytest.mark.parametrize(
    ("equation", "shape", "expected"),
    [
        ("...d,dhk->...hk", (256, 8, 32), Fans(256, 256)),
        ("bthk,hkd->btd", (8, 32, 100), Fans(256, 100)),
        ("btd,dnhk->btnhk", (64, 3, 4, 16), Fans(64, 192)),
        ("ecd,edf->ecf", (8, 256, 512), Fans(256, 512)),
        ("bi, io -> bo", (3, 5), Fans(3, 5)),
        ("bi,oi->bo", (5, 3), Fans(3, 5)),
        ("bi,i->bi", (7,), Fans(1, 1)),
    ],
)
def test_fans_of_an_einsum(equation, shape, expected):
    assert fans_from_einsum(equation, shape) == expected
    axes = jinit.einsum_axes(equation)
    assert jinit.lecun_normal(**axes._asdict()).fans(shape) == expected


@settings(max_examples=50, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.integers(1, 9), min_size=2, max_size=5), st.data(), st.integers(1, 3)
)
def test_fans_are_products_of_sizes(shape, data, groups):
    order = data.draw(st.permutations(range(len(shape))))
    n_batch = data.draw(st.integers(0, len(shape) - 2))
    i, o, batch = order[0], order[1], order[2 : 2 + n_batch]
    k = 1
    for axis in order[2 + n_batch :]:
        k *= shape[axis]
    shape[o] *= groups
    found = fans(shape, i - len(shape), o, batch, groups=groups)
    assert found == Fans(k * shape[i], k * shape[o] // groups)
    swapped = fans(shape, o, i, batch)
    assert swapped == fans(shape, i, o, batch)[::-1]


def test_a_kernel_without_entries():
    assert fans((0, 5)) == Fans(0, 5)
    assert fans((3, 3, 0, 0)) == Fans(0, 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fans((3, 5), 1, -1), r"axis -1 of .* as `in_axis` and `out_axis`"),
        (
            lambda: fans((3, 5, 7), (0, 0), 1),
            r"`in_axis` to be axes that differ. Got \(0",
        ),
        (lambda: fans((3, 5, 7), batch_axis=2), r"`out_axis` and `batch_axis`"),
        (lambda: fans((3, 5), 2), r"`in_axis` within the 2 axes of \(3, 5\). Got 2"),
        (lambda: fans((5,)), r"Got -2\. .*bias"),
        (lambda: fans((3, 3, 4, 10), groups=4), r"\(3, 3, 4, 10\)\. Got 4"),
        (lambda: fans((3, 5), layout="tourch"), r"Got 'tourch'"),
        (lambda: fans((3, 5), layout="OIHW"), r"2 axes. Got 'OIHW'"),
        (lambda: fans((3, 3, 4, 5), stride=0), r"Got 0"),
        (lambda: fans((3, 3, 4, 5), stride=(1, 2, 3)), r"Got \(1, 2, 3\)"),
        (lambda: fans_from_einsum("bi,io->bo", (3, 4, 5)), r"2 axes.*Got \(3, 4, 5\)"),
        (lambda: jinit.einsum_axes("bi,io"), r"Got 'bi,io'"),
        (lambda: jinit.einsum_axes("bi,...o->bo"), r"Got 'bi,...o->bo'"),
        (lambda: jinit.einsum_axes("bi,ij->bo"), r"Got kernel 'ij'"),
        (lambda: jinit.einsum_axes("a,b,c->d"), r"Got 'a,b,c->d'"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
