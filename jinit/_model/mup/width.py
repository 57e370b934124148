"""What a parametrization does with one parameter: its class, and what follows."""

import dataclasses
import math

from ..._core import Initializer
from ..._reading import Row
from .absolute import modula, unit
from .parameters import Parameter
from .parametrizations import Parametrization
from .scaling import Form, Kind, Scaling, scaling


@dataclasses.dataclass(frozen=True)
class Width:
    """What a parametrization does with one parameter.

    Attributes:
        path: Its path in the tree.
        origin: That of its base, which is of another layer where the base has fewer.
        base: Its shape at the base.
        shape: Its shape.
        kind: Which of its fans grow: "input" fan_out, "output" fan_in, "hidden" both;
            "router" for what chooses among experts, "vector" for biases, norms and what
            else is no kernel, "finite" for none.
        n_in: fan_in over that at the base.
        n_out: fan_out over that at the base.
        scaling: The factors that follow.
        behind: What the result of its layer is multiplied by, where that is not what it
            is multiplied by itself: the logits of a tied table, and a branch that ends
            in a norm with the scale 1 + γ.
        law: What it is drawn from, where the parametrization says so.
    """

    path: str
    origin: str
    base: tuple[int, ...]
    shape: tuple[int, ...]
    kind: Kind
    n_in: float
    n_out: float
    scaling: Scaling
    behind: float = 1.0
    law: Initializer | None = None

    @property
    def note(self) -> str:
        """What else there is to do."""
        if self.behind == 1:
            return ""
        is_tied = self.kind in {"input", "finite"}
        what = "tied: multiply the logits" if is_tied else "multiply the norm's result"
        return f"{what} by {self.behind:.4g}"


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked for, and for which model.

    Attributes:
        name: The name of the parametrization.
        own: What it says.
        form: Where the factors are.
        alpha: Branches are multiplied by L^(−α); None where depth does not count.
        depth: L, the residual layers over those of the base; None as the traces say.
        batch: The batch size over that of the base.
        duration: The examples seen over those of the base.
    """

    name: str
    own: Parametrization
    form: Form
    alpha: float | None
    depth: float | None
    batch: float
    duration: float

    def width(
        self, base: Parameter, target: Parameter, grown: tuple[float, float]
    ) -> Width:
        """The parameter whose fans are `grown` times those of its base."""
        row = target.row or base.row
        kind = _kind(target, row, grown)
        found, law = self._found(kind, base, target, grown)
        found = self._epsilon(found, kind, target, grown)
        found = self._over_time(self._in_branch(found, base, target))
        # What the model does itself is no more to be done.
        before = 1.0 if self.own.absolute else base.multiple
        multiplier, behind = found.multiplier * before / target.multiple, 1.0
        if row is not None and row.shift:  # of 1 + γ
            multiplier, behind = 1.0, multiplier
        found = dataclasses.replace(found, multiplier=multiplier)
        if self.form == "init":
            found = found.moved(1 / found.multiplier)
        if row and row.role == "embedding" and row.tied_to_head:
            total = found.std * found.multiplier
            behind = self._logits(base, target, grown[1]) / total
        sizes = base.shape, target.shape
        return Width(target.path, base.path, *sizes, kind, *grown, found, behind, law)

    def _found(
        self,
        kind: Kind,
        base: Parameter,
        target: Parameter,
        grown: tuple[float, float],
    ) -> tuple[Scaling, Initializer | None]:
        if self.name == "umup":
            return unit(kind, target)
        if self.own.table:
            return self.own.table(kind, *grown), None
        if self.name == "modula":
            return modula(scaling(kind, "init", *grown), target)
        found = scaling(kind, self.form, *grown)
        if self.name == "spectral" and kind not in {"finite", "vector"}:
            ratio = _spectral(target) / _spectral(base)
            return dataclasses.replace(found, std=ratio / found.multiplier), None
        return found, None

    def _logits(self, base: Parameter, table: Parameter, grown: float) -> float:
        """What is to be between the entries of a tied table and logits."""
        if self.own.absolute:
            return 1 / table.fans[1] / table.as_head
        table_of = self.own.table
        at = table_of or (lambda kind, *fans: scaling(kind, "multiplier", *fans))
        return at("output", grown, 1.0).multiplier * base.as_head / table.as_head

    def _epsilon(
        self,
        found: Scaling,
        kind: Kind,
        target: Parameter,
        grown: tuple[float, float],
    ) -> Scaling:
        """Adam's epsilon as the gradient: 1/n but for what makes the outputs."""
        inside = kind == "hidden" or target.branches > 0
        if kind in {"output", "router", "finite"} or not (
            self.own.epsilons == "all" or (self.own.epsilons and inside)
        ):
            return found
        n = grown[0] if kind == "hidden" else grown[1]
        return dataclasses.replace(found, epsilon=found.epsilon / n)

    def _in_branch(self, found: Scaling, base: Parameter, target: Parameter) -> Scaling:
        """Branches times L^(−α), what is in them at L^(α−1) of Adam's rate."""
        if self.alpha is None or not target.branches:
            return found
        L = self.depth or target.branches / (base.branches or target.branches)
        deep = L ** (self.alpha - 1)
        found = dataclasses.replace(
            found,
            adam=found.adam * deep,
            muon=found.muon * deep,
            sgd=found.sgd * L ** (2 * self.alpha - 1),
            shrink=found.shrink * deep,
        )
        if self.own.epsilons:
            found = dataclasses.replace(found, epsilon=found.epsilon * L**-self.alpha)
        if not target.closes:
            return found
        closing = found.multiplier * L**-self.alpha
        return dataclasses.replace(found, multiplier=closing)

    def _over_time(self, found: Scaling) -> Scaling:
        """Complete(d)P: of batch size and duration, as the noise of the gradient."""
        if self.batch == self.duration == 1:
            return found
        root = math.sqrt(self.batch / self.duration)
        return dataclasses.replace(
            found,
            adam=found.adam * root,
            epsilon=found.epsilon / root,
            shrink=found.shrink * root**2,
        )


def _kind(target: Parameter, row: Row | None, grown: tuple[float, float]) -> Kind:
    n_in, n_out = grown
    if n_in == n_out == 1:
        return "finite"
    if row is not None and row.part == "router":
        return "router"
    if n_in != 1:
        return "hidden" if n_out != 1 else "output"
    is_kernel = len(target.shape) > 1 if row is None else row.is_kernel
    is_table = row is not None and row.role == "embedding"
    return "input" if is_kernel or is_table else "vector"


def _spectral(parameter: Parameter) -> float:
    """The σ at which a normal matrix has the spectral norm √(fan_out / fan_in)."""
    n_in, n_out = parameter.fans
    return math.sqrt(n_out / n_in) / (math.sqrt(n_in) + math.sqrt(n_out))
