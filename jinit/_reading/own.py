"""What a model's own initialization makes of each weight, read as a computation.

What it makes without the key was chosen: a number, a table. Nothing is allocated to
know that. Of weights that are there already the values tell.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from .._core import check_key, named_leaves
from .._frameworks import Subject
from .._graph import Graph, Kind, Repeated, repeated, upstream, Value
from .start import FEW, SMALL, Start, start_of


@dataclasses.dataclass(frozen=True, eq=False)
class Own:
    """What a model itself makes of one weight.

    Attributes:
        shape: Its shape.
        dtype: Its dtype.
        drawn: Whether it depends on the key.
        is_normal: Whether normal numbers are among what it is drawn from.
        is_traced: Whether it depends on what is traced, and has no number before it.
        factor: The number that what is drawn is multiplied by in the end, or the root
            mean square of drawn weights that are there. 0 where that is not told.
        is_frame: Whether orthogonal vectors are what is multiplied.
        is_small_head: Whether it stays as a head that its author made small.
        number: The number that all of its entries are; None where they differ.
        array: The weight, where it is there already.
        given: Whether it is there beside a function, which does not say how it starts.
        start: The initialization that makes it; None where it is there.
        index: Its place among the weights and, behind them, the state.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    drawn: bool = False
    is_normal: bool = False
    is_traced: bool = False
    factor: float = 0.0
    is_frame: bool = False
    is_small_head: bool = False
    number: float | None = None
    array: Any = None
    given: bool = False
    start: Start | None = None
    index: int = 0

    @property
    def text(self) -> str:
        """What it is, in a word or as its number."""
        if self.is_small_head:
            return "a small head"
        if self.drawn and not self.is_there:
            return "drawn"
        if self.number is None:
            return "as given" if self.given else "a table"
        return {0.0: "zeros", 1.0: "ones"}.get(self.number, f"{self.number:.6g}")

    @property
    def is_there(self) -> bool:
        """Whether there is nothing left to make."""
        return self.start is None

    @property
    def has_sample(self) -> bool:
        """Whether a sample can be had, and costs little."""
        return not self.is_traced and math.prod(self.shape) <= SMALL

    def sample(self) -> np.ndarray | None:
        """Its entries, or entries like those it will have; None without a sample."""
        if self.number is not None:
            return np.broadcast_to(np.asarray(self.number, self.dtype), self.shape)
        if not self.has_sample:
            return None
        return self.start.sample(self.index) if self.start else _corner(self.array)

    def samples(self) -> list[np.ndarray]:
        """Several draws of it where it has few entries, of which one says little."""
        is_few = self.has_sample and math.prod(self.shape) <= FEW
        if not (self.drawn and self.start and is_few):
            one = self.sample()
            return [] if one is None else [one]
        return [self.start.sample(self.index, seed) for seed in range(DRAWS)]


DRAWS = 16  # of few entries, so many


def read_own(subject: Subject, start: Start | None = None) -> dict[str, Own]:
    """What a model itself makes of its weights, by path; of some, nothing is known.

    Args:
        subject: The model.
        start: Its `start_of`, which is traced once where others have it too.
    """
    leaves, start = named_leaves(subject.weights), start or start_of(subject)
    if start is not None:
        found = _started(start, range(len(leaves)))
    else:
        found = [_there(leaf, subject.held) for leaf in leaves.values()]
    return {path: own for path, own in zip(leaves, found, strict=True) if own}


def read_state(subject: Subject, start: Start | None) -> list[Any]:
    """The leaves of the state with the values that they start with.

    What is made from inputs, is large or is a key stays a shape.
    """
    leaves = jax.tree.leaves(subject.state)
    first = len(jax.tree.leaves(subject.weights))
    asked = [i for i, leaf in enumerate(leaves, first) if _lacks_value(leaf)]
    if start is None or not asked:
        return leaves
    found = [own for own in _started(start, asked) if own]
    drawn = (own for own in found if own.number is None and own.has_sample)
    start.likely = frozenset(own.index for own in drawn)
    values = {own.index: own.sample() for own in found}
    choose = lambda leaf, value: leaf if value is None else value
    return [choose(leaf, values.get(i)) for i, leaf in enumerate(leaves, first)]


def _lacks_value(leaf: Any) -> bool:
    is_shape = isinstance(leaf, jax.ShapeDtypeStruct)
    return is_shape and not jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def make_own(
    owns: Sequence[Own], key: jax.Array | None, places: Sequence[Any]
) -> list[Any]:
    """The weights as the model itself makes them, each where it belongs.

    Those that are drawn are what it would draw from this key.
    """
    put = lambda x, place: x if place is None else jax.device_put(x, place)
    found = {
        i: put(own.array, place)
        for i, (own, place) in enumerate(zip(owns, places, strict=True))
        if own.is_there
    }
    rest = [i for i in range(len(owns)) if i not in found]
    if rest:
        is_random = any(owns[i].drawn for i in rest)
        key = jax.random.key(0) if key is None and not is_random else key
        key = check_key("jinit.initialize", key)
        start, numbers = owns[rest[0]].start, [owns[i].index for i in rest]
        assert start is not None
        made = start.make(numbers, key, [places[i] for i in rest])
        found |= zip(rest, made, strict=True)
    return [found[i] for i in range(len(owns))]


def _started(start: Start, numbers: Sequence[int]) -> list[Own | None]:
    graph, repeats, key = start.graph, Repeated(start.graph), start.graph.inputs[0]
    blank = start.inputs_that_are(jax.ShapeDtypeStruct)
    unknown = start.inputs_that_are(Tracer)

    def own(index: int) -> Own | None:
        leaf, value = start.shapes[index], graph.outputs[index]
        number, behind = _plain(repeats.number(value)), upstream(graph, [value])
        if number is None and not behind.isdisjoint(blank):
            return None  # made from inputs, of which there are only shapes
        drawn = number is None and key in behind
        makers = {graph.makers[i].kind for i in behind if i in graph.makers}
        normal = drawn and "erf_inv" in makers
        factor = _factor(graph, repeats, value) if drawn else 0.0
        is_frame = not FRAMES.isdisjoint(makers)
        traced = number is None and not behind.isdisjoint(unknown)
        shape, dtype = tuple(leaf.shape), np.dtype(leaf.dtype)
        law = drawn, normal, traced, factor, is_frame
        return Own(shape, dtype, *law, number=number, start=start, index=index)

    return [own(index) for index in numbers]


FRAMES = {"qr", "geqrf", "householder_product"}  # what makes orthogonal vectors


def _factor(graph: Graph, repeats: Repeated, value: Value) -> float:
    """What a draw is multiplied by before it is moved, shifted or cut off."""
    factor = 1.0
    while (op := graph.makers.get(value)) is not None:
        numbers = [repeats.number(i) for i in op.inputs]
        rest = [i for i, x in zip(op.inputs, numbers, strict=True) if x is None]
        if len(rest) != 1 or not (op.traits.elementwise or op.traits.moves):
            break
        by = [float(abs(x)) for x in numbers if x is not None]
        if op.traits.scales and by:
            is_product = op.traits.kind is Kind.PRODUCT
            factor *= by[0] if is_product else 1 / (by[0] or math.inf)
        elif by and not (op.traits.sums or op.name in {"max", "min", "clamp"}):
            break
        (value,) = rest
    return factor


def _there(leaf: Any, held: bool) -> Own | None:
    if isinstance(leaf, jax.ShapeDtypeStruct):
        return None
    shape, dtype = tuple(leaf.shape), np.dtype(leaf.dtype)
    if isinstance(leaf, Tracer):
        return Own(shape, dtype, is_traced=True, array=leaf, given=True)
    corner = _corner(leaf)
    number = _plain(repeated(corner))
    drawn = held and number is None and looks_drawn(corner)
    rms = float(np.sqrt(np.mean(np.abs(corner) ** 2))) if drawn else 0.0
    drawn_as = {"drawn": drawn, "factor": rms, "number": number}
    return Own(shape, dtype, array=leaf, given=not held, **drawn_as)


def looks_drawn(entries: np.ndarray) -> bool:
    """Whether entries look like independent draws from a continuous law.

    In a table numbers come again, or each is near the one beside it.
    """
    some = entries[entries != 0][:256]
    if np.unique(some).size * 2 <= some.size:
        return False
    wide = np.real(entries).astype(float)
    return wide.size < 32 or not any(
        _is_smooth(wide, axis) for axis in range(wide.ndim)
    )


def _is_smooth(x: np.ndarray, axis: int) -> bool:
    """Whether neighbors along an axis correlate by more than 1/2."""
    x = np.moveaxis(x - x.mean(), axis, 0)
    return bool((x[1:] * x[:-1]).sum() > (x**2).sum() / 2)


def _corner(array: Any) -> np.ndarray:
    """An array on the host, or a part of it: what is large is not brought there."""
    is_here = getattr(array, "is_fully_addressable", True)
    part = array if is_here else array.addressable_data(0)
    if part.size > SMALL:
        part = part[(slice(int(SMALL ** (1 / part.ndim))),) * part.ndim]
    return np.asarray(part)


def _plain(number: np.ndarray | None) -> float | None:
    """The shortest decimal that is this number of its dtype; None for no real one."""
    if number is None or np.iscomplexobj(number) or not np.isfinite(number):
        return None
    return float(str(number))
