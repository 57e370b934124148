"""The laws of `jinit.sparsity`."""

import numpy as np

import jinit

from . import Case


MASK = np.arange(16)[:, None] * np.arange(8) % 3 == 0

CASES = {
    "sparsity.sparse_fans": Case(
        jinit.sparsity.sparse_fans(MASK, gain="relu"), fixed_shape=True
    ),
}
