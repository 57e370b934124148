"""What only the laws of `jinit.spiking` promise."""

import math

import jax
import numpy as np
import pytest

from jinit.spiking import fluctuation_driven
from jinit.testing import assert_law
from tests.helpers import key


def response(synaptic, membrane, step):
    """A membrane's response to one spike, in steps, as a simulation has it."""
    current, potential, every = 1.0, 0.0, []
    a, b = math.exp(-step / membrane), math.exp(-step / synaptic)
    for _ in range(int(50 * max(synaptic, membrane) / step)):
        every.append(potential)
        potential = a * potential + (1 - a) * current
        current *= b
    return np.array(every)


def test_a_weight_has_the_stated_law():
    assert_law(fluctuation_driven(10.0, mean=0.5, distance=0.3), (60, 200), key(1))


def test_the_example_of_the_paper():
    assert fluctuation_driven(10.0).mean((100, 8)) == 0.0
    for step in (1e-20, 1e-10, 1e-7):
        fine = fluctuation_driven(10.0, step=step).std((100, 8))
        assert fine == pytest.approx(0.6**0.5, rel=1e-4)


@pytest.mark.parametrize("step", [0.0, 1e-3, 5e-3])
@pytest.mark.parametrize(("synaptic", "membrane"), [(10e-3, 20e-3), (5e-3, 5e-3)])
def test_the_potential_has_the_mean_and_the_distance_asked_for(
    step, synaptic, membrane
):
    n, rate, mean, distance, threshold = 200, 20.0, 0.4, 0.5, 1.5
    init = fluctuation_driven(
        rate, mean, distance, synaptic, membrane, threshold=threshold, step=step
    )
    fine = step or 1e-5
    e = response(synaptic, membrane, fine)
    m, s = init.mean((n, 8)), init.std((n, 8))
    # Campbell's theorem: spikes at random add up their responses.
    expected = n * rate * m * e.sum() * fine
    variance = n * rate * (m**2 + s**2) * (e**2).sum() * fine
    rel = 1e-9 if step else 5e-3
    assert expected == pytest.approx(mean, rel=rel)
    assert math.sqrt(variance) == pytest.approx((threshold - mean) / distance, rel=rel)


def test_a_simulated_membrane_fluctuates_as_asked():
    n, units, rate, step = 300, 200, 30.0, 1e-3
    init = fluctuation_driven(rate, mean=0.2, distance=2.0, step=step)
    W = np.asarray(init(key(2), (n, units)), float)
    rng = np.random.default_rng(0)
    a, b = math.exp(-step / 20e-3), math.exp(-step / 10e-3)
    current, potential, seen = np.zeros(units), np.zeros(units), []
    for time in range(3000):
        spikes = rng.poisson(rate * step, n)
        current, potential = b * current + spikes @ W, a * potential + (1 - a) * current
        if time > 300:
            seen.append(potential)
    # The threshold is two standard deviations away from the mean over all units; that
    # of each is what its own weights add up to.
    assert np.sqrt(np.var(seen, axis=0).mean()) == pytest.approx(0.4, rel=0.1)
    means = rate * step / (1 - b) * W.sum(0)
    assert np.abs(np.mean(seen, axis=0) - means).mean() < 0.1
    assert means.mean() == pytest.approx(0.2, abs=5 * means.std() / math.sqrt(units))


def test_kernels_of_a_unit_share_its_variance_and_its_mean():
    given = {"rate": 20.0, "mean": 0.3, "distance": 0.5, "inputs": 300}
    forward = fluctuation_driven(**given, share=0.9)
    recurrent = fluctuation_driven(**given, share=0.1)
    parts = [(forward, 200), (recurrent, 100)]
    means = [n * 20.0 * init.mean((n, 8)) * 10e-3 for init, n in parts]
    assert sum(means) == pytest.approx(0.3)
    energy = [
        n * 20.0 * (init.mean((n, 8)) ** 2 + init.std((n, 8)) ** 2) / 600
        for init, n in parts
    ]
    assert sum(energy) == pytest.approx((0.7 / 0.5) ** 2)
    assert energy[0] / energy[1] == pytest.approx(9)


def test_what_no_inputs_can_do_is_refused():
    with pytest.raises(ValueError, match=r"`mean` below `threshold`. Got mean=1.0"):
        fluctuation_driven(10.0, mean=1.0)
    with pytest.raises(ValueError, match=r"`share` above 0 and up to 1. Got 1.5"):
        fluctuation_driven(10.0, share=1.5)
    with pytest.raises(TypeError, match=r"fluctuation_driven` needs numbers that are"):
        jax.jit(lambda x: fluctuation_driven(x)(key(), (3, 4)))(10.0)
    ends = {"synaptic": 1e-200, "threshold": 1e300, "distance": 1e-200}
    for name, far in ends.items():
        with pytest.raises(ValueError, match=r"needs more inputs"):
            fluctuation_driven(10.0).configure(**{name: far}).std((3, 4))
    few = fluctuation_driven(1.0, mean=0.9, distance=5.0)
    with pytest.raises(ValueError, match=r"`jinit.spiking.fluctuation_driven` needs m"):
        few(key(), (3, 4))
