"""Weight initialization for JAX."""

from typing import TYPE_CHECKING

from ._activations import gain as gain, gaussian_moments as gaussian_moments
from ._core.decorator import law as law
from ._core.fans import (
    einsum_axes as einsum_axes,
    Fans as Fans,
    fans as fans,
    fans_from_einsum as fans_from_einsum,
    KernelAxes as KernelAxes,
)
from ._core.initializer import Initializer as Initializer
from ._core.later import later as _later
from ._core.spelling import from_config as from_config, get as get
from ._schemes import (
    block_orthogonal as block_orthogonal,
    constant as constant,
    conv_orthogonal as conv_orthogonal,
    delta_orthogonal as delta_orthogonal,
    dirac as dirac,
    eye as eye,
    fan_in_uniform as fan_in_uniform,
    from_array as from_array,
    from_callable as from_callable,
    glorot_normal as glorot_normal,
    glorot_orthogonal as glorot_orthogonal,
    glorot_uniform as glorot_uniform,
    he_normal as he_normal,
    he_uniform as he_uniform,
    identity as identity,
    idinit as idinit,
    kaiming_normal as kaiming_normal,
    kaiming_uniform as kaiming_uniform,
    lecun_normal as lecun_normal,
    lecun_uniform as lecun_uniform,
    looks_linear as looks_linear,
    normal as normal,
    ones as ones,
    ones_init as ones_init,
    orthogonal as orthogonal,
    prior_bias as prior_bias,
    scaled_orthogonal as scaled_orthogonal,
    semi_orthogonal as semi_orthogonal,
    sigmoid_uniform as sigmoid_uniform,
    sparse as sparse,
    special_orthogonal as special_orthogonal,
    symmetric_uniform as symmetric_uniform,
    truncated_normal as truncated_normal,
    uniform as uniform,
    uniform_range as uniform_range,
    variance_scaling as variance_scaling,
    xavier_normal as xavier_normal,
    xavier_uniform as xavier_uniform,
    zero_hadamard as zero_hadamard,
    zeros as zeros,
    zeros_init as zeros_init,
)


__version__ = "0.1.0"

# What loads when it is touched, by module; type checkers see it below.
_HOMES = {
    ".": (
        "attention cli compat compose conv data datasets features flow growth hyper "
        "hypercomplex implicit low_rank marginal pretrain recipes recurrent reservoir "
        "settings sparsity spiking ssm tasks testing theory"
    ),
    "._compare": "compare",
    "._diagnostics.probe": "probe",
    "._diagnostics.report": "report",
    "._diagnostics.results": "UnhealthyError",
    "._model.checks": "coord_check transfer",
    "._model.estimate": "estimate",
    "._model.explain": "explain",
    "._model.materialize": "initialize materialize",
    "._model.mup": "mup",
    "._model.rules": "closes_residual is_kernel path role traced UnmatchedError",
    "._model.surgery": "duplicates fill_missing reinit",
    "._reading.trace": "trace",
    ".compose": (
        "blocks centered clipped masked normalized repeated rescaled_to scaled stacked"
    ),
    ".data.gradinit": "gradinit",
    ".data.lsuv": "lsuv",
    ".data.metainit": "metainit",
    ".data.weight_norm": "weight_norm_init",
    ".data.within_layer": "within_layer",
}

if TYPE_CHECKING:
    from . import (
        attention as attention,
        cli as cli,
        compat as compat,
        compose as compose,
        conv as conv,
        data as data,
        datasets as datasets,
        features as features,
        flow as flow,
        growth as growth,
        hyper as hyper,
        hypercomplex as hypercomplex,
        implicit as implicit,
        low_rank as low_rank,
        marginal as marginal,
        pretrain as pretrain,
        recipes as recipes,
        recurrent as recurrent,
        reservoir as reservoir,
        settings as settings,
        sparsity as sparsity,
        spiking as spiking,
        ssm as ssm,
        tasks as tasks,
        testing as testing,
        theory as theory,
    )
    from ._compare import compare as compare
    from ._diagnostics.probe import probe as probe
    from ._diagnostics.report import report as report
    from ._diagnostics.results import UnhealthyError as UnhealthyError
    from ._model.checks import coord_check as coord_check, transfer as transfer
    from ._model.estimate import estimate as estimate
    from ._model.explain import explain as explain
    from ._model.materialize import initialize as initialize, materialize as materialize
    from ._model.mup import mup as mup
    from ._model.rules import (
        closes_residual as closes_residual,
        is_kernel as is_kernel,
        path as path,
        role as role,
        traced as traced,
        UnmatchedError as UnmatchedError,
    )
    from ._model.surgery import (
        duplicates as duplicates,
        fill_missing as fill_missing,
        reinit as reinit,
    )
    from ._reading.trace import trace as trace
    from .compose import (
        blocks as blocks,
        centered as centered,
        clipped as clipped,
        masked as masked,
        normalized as normalized,
        repeated as repeated,
        rescaled_to as rescaled_to,
        scaled as scaled,
        stacked as stacked,
    )
    from .data.gradinit import gradinit as gradinit
    from .data.lsuv import lsuv as lsuv
    from .data.metainit import metainit as metainit
    from .data.weight_norm import weight_norm_init as weight_norm_init
    from .data.within_layer import within_layer as within_layer
else:
    __all__, __getattr__, __dir__ = _later(__name__, _HOMES)
