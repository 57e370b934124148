"""The laws of `jinit.reservoir`."""

from jinit import reservoir

from . import Case


SQUARE = (8, 8)

CASES = {
    "reservoir.block_diagonal": Case(reservoir.block_diagonal(0.5, 2), SQUARE),
    "reservoir.chebyshev": Case(reservoir.chebyshev(0.5, 0.7), has_complex=False),
    "reservoir.cycle": Case(reservoir.cycle(0.5), SQUARE),
    "reservoir.cycle_jumps": Case(reservoir.cycle_jumps(0.5, 4), SQUARE),
    "reservoir.dale": Case(reservoir.dale(0.5, 0.5), SQUARE, has_complex=False),
    "reservoir.delay_line": Case(reservoir.delay_line(0.5), SQUARE),
    "reservoir.feedback_line": Case(reservoir.feedback_line(0.5), SQUARE),
    "reservoir.logistic": Case(reservoir.logistic, has_complex=False),
    "reservoir.permutation": Case(
        reservoir.permutation(0.3), SQUARE, has_complex=False
    ),
    "reservoir.random_sparse": Case(reservoir.random_sparse(0.5, 0.5), SQUARE),
    "reservoir.signs": Case(reservoir.signs, has_complex=False),
    "reservoir.weighted": Case(reservoir.weighted, has_complex=False),
    "reservoir.wigner": Case(reservoir.wigner(0.5), SQUARE),
}
