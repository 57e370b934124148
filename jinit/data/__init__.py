"""What looks at data: inputs made standard, and weights fitted to a batch."""

from .lsuv import lsuv as lsuv
from .normalize import (
    Standardization as Standardization,
    standardize as standardize,
    whiten as whiten,
    Whitening as Whitening,
)
