import math

import pytest

from jinit.compat.torch import calculate_gain


TORCH_GAINS = [
    ("linear", None, 1.0),
    ("conv1d", None, 1.0),
    ("conv2d", None, 1.0),
    ("conv3d", None, 1.0),
    ("conv_transpose1d", None, 1.0),
    ("conv_transpose2d", None, 1.0),
    ("conv_transpose3d", None, 1.0),
    ("sigmoid", None, 1.0),
    ("tanh", None, 1.6666666666666667),
    ("relu", None, 1.4142135623730951),
    ("relu", 0.2, 1.4142135623730951),
    ("leaky_relu", None, 1.4141428569978354),
    ("leaky_relu", 0.2, 1.3867504905630728),
    ("leaky_relu", 0, 1.4142135623730951),
    ("leaky_relu", math.sqrt(5), 0.5773502691896257),
    ("selu", None, 0.75),
]


@pytest.mark.parametrize(("name", "param", "gain"), TORCH_GAINS)
def test_gains_are_torchs_to_the_bit(name, param, gain):
    assert calculate_gain(name, param) == gain


@pytest.mark.parametrize(("name", "param", "gain"), TORCH_GAINS)
def test_the_stored_numbers_are_torchs(name, param, gain):
    torch = pytest.importorskip("torch")
    assert torch.nn.init.calculate_gain(name, param) == gain


@pytest.mark.parametrize("name", ["gelu", "silu", "elu", "rleu", ""])
def test_what_torch_lacks(name):
    with pytest.raises(ValueError, match=f"Got '{name}'.*`jinit.gain`"):
        calculate_gain(name)


def test_a_slope_is_a_finite_number():
    for slope in ("steep", True):
        with pytest.raises(TypeError, match=f"Got {slope!r}"):
            calculate_gain("leaky_relu", slope)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="Got inf"):
        calculate_gain("leaky_relu", math.inf)
