"""What a model's computation says about each of its parameters."""

import dataclasses
import difflib
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._core import (
    aligned,
    apart,
    at_once,
    bare,
    bare_paths,
    public,
    rich_table,
    shown,
)
from .._frameworks import read
from .._graph import Value
from .diagram import draw
from .layers import Layer
from .model import Model, read_subject
from .roles import Roles
from .row import cells, HEAD, Row
from .rows import tell
from .uses import layer_use, Use


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """What a trace was told from: a model, and the uses of its parameters by number."""

    model: Model
    uses: Mapping[Value, Sequence[Use]]

    def layers(self) -> dict[str, Layer]:
        """By path, the layer that the row of a parameter tells of, where it has one."""
        numbers = dict(zip(self.model.paths, self.model.graph.inputs, strict=False))
        told = {path: self.uses.get(leaf) for path, leaf in numbers.items()}
        uses = {path: layer_use(uses) for path, uses in told.items() if uses}
        return {path: use.layer for path, use in uses.items() if use.layer}

    def __reduce__(self) -> Any:
        return NoSource, ()

    def __deepcopy__(self, memo: Any) -> "Source":
        return self


@dataclasses.dataclass(frozen=True)
class NoSource:
    """In the place of the source of a trace that comes of a pickle: rows alone."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ValueError(
            "`jinit.trace` needs the model for this. Got a trace of a pickle, which "
            "keeps its rows. Trace the model again."
        )


@dataclasses.dataclass(frozen=True)
class Trace:
    """The rows of `jinit.trace`, one per parameter, in the order of the tree.

    Iterates over rows; `trace["params/Dense_0/kernel"]` is the row of that path.
    """

    rows: tuple[Row, ...]
    source: Source | NoSource = dataclasses.field(repr=False, compare=False)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, path: str) -> Row:
        if path in self._by_path:
            return self._by_path[path]
        near = difflib.get_close_matches(path, self._by_path, n=3)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise KeyError(f"`jinit.trace` has no parameter {shown(path)}.{hint}")

    def find(self, path: str) -> Row | None:
        """The row of a path, if any; a `params/` at the start of it does not count."""
        return self._by_path.get(path, self._bare.get(bare(path)))

    @functools.cached_property
    def _bare(self) -> dict[str, Row]:
        return dict(zip(bare_paths([*self._by_path]), self, strict=True))

    @functools.cached_property
    def _by_path(self) -> dict[str, Row]:
        return {row.path: row for row in self.rows}

    @functools.cached_property
    def in_order(self) -> tuple[Row, ...]:
        """The rows in the order of computation, unused ones last."""
        last = len(self.rows)
        key = lambda row: last if row.order is None else row.order
        return tuple(sorted(self.rows, key=key))

    def diagram(self) -> str:
        """The stream from input to output as text, with what each layer reads."""
        return draw(self.in_order)

    def __str__(self) -> str:
        return aligned([HEAD, *map(cells, self.in_order)], left=3)

    def __rich__(self) -> Any:
        return rich_table(HEAD, map(cells, self.in_order), right=(3, 4, 5))


@public()
def trace(model: Any, *inputs: Any) -> Trace:
    """What a model's computation does with each parameter, read without running it.

    The roles, exact fans and activations are read from the jaxpr of the model: through
    jit, remat, scan, while, cond, vmap and shard_map, and along a parameter through
    reshape, transpose, cast, slice and concatenation. So they are right where a shape
    alone misleads: attention heads, experts, grouped and transposed convolutions,
    stacked layers. What can not be known, the row's note says.

    Args:
        model: A linen module; an NNX or Equinox module, or its constructor, a function
            of `rngs` or `key`; a Haiku transform; a Keras model on JAX; a pair
            `(apply, params)`; or an apply function, with its params as first input.
            Params may be shapes: nothing is allocated or run. Flags are as in training,
            but for `functools.partial(module, train=False)` and what a module itself
            says (`module.eval()`, `eqx.nn.inference_mode(module)`).
        *inputs: Arrays, shapes, or trees of them, as the model takes them.

    Returns:
        A `Trace`: print it, iterate over its rows, or index it by path. It has a row
        for every weight; what else a model holds (statistics, keys) has none.

    Raises:
        TypeError: When the model is of no known kind, or `params` or an input holds
            something other than arrays.
        ValueError: When the inputs do not fit the model.

    Example:
        >>> import flax.linen as nn, jax, jinit
        >>> model = nn.MultiHeadDotProductAttention(num_heads=8)
        >>> x = jax.ShapeDtypeStruct((2, 16, 256), "float32")
        >>> row = jinit.trace(model, x, x)["params/query/kernel"]
        >>> row.shape, row.role, row.fan_in  # jax's initializers take 8 · 256 for it
        ((256, 8, 32), 'kernel', 256)
    """
    return trace_of("jinit.trace", model, *inputs)


def trace_of(where: str, model: Any, *inputs: Any) -> Trace:
    """The trace of a model, for the public function `where`."""
    with apart():
        found = read_subject(where, read(where, model, None, inputs))
    with at_once():  # it is told now, where its caller is traced
        return trace_model(found)


def trace_model(model: Model) -> Trace:
    """The trace of a model already read."""
    uses = Roles(model).uses()
    return Trace(tell(model, uses), Source(model, uses))
