"""The laws of `jinit.recurrent`."""

import jinit

from . import Case


CASES = {
    "recurrent.chrono_bias": Case(
        jinit.recurrent.chrono_bias(50.0, forget_gate=0, input_gate=1),
        has_complex=False,
    ),
    "recurrent.forget_bias": Case(jinit.recurrent.forget_bias(0.7, gate=2)),
    "recurrent.irnn": Case(jinit.recurrent.irnn(gain=0.5), (8, 8)),
    "recurrent.near_identity": Case(jinit.recurrent.near_identity(0.3), (8, 8)),
    "recurrent.unitary": Case(jinit.recurrent.unitary, (8, 8)),
}
