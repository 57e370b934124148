"""Convolution kernels with a shape of their own: upsampling, filters, single taps."""

from .bilinear import bilinear as bilinear
from .dct import dct as dct
from .gabor import gabor as gabor
from .icnr import icnr as icnr
from .taps import box as box, impulse as impulse
