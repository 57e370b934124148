"""A computation as data: operations on numbered values, read from a jaxpr."""

from .bodies import Link as Link
from .elementwise import (
    Activation as Activation,
    between as between,
    follow as follow,
    is_elementwise as is_elementwise,
    uniform_values as uniform_values,
)
from .evaluation import evaluate as evaluate, Visit as Visit
from .forward import Forward as Forward, Scope as Scope
from .jaxpr import (
    flatten as flatten,
    has_rule as has_rule,
    holds_layer as holds_layer,
    with_traced_as_inputs as with_traced_as_inputs,
)
from .multiplied import multiplied as multiplied, OpaqueError as OpaqueError
from .operations import (
    Graph as Graph,
    LayerIndex as LayerIndex,
    Op as Op,
    Value as Value,
)
from .places import permuted as permuted, Placed as Placed
from .recognition import (
    label as label,
    NAMES as NAMES,
    recognize as recognize,
    Told as Told,
    told as told,
)
from .repeated import Repeated as Repeated, repeated as repeated
from .sweeps import (
    ancestors as ancestors,
    compared as compared,
    data_values as data_values,
    depths as depths,
    is_softmax as is_softmax,
    nearest as nearest,
    normalized as normalized,
    parameter_leaves as parameter_leaves,
    rooted as rooted,
    softened as softened,
    statistics as statistics,
    sweep as sweep,
    upstream as upstream,
)
from .traits import Kind as Kind
