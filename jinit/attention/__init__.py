"""Attention weights and tables of positions."""

from .conditioned import (
    conditioned as conditioned,
    conditioned_value as conditioned_value,
)
from .mimetic import Mimetic as Mimetic, mimetic as mimetic
from .positions import (
    relative_positions as relative_positions,
    sinusoidal_positions as sinusoidal_positions,
)
from .query_key import mimetic_key as mimetic_key, mimetic_query as mimetic_query
from .structured import QueryKey as QueryKey, structured as structured
from .value_output import (
    mimetic_output as mimetic_output,
    mimetic_value as mimetic_value,
)
