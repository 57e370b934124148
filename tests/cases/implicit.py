"""The laws of `jinit.implicit`."""

from jinit import implicit

from . import Case


CASES = {
    "implicit.bacon": Case(implicit.bacon(64.0, layers=3), has_complex=False),
    "implicit.finer_bias": Case(implicit.finer_bias(5.0), has_complex=False),
    "implicit.fourier_features": Case(
        implicit.fourier_features(2.0), has_complex=False
    ),
    "implicit.hash_grid": Case(implicit.hash_grid, (4, 16, 2), has_complex=False),
    "implicit.kan_base": Case(
        implicit.kan_base(mean=1.0, spread=0.5), has_complex=False
    ),
    "implicit.kan_spline": Case(implicit.kan_spline(order=3), has_complex=False),
    "implicit.siren": Case(implicit.siren(w0=20.0), has_complex=False),
    "implicit.wire": Case(implicit.wire),
}
