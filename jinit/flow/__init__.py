"""Normalizing flows: invertible maps, and layers that start as the identity."""

from .actnorm import ActNorm as ActNorm, actnorm as actnorm
from .glow import glow as glow
from .lu import glow_lu as glow_lu, LU as LU
from .zero import zero_conv as zero_conv
