"""The laws of `jinit.spiking`."""

from jinit import spiking

from . import Case


CASES = {
    "spiking.fluctuation_driven": Case(
        spiking.fluctuation_driven(rate=10.0, mean=0.2, distance=0.5),
        has_complex=False,
    ),
}
