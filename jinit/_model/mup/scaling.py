"""The tables of muP: how each class of parameters scales with the width.

References:
    Yang, Hu et al. Tensor Programs V: tuning large neural networks via zero-shot
    hyperparameter transfer. 2022. Tables 3, 8 and 9. https://arxiv.org/abs/2203.03466
"""

import dataclasses
from typing import Literal


Kind = Literal["input", "hidden", "output", "vector", "finite"]
Form = Literal["init", "multiplier", "symmetric"]
Optimizer = Literal["adam", "sgd"]


@dataclasses.dataclass(frozen=True)
class Scaling:
    """How a parameter is treated, relative to the base width.

    Attributes:
        std: What its initial standard deviation is multiplied by.
        multiplier: What it is multiplied by in the forward pass.
        adam: What its learning rate is multiplied by, for Adam.
        sgd: And for SGD.
    """

    std: float
    multiplier: float
    adam: float
    sgd: float

    def moved(self, t: float) -> "Scaling":
        """The same training with the factor `t` moved into the multiplier.

        The symmetry (A, B, C) → (A t, B/t, C/t² for SGD, C/t for Adam) of multiplier,
        standard deviation and learning rate.
        """
        std, multiplier = self.std / t, self.multiplier * t
        return Scaling(std, multiplier, adam=self.adam / t, sgd=self.sgd / t**2)


def scaling(kind: Kind, form: Form, n_in: float, n_out: float) -> Scaling:
    """Tables 3, 8 and 9 of the paper, for widths in units of the base widths.

    Args:
        kind: The class of the parameter.
        form: "init" is Table 3, "multiplier" Table 8, "symmetric" Table 9.
        n_in: fan_in over that at the base width.
        n_out: fan_out over that at the base width.
    """
    match kind, form:
        case "hidden", _:
            return Scaling(n_in**-0.5, 1.0, adam=1 / n_in, sgd=n_out / n_in)
        case "input" | "vector", "init" | "multiplier":
            return Scaling(1.0, 1.0, adam=1.0, sgd=n_out)
        case "input" | "vector", "symmetric":
            return Scaling(n_out**-0.5, n_out**0.5, adam=n_out**-0.5, sgd=1.0)
        case "output", "init":
            return Scaling(1 / n_in, 1.0, adam=1 / n_in, sgd=1 / n_in)
        case "output", "multiplier":
            return Scaling(1.0, 1 / n_in, adam=1.0, sgd=n_in)
        case "output", "symmetric":
            return Scaling(n_in**-0.5, n_in**-0.5, adam=n_in**-0.5, sgd=1.0)
    return Scaling(1.0, 1.0, adam=1.0, sgd=1.0)
