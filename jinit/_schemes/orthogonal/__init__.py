"""Orthogonal matrices: the laws, and all that only they need."""

from .convolution import (
    conv_orthogonal as conv_orthogonal,
    delta_orthogonal as delta_orthogonal,
    scaled_orthogonal as scaled_orthogonal,
)
from .haar import Method as Method
from .laws import (
    block_orthogonal as block_orthogonal,
    glorot_orthogonal as glorot_orthogonal,
    orthogonal as orthogonal,
    semi_orthogonal as semi_orthogonal,
    special_orthogonal as special_orthogonal,
)
from .looks_linear import looks_linear as looks_linear, Sides as Sides
