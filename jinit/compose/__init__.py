"""Initializers made of other initializers."""

from .blocks import blocks as blocks
from .centered import centered as centered
from .clipped import clipped as clipped
from .masked import masked as masked
from .normalized import normalized as normalized
from .rescaled import rescaled_to as rescaled_to
from .scaled import scaled as scaled
from .slices import repeated as repeated, stacked as stacked
