"""What is known of a random network without running it."""

from .correlation import (
    correlation_fixed_point as correlation_fixed_point,
    correlation_map as correlation_map,
    correlation_slope as correlation_slope,
    CorrelationPoint as CorrelationPoint,
)
from .depth import depth_scales as depth_scales, DepthScales as DepthScales
from .edge import edge_at as edge_at
from .isometry import (
    jacobian_spectrum as jacobian_spectrum,
    JacobianSpectrum as JacobianSpectrum,
)
from .mean_field import (
    edge_of_chaos as edge_of_chaos,
    EdgePoint as EdgePoint,
    fixed_point as fixed_point,
    FixedPoint as FixedPoint,
    gradient_factor as gradient_factor,
    variance_map as variance_map,
    variance_slope as variance_slope,
)
from .phase import phase_diagram as phase_diagram, PhaseDiagram as PhaseDiagram
from .propagation import (
    batch_norm_gradient_factor as batch_norm_gradient_factor,
    propagate as propagate,
    Propagation as Propagation,
)
from .saturation import (
    chebyshev_bound as chebyshev_bound,
    preactivation_variance as preactivation_variance,
    saturation_probability as saturation_probability,
)
from .summary import summarize as summarize, Summary as Summary
