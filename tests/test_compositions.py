"""Laws made of laws, each by what only it promises."""

# Some calls here are wrong on purpose.
# pyright: reportArgumentType=false, reportCallIssue=false

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit import marginal
from jinit.compose.laws import clipped as clipped_law, mixture

from .helpers import assert_gram, assert_same_bits, key


KERNEL = (3, 4, 8, 16)
MASK = np.arange(100) % 4 == 0
NORMAL = jinit.normal(1.0)


def moments(of, low=-8.0, high=8.0):
    """Mean, deviation and kurtosis of a law by its distribution function alone."""
    edges = np.linspace(low, high, 400_001)
    mass = np.diff(of.cdf(edges), prepend=0)
    mean = mass @ edges
    variance = mass @ (edges - mean) ** 2
    return mean, variance**0.5, mass @ (edges - mean) ** 4 / variance**2


def assert_drawn(init, shape):
    """The weights against the distribution function that the law states."""
    w = np.ravel(np.asarray(init(key(1), shape), np.float64))
    law = init.marginal(shape)
    low, high = law.support
    assert low - 1e-6 <= w.min()
    assert w.max() <= high + 1e-6
    assert abs(w.mean() - law.mean) < 5 * law.std / w.size**0.5
    spread = ((law.kurtosis - 1) / w.size) ** 0.5
    assert abs(np.mean((w - law.mean) ** 2) / law.std**2 - 1) < 5 * spread
    x = np.linspace(w.min() - 0.1 * law.std, w.max(), 997)
    share = np.searchsorted(np.sort(w), x, side="right") / w.size
    assert np.abs(share - law.cdf(x)).max() < (np.log(2e6) / 2 / w.size) ** 0.5


@pytest.mark.parametrize(
    "base", [NORMAL, jinit.uniform_range(-1.0, 3.0), jinit.he_normal], ids=repr
)
def test_units_of_a_centered_law_sum_to_zero_and_keep_its_variance(base):
    init = jinit.centered(base)
    w = np.asarray(init(key(), KERNEL), np.float64)
    assert np.abs(w.sum((0, 1, 2))).max() < 1e-4 * np.abs(w).max()
    assert init.mean(KERNEL) == 0
    assert init.std(KERNEL) == pytest.approx(base.std(KERNEL), rel=1e-12)
    assert_drawn(init, (100, 200))


def test_centered_is_exact_for_a_unit_of_two_weights():
    w = np.asarray(jinit.centered(NORMAL)(key(), (2, 20_000)), np.float64)
    assert_array = np.testing.assert_allclose
    assert_array(w[0], -w[1], atol=1e-6)  # (w₁ − w₂) / √2, of variance 1
    assert abs(np.mean(w**2) - 1) < 5 * (2 / 20_000) ** 0.5
    few, many = (
        moments(jinit.centered(jinit.symmetric_uniform(1.0)).marginal((n, 4)), -4, 4)
        for n in (2, 50)
    )
    stated = jinit.centered(jinit.symmetric_uniform(1.0)).marginal((50, 4))
    assert many == pytest.approx((0, stated.std, stated.kurtosis), abs=1e-3)
    assert few[1] == pytest.approx(3**-0.5, rel=1e-2)


def test_centered_sums_over_all_axes_but_units_and_copies():
    heads = jinit.centered(NORMAL, out_axis=(1, 2), batch_axis=0)
    w = np.asarray(heads(key(), (3, 2, 4, 30)), np.float64)
    assert np.abs(w.sum(3)).max() < 1e-4
    assert jinit.centered(jinit.he_normal).fans(KERNEL) == jinit.he_normal.fans(KERNEL)
    with pytest.raises(ValueError, match=r"`jinit.centered`.*two or more.*\(8,\)"):
        jinit.centered(NORMAL)(key(), (8,))
    with pytest.raises(TypeError, match=r"drawn at random. Got identity"):
        jinit.centered(jinit.identity).marginal((4, 4))


@pytest.mark.parametrize("axis", [0, -1, (1, -2)])
def test_slices_are_alike_or_drawn_anew(axis):
    shape, base = (4, 2, 3, 5), jinit.glorot_normal(distribution="normal")
    axes = [each % 4 for each in np.ravel(axis)]
    rest = [size for each, size in enumerate(shape) if each not in axes]
    sizes = [shape[each] for each in axes]
    first = lambda w: np.moveaxis(np.asarray(w), axes, range(len(axes)))
    same = first(jinit.repeated(base, axis)(key(), shape)).reshape(-1, *rest)
    anew = first(jinit.stacked(base, axis)(key(), shape)).reshape(-1, *rest)
    for i, each in enumerate(jax.random.split(key(), np.prod(sizes))):
        assert_same_bits(same[i], base(key(), rest))
        assert_same_bits(anew[i], base(each, rest))
    for init in (jinit.repeated(base, axis), jinit.stacked(base, axis)):
        assert init.fans(shape) == base.fans(rest)
        assert init.std(shape) == base.std(rest)


def test_every_expert_is_orthogonal():
    init = jinit.stacked(jinit.orthogonal(method="qr"))
    w = init(key(), (3, 16, 8))
    for each in w:
        assert_gram(each, 1.0)
    assert np.abs(w[0] - w[1]).max() > 0.1
    with pytest.raises(
        ValueError, match=r"`jinit.stacked`.*Got \(1, -1\) for \(3, 4\)"
    ):
        jinit.stacked(NORMAL, (1, -1))(key(), (3, 4))


def test_each_block_has_its_own_fans_and_its_own_key():
    init = jinit.blocks(jinit.glorot_uniform, (4, 2, 2), axis=1)
    w, keys = init(key(), (16, 8)), jax.random.split(key(), 3)
    parts = np.split(np.asarray(w), [4, 6], axis=1)
    for part, each in zip(parts, keys, strict=True):
        assert_same_bits(part, np.asarray(jinit.glorot_uniform(each, part.shape)))
    equal = jinit.blocks(jinit.glorot_uniform, 4)
    for axis, count in ((0, 2), (1, 2), (0, 32), (1, 32)):  # 32 of them by one draw
        w = np.asarray(jinit.blocks(NORMAL, count, axis)(key(), (64, 64, 2)))
        parts, keys = np.split(w, count, axis), jax.random.split(key(), count)
        for part, each in zip(parts[:3], keys, strict=False):
            assert_same_bits(part, np.asarray(NORMAL(each, part.shape)))
    assert equal.fans((16, 8)) == jinit.Fans(16, 2)
    assert_drawn(equal, (100, 200))
    with pytest.raises(ValueError, match=r"states the fans.*fan_out=4.*fan_out=2"):
        init.fans((16, 8))


def test_blocks_of_several_laws_have_text_and_state_their_mixture():
    laws = jinit.zeros, jinit.uniform_range(0.0, 4.0), "normal(stddev=2.0)"
    init = jinit.blocks(laws, (1, 1, 2))
    assert jinit.get(repr(init)) == init
    assert jinit.from_config(json.loads(json.dumps(init.to_config()))) == init
    nested = jinit.stacked(jinit.scaled(init, 2.0), axis=0)
    assert jinit.get(repr(nested)) == nested
    law = init.marginal((3, 4))
    found = moments(law, -30, 30)
    assert found == pytest.approx((law.mean, law.std, law.kurtosis), abs=1e-3)
    assert (law.mean, law.std**2) == pytest.approx((0.5, (16 / 3 + 8) / 4 - 0.25))
    assert (np.asarray(init(key(), (3, 4)))[:, 0] == 0).all()


@pytest.mark.parametrize("base", [NORMAL, jinit.uniform_range(1.0, 2.0), jinit.ones])
def test_a_mask_takes_away_and_leaves_the_rest_to_the_bit(base):
    init, shape = jinit.masked(base, MASK), (50, 100)
    w = np.asarray(init(key(), shape))
    expected = np.where(MASK, np.asarray(base(key(), shape)), np.float32(0))
    assert_same_bits(w, expected)
    law = init.marginal(shape)
    spread = 5 * law.std / (w.size / 4) ** 0.5 + 1e-9
    assert abs(w.mean() - law.mean) < spread
    assert abs(w.var() - law.std**2) < 5 * law.std**2 * law.kurtosis / w.size**0.5
    assert law.cdf(-1e-9) <= law.cdf(0.0) - 0.75 + 1e-12


@pytest.mark.parametrize(("lower", "upper"), [(-1.5, 0.5), (-0.2, np.inf), (0.5, 9.0)])
@pytest.mark.parametrize("base", [NORMAL, jinit.uniform_range(0.0, 3.0)], ids=repr)
def test_a_clipped_law_holds_to_what_it_states(base, lower, upper):
    init = jinit.clipped(base, lower, upper)
    assert_drawn(init, (100, 200))
    w = base(key(), (8, 8))
    assert_same_bits(init(key(), (8, 8)), jnp.clip(w, lower, upper))


def test_moments_of_clipped_laws_and_mixtures():
    unit = marginal.normal(0.0, 1.0)
    law = clipped_law(unit, -1.0, 1.0)  # E = 1 − 2 φ(1): that of hard_tanh
    assert law.std**2 == pytest.approx(0.5160585, abs=1e-7)
    assert clipped_law(unit, -np.inf, np.inf).std == pytest.approx(1, abs=1e-7)
    assert clipped_law(marginal.uniform(0.0, 1.0), 2.0, 3.0).mean == 2.0
    both = mixture([marginal.normal(-1.0, 1.0), marginal.normal(1.0, 1.0)], [0.5, 0.5])
    assert moments(both) == pytest.approx(
        (both.mean, both.std, both.kurtosis), abs=1e-3
    )
    assert (both.mean, both.std**2, both.kurtosis) == pytest.approx((0, 2, 2.5))


def test_normalized_vectors_have_length_one_at_any_scale():
    for scale in (1e-30, 1.0, 1e30):
        w = jinit.normalized(jinit.normal(scale), (0, -1))(key(), (5, 7, 4))
        lengths = np.sqrt(np.sum(np.asarray(w, np.float64) ** 2, (0, 2)))
        np.testing.assert_allclose(lengths, 1, rtol=1e-6)
        w = jinit.normalized(jinit.normal(scale))(key(), (5, 4), "complex64")
        lengths = np.linalg.norm(np.asarray(w, np.complex128), axis=1)
        np.testing.assert_allclose(lengths, 1, rtol=1e-6)
    assert (jinit.normalized(jinit.zeros)(key(), (3, 2)) == 0).all()
    assert_drawn(jinit.normalized(NORMAL), (3000, 3))
    with pytest.raises(TypeError, match=r"normal base of mean 0. Got he_uniform"):
        jinit.normalized(jinit.he_uniform).std((4, 4))


@pytest.mark.parametrize("kind", ["frobenius", "rms", "max", "spectral"])
def test_every_draw_has_the_norm(kind):
    norms = {
        "frobenius": np.linalg.norm,
        "rms": lambda w: np.sqrt(np.mean(np.abs(w) ** 2)),
        "max": lambda w: np.abs(w).max(),
        "spectral": lambda w: np.linalg.norm(w.reshape(-1, w.shape[-1]), 2),
    }
    for scale in (1e-30, 1e30):
        w = jinit.rescaled_to(jinit.normal(scale), 3.0, kind)(key(), (3, 5, 4))
        assert norms[kind](np.asarray(w, np.float64)) == pytest.approx(3, rel=1e-6)
    assert (jinit.rescaled_to(jinit.zeros, 1.0, kind)(key(), (3, 2)) == 0).all()


def test_what_is_rescaled_is_uniform_on_its_sphere():
    init = jinit.rescaled_to(NORMAL, 2.0, "rms")
    assert init.std((10, 10)) == pytest.approx(2.0)
    assert_drawn(jinit.stacked(init), (1000, 3, 1))


def test_combinations_nest_and_read_back():
    init = jinit.masked(jinit.centered(jinit.scaled("he_normal", 0.5)), [[1, 0]])
    assert jinit.get(repr(init)) == init
    assert jinit.from_config(json.loads(json.dumps(init.to_config()))) == init
    assert init.std((100, 2)) == pytest.approx(0.5**0.5 * 0.5 * (2 / 100) ** 0.5)
    assert init.fans((100, 2)) == jinit.Fans(100, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jinit.masked(NORMAL, [0, 2]), r"`mask` to be of zeros and ones"),
        (lambda: jinit.masked(NORMAL, [1, 0])(key(), (2, 3)), r"broadcasts.*\(2, 3\)"),
        (lambda: jinit.clipped(NORMAL, 1.0, 1.0), "`lower` below `upper`"),
        (lambda: jinit.blocks(NORMAL, (2, 3))(key(), (4, 4)), r"add up.*Got \(2, 3\)"),
        (lambda: jinit.blocks(NORMAL, 3)(key(), (4, 4)), r"divides it. Got \(3,\)"),
        (lambda: jinit.blocks((NORMAL,), 2), "one for each of 2 blocks. Got 1"),
        (lambda: jinit.blocks(NORMAL, 0), "`sizes`.*at least 1. Got 0"),
        (lambda: jinit.blocks(base=(), sizes=2), r"an initializer in `base`. Got \(\)"),
        (lambda: jinit.repeated(NORMAL, 2)(key(), (4, 4)), "`axis` to be axes"),
        (lambda: jinit.normalized(NORMAL, 2)(key(), (4, 4)), "`axis` to be an axis"),
        (lambda: jinit.rescaled_to(NORMAL, 0.0), "`norm` above 0. Got 0.0"),
        (lambda: jinit.rescaled_to(NORMAL, 1.0, "spectrum"), "mean 'spectral'"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
