"""Recurrent networks: kernels, and biases that set how long a gate remembers."""

from .biases import chrono_bias as chrono_bias, forget_bias as forget_bias
from .kernels import irnn as irnn, near_identity as near_identity
from .unitary import (
    unitary as unitary,
    unitary_factors as unitary_factors,
    UnitaryFactors as UnitaryFactors,
)
