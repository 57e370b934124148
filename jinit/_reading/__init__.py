"""What a computation says about parameters: layers, kernels, roles, sizes."""

from .finite import first_not_finite as first_not_finite
from .generated import find_generated as find_generated, Generated as Generated
from .instances import (
    copies as copies,
    Instance as Instance,
    measurable as measurable,
    outer as outer,
    unmeasured as unmeasured,
    unroll as unroll,
    varying as varying,
)
from .kernels import read_kernel as read_kernel
from .layers import Layer as Layer, Reading as Reading
from .logits import find_logits as find_logits, Logits as Logits
from .model import (
    Model as Model,
    read_alike as read_alike,
    read_model as read_model,
    read_subject as read_subject,
)
from .numbers import Numbers as Numbers
from .own import make_own as make_own, Own as Own, read_own as read_own
from .parts import Part as Part
from .row import count as count, Row as Row
from .sizes import (
    predicted as predicted,
    Prediction as Prediction,
    run as run,
    tell as tell,
)
from .start import start_of as start_of
from .trace import (
    Source as Source,
    Trace as Trace,
    trace_model as trace_model,
    trace_of as trace_of,
)
from .uses import KERNELS as KERNELS, READ as READ, Role as Role, Use as Use
