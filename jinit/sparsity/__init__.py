"""Sparse layers: masks, their densities, and weights by what is left."""

from .densities import erk as erk
from .fans import sparse_fans as sparse_fans
from .masks import masks as masks
