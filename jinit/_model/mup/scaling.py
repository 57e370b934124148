"""The tables: how each class of parameters scales with the width of a model.

References:
    Yang, Hu et al. Tensor Programs V: tuning large neural networks via zero-shot
    hyperparameter transfer. 2022. Tables 3, 8 and 9. https://arxiv.org/abs/2203.03466
    Jacot, Gabriel, Hongler. Neural tangent kernel. NeurIPS 2018.
    https://arxiv.org/abs/1806.07572
    Chizat, Bach. On the global convergence of gradient descent for over-parameterized
    models using optimal transport. NeurIPS 2018. https://arxiv.org/abs/1805.09545
    Everett et al. Scaling exponents across parameterizations and optimizers. ICML 2024.
    https://arxiv.org/abs/2407.05872
"""

import dataclasses
from typing import Literal


Kind = Literal["input", "hidden", "output", "router", "vector", "finite"]
Form = Literal["init", "multiplier", "symmetric"]
Optimizer = Literal["adam", "sgd", "muon"]


@dataclasses.dataclass(frozen=True)
class Scaling:
    """How a parameter is treated, relative to the base.

    Attributes:
        std: What its initial standard deviation is multiplied by.
        multiplier: What it is multiplied by in the forward pass.
        adam: What its learning rate is multiplied by, for Adam.
        sgd: And for SGD.
        muon: And for Muon, whose updates have the spectral norm √(fan_out / fan_in).
        epsilon: What Adam's epsilon is multiplied by.
        shrink: What the share that weight decay takes in a step is multiplied by.
    """

    std: float
    multiplier: float
    adam: float
    sgd: float
    muon: float = 1.0
    epsilon: float = 1.0
    shrink: float = 1.0

    def moved(self, t: float) -> "Scaling":
        """The same training with the factor `t` moved into the multiplier.

        The symmetry (A, B, C) → (A t, B/t, C/t² for SGD, C/t for the others) of
        multiplier, standard deviation and learning rate; gradients grow as t.
        """
        return Scaling(
            std=self.std / t,
            multiplier=self.multiplier * t,
            adam=self.adam / t,
            sgd=self.sgd / t**2,
            muon=self.muon / t,
            epsilon=self.epsilon * t,
            shrink=self.shrink,
        )


ONE = Scaling(1.0, 1.0, adam=1.0, sgd=1.0)


def scaling(kind: Kind, form: Form, n_in: float, n_out: float) -> Scaling:
    """muP, Tables 3, 8 and 9 of the paper, for widths in units of the base widths.

    Args:
        kind: The class of the parameter.
        form: "init" is Table 3, "multiplier" Table 8, "symmetric" Table 9.
        n_in: fan_in over that at the base width.
        n_out: fan_out over that at the base width.
    """
    match kind, form:
        case "hidden", _:
            return _entry(n_in**-0.5, 1.0, adam=1 / n_in, sgd=n_out / n_in)
        case "input" | "vector", "init" | "multiplier":
            return _entry(1.0, 1.0, adam=1.0, sgd=n_out)
        case "input" | "vector", "symmetric":
            return _entry(n_out**-0.5, n_out**0.5, adam=n_out**-0.5, sgd=1.0)
        case "output" | "router", "init":
            return _entry(1 / n_in, 1.0, adam=1 / n_in, sgd=1 / n_in)
        case "output" | "router", "multiplier":
            return _entry(1.0, 1 / n_in, adam=1.0, sgd=n_in)
        case "output" | "router", "symmetric":
            return _entry(n_in**-0.5, n_in**-0.5, adam=n_in**-0.5, sgd=1.0)
    return ONE


def _entry(std: float, multiplier: float, adam: float, sgd: float) -> Scaling:
    """An entry of a table, of which the gradient is as large as the multiplier."""
    muon, epsilon = 1 / multiplier, multiplier
    return Scaling(std, multiplier, adam, sgd, muon=muon, epsilon=epsilon)


def standard(kind: Kind, n_in: float, n_out: float) -> Scaling:
    """What frameworks do: σ² = 1/fan_in, and one learning rate for all."""
    return dataclasses.replace(ONE, std=n_in**-0.5)


def ntk(kind: Kind, n_in: float, n_out: float) -> Scaling:
    """σ = 1 and the multiplier 1/√fan_in: features do not move in wide models."""
    root = n_in**-0.5
    return _entry(1.0, root, adam=root, sgd=1.0)


def mean_field(kind: Kind, n_in: float, n_out: float) -> Scaling:
    """Of one hidden layer: the mean over units, whose learning rate is the width."""
    if kind in {"output", "router"}:
        return _entry(1.0, 1 / n_in, adam=1.0, sgd=n_in)
    return _entry(1.0, 1.0, adam=1.0, sgd=n_out)
