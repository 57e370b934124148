"""The parametrizations: which table each follows, and what it says of depth."""

import dataclasses
from collections.abc import Callable
from typing import Literal

from .scaling import Form, Kind, mean_field, ntk, Optimizer, Scaling, standard


Name = Literal[
    "mup", "depth_mup", "completep", "completedp", "umup", "spectral", "modula",
    "ntk", "mean_field", "standard",
]  # fmt: skip
Table = Callable[[Kind, float, float], Scaling]
EVERY: tuple[Optimizer, ...] = ("adam", "sgd", "muon")


@dataclasses.dataclass(frozen=True)
class Parametrization:
    """What tells a parametrization from another.

    Attributes:
        table: Its table where it is not muP's.
        form: Where it has its factors, unless another form is asked for.
        alpha: Branches are multiplied by L^(−α), with L the growth of the depth.
        epsilons: Whether Adam's epsilon follows the gradient: in hidden layers and
            branches, or also in embeddings.
        optimizers: Those that it has learning rates for.
        absolute: Whether it says what weights are drawn from, and not by how much the
            user's laws are scaled.
    """

    table: Table | None = None
    form: Form = "init"
    alpha: float | None = None
    epsilons: Literal["", "hidden", "all"] = ""
    optimizers: tuple[Optimizer, ...] = EVERY
    absolute: bool = False


PARAMETRIZATIONS: dict[str, Parametrization] = {
    "mup": Parametrization(),
    "depth_mup": Parametrization(alpha=0.5),
    "completep": Parametrization(alpha=1.0, epsilons="hidden"),
    "completedp": Parametrization(alpha=1.0, epsilons="all", optimizers=("adam",)),
    "umup": Parametrization(form="multiplier", optimizers=("adam",), absolute=True),
    "spectral": Parametrization(),
    "modula": Parametrization(
        form="multiplier", optimizers=("adam", "muon"), absolute=True
    ),
    "ntk": Parametrization(ntk, "multiplier", optimizers=("adam", "sgd")),
    "mean_field": Parametrization(mean_field, "multiplier", optimizers=("adam", "sgd")),
    "standard": Parametrization(standard),
}
