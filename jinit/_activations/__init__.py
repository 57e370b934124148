"""Activations: their names, their Gaussian moments, and the gains that answer them."""

from .gains import Gain as Gain, gain as gain, squared_gain as squared_gain
from .moments import Asked as Asked, gaussian_moments as gaussian_moments
from .names import (
    activation_function as activation_function,
    activation_name as activation_name,
    as_function as as_function,
    canonical as canonical,
    Function as Function,
    GATES as GATES,
)
from .quadrature import (
    Moments as Moments,
    Pair as Pair,
    pair_of as pair_of,
    speaking as speaking,
    UnfitError as UnfitError,
)
from .roots import root as root
