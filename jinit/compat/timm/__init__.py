"""The names of `timm.layers.weight_init`, with their exact meaning, as laws.

Kernels are `(out, in, *spatial)`, as in torch. Of two truncated normals `trunc_normal_`
cuts at given weights, as torch, and `trunc_normal_tf_` at standard deviations.
"""

from .laws import (
    lecun_normal_ as lecun_normal_,
    trunc_normal_ as trunc_normal_,
    trunc_normal_tf_ as trunc_normal_tf_,
    variance_scaling_ as variance_scaling_,
)
