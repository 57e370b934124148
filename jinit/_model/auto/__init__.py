"""Laws chosen by what the computation does with each parameter."""

from .choice import default as default, multiplier as multiplier, plan_of as plan_of
from .laws import orthogonal_of as orthogonal_of, per_gate as per_gate
