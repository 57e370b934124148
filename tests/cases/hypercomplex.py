"""The laws of `jinit.hypercomplex`."""

import jinit

from . import Case


CASES = {
    "hypercomplex.quaternion": Case(
        jinit.hypercomplex.quaternion("he"),
        (4, 8, 16),
        has_complex=False,
    ),
    "hypercomplex.rayleigh": Case(jinit.hypercomplex.rayleigh("he")),
    "hypercomplex.unitary_complex": Case(jinit.hypercomplex.unitary_complex("he")),
}
