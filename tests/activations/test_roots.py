import math

import pytest

from jinit._activations import root


@pytest.mark.parametrize(
    ("function", "low", "high", "zero"),
    [
        (lambda x: x - 3, 0.0, 8.0, 3.0),
        (lambda x: x**2 - 2, 0.0, 2.0, math.sqrt(2)),
        (math.cos, 0.0, 3.0, math.pi / 2),
        (lambda x: math.exp(9 * x) - 2, -5.0, 1.0, math.log(2) / 9),
        (lambda x: 5 - x, 9.0, 5.0, 5.0),
        (lambda x: x - 2, 2.0, 9.0, 2.0),
    ],
)
def test_the_zero_between_a_change_of_sign(function, low, high, zero):
    assert root(function, low, high) == pytest.approx(zero, rel=1e-13)
