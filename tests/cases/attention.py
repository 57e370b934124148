"""The laws of `jinit.attention`."""

import jinit

from . import Case


CASES = {
    "attention.conditioned": Case(
        jinit.attention.conditioned, (8, 4, 4), has_complex=False
    ),
    "attention.conditioned_value": Case(
        jinit.attention.conditioned_value(heads=2), has_complex=False
    ),
    "attention.mimetic_key": Case(
        jinit.attention.mimetic_key(0.5, noise="uniform"), (8, 4, 4), has_complex=False
    ),
    "attention.mimetic_output": Case(
        jinit.attention.mimetic_output(heads=2), (8, 16), has_complex=False
    ),
    "attention.mimetic_query": Case(
        jinit.attention.mimetic_query(heads=2), (2, 12, 8), has_complex=False
    ),
    "attention.mimetic_value": Case(
        jinit.attention.mimetic_value(beta=0.3), (8, 4, 2), has_complex=False
    ),
    "attention.relative_positions": Case(
        jinit.attention.relative_positions(100), has_complex=False
    ),
    "attention.sinusoidal_positions": Case(
        jinit.attention.sinusoidal_positions(layout="halves"), has_complex=False
    ),
}
