"""Networks of coordinates: sines, wavelets, grids, splines, factors."""

from .bacon import bacon as bacon
from .factorized import factorized as factorized, Factors as Factors
from .finer import finer_bias as finer_bias
from .fourier import fourier_features as fourier_features
from .hash_grid import hash_grid as hash_grid
from .kan import kan_base as kan_base, kan_spline as kan_spline
from .piratenet import piratenet as piratenet
from .siren import siren as siren
from .wire import wire as wire
