"""Complex and quaternion weights."""

from .quaternion import quaternion as quaternion
from .rayleigh import rayleigh as rayleigh
from .unitary import unitary_complex as unitary_complex
