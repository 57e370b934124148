"""The laws of `jinit.conv`."""

import jinit

from . import Case


CONV = (3, 5, 8, 16)

CASES = {
    "conv.bilinear": Case(jinit.conv.bilinear(groups=8), (4, 3, 4, 8)),
    "conv.box": Case(jinit.conv.box(taps=4), CONV, has_complex=False),
    "conv.dct": Case(jinit.conv.dct(gain=2.0), CONV),
    "conv.gabor": Case(jinit.conv.gabor(5.0, aspect=0.7), CONV, has_complex=False),
    "conv.icnr": Case(jinit.conv.icnr(base=jinit.he_normal(mode="fan_out")), CONV),
    "conv.impulse": Case(jinit.conv.impulse, CONV, has_complex=False),
}
