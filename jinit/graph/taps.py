"""A model as its graph and layers, with a tap at every pre-activation."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from .jaxpr import flatten, Graph, leaf_equations, RULES
from .layers import find_layers, Layer, LAYERS


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """A function of parameters and inputs as a graph with its layers, in order."""

    graph: Graph
    layers: tuple[Layer, ...]
    paths: tuple[str, ...]
    structure: Any

    def tap(
        self, params: Any, inputs: Any, loss: Callable[[Any], jax.Array]
    ) -> tuple[dict[int, Any], dict[int, jax.Array]]:
        """All values by number, and the gradient of `loss(outputs)` at each layer.

        Returns:
            The values of one evaluation; and, under the number of each layer's
            pre-activation, the gradient there, of the same shape.
        """
        arrays = jax.tree.leaves((params, inputs))

        def objective(perturbations: dict[int, jax.Array]) -> tuple[jax.Array, Any]:
            values = self.graph.evaluate(arrays, perturbations)
            outputs = [values[i] for i in self.graph.outputs]
            return loss(jax.tree.unflatten(self.structure, outputs)), values

        types = {layer.output: self.graph.types[layer.output] for layer in self.layers}
        zeros = {i: jnp.zeros(t.shape, t.dtype) for i, t in types.items()}
        gradients, values = jax.grad(objective, has_aux=True)(zeros)
        return values, gradients


def read_model(apply: Callable[..., Any], params: Any, *inputs: Any) -> Model:
    """Reads the layers of `apply(params, *inputs)`; arrays may be shapes only."""
    jaxpr, shapes = jax.make_jaxpr(apply, return_shape=True)(params, *inputs)
    # A derivative rule stays in force unless a layer hides behind it.
    graph = flatten(jaxpr, lambda e: e.primitive.name not in RULES or _holds_layer(e))
    leaves = jax.tree_util.tree_flatten_with_path(params)[0]
    paths = tuple("/".join(path_parts(path)) for path, _ in leaves)
    structure = jax.tree.structure(shapes)
    return Model(graph, tuple(find_layers(graph, paths)), paths, structure)


def path_parts(path: Sequence[Any]) -> tuple[str, ...]:
    """A tree path as plain words: `['params']['Dense_0']` gives params, Dense_0."""
    if len(path) > 1 and path[-1] == jax.tree_util.GetAttrKey("value"):
        path = path[:-1]  # the content of an NNX variable
    return tuple(
        str(next(getattr(key, a) for a in ("key", "name", "idx") if hasattr(key, a)))
        for key in path
    )


def _holds_layer(equation: Any) -> bool:
    return any(each.primitive.name in LAYERS for each in leaf_equations(equation))
