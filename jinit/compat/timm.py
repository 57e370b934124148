"""The names of `timm.layers.weight_init`, with their exact meaning, as laws.

Kernels are `(out, in, *spatial)`, as in torch. Two truncated normals stand side by side:
`trunc_normal_` cuts at given weights, `trunc_normal_tf_` at standard deviations.
"""

from typing import Literal


Mode = Literal["fan_in", "fan_out", "fan_avg"]
Distribution = Literal["truncated_normal", "normal", "uniform"]
