"""Where the first number that is infinite or NaN appears."""

from collections.abc import Mapping
from typing import Any

from .._reading import first_not_finite
from .program import Program


class NotFiniteError(ValueError):
    """A value that is infinite or NaN; `place` says where it was first seen."""

    def __init__(self, place: str, advice: str = ""):
        self.place = place
        super().__init__(
            f"`jinit.probe` needs finite numbers. Got inf or nan first at {place}."
            f"{advice}"
        )


def require_finite(
    program: Program, seen: Mapping[str, Any], weights: Any, others: Any
) -> None:
    """Refuses a batch that made something infinite or NaN, and names where first."""
    names = [each.name for each in program.layers]
    layers = list(zip(names, seen["layers"], strict=True))
    forward = [
        *((name, at["finite"]) for name, at in layers),
        *(("the outputs", finite) for finite in seen["outputs"]),
    ]
    backward = [
        (f"the gradient at {name}", at["gradient_finite"])
        for name, at in reversed(layers)
    ]
    given = all((*seen["weights"], *seen["others"]))
    advice = " Weights that are too large overflow with depth: use a smaller scale."
    for place, finite in (("the inputs", given), *forward, *backward):
        if not finite:
            if (place, finite) not in backward:
                place = first_not_finite(program.model, weights, others) or place
            raise NotFiniteError(place, advice if given else "")
