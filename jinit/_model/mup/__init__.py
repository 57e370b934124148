"""Maximal update parametrization, and the check that it does what it promises."""

from .check import CoordinateCheck as CoordinateCheck
from .coordinates import coord_check as coord_check
from .parametrization import mup as mup
from .record import Mup as Mup
from .scaling import Form as Form, Kind as Kind, Scaling as Scaling, scaling as scaling
from .width import Width as Width
