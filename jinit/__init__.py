"""Weight initialization for JAX."""

from . import data as data, pretrain as pretrain, theory as theory
from .compose import scaled as scaled
from .core.fans import (
    einsum_axes as einsum_axes,
    Fans as Fans,
    fans as fans,
    fans_from_einsum as fans_from_einsum,
)
from .core.gains import gain as gain, gaussian_moments as gaussian_moments
from .core.initializer import Initializer as Initializer, law as law
from .core.registry import from_config as from_config, get as get
from .data.gradinit import gradinit as gradinit
from .data.lsuv import lsuv as lsuv
from .data.metainit import metainit as metainit
from .data.weight_norm import weight_norm_init as weight_norm_init
from .data.within_layer import within_layer as within_layer
from .diagnostics.probe import probe as probe
from .diagnostics.report import report as report
from .graph.trace import trace as trace
from .model import recipes as recipes
from .model.auto import auto as auto, explain as explain
from .model.coordinates import coord_check as coord_check
from .model.materialize import initialize as initialize, materialize as materialize
from .model.mup import mup as mup
from .model.places import estimate as estimate
from .model.rules import (
    closes_residual as closes_residual,
    is_kernel as is_kernel,
    path as path,
    role as role,
    traced as traced,
    UnmatchedError as UnmatchedError,
)
from .model.surgery import (
    duplicates as duplicates,
    fill_missing as fill_missing,
    reinit as reinit,
)
from .schemes.classical import (
    fan_in_uniform as fan_in_uniform,
    glorot_normal as glorot_normal,
    glorot_uniform as glorot_uniform,
    he_normal as he_normal,
    he_uniform as he_uniform,
    kaiming_normal as kaiming_normal,
    kaiming_uniform as kaiming_uniform,
    lecun_normal as lecun_normal,
    lecun_uniform as lecun_uniform,
    sigmoid_uniform as sigmoid_uniform,
    xavier_normal as xavier_normal,
    xavier_uniform as xavier_uniform,
)
from .schemes.distributions import (
    normal as normal,
    symmetric_uniform as symmetric_uniform,
    truncated_normal as truncated_normal,
    uniform as uniform,
    uniform_range as uniform_range,
)
from .schemes.given import (
    constant as constant,
    from_array as from_array,
    from_callable as from_callable,
    ones as ones,
    ones_init as ones_init,
    zeros as zeros,
    zeros_init as zeros_init,
)
from .schemes.identity import dirac as dirac, eye as eye, identity as identity
from .schemes.looks_linear import looks_linear as looks_linear
from .schemes.orthogonal import (
    block_orthogonal as block_orthogonal,
    glorot_orthogonal as glorot_orthogonal,
    orthogonal as orthogonal,
    semi_orthogonal as semi_orthogonal,
    special_orthogonal as special_orthogonal,
)
from .schemes.orthogonal_convolution import (
    conv_orthogonal as conv_orthogonal,
    delta_orthogonal as delta_orthogonal,
    scaled_orthogonal as scaled_orthogonal,
)
from .schemes.sparse import sparse as sparse
from .schemes.variance_scaling import variance_scaling as variance_scaling


__version__ = "0.1.0"
