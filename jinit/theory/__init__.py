"""What is known of a random network without running it."""

from .mean_field import (
    edge_of_chaos as edge_of_chaos,
    EdgePoint as EdgePoint,
    fixed_point as fixed_point,
    FixedPoint as FixedPoint,
    gradient_factor as gradient_factor,
    variance_map as variance_map,
    variance_slope as variance_slope,
)
from .saturation import (
    chebyshev_bound as chebyshev_bound,
    preactivation_variance as preactivation_variance,
    saturation_probability as saturation_probability,
)
