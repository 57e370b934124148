"""Maximal update parametrization: what is tuned at one width holds at all."""

from .logits import Attention as Attention
from .parametrization import mup as mup
from .record import Mup as Mup
from .scaling import Form as Form, Kind as Kind, Scaling as Scaling, scaling as scaling
from .width import Width as Width
