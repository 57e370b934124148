"""The coordinate check: how much training moves each layer, at growing widths."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from ..._core.figures import blank
from ..._core.progress import track
from ..._core.settings import check, Count
from ..._core.text import aligned, digits, rich_table, signed
from ..._graph.evaluation import evaluate
from ..._reading.instances import measurable
from ..._reading.model import Model, read_model


OUTPUTS = "outputs"
TOLERANCE = 0.1  # of a slope that counts as flat

Make: TypeAlias = Callable[[int, jax.Array], tuple[Callable[..., Any], Any, Any]]
Loss: TypeAlias = Callable[[Any, Any], jax.Array]


@dataclasses.dataclass(frozen=True)
class CoordinateCheck:
    """How far each layer moves in a few steps, at each width; prints and plots itself.

    Attributes:
        layers: The layers in order, then "outputs".
        widths: The widths.
        changes: By layer, width and step, the root mean square of z_t − z_0, with z_t
            the layer's output after t steps.
        tolerance: The slope up to which a layer counts as flat.
    """

    layers: tuple[str, ...]
    widths: tuple[int, ...]
    changes: tuple[tuple[tuple[float, ...], ...], ...]
    tolerance: float = TOLERANCE

    @functools.cached_property
    def slopes(self) -> Mapping[str, float]:
        """By layer, the slope of log change over log width, after the last step."""
        last = np.asarray(self.changes)[..., -1]
        return {
            name: _slope(self.widths, row)
            for name, row in zip(self.layers, last, strict=True)
        }

    @property
    def is_flat(self) -> bool:
        """Whether every slope is within the tolerance."""
        return all(abs(slope) <= self.tolerance for slope in self.slopes.values())

    @property
    def verdict(self) -> str:
        """In one sentence, whether the layers move alike at all widths."""
        if self.is_flat:
            return f"Flat: every slope is within ±{digits(self.tolerance)}."
        off = {n: s for n, s in self.slopes.items() if not abs(s) <= self.tolerance}
        listed = ", ".join(f"{name} {signed(slope)}" for name, slope in off.items())
        return f"Not flat: slopes beyond ±{digits(self.tolerance)} at {listed}."

    def plot(self, path: str | None = None) -> Any:
        """Draws the change of each layer over the width, one panel per step.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """
        return _draw(self, path)

    def __str__(self) -> str:
        return "\n".join([aligned([self._head, *self._cells()]), self.verdict])

    def __rich__(self) -> Any:
        from rich.console import Group
        from rich.text import Text

        columns = range(1, len(self._head))
        color = "green" if self.is_flat else "red"
        table = rich_table(self._head, self._cells(), right=columns)
        return Group(table, Text(self.verdict, style=color))

    @property
    def _head(self) -> tuple[str, ...]:
        return ("change at width", *map(str, self.widths), "slope")

    def _cells(self) -> Iterator[tuple[str, ...]]:
        for name, row in zip(self.layers, self.changes, strict=True):
            last = (digits(steps[-1]) for steps in row)
            yield name, *last, signed(self.slopes[name])


def coord_check(
    make: Make,
    widths: Sequence[int],
    batches: Sequence[tuple[Any, Any]],
    loss: Loss,
    *,
    steps: int = 3,
    seeds: int = 1,
    tolerance: float = TOLERANCE,
) -> CoordinateCheck:
    """Whether training moves every layer as far in a wide model as in a narrow one.

    At each width the model is trained for a few steps. With z_t a layer's output for
    the first batch after t steps, the slope of

        log √E (z_t − z_0)²   over   log width

    is 0 for every layer under muP. Under the standard parametrization and Adam it is
    about 1/2 to 1 in hidden layers and outputs, which is why the best learning rate
    falls with the width. It needs no hooks: layers are found as in `jinit.probe`.

    Args:
        make: A function of a width and a key that returns `(apply, params, optimizer)`:
            a function of `(params, inputs)`, weights, and an optax optimizer. The key
            is for the weights alone.
        widths: Widths, two or more.
        batches: Pairs `(inputs, targets)`, one per step, begun anew when used up.
        loss: A function of `(outputs, targets)` to a scalar.
        steps: Steps of training.
        seeds: Models per width, over which squares are averaged.
        tolerance: The slope up to which a layer counts as flat.

    Returns:
        A `CoordinateCheck`: print it, `.plot()` it, or read its `.slopes`.

    Raises:
        ValueError: For fewer than two widths, no batch, or layers that are not the same
            at all widths.

    Example:
        >>> import jax, jax.numpy as jnp, jinit, optax
        >>> from jinit._model.mup.coordinates import coord_check
        >>> from jinit._model.mup.parametrization import mup
        >>> shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
        >>> shapes = lambda n: {"a": shape(8, n), "b": shape(n, n), "c": shape(n, 1)}
        >>> apply = lambda p, x: jnp.tanh(jnp.tanh(x @ p["a"]) @ p["b"]) @ p["c"]
        >>> def make(width, key):
        ...     scales = mup(shapes(32), shapes(width))
        ...     rules = scales.rules([("**", jinit.lecun_normal)])
        ...     params = jinit.materialize(shapes(width), key, rules)
        ...     return apply, params, scales.optimizer(optax.adam, 0.01)
        >>> x = jax.random.normal(jax.random.key(0), (64, 8))
        >>> mse = lambda outputs, targets: jnp.mean((outputs - targets) ** 2)
        >>> result = coord_check(make, [64, 256], [(x, x[:, :1])], mse, seeds=4)
        >>> result.is_flat
        True

    References:
        Yang, Hu et al. Tensor Programs V: tuning large neural networks via zero-shot
        hyperparameter transfer. 2022. Appendix D.1. https://arxiv.org/abs/2203.03466
    """
    for name, value in {"steps": steps, "seeds": seeds}.items():
        check("jinit.coord_check", name, Count, value)
    widths, batches = tuple(widths), tuple(batches)
    if len(set(widths)) < 2 or not batches:
        raise ValueError(
            "`jinit.coord_check` needs two or more widths and a batch. Got widths "
            f"{widths} and {len(batches)} batches."
        )
    train = functools.partial(_train, make, batches, loss, steps, seeds)
    found = [train(width) for width in track(widths, len(widths), "training")]
    names = found[0][0]
    for width, (others, _) in zip(widths, found, strict=True):
        if others != names:
            raise ValueError(
                "`jinit.coord_check` needs the same layers at all widths. Got "
                f"{names} at {widths[0]} and {others} at {width}."
            )
    changes = np.sqrt([squares for _, squares in found]).transpose(2, 0, 1)
    rows = tuple(tuple(map(tuple, row)) for row in changes.tolist())
    return CoordinateCheck(names, widths, rows, tolerance)


def _train(
    make: Make,
    batches: Sequence[tuple[Any, Any]],
    loss: Loss,
    steps: int,
    seeds: int,
    width: int,
) -> tuple[tuple[str, ...], np.ndarray]:
    """The layers at one width, and E (z_t − z_0)² by step and layer."""
    key = jax.random.key(0)
    made = [make(width, jax.random.fold_in(key, seed)) for seed in range(seeds)]
    apply, params, optimizer = made[0]
    inputs, _ = batches[0]
    model = read_model(apply, params, inputs)
    names, taps = _taps(model)

    @jax.jit
    def features(params: Any, inputs: Any) -> list[jax.Array]:
        visits = dict.fromkeys(taps, lambda value, _: (value, value))
        outputs, seen = evaluate(model.graph, jax.tree.leaves((params, inputs)), visits)
        return [*(seen[i] for i in taps), _joined(outputs)]

    @jax.jit
    def step(params: Any, state: Any, inputs: Any, targets: Any) -> Any:
        slope = jax.grad(lambda params: loss(apply(params, inputs), targets))(params)
        updates, state = optimizer.update(slope, state, params)
        move = lambda w, update: (w + update).astype(w.dtype)
        return jax.tree.map(move, params, updates), state

    def run(params: Any) -> Iterator[list[float]]:
        first, state = features(params, inputs), optimizer.init(params)
        for t in range(steps):
            params, state = step(params, state, *batches[t % len(batches)])
            yield list(map(float, _distances(features(params, inputs), first)))

    squares = np.mean([list(run(params)) for _, params, _ in made], axis=0)
    return (*names, OUTPUTS), squares


def _taps(model: Model) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The layers that can be seen, by name, and the values that they put out."""
    layers = [layer for layer in model.layers if measurable(model.graph, layer)]
    return tuple(layer.name for layer in layers), tuple(each.output for each in layers)


def _joined(outputs: Sequence[jax.Array]) -> jax.Array:
    return jnp.concatenate([x.ravel().astype(jnp.float32) for x in outputs])


@jax.jit
def _distances(now: Sequence[jax.Array], first: Sequence[jax.Array]) -> list[jax.Array]:
    wide = lambda x: x.astype(jnp.float32)
    return [
        jnp.mean((wide(z) - wide(start)) ** 2)
        for z, start in zip(now, first, strict=True)
    ]


def _slope(widths: Sequence[int], changes: np.ndarray) -> float:
    """Least squares; 0 for a layer that never moves, NaN for one that may not be."""
    if not changes.any():
        return 0.0
    if not (np.isfinite(changes) & (changes > 0)).all():
        return float("nan")
    return float(np.polyfit(np.log(widths), np.log(changes), 1)[0])


def _draw(result: CoordinateCheck, path: str | None) -> Any:
    import matplotlib

    changes = np.asarray(result.changes)
    steps = changes.shape[-1]
    figure = blank(1.2 + 2.6 * steps, 3.2, dpi=150, layout="constrained")
    panels = figure.subplots(1, steps, sharey=True, squeeze=False)[0]
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(result.layers)))
    for t, ax in enumerate(panels):
        for name, row, color in zip(result.layers, changes, shades, strict=True):
            label = f"{name} {signed(result.slopes[name])}"
            ax.loglog(result.widths, row[:, t], "o-", ms=3, color=color, label=label)
        ax.set_title(f"after step {t + 1}", size=8, loc="left")
        ax.set_xlabel("width", size=8)
        ax.set_xticks(result.widths, list(map(str, result.widths)), size=7)
        ax.minorticks_off()
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("root mean square of z_t − z_0", size=8)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside right upper", fontsize=7,
        frameon=False, title="layer, slope", title_fontsize=7,
    )  # fmt: skip
    if path is not None:
        figure.savefig(path)
    return figure
