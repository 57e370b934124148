"""What a computation says about parameters: layers, kernels, roles, sizes."""

from .finite import first_not_finite as first_not_finite
from .instances import (
    copies as copies,
    Instance as Instance,
    measurable as measurable,
    outer as outer,
    unmeasured as unmeasured,
    unroll as unroll,
    varying as varying,
)
from .layers import Layer as Layer
from .model import (
    Model as Model,
    read_model as read_model,
    read_subject as read_subject,
)
from .own import make_own as make_own, Own as Own, read_own as read_own
from .row import count as count, Row as Row
from .sizes import Size as Size, Sizes as Sizes
from .trace import Trace as Trace, trace_model as trace_model, trace_of as trace_of
from .uses import KERNELS as KERNELS, Role as Role
