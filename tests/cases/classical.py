"""The laws of `jinit` itself."""

import numpy as np

import jinit

from ..helpers import from_another_library
from . import Case


KERNEL = (3, 4, 8, 16)

CASES = {
    "block_orthogonal": Case(jinit.block_orthogonal(gates=2, method="qr"), (8, 16)),
    "blocks": Case(jinit.blocks(jinit.glorot_normal, 4)),
    "centered": Case(jinit.centered(jinit.normal(1.0))),
    "clipped": Case(jinit.clipped(jinit.normal(1.0), -1.5, 0.5), has_complex=False),
    "constant": Case(jinit.constant(0.3)),
    "conv_orthogonal": Case(jinit.conv_orthogonal(method="qr"), (3, 4, 8)),
    "delta_orthogonal": Case(jinit.delta_orthogonal(2.0), KERNEL),
    "dirac": Case(jinit.dirac, KERNEL),
    "fan_in_uniform": Case(jinit.fan_in_uniform),
    "from_array": Case(jinit.from_array(np.eye(16, 8)), fixed_shape=True),
    "from_callable": Case(jinit.from_callable(from_another_library), has_text=False),
    "glorot_normal": Case(jinit.glorot_normal(distribution="normal"), KERNEL),
    "glorot_uniform": Case(jinit.glorot_uniform(gain="relu")),
    "glorot_orthogonal": Case(jinit.glorot_orthogonal(method="qr")),
    "he_normal": Case(jinit.he_normal(mode="fan_out", groups=2), KERNEL),
    "he_uniform": Case(jinit.he_uniform(negative_slope=0.2)),
    "identity": Case(jinit.identity(gain=0.5)),
    "idinit": Case(jinit.idinit(gain=0.5)),
    "lecun_normal": Case(jinit.lecun_normal(in_axis=0, out_axis=(1,))),
    "lecun_uniform": Case(jinit.lecun_uniform(fans=(7, 5))),
    "masked": Case(jinit.masked(jinit.he_normal, np.arange(8) % 3 > 0)),
    "normal": Case(jinit.normal(0.02, mean=0.5)),
    "normalized": Case(jinit.normalized(jinit.normal(2.0), -2)),
    "ones": Case(jinit.ones),
    "looks_linear": Case(jinit.looks_linear(gain=2.0)),
    "orthogonal": Case(jinit.orthogonal(gain="tanh")),
    "prior_bias": Case(jinit.prior_bias(0.01), has_complex=False),
    "repeated": Case(jinit.repeated(jinit.lecun_normal, -3), KERNEL),
    "rescaled_to": Case(jinit.rescaled_to(jinit.normal, 3.0)),
    "scaled": Case(jinit.scaled(jinit.he_normal(mode="fan_out"), 0.5)),
    "scaled_orthogonal": Case(jinit.scaled_orthogonal(gain="relu", method="svd")),
    "sigmoid_uniform": Case(jinit.sigmoid_uniform),
    "special_orthogonal": Case(jinit.special_orthogonal, (8, 8)),
    "stacked": Case(jinit.stacked(jinit.glorot_uniform, (0, -3)), KERNEL),
    "sparse": Case(jinit.sparse(connections=3)),
    "symmetric_uniform": Case(jinit.symmetric_uniform(stddev=0.1)),
    "truncated_normal": Case(
        jinit.truncated_normal(0.1, lower=-1.0, upper=3.0, corrected=True),
        has_complex=False,
    ),
    "uniform": Case(jinit.uniform(0.5), has_complex=False),
    "uniform_range": Case(jinit.uniform_range(-1.0, 3.0), has_complex=False),
    "variance_scaling": Case(
        jinit.variance_scaling(2.0, "fan_geo_avg", "truncated_normal")
    ),
    "zero_hadamard": Case(jinit.zero_hadamard("paper"), (3, 4, 8, 16)),
    "zeros": Case(jinit.zeros),
}

ALIASES = {
    "eye": "identity",
    "kaiming_normal": "he_normal",
    "kaiming_uniform": "he_uniform",
    "ones_init": "ones",
    "semi_orthogonal": "orthogonal",
    "xavier_normal": "glorot_normal",
    "xavier_uniform": "glorot_uniform",
    "zeros_init": "zeros",
}
