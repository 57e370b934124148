"""Checks of a parametrization: do models of growing size train alike?"""

from .coordinates import coord_check as coord_check
from .rates import transfer as transfer
from .record import CoordinateCheck as CoordinateCheck, Curve as Curve
from .sweep import Best as Best, Transfer as Transfer
