"""Checks of a parametrization: do models of growing size train alike?"""

from .coordinates import coord_check as coord_check
from .record import CoordinateCheck as CoordinateCheck, Curve as Curve
