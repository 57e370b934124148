"""The names of `torch.nn.init`, with their exact meaning, as laws.

A key and a shape stand for the tensor, and settings have the names and the order that
they have there: `kaiming_uniform_(5**0.5)(key, shape)` for `kaiming_uniform_(tensor,
5**0.5)`. Kernels are `(out, in, *spatial)`; bounds are weights, not standard
deviations; gains are those of `calculate_gain`. The law is torch's, the draws are not.
"""

from .gains import calculate_gain as calculate_gain
from .matrices import (
    dirac_ as dirac_,
    eye_ as eye_,
    orthogonal_ as orthogonal_,
    sparse_ as sparse_,
)
from .plain import (
    constant_ as constant_,
    normal_ as normal_,
    ones_ as ones_,
    trunc_normal_ as trunc_normal_,
    uniform_ as uniform_,
    zeros_ as zeros_,
)
from .variance import (
    kaiming_normal_ as kaiming_normal_,
    kaiming_uniform_ as kaiming_uniform_,
    xavier_normal_ as xavier_normal_,
    xavier_uniform_ as xavier_uniform_,
)
