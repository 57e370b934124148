"""Classical laws, a family to a file."""

from .distributions import (
    normal as normal,
    symmetric_uniform as symmetric_uniform,
    truncated_normal as truncated_normal,
    uniform as uniform,
    uniform_range as uniform_range,
)
from .given import (
    constant as constant,
    from_array as from_array,
    from_callable as from_callable,
    ones as ones,
    ones_init as ones_init,
    zeros as zeros,
    zeros_init as zeros_init,
)
from .glorot import (
    glorot_normal as glorot_normal,
    glorot_uniform as glorot_uniform,
    sigmoid_uniform as sigmoid_uniform,
    xavier_normal as xavier_normal,
    xavier_uniform as xavier_uniform,
)
from .hadamard import zero_hadamard as zero_hadamard
from .he import (
    he_normal as he_normal,
    he_uniform as he_uniform,
    kaiming_normal as kaiming_normal,
    kaiming_uniform as kaiming_uniform,
)
from .identity import (
    dirac as dirac,
    eye as eye,
    identity as identity,
    idinit as idinit,
)
from .lecun import (
    fan_in_uniform as fan_in_uniform,
    lecun_normal as lecun_normal,
    lecun_uniform as lecun_uniform,
)
from .orthogonal import (
    block_orthogonal as block_orthogonal,
    conv_orthogonal as conv_orthogonal,
    delta_orthogonal as delta_orthogonal,
    glorot_orthogonal as glorot_orthogonal,
    looks_linear as looks_linear,
    Method as Method,
    orthogonal as orthogonal,
    scaled_orthogonal as scaled_orthogonal,
    semi_orthogonal as semi_orthogonal,
    Sides as Sides,
    special_orthogonal as special_orthogonal,
)
from .prior import prior_bias as prior_bias
from .sparse import sparse as sparse
from .variance_scaling import (
    Distribution as Distribution,
    draw as draw,
    fan_of as fan_of,
    fans_from as fans_from,
    marginal_of as marginal_of,
    variance_scaling as variance_scaling,
)
