"""The names of `lasagne.init`, with their exact meaning, as laws.

Dense kernels are `(in, out)` and those of convolutions `(out, in, *spatial)`; with
`c01b`, convolutions are `(in, height, width, out)`. The gain "relu" is √2.
"""

from .plain import (
    Constant as Constant,
    Normal as Normal,
    Orthogonal as Orthogonal,
    Sparse as Sparse,
    Uniform as Uniform,
)
from .variance import (
    Glorot as Glorot,
    GlorotNormal as GlorotNormal,
    GlorotUniform as GlorotUniform,
    He as He,
    HeNormal as HeNormal,
    HeUniform as HeUniform,
)
