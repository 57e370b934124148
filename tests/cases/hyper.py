"""The laws of `jinit.hyper`."""

from jinit import hyper

from . import Case


CASES = {
    "hyper.hyperfan_harmonic": Case(
        hyper.hyperfan_harmonic((4, 2), with_bias=True), has_complex=False
    ),
    "hyper.hyperfan_in": Case(
        hyper.hyperfan_in((4, 2), gain="tanh", second_moment=0.5), has_complex=False
    ),
    "hyper.hyperfan_out": Case(
        hyper.hyperfan_out((4, 2), distribution="normal"), has_complex=False
    ),
}
