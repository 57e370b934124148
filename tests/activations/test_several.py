"""Gains of activations that are no function of one number, and of dropout."""

# Some calls here are wrong on purpose.
# pyright: reportArgumentType=false

import math

import numpy as np
import pytest

import jinit
from jinit import gain, gaussian_moments


RNG = np.random.default_rng(0)
N = 400_000


def outputs(name, z):
    """The outputs of an activation, and what each input has of a gradient of ones."""
    match name.partition("(")[0]:
        case "maxout":
            top = z.max(0)
            return top, (z == top).astype(float)
        case "crelu":
            return np.stack([np.maximum(z, 0), np.maximum(-z, 0)]), np.ones_like(z)
        case "group_sort":
            return np.sort(z, 0), np.ones_like(z)
        case _:
            slope = np.where(z < 0, RNG.uniform(1 / 8, 1 / 3, z.shape), 1)
            return slope * z, slope


@pytest.mark.parametrize("variance", [1.0, 4.0])
@pytest.mark.parametrize(
    ("name", "inputs"),
    [("maxout", 2), ("maxout(3)", 3), ("maxout(7)", 7), ("crelu", 1),
     ("group_sort", 2), ("rrelu", 1)],
)  # fmt: skip
def test_moments_are_those_of_samples(name, inputs, variance):
    z = math.sqrt(variance) * RNG.standard_normal((inputs, N))
    y, slopes = outputs(name, z)
    found = gaussian_moments(name, variance)
    error = 5 * np.std(y**2) / y.size**0.5
    assert abs(np.mean(y**2) - found.second) < error
    assert abs(np.mean(y) - found.mean) < 5 * np.std(y) / y.size**0.5
    # The squared length of a gradient, before over after, by unit.
    units = inputs if name == "group_sort" else 1
    assert np.sum(slopes**2) / N / units == pytest.approx(found.slope, rel=5e-3)


@pytest.mark.parametrize(
    ("pieces", "mean", "second"),
    [
        (1, 0.0, 1.0),
        (2, 1 / math.sqrt(math.pi), 1.0),
        (3, 1.5 / math.sqrt(math.pi), 1 + math.sqrt(3) / (2 * math.pi)),
    ],
)
def test_maxout_has_its_closed_forms(pieces, mean, second):
    found = gaussian_moments("maxout", param=pieces)
    assert found.mean == pytest.approx(mean, abs=1e-9)
    assert found.second == pytest.approx(second, abs=1e-9)
    assert gain(f"maxout({pieces})") == pytest.approx(second**-0.5, abs=1e-9)


def test_gains_that_are_those_of_others():
    assert gain("rrelu", param=(0.25, 0.25)) == gain("leaky_relu", param=0.25)
    assert gain("elu( 0.5 )", "backward") == gain("elu", "backward", param=0.5)
    assert [gain(each, "backward") for each in ("maxout(9)", "crelu")] == [1, 1]


def test_a_parameter_in_the_name_is_read_in_settings_texts_and_configs():
    init = jinit.lecun_normal(gain="maxout(3)")
    assert init.std((100, 10)) == pytest.approx(0.1 * gain("maxout", param=3))
    assert jinit.get(repr(init)) == init == jinit.from_config(init.to_config())
    with pytest.raises(ValueError, match="Did you mean 'maxout'"):
        jinit.lecun_normal(gain="maxot(3)")


@pytest.mark.parametrize("mode", ["forward", "backward", "both"])
@pytest.mark.parametrize("name", ["relu", "tanh", "swiglu", "maxout"])
def test_dropout_divides_by_what_it_keeps(name, mode):
    assert gain(name, mode, dropout=0.0) == gain(name, mode)
    ratio = gain(name, mode, dropout=0.36) / gain(name, mode)
    assert ratio == pytest.approx(0.8)


def test_dropout_forward_and_backward_by_samples():
    z, kept = RNG.standard_normal(N), RNG.random(N) < 0.7
    found = gaussian_moments("relu", dropout=0.3)
    y, slope = (np.maximum(z, 0) * kept / 0.7, (z > 0) * kept / 0.7)
    assert np.mean(y**2) == pytest.approx(found.second, rel=2e-2)
    assert np.mean(slope**2) == pytest.approx(found.slope, rel=2e-2)
    assert np.mean(y) == pytest.approx(found.mean, rel=2e-2)


def test_shared_gains_of_pairs_with_dropout():
    shared = gain("swiglu", "shared", dropout=0.2)
    second = gaussian_moments("swiglu", shared**2, dropout=0.2).second
    assert second == pytest.approx(1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: gain("maxout(1.5)"), ValueError, r"`jinit.gain`.*whole.*Got 1\.5"),
        (lambda: gain("crelu", param=2), ValueError, "no `param` for 'crelu'"),
        (lambda: gain("rrelu", param=0.3), TypeError, "least and the greatest slope"),
        (lambda: gain("rrelu(0.5, 0.1)"), ValueError, "least slope of 'rrelu' first"),
        (lambda: gain("relu", dropout=1), ValueError, "`dropout` below 1"),
        (lambda: gain("relu", dropout=-0.1), ValueError, "`dropout` from 0 to 1"),
        (lambda: jinit.theory.summarize("crelu"), ValueError, "of one number here"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
