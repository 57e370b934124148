"""The laws of `jinit.features`."""

from jinit import features

from . import Case


CASES = {
    "features.favor_plus": Case(
        features.favor_plus(norms="fixed", method="qr"), has_complex=False
    ),
    "features.orthogonal": Case(
        features.orthogonal(length=2.0, method="qr"), has_complex=False
    ),
    "features.random_fourier": Case(
        features.random_fourier("matern52", length=2.0), has_complex=False
    ),
}
