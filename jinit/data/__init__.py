"""What looks at data: inputs made standard, and weights fitted to a batch."""

from .gradinit import gradinit as gradinit
from .lsuv import lsuv as lsuv
from .metainit import gradient_quotient as gradient_quotient, metainit as metainit
from .normalize import (
    Standardization as Standardization,
    standardize as standardize,
    whiten as whiten,
    Whitening as Whitening,
)
from .weight_norm import weight_norm_init as weight_norm_init
from .within_layer import within_layer as within_layer
