"""What is the model's own code and not its weights': the scale of logits."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

import jax
from jax.extend.core import jaxpr_as_fun

from ..._core import at_once, bare_paths, digits, leaf_paths
from ..._graph import (
    data_values,
    flatten,
    Graph,
    multiplied,
    Op,
    OpaqueError,
    parameter_leaves,
    Value,
)
from ..._reading import find_logits, Logits, Model


@dataclasses.dataclass(frozen=True)
class Attention:
    """What the logits of one attention need.

    Attributes:
        kernels: The paths of the kernels of its queries and keys.
        base: d_head of the base.
        size: d_head.
        factor: What the logits are to be multiplied by, beyond what the model does.
    """

    kernels: tuple[str, ...]
    base: int
    size: int
    factor: float

    @property
    def place(self) -> str:
        """Where it is: what the paths of its kernels have in common."""
        parts = zip(*(path.split("/") for path in self.kernels), strict=False)
        shared = itertools.takewhile(lambda names: len({*names}) == 1, parts)
        return "/".join(names[0] for names in shared) or " and ".join(self.kernels)


def remarks(found: Sequence[Attention]) -> Iterator[str]:
    """What there is to say of attentions: a line for all that need the same."""
    key = lambda each: (each.base, each.size, digits(each.factor, 4))
    odd = [each for each in found if not math.isclose(each.factor, 1)]
    for (base, size, factor), group in itertools.groupby(sorted(odd, key=key), key):
        places = [each.place for each in group]
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        yield (
            f"attention logits of {places[0]}{more}: times {factor}, for 1/d_head and "
            f"not 1/√d_head (d_head {base} → {size}); `Mup.forward` does it"
        )


def attentions(
    base: Model, target: Model, absolute: bool = False
) -> tuple[Attention, ...]:
    """What the attentions of the target need, so that logits go as 1/d_head.

    Args:
        base: The base.
        target: The model.
        absolute: Whether the factor is 1/d_head itself, not that of the base times the
            growth of the width.

    Raises:
        ValueError: When it can not be told which attention of the base is which.
    """
    before, after = (find_logits(m.graph, m.facts.data) for m in (base, target))
    if len(before) != len(after):
        kinds = {(each.size, each.scale) for each in before}
        if after and len(kinds) != 1:
            raise ValueError(
                f"`jinit.mup` needs the attentions of `base` in `target`. Got "
                f"{len(before)} of several kinds and {len(after)}. Give a base of the "
                "same depth, and `depth=`."
            )
        before = [before[0]] * len(after) if before else []
    factor = _absolute if absolute else _relative
    return tuple(
        Attention(_kernels(target, new), old.size, new.size, factor(old, new))
        for old, new in zip(before, after, strict=True)
    )


def _relative(old: Logits, new: Logits) -> float:
    return old.size / new.size * old.scale / new.scale


def _absolute(_: Logits, new: Logits) -> float:
    return 1 / (new.size * new.scale)


def _kernels(model: Model, logits: Logits) -> tuple[str, ...]:
    near = sorted({i for value in logits.op.data for i in model.flow.near(value)})
    return tuple(dict.fromkeys(model.layers[i].path for i in near))


def with_factors(
    apply: Callable[..., Any],
    factors: Sequence[float],
    behind: Mapping[str, float],
) -> Callable[..., Any]:
    """`apply` with logits of attentions, and results of some layers, multiplied.

    Its computation is traced at each call, as under `jax.jit`, and run with the factors
    in place; loops and rematerialization stay.

    Args:
        apply: A function of parameters and more.
        factors: That of each attention, in order.
        behind: The factor of the result of a layer, by the path of its parameter.
    """

    def run(params: Any, *inputs: Any, **options: Any) -> Any:
        leaves, structure = jax.tree.flatten((params, inputs, options))
        arrays = [x for x in leaves if hasattr(x, "dtype")]

        def plain(*arrays: Any) -> Any:
            given = iter(arrays)
            filled = [next(given) if hasattr(x, "dtype") else x for x in leaves]
            params, inputs, options = jax.tree.unflatten(structure, filled)
            return apply(params, *inputs, **options)

        jaxpr, shapes = jax.make_jaxpr(plain, return_shape=True)(*arrays)
        with at_once():
            places = _places(flatten(jaxpr), leaf_paths(params), factors, behind)
        equations = {op.equation: by for op, by in places.items() if op.equation}
        try:
            run = jaxpr_as_fun(multiplied(jaxpr, equations))
        except OpaqueError:
            raise ValueError(
                "`Mup.forward` needs attentions whose code it can see. Got one in a "
                "function with a derivative rule of its own. Give the factor there."
            ) from None
        return jax.tree.unflatten(jax.tree.structure(shapes), run(*arrays))

    return run


def _places(
    graph: Graph,
    paths: Sequence[str],
    factors: Sequence[float],
    behind: Mapping[str, float],
) -> dict[Op, float]:
    """The operations whose result is multiplied, with the factor."""
    data = data_values(graph, len(paths))
    found = find_logits(graph, data)
    if len(found) != len(factors):
        raise ValueError(
            "`Mup.forward` needs the computation that `jinit.mup` has read. Got "
            f"{len(found)} attentions where there were {len(factors)}."
        )
    pairs = zip(found, factors, strict=True)
    places = {each.op: factor for each, factor in pairs if factor != 1}
    leaves = parameter_leaves(graph, len(paths), data)
    for path, leaf in zip(bare_paths(paths), graph.inputs, strict=False):
        if path in behind:
            is_own = lambda i, own={leaf}: leaves.get(i) == own
            places |= dict.fromkeys(_products(graph, data, is_own), behind[path])
    return places


def _products(
    graph: Graph, data: Set[Value], is_own: Callable[[Value], bool]
) -> list[Op]:
    """The operations that multiply data with one parameter."""
    return [
        op
        for op in graph.steps
        if (op.traits.is_layer or op.traits.scales)
        and any(map(is_own, op.data))
        and not data.isdisjoint(op.data)
    ]
