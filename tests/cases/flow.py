"""The laws of `jinit.flow`."""

import jinit

from . import Case


CASES = {
    "flow.glow": Case(jinit.flow.glow, (8, 8)),
    "flow.zero_conv": Case(jinit.flow.zero_conv),
}
