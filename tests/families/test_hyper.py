"""What only the laws of `jinit.hyper` promise."""

import itertools

import numpy as np
import pytest

from jinit import hyper
from jinit.testing import assert_law
from tests.helpers import key


WIDTHS = [40, 80, 20, 60, 30, 90, 30]
LAWS = [hyper.hyperfan_in, hyper.hyperfan_out, hyper.hyperfan_harmonic]
HEAD = (32, 100)


@pytest.mark.parametrize("law", LAWS)
def test_a_weight_has_the_stated_law(law):
    assert_law(law((40, 80), with_bias=True), (60, 200), key(1))


def made(law, fans, key, h):
    """Kernels of the main network, one for each row of h."""
    head = law(fans, second_moment=2.0)
    H = np.asarray(head(key, (h.shape[1], int(np.prod(fans)))), np.float64)
    return (h @ H).reshape(len(h), *fans)


@pytest.mark.parametrize("law", [hyper.hyperfan_in, hyper.hyperfan_out])
def test_signals_or_gradients_of_the_main_network_are_kept(law):
    rng = np.random.default_rng(0)
    h = rng.normal(size=(40, 32))
    h *= np.sqrt(2 * 32) / np.linalg.norm(h, axis=1, keepdims=True)  # E h² = 2
    every = enumerate(itertools.pairwise(WIDTHS))
    layers = [made(law, fans, key(number), h) for number, fans in every]
    if law is hyper.hyperfan_out:  # a ReLU passes half of a gradient, as of a signal
        layers = [W.swapaxes(1, 2) for W in reversed(layers)]
    x = rng.normal(size=(40, 50, layers[0].shape[1]))
    for W in layers:
        x = np.maximum(x @ W, 0.0)
        assert np.mean(x**2) == pytest.approx(1.0, rel=0.2)


def test_a_kernel_and_its_bias_add_half_each():
    d, v, fan_in = 32, 2.0, 40
    of = lambda **each: (
        hyper.hyperfan_in((fan_in, 10), second_moment=v, **each).std(HEAD) ** 2 * d * v
    )
    kernel, bias = of(with_bias=True) * fan_in, of(makes="bias")
    assert kernel == pytest.approx(1.0)
    assert bias == pytest.approx(1.0)  # together gain² = 2
    assert of() * fan_in == pytest.approx(2.0)


def test_a_bias_adds_what_a_kernel_lacks():
    d = 32
    of = lambda fans, makes: hyper.hyperfan_out(fans, makes).std(HEAD) ** 2 * d
    for fan_in, fan_out in [(10, 40), (39, 40)]:
        fans = fan_in, fan_out
        total = fan_in * of(fans, "kernel") + of(fans, "bias")
        assert total == pytest.approx(2.0)
    assert of((40, 40), "bias") == of((50, 40), "bias") == 0
    zero = hyper.hyperfan_harmonic((50, 40), "bias")
    assert zero.std(HEAD) == hyper.hyperfan_harmonic((5, 4), gain=0.0).std(HEAD) == 0
    assert not zero(key(), HEAD).any()


@pytest.mark.parametrize("makes", ["kernel", "bias"])
def test_the_mean_is_harmonic(makes):
    fans, d = (30, 70), 32
    settings = {"fans": fans, "makes": makes, "with_bias": True, "gain": 1.0}
    forward, backward, mean = (law(**settings).std(HEAD) ** 2 for law in LAWS)
    assert mean == pytest.approx(2 / (1 / forward + 1 / backward), rel=1e-12)
    assert min(forward, backward) <= mean <= max(forward, backward)
    published = 2 * (1 / forward + 1 / backward)  # hypnettorch
    assert published > 1000 * mean
    if makes == "kernel":
        alone = hyper.hyperfan_harmonic(fans, gain=1.0).std(HEAD) ** 2
        assert alone == pytest.approx(2 / (d * (30 + 70)))


def test_heads_of_any_axes():
    one = hyper.hyperfan_in((6, 5)).std((32, 30))
    apart = hyper.hyperfan_in((6, 5), in_axis=0, out_axis=(1, 2))
    assert apart.std((32, 6, 5)) == one
    assert hyper.hyperfan_in((6, 5), batch_axis=0).std((7, 32, 30)) == one
