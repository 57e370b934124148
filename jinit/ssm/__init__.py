"""State-space models and linear recurrences: poles, steps, gates, decays."""

from .dplr import DPLR as DPLR, dplr as dplr
from .hippo import (
    hippo as hippo,
    hippo_correction as hippo_correction,
    hippo_input as hippo_input,
)
from .s4d import (
    s4d_inv as s4d_inv,
    s4d_legs as s4d_legs,
    s4d_lin as s4d_lin,
    s4d_quad as s4d_quad,
    s4d_real as s4d_real,
)
