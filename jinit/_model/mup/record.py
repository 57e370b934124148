"""What muP found for a model: rules, multipliers and learning rates."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any, get_args

import jax

from ..._core import (
    aligned,
    bare,
    bare_paths,
    choose,
    digits,
    named_leaves,
    require,
    rich_table,
    sizes,
)
from ..._reading import Trace
from ..rules import Rule, Rules
from .deviations import Deviations
from .scaling import Optimizer
from .width import Width


@dataclasses.dataclass(frozen=True)
class Mup:
    """What `jinit.mup` found, one `Width` per parameter; prints as a table.

    Iterates over them; `mup["Dense_0/kernel"]` is the one of that path. A `params/` at
    the start of a path does not count.

    Attributes:
        widths: What each parameter gets.
        paths: The paths in the structure of the target; in nested dictionaries where
            that was a trace.
        read_base: Gives the trace of the base, or raises where there is none.
    """

    widths: tuple[Width, ...]
    paths: Any = dataclasses.field(repr=False, compare=False)
    read_base: Callable[[], Trace] = dataclasses.field(repr=False, compare=False)

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
        """The rules with every standard deviation as muP has it.

        A parameter gets the deviation that its rule gives at the base width, times its
        `scaling.std`. At the base width the initializers are those of the rules.

        Args:
            rules: As in `jinit.materialize`: what is right at the base width.

        Returns:
            Rules for the model at its own width.
        """
        deviations = Deviations(self.__getitem__, self.read_base)
        return tuple(map(deviations.rule, rules))

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
        """`apply` with the parameters, its first argument, times their multipliers."""

        def multiplied(params: Any, *inputs: Any, **options: Any) -> Any:
            times = lambda factor, w: w if factor == 1 else (factor * w).astype(w.dtype)
            scaled_params = jax.tree.map(times, self.multipliers(params), params)
            return apply(scaled_params, *inputs, **options)

        return multiplied

    def learning_rates(self, kind: Optimizer = "adam", like: Any = None) -> Any:
        """What the learning rate of each parameter is multiplied by.

        Args:
            kind: "adam", for all optimizers whose updates do not depend on the scale of
                the gradient (AdamW, Lion, Adafactor without scaling by parameters), or
                "sgd", with momentum or without.
            like: As in `multipliers`.

        Returns:
            A tree of floats.

        Raises:
            ValueError: For another kind.
        """
        return self._rates("Mup.learning_rates", kind, like)

    def labels(self, kind: Optimizer = "adam", like: Any = None) -> Any:
        """The learning-rate multipliers as text: labels for `optax.multi_transform`."""
        return jax.tree.map(repr, self._rates("Mup.labels", kind, like))

    def optimizer(
        self,
        make: Callable[[Any], Any],
        learning_rate: float | Callable[[Any], Any],
        kind: Optimizer = "adam",
    ) -> Any:
        """One optimizer for all parameters, each at its own learning rate.

        Args:
            make: A function of the learning rate, such as `optax.adam`.
            learning_rate: What is right at the base width; a number or a schedule.
            kind: As in `learning_rates`.

        Returns:
            An `optax.multi_transform` with a part for each distinct multiplier. Weight
            decay that an optimizer multiplies by its learning rate, as `optax.adamw`
            does, falls with it.
        """
        optax = require("Mup.optimizer", "optax")
        rates = jax.tree.leaves(self._rates("Mup.optimizer", kind, None))
        parts: Any = {repr(rate): make(_times(rate, learning_rate)) for rate in rates}
        return optax.multi_transform(parts, functools.partial(self.labels, kind))

    def _rates(self, where: str, kind: Optimizer, like: Any) -> Any:
        choose(where, "kind", kind, get_args(Optimizer))
        return self._tree(lambda width: getattr(width.scaling, kind), like)

    def _tree(self, number: Callable[[Width], float], like: Any) -> Any:
        paths = self.paths if like is None else named_paths(like)
        return jax.tree.map(lambda path: number(self[path]), paths)

    def __str__(self) -> str:
        return aligned([_HEAD, *map(_cells, self)], left=3)

    def __rich__(self) -> Any:
        return rich_table(_HEAD, map(_cells, self), right=range(3, 9))


_HEAD = (
    *("parameter", "shape", "class", "n_in", "n_out"),
    *("std", "forward", "Adam", "SGD", "note"),
)


def _cells(width: Width) -> tuple[str, ...]:
    change = sizes(width.base) or "scalar"
    if width.shape != width.base:
        change += f" → {sizes(width.shape) or 'scalar'}"
    scale = width.scaling
    numbers = (width.n_in, width.n_out, scale.std, scale.multiplier)
    numbers = (*numbers, scale.adam, scale.sgd)
    return (
        width.path,
        change,
        width.kind,
        *(digits(x, 4) for x in numbers),
        width.note,
    )


def _times(rate: float, schedule: Any) -> Any:
    if rate == 1:
        return schedule
    if not callable(schedule):
        return rate * schedule
    value: Callable[[Any], Any] = schedule
    return lambda step: rate * value(step)


def named_paths(tree: Any) -> Any:
    """The tree, with the path of each leaf in its place."""
    return jax.tree.unflatten(jax.tree.structure(tree), named_leaves(tree))
