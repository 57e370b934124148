"""What a parametrization found for a model: rules, multipliers, optimizers."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, get_args, Literal

import jax

from ..._core import aligned, bare, bare_paths, choose, rich_table
from ..._reading import Trace
from ..rules import no_trace, Rule, Rules
from . import muon
from .deviations import Deviations
from .logits import Attention, remarks, with_factors
from .optimizers import Base, Factors, kind_of, named_paths
from .parameters import Parameter
from .parametrizations import PARAMETRIZATIONS
from .scaling import Optimizer
from .table import cells
from .width import Width


Decay = Literal["torch", "decoupled"]


@dataclasses.dataclass(frozen=True)
class Mup:
    """What `jinit.mup` found, one `Width` per parameter; prints as a table.

    Iterates over them; `mup["Dense_0/kernel"]` is the one of that path. A `params/` at
    the start of a path does not count.

    Attributes:
        rule: The parametrization.
        widths: What each parameter gets.
        attentions: What the logits of each attention need, in order.
        momentum: What 1 − β of Adam is multiplied by.
        paths: The paths in the structure of the target; in nested dictionaries where
            that was a trace.
        base: The trace of the base, where there is one.
        parameters: What is known of each parameter, by path.
    """

    rule: str
    widths: tuple[Width, ...]
    attentions: tuple[Attention, ...]
    momentum: float
    paths: Any = dataclasses.field(repr=False, compare=False)
    base: Trace | None = dataclasses.field(repr=False, compare=False)
    parameters: Mapping[str, Parameter] = dataclasses.field(repr=False, compare=False)

    def __iter__(self) -> Iterator[Width]:
        return iter(self.widths)

    def __len__(self) -> int:
        return len(self.widths)

    def __getitem__(self, path: str) -> Width:
        found = self._by_path.get(path, self._by_path.get(bare(path)))
        if found is None:
            listed = "\n".join(f"  {width.path}" for width in self)
            raise KeyError(f"`Mup` has no parameter {path!r}. It has\n{listed}")
        return found

    @functools.cached_property
    def _by_path(self) -> dict[str, Width]:
        return dict(zip(bare_paths([width.path for width in self]), self, strict=True))

    def rules(self, rules: Rules) -> tuple[Rule, ...]:
        """The rules with every standard deviation as the parametrization has it.

        A parameter gets the deviation that its rule gives at the base, times its
        `scaling.std`. At the base the initializers are those of the rules. Where the
        parametrization says itself what weights are drawn from, kernels and embeddings
        that do not start at 0 are drawn from that.

        Args:
            rules: As in `jinit.materialize`: what is right at the base.

        Returns:
            Rules for the model at its own size.
        """
        deviations = Deviations(self.__getitem__, self._read_base)
        return tuple(map(deviations.rule, rules))

    def _read_base(self) -> Trace:
        return self.base or no_trace("jinit.mup")()

    def multipliers(self, like: Any = None) -> Any:
        """What each parameter is to be multiplied by in the forward pass.

        All are 1 in the form "init".

        Args:
            like: A tree that gives the structure, in place of the target's.

        Returns:
            A tree of floats.
        """
        return self._tree(lambda width: width.scaling.multiplier, like)

    def forward(self, apply: Callable[..., Any]) -> Callable[..., Any]:
        """`apply` with all that the parametrization asks of the computation.

        The parameters, its first argument, are multiplied by their multipliers, the
        logits of attentions by their factors, so that they go as 1/d_head, and so what
        is said in the notes. The model's code stays as it is: its computation is
        traced, and run with the factors in place. Put it under `jax.jit`.

        Args:
            apply: A function of parameters and anything more.

        Returns:
            A function of the same arguments. Where nothing is to be multiplied, as at
            the base, it computes the same bits.

        Raises:
            ValueError: When it is called and is not the computation that was traced.
        """
        factors = [attention.factor for attention in self.attentions]
        behind = {bare(w.path): w.behind for w in self if w.behind != 1}
        changed = any(factor != 1 for factor in factors) or bool(behind)
        run = with_factors(apply, factors, behind) if changed else apply

        def multiplied(params: Any, *inputs: Any, **options: Any) -> Any:
            times = lambda factor, w: w if factor == 1 else (factor * w).astype(w.dtype)
            scaled_params = jax.tree.map(times, self.multipliers(params), params)
            return run(scaled_params, *inputs, **options)

        return multiplied

    def learning_rates(self, kind: Optimizer = "adam", like: Any = None) -> Any:
        """What the learning rate of each parameter is multiplied by.

        Args:
            kind: "adam", for all optimizers whose updates do not depend on the scale of
                the gradient (AdamW, Lion, Adafactor without scaling by parameters);
                "sgd", with momentum or without; or "muon", for `optax.contrib.muon` as
                it is by default: matrices have updates of a given spectral norm, and
                Adam has the rest.
            like: As in `multipliers`.

        Returns:
            A tree of floats.

        Raises:
            ValueError: For another kind, or one that the parametrization has not.
        """
        factors = self._factors("Mup.learning_rates", kind)
        return self._tree(lambda width: factors(width).rate, like)

    def epsilons(self, like: Any = None) -> Any:
        """What Adam's epsilon of each parameter is multiplied by.

        Args:
            like: As in `multipliers`.

        Returns:
            A tree of floats, all 1 where the parametrization does not speak of it.
        """
        return self._tree(lambda width: width.scaling.epsilon, like)

    def weight_decays(
        self, style: Decay = "torch", kind: Optimizer = "adam", like: Any = None
    ) -> Any:
        """What the weight decay of each parameter is multiplied by.

        Args:
            style: "torch" where the optimizer multiplies the decay by the learning
                rate, as `torch.optim.AdamW` and `optax.adamw` do: it grows as the rate
                falls, so that what a step takes does not depend on the width.
                "decoupled" where it does not.
            kind: As in `learning_rates`.
            like: As in `multipliers`.

        Returns:
            A tree of floats.

        Raises:
            ValueError: As `learning_rates` does, or for another style.
        """
        choose("Mup.weight_decays", "style", style, get_args(Decay))
        factors = self._factors("Mup.weight_decays", kind, style == "decoupled")
        return self._tree(lambda width: factors(width).decay, like)

    def muon_dimensions(self, like: Any = None) -> Any:
        """The axes of each kernel that Muon should read as a matrix.

        For `optax.contrib.muon(muon_weight_dimension_numbers=...)`, which by default
        takes whatever has two axes, embeddings and heads too, and no kernel of three.
        Axes are read from the computation: heads, experts and stacked layers count
        right; heads, embeddings, routers and vectors are left to Adam.

        Args:
            like: As in `multipliers`.

        Returns:
            A tree of `optax.contrib.MuonDimensionNumbers` and None.
        """
        known = self.parameters
        return self._tree(lambda width: muon.dimensions(known[width.path]), like)

    def optimizer(
        self,
        make: Callable[..., Any],
        learning_rate: float | Callable[[Any], Any],
        kind: Optimizer | None = None,
        *,
        decay: Decay = "torch",
        **settings: Any,
    ) -> Any:
        """One optimizer for all parameters, each at its own learning rate.

            scales.optimizer(optax.adamw, 3e-4, weight_decay=0.1, b2=0.95)
            scales.optimizer(optax.contrib.muon, 0.02)
            scales.optimizer(optax.inject_hyperparams(optax.adamw), schedule)

        Learning rates, epsilons, weight decays and momenta are multiplied as the
        parametrization has it, those too that the optimizer has by default. At the base
        it is `make(learning_rate, **settings)` itself.

        Args:
            make: A function of the learning rate and settings, such as `optax.adam`.
            learning_rate: What is right at the base; a number or a schedule.
            kind: As in `learning_rates`; by default as the name of `make` tells.
            decay: As the `style` of `weight_decays`: what `make` does.
            **settings: Others of `make`, as they are right at the base.

        Returns:
            An optax optimizer: of several parts, by `optax.multi_transform`, where
            parameters differ.

        Raises:
            ValueError: When the kind is not known, or one that the parametrization has
                no learning rates for.
        """
        choose("Mup.optimizer", "decay", decay, get_args(Decay))
        kind = kind_of(make, kind)
        numbers = self._numbers(settings) if kind == "muon" else None
        if numbers is not None and settings.get(muon.DIMENSIONS) is not None:
            settings[muon.DIMENSIONS] = muon.by_path(numbers)
        rms = settings.get("consistent_rms")
        decoupled = decay == "decoupled"
        factors = self._factors("Mup.optimizer", kind, decoupled, numbers, rms)
        base = Base(make, learning_rate, settings, self.momentum)
        return base.of(self.paths, lambda path: factors(self[path]))

    def _numbers(self, settings: dict[str, Any]) -> dict[str, Any]:
        """The axes that Muon reads as a matrix, by path, as the settings say."""
        given = settings.get(muon.DIMENSIONS)
        if callable(given):
            shape = lambda path: jax.ShapeDtypeStruct(self[path].shape, "float32")
            given = given(jax.tree.map(shape, self.paths))
        if given is None:
            return {w.path: muon.default_dimensions(w.shape) for w in self}
        found: dict[str, Any] = {}
        jax.tree.map(found.__setitem__, self.paths, given)
        return found

    def _factors(
        self,
        where: str,
        kind: Optimizer,
        decoupled: bool = False,
        numbers: dict[str, Any] | None = None,
        rms: Any = None,
    ) -> Callable[[Width], Factors]:
        choose(where, "kind", kind, get_args(Optimizer))
        own = PARAMETRIZATIONS[self.rule].optimizers
        if kind not in own:
            raise ValueError(
                f"`{where}` needs learning rates that {self.rule!r} has: of "
                f"{', '.join(own)}. Got {kind!r}."
            )
        if kind == "muon" and numbers is None:
            numbers = self._numbers({})

        def factors(width: Width) -> Factors:
            found, axes = width.scaling, (numbers or {}).get(width.path)
            if axes is not None:
                rate, epsilon = muon.rate(width, axes, rms), 1.0
            else:
                rate = found.sgd if kind == "sgd" else found.adam
                epsilon = found.epsilon
            return Factors(rate, epsilon, found.shrink / (1 if decoupled else rate))

        return factors

    def _tree(self, number: Callable[[Width], Any], like: Any) -> Any:
        paths = self.paths if like is None else named_paths(like)
        return jax.tree.map(lambda path: number(self[path]), paths)

    def __str__(self) -> str:
        table = aligned([*cells(self.widths, self.rule)], left=3)
        return "\n".join([table, *remarks(self.attentions)])

    def __rich__(self) -> Any:
        from rich.console import Group

        head, *rows = cells(self.widths, self.rule)
        right = [i for i, name in enumerate(head) if i >= 3 and name != "note"]
        table = rich_table(head, rows, right=right)
        return Group(table, *remarks(self.attentions))
