"""Fans against the operation itself, for every layer of the full models.

Independent weights of variance 1/fan_in and inputs of variance 1 give an output entry
the variance (products summed into it) / fan_in. With 1 for every input and 1/fan_in for
every weight, the operation counts that exactly.
"""

import jax.numpy as jnp
import numpy as np
import pytest

from jinit._reading.model import read_model
from tests.zoo.adapters import shapes
from tests.zoo.entry import image, text
from tests.zoo.language import GPT, MoE
from tests.zoo.vision import Mixer, ResNet, UNet, ViT


MODELS = {
    "ResNet": lambda: shapes(ResNet((1, 1), filters=8), image(1, 64, 64, 3)),
    "ViT": lambda: shapes(ViT(32, depth=1, heads=4, patch=8), image(1, 32, 32, 3)),
    "GPT": lambda: shapes(GPT(depth=2, width=32), text(1, 8)),
    "tied LM": lambda: shapes(GPT(2, width=32, scanned=False), text(1, 8)),
    "U-Net": lambda: shapes(UNet(4), image(1, 64, 64, 3)),
    "Mixer": lambda: shapes(Mixer(depth=1), image(1, 32, 32, 3)),
    "MoE": lambda: shapes(MoE(), image(2, 8, 32)),
}


@pytest.mark.parametrize("name", MODELS)
def test_every_layer_sums_as_many_products_as_its_fan_says(name):
    model = read_model(*MODELS[name]())
    assert model.layers
    for layer in model.layers:
        kinds = {i: model.graph.types[i] for i in layer.op.inputs}
        weight = 1 / layer.kernel.fan_in
        values = {layer.signal: 1.0, layer.kernel.value: weight}
        (output,) = layer.op.bind(
            *(
                jnp.full(kinds[i].shape, values[i], kinds[i].dtype)
                for i in layer.op.inputs
            )
        )
        # At the border of an image a window sees less; it never sees more.
        assert output.max() == pytest.approx(1, rel=1e-5), layer.path
        assert np.median(output) == pytest.approx(1, rel=1e-5), layer.path
