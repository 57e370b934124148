"""Maximal update parametrization: hyperparameters that hold at every width."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, get_args

import jax

from ..._core.initializer import Initializer
from ..._core.settings import check, choose, Count
from ..._core.text import aligned, digits, rich_table, sizes
from ..._core.trees import bare, bare_paths, named_leaves
from ..._reading.trace import Row, Trace
from ...compose import scaled
from ..rules import Leaf, no_trace, resolve, Rule, Rules, Value
from .growth import growths, Parameter, read_parameters
from .scaling import Form, Kind, Optimizer, Scaling, scaling


@dataclasses.dataclass(frozen=True)
class Width:
    """What muP does with one parameter.

    Attributes:
        path: Its path in the tree.
        base: Its shape at the base width.
        shape: Its shape.
        kind: Which of its fans grow: "input" fan_out, "output" fan_in, "hidden" both;
            "vector" for biases, norms and what else is no kernel, "finite" for none.
        n_in: fan_in over that at the base width.
        n_out: fan_out over that at the base width.
        scaling: The factors that follow.
        note: What else there is to do.
    """

    path: str
    base: tuple[int, ...]
    shape: tuple[int, ...]
    kind: Kind
    n_in: float
    n_out: float
    scaling: Scaling
    note: str = ""


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
            raise KeyError(f"`jinit.mup` has no parameter {path!r}. It has\n{listed}")
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
        return tuple(map(self._rule, rules))

    def _rule(self, rule: Any) -> Rule:
        if not isinstance(rule, tuple):
            return rule  # for `jinit.materialize` to refuse
        pattern, value, *required = rule
        return Rule(pattern, functools.partial(self._value, value), *required)

    def _value(self, value: Value, leaf: Leaf) -> Initializer:
        width = self[leaf.path]
        target = resolve(value, leaf)
        if width.base == width.shape and width.scaling.std == 1:
            return target
        small = Leaf(width.path, width.base, leaf.dtype, self.read_base)
        return _with_std(target, resolve(value, small), width)

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
        choose("jinit.mup", "kind", kind, get_args(Optimizer))
        return self._tree(lambda width: getattr(width.scaling, kind), like)

    def labels(self, kind: Optimizer = "adam", like: Any = None) -> Any:
        """The learning-rate multipliers as text: labels for `optax.multi_transform`."""
        return jax.tree.map(repr, self.learning_rates(kind, like))

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
        import optax

        rates = jax.tree.leaves(self.learning_rates(kind))
        parts: Any = {repr(rate): make(_times(rate, learning_rate)) for rate in rates}
        return optax.multi_transform(parts, functools.partial(self.labels, kind))

    def _tree(self, number: Callable[[Width], float], like: Any) -> Any:
        paths = self.paths if like is None else _paths(like)
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


def mup(
    base: Any,
    target: Any,
    *,
    form: Form = "init",
    depth: tuple[int, int] | None = None,
) -> Mup:
    """Maximal update parametrization: what is tuned at one width holds at all.

    Every axis is finite or infinite: it grows with the width if its size differs
    between a narrow model, the base, and the target. Relative to the base, with n the
    growth of fan_in (of fan_out for inputs, biases and norms),

                        input, vector   hidden      output
        σ               1               1/√n        1/n
        Adam            1               1/n         1/n
        SGD             n               1           1/n

    where a hidden kernel whose fans grow differently has n_out/n_in for SGD. At the
    base width all factors are 1 and nothing differs from the standard parametrization.

        scales = jinit.mup(base, target)
        params = jinit.materialize(target, key, scales.rules(rules))
        optimizer = scales.optimizer(optax.adam, 1e-3)

    Two things are the model's own: attention logits need the factor 1/d_head in place
    of 1/√d_head, and an embedding that is tied to the head needs its logits divided by
    the growth of the width (the note says by how much). A head that starts at 0 is the
    better choice: what a random one adds to the outputs still falls as 1/√n.

    Args:
        base: The narrow model: arrays, `jax.ShapeDtypeStruct`s or a `jinit.trace`. Of
            shapes alone, the last axis counts as out and the one before it as in, but
            for a `weight`, which Equinox and PyTorch store the other way round.
        target: The model, of the same structure.
        form: Where the factors are: "init" as above; "multiplier", where the output's
            σ is not changed and its forward multiplier is 1/n, for heads that start at
            0 or are tied; "symmetric", where inputs have the multiplier √n and outputs
            1/√n, and SGD has one learning rate for all. They train alike. In the latter
            two, put `Mup.forward` around the model's `apply`.
        depth: The residual layers (base, target), for depth-muP: with L their ratio,
            what closes a branch is multiplied by 1/√L, and kernels and biases of
            branches have 1/√L of Adam's learning rate. It needs a trace. The base has
            the structure, and so the depth, of the target; this only counts.

    Returns:
        A `Mup`: print it, iterate over it, or use its `rules`, `optimizer`,
        `learning_rates`, `labels`, `multipliers` and `forward`.

    Raises:
        ValueError: When paths or ranks differ, or a shape does not say which of its
            axes are inputs: the error lists all such paths. A trace says it.

    Example:
        >>> import jax
        >>> from jinit._model.mup.parametrization import mup
        >>> shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
        >>> model = lambda n: {"a": shape(32, n), "b": shape(n, n), "c": shape(n, 10)}
        >>> print(mup(model(64), model(256)))
        parameter  shape            class   n_in  n_out   std  forward  Adam   SGD  note
        a          32×64 → 32×256   input      1      4     1        1     1     4
        b          64×64 → 256×256  hidden     4      4   0.5        1  0.25     1
        c          64×10 → 256×10   output     4      1  0.25        1  0.25  0.25

    References:
        Yang, Hu, Babuschkin, Sidor, Liu, Farhi, Ryder, Pachocki, Chen, Gao. Tensor
        Programs V: tuning large neural networks via zero-shot hyperparameter transfer.
        2022. Tables 3, 8 and 9. https://arxiv.org/abs/2203.03466
        Yang, Yu, Zhu, Hayou. Tensor Programs VI: feature learning in infinite-depth
        neural networks. ICLR 2024. https://arxiv.org/abs/2310.02244
    """
    choose("jinit.mup", "form", form, get_args(Form))
    before, after = read_parameters(base, "base"), read_parameters(target, "target")
    ratio = 1.0 if depth is None else _depth(depth, after)
    widths = tuple(
        _width(before[path], after[path], fans, form, after, ratio)
        for path, fans in growths(before, after).items()
    )
    paths = _nested(after) if isinstance(target, Trace) else _paths(target)
    read = (lambda: base) if isinstance(base, Trace) else no_trace("jinit.mup")
    return Mup(widths, paths, read)


def _kind(row: Row | None, ndim: int, n_in: float, n_out: float) -> Kind:
    if n_in == n_out == 1:
        return "finite"
    if n_in != 1:
        return "hidden" if n_out != 1 else "output"
    is_input = ndim > 1 if row is None else row.is_kernel or row.role == "embedding"
    return "input" if is_input else "vector"


def _width(
    base: Parameter,
    target: Parameter,
    grown: tuple[float, float],
    form: Form,
    every: Mapping[str, Parameter],
    depth: float,
) -> Width:
    row = target.row or base.row
    kind = _kind(row, len(target.shape), *grown)
    found = scaling(kind, form, *grown)
    note = ""
    if row and row.role == "embedding" and row.tied and grown[1] != 1:
        # The head reads the width, and sees the multiplier of the input.
        note = (
            f"tied: multiply the logits by {digits(1 / grown[1] / found.multiplier, 4)}"
        )
    if depth != 1:
        found = _in_branch(found, target.row, every, form, depth)
    sizes = base.shape, target.shape
    return Width(target.path, *sizes, kind, *grown, found, note)


def _in_branch(
    found: Scaling,
    row: Row | None,
    every: Mapping[str, Parameter],
    form: Form,
    depth: float,
) -> Scaling:
    """Depth-muP: branches times 1/√L, and what is in them at 1/√L of Adam's rate."""
    own = every[row.kernel].row if row and row.kernel else row
    if own is None or not own.branches:
        return found
    root = depth**0.5
    found = dataclasses.replace(found, adam=found.adam / root)
    if not own.closes_residual:
        return found
    closing = dataclasses.replace(found, multiplier=found.multiplier / root)
    if form != "init":
        return closing
    # Without multipliers, 1/√L goes to the deviation.
    return dataclasses.replace(closing.moved(root), multiplier=1.0)


def _depth(depth: tuple[int, int], after: Mapping[str, Parameter]) -> float:
    base, target = (check("jinit.mup", "depth", Count, layers) for layers in depth)
    if any(parameter.row is None for parameter in after.values()):
        raise ValueError(
            f"`jinit.mup` needs `target` to be a trace for `depth`. Got {depth} with "
            "a tree. Give `jinit.trace(apply, params, *inputs)`: it knows the branches."
        )
    return target / base


def _with_std(target: Initializer, base: Initializer, width: Width) -> Initializer:
    """`target` with the standard deviation of `base` times the factor of muP."""
    try:
        stds = base.std(width.base), target.std(width.shape)
    except TypeError:
        raise TypeError(
            "`jinit.mup` needs rules whose initializers state their standard "
            f"deviation. Got {target!r} for {width.path}. Use one of jinit, or state "
            "it: `@jinit.law(marginal=...)`."
        ) from None
    constant = not all(stds)
    factor = width.scaling.std * (1.0 if constant else stds[0] / stds[1])
    if math.isclose(factor, 1, rel_tol=1e-9) or target.support(width.shape) == (0, 0):
        return target
    return scaled(target, factor)


def _times(rate: float, schedule: Any) -> Any:
    if rate == 1:
        return schedule
    if not callable(schedule):
        return rate * schedule
    value: Callable[[Any], Any] = schedule
    return lambda step: rate * value(step)


def _paths(tree: Any) -> Any:
    return jax.tree.unflatten(jax.tree.structure(tree), named_leaves(tree))


def _nested(paths: Iterable[str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in paths:
        *parts, last = path.split("/")
        place = functools.reduce(lambda at, name: at.setdefault(name, {}), parts, tree)
        place[last] = path
    return tree
