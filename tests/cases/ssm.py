"""The laws of `jinit.ssm`."""

import jinit

from . import Case


CASES = {
    "ssm.alibi_slopes": Case(jinit.ssm.alibi_slopes, has_complex=False),
    "ssm.gated_delta": Case(jinit.ssm.gated_delta(high=8.0), has_complex=False),
    "ssm.hyena_decay": Case(jinit.ssm.hyena_decay(slow=2.0), has_complex=False),
    "ssm.hippo": Case(jinit.ssm.hippo("legt"), (8, 8)),
    "ssm.hippo_correction": Case(jinit.ssm.hippo_correction("legt"), (4, 8)),
    "ssm.hippo_input": Case(jinit.ssm.hippo_input("fout")),
    "ssm.log_step": Case(jinit.ssm.log_step(dt_min=1e-4), has_complex=False),
    "ssm.lru_nu": Case(jinit.ssm.lru_nu(r_max=0.99), has_complex=False),
    "ssm.lru_theta": Case(jinit.ssm.lru_theta(max_phase=0.3), has_complex=False),
    "ssm.mamba2_a_log": Case(jinit.ssm.mamba2_a_log(high=8.0), has_complex=False),
    "ssm.mamba_a_log": Case(jinit.ssm.mamba_a_log, has_complex=False),
    "ssm.mamba_dt_bias": Case(jinit.ssm.mamba_dt_bias(dt_max=1.0), has_complex=False),
    "ssm.retnet_decay": Case(jinit.ssm.retnet_decay(log=True), has_complex=False),
    "ssm.rwkv7": Case(
        jinit.ssm.rwkv7("a0", layer=1, layers=3, head_size=4), has_complex=False
    ),
    "ssm.rg_lru": Case(jinit.ssm.rg_lru(power=8.0), has_complex=False),
    "ssm.s4d_inv": Case(jinit.ssm.s4d_inv(part="imag"), has_complex=False),
    "ssm.s4d_legs": Case(jinit.ssm.s4d_legs(part="imag"), has_complex=False),
    "ssm.s4d_lin": Case(jinit.ssm.s4d_lin(part="log_decay"), has_complex=False),
    "ssm.s4d_quad": Case(jinit.ssm.s4d_quad(part="real"), has_complex=False),
    "ssm.s4d_real": Case(jinit.ssm.s4d_real),
    "ssm.s5_b": Case(jinit.ssm.s5_b, (3, 4, 2)),
    "ssm.s5_c": Case(jinit.ssm.s5_c, (3, 4, 2)),
    "ssm.s5_poles": Case(jinit.ssm.s5_poles(blocks=2, part="imag"), has_complex=False),
    "ssm.xlstm_forget_bias": Case(
        jinit.ssm.xlstm_forget_bias("slstm", layer=1, layers=3), has_complex=False
    ),
}
