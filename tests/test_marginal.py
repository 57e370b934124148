"""Stated moments against numerical integration of the stated distribution."""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from jinit import marginal


CONTINUOUS = [
    marginal.uniform(-1.0, 3.0),
    marginal.normal(0.5, 2.0),
    marginal.truncated_normal(0.0, 1.0),
    marginal.truncated_normal(1.0, 0.5, -1.0, 3.0),
    marginal.truncated_normal(0.0, 1.0, 2.0, 5.0),
    marginal.coordinate(5, 2.0),
    marginal.coordinate(2, 1.0),
]


def moment(law, power):
    """E (W − μ)ᵏ = ∫ k (x − μ)ᵏ⁻¹ (1{x > μ} − F(x)) dx, by parts."""
    low, high = (np.clip(end, law.mean - 40, law.mean + 40) for end in law.support)
    integrand = lambda x: (
        power * (x - law.mean) ** (power - 1) * ((x > law.mean) - law.cdf(x))
    )
    parts = [(low, law.mean), (law.mean, high)]
    return sum(integrate.quad(integrand, *part, limit=200)[0] for part in parts)


@pytest.mark.parametrize("law", CONTINUOUS, ids=repr)
def test_moments_are_those_of_the_distribution(law):
    assert moment(law, 1) == pytest.approx(0, abs=1e-7)
    assert moment(law, 2) == pytest.approx(law.std**2, rel=1e-6)
    assert moment(law, 4) == pytest.approx(law.kurtosis * law.std**4, rel=1e-6)


@pytest.mark.parametrize("law", CONTINUOUS, ids=repr)
def test_the_distribution_fills_the_support(law):
    low, high = law.support
    assert law.cdf(np.array([low, high])).tolist() == pytest.approx([0, 1])
    x = np.linspace(max(low, -9), min(high, 9), 101)
    assert (np.diff(law.cdf(x)) > 0).all()


def test_closed_forms():
    x = np.linspace(-3, 4, 50)
    assert marginal.normal(0.5, 2.0).cdf(x) == pytest.approx(stats.norm.cdf(x, 0.5, 2))
    truncated = stats.truncnorm(-1, 3, loc=1, scale=0.5)
    law = marginal.truncated_normal(1.0, 0.5, -1.0, 3.0)
    assert law.cdf(x) == pytest.approx(truncated.cdf(x))
    assert law.std == pytest.approx(truncated.std())
    assert marginal.truncated_std() == pytest.approx(0.8796256610342398, rel=1e-13)
    assert marginal.truncated_normal(0.0, 1.0).kurtosis == pytest.approx(
        2.365, abs=1e-3
    )
    assert marginal.truncated_std(-math.inf, math.inf) == pytest.approx(1.0)


def test_laws_with_atoms():
    law = marginal.two_points(-2.0, 0.25)
    w = marginal.values(np.array([-2.0, 0.0, 0.0, 0.0]))
    for found in (law, w):
        assert (found.mean, found.std) == pytest.approx((-0.5, 0.75**0.5))
        assert found.support == (-2.0, 0.0)
        assert found.kurtosis == pytest.approx(w.kurtosis)
        assert found.cdf(np.array([-3, -2, -1, 0])).tolist() == [0, 0.25, 0.25, 1]
    law = marginal.sparse(0.25, marginal.normal(0.0, 2.0))
    assert (law.mean, law.std, law.kurtosis) == (0, 1, 12)
    assert law.cdf(np.array([-1e-9, 0.0])).tolist() == pytest.approx([0.125, 0.875])


@pytest.mark.parametrize(
    "law",
    [
        marginal.values(0.3),
        marginal.uniform(0.3, 0.3),
        marginal.normal(0.3, 0.0),
        marginal.truncated_normal(0.3, 0.0),
        marginal.two_points(0.3, 1.0),
    ],
)
def test_a_point(law):
    assert (law.mean, law.std, law.support) == (0.3, 0.0, (0.3, 0.3))
    assert law.cdf(np.array([0.2, 0.3, 0.4])).tolist() == [0, 1, 1]


def test_a_sign():
    law = marginal.coordinate(1, 2.0)
    assert (law.mean, law.std, law.kurtosis) == (0, 2, 1)
    assert marginal.sparse(0.0, law).std == 0
