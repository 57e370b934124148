"""Models at full size, as `(apply, parameter shapes, input shapes)`."""

import functools
from typing import Any

import jinit

from .adapters import shapes
from .entry import image, text
from .language import GPT, MoE
from .vision import Mixer, ResNet, UNet, ViT


FULL = {
    "ResNet-50": lambda: shapes(ResNet(), image(2, 224, 224, 3)),
    "ViT-B/16": lambda: shapes(ViT(), image(2, 224, 224, 3)),
    "GPT": lambda: shapes(GPT(), text(2, 16)),
    "tied LM": lambda: shapes(GPT(depth=2, scanned=False), text(2, 16)),
    "U-Net": lambda: shapes(UNet(), image(2, 32, 32, 3)),
    "Mixer": lambda: shapes(Mixer(), image(2, 32, 32, 3)),
    "MoE": lambda: shapes(MoE(), image(2, 8, 32)),
}


@functools.cache
def traced(name: str) -> Any:
    """What `jinit.trace` reads of the model, once per process."""
    return jinit.trace(*FULL[name]())
