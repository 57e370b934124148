"""The laws of `jinit.ssm`."""

import jinit

from . import Case


CASES = {
    "ssm.hippo": Case(jinit.ssm.hippo("legt"), (8, 8)),
    "ssm.hippo_correction": Case(jinit.ssm.hippo_correction("legt"), (4, 8)),
    "ssm.hippo_input": Case(jinit.ssm.hippo_input("fout")),
    "ssm.s4d_inv": Case(jinit.ssm.s4d_inv(part="imag"), has_complex=False),
    "ssm.s4d_legs": Case(jinit.ssm.s4d_legs(part="imag"), has_complex=False),
    "ssm.s4d_lin": Case(jinit.ssm.s4d_lin(part="log_decay"), has_complex=False),
    "ssm.s4d_quad": Case(jinit.ssm.s4d_quad(part="real"), has_complex=False),
    "ssm.s4d_real": Case(jinit.ssm.s4d_real),
}
