"""State-space models and linear recurrences: poles, steps, gates, decays."""

from .decays import (
    alibi_slopes as alibi_slopes,
    hyena_decay as hyena_decay,
    retnet_decay as retnet_decay,
)
from .dplr import DPLR as DPLR, dplr as dplr
from .griffin import rg_lru as rg_lru
from .hippo import (
    hippo as hippo,
    hippo_correction as hippo_correction,
    hippo_input as hippo_input,
)
from .lru import lru_gamma as lru_gamma, lru_nu as lru_nu, lru_theta as lru_theta
from .mamba import (
    gated_delta as gated_delta,
    mamba2_a_log as mamba2_a_log,
    mamba_a_log as mamba_a_log,
)
from .rwkv7 import rwkv7 as rwkv7
from .s4d import (
    s4d_inv as s4d_inv,
    s4d_legs as s4d_legs,
    s4d_lin as s4d_lin,
    s4d_quad as s4d_quad,
    s4d_real as s4d_real,
)
from .s5 import s5_b as s5_b, s5_c as s5_c, s5_poles as s5_poles
from .steps import log_step as log_step, mamba_dt_bias as mamba_dt_bias
from .xlstm import xlstm_forget_bias as xlstm_forget_bias
