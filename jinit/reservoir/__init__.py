"""Reservoirs of echo state networks, by their spectral radius."""

from .inputs import (
    chebyshev as chebyshev,
    logistic as logistic,
    signs as signs,
    weighted as weighted,
)
from .random import (
    dale as dale,
    permutation as permutation,
    random_sparse as random_sparse,
    wigner as wigner,
)
from .rings import (
    block_diagonal as block_diagonal,
    cycle as cycle,
    cycle_jumps as cycle_jumps,
    delay_line as delay_line,
    feedback_line as feedback_line,
)
