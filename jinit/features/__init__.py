"""Random features of kernels."""

from .fourier import random_fourier as random_fourier
from .orthogonal import favor_plus as favor_plus, orthogonal as orthogonal
