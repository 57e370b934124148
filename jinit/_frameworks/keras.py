"""Keras models on the JAX backend: weights are the trainable variables."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any

import jax

from .calls import is_a
from .subject import Computation, fits, Subject


KIND = "a Keras model"


def owns(model: Any) -> bool:
    """Whether the model is a Keras model or layer, perhaps with a `training` flag."""
    return is_a(_model(model), "keras", "Layer")


def read(where: str, model: Any, key: jax.Array, inputs: tuple[Any, ...]) -> Subject:
    """The subject. A model that is not built yet is built, as Keras does it."""
    import keras

    _require_jax(where)
    kind = lambda x: keras.KerasTensor(x.shape, str(x.dtype))
    if not _model(model).built:
        with fits(where, inputs):
            _model(model)(*jax.tree.map(kind, inputs))
    return dataclasses.replace(bind(where, model, None, key), inputs=inputs)


def bind(where: str, model: Any, params: Any, key: jax.Array) -> Subject:
    """The subject of a model's variables, or of weights by path in their place."""
    _require_jax(where)
    said = {"training": True, **getattr(model, "keywords", {})}
    model = _model(model)
    weights = {path: x.value for path, x in _named(model.trainable_variables).items()}
    state = {p: x.value for p, x in _named(model.non_trainable_variables).items()}

    def finish(weights: Any, mesh: Any) -> Any:
        # A Keras model holds its weights in place.
        for path, variable in _named(model.trainable_variables).items():
            variable.assign(weights[path])
        return model

    apply = Computation(where, _Apply(model, tuple(said.items())))
    held = params is None
    return Subject(apply, weights if held else params, state, (), finish, held=held)


@dataclasses.dataclass(frozen=True)
class _Apply:
    """A Keras model as a function of its weights, its state and inputs."""

    model: Any
    flags: tuple[tuple[str, Any], ...]

    def __call__(self, weights: Any, state: Any, *inputs: Any) -> Any:
        model = self.model
        in_order = lambda variables, values: [
            values[path] for path in _named(variables)
        ]
        return model.stateless_call(
            in_order(model.trainable_variables, weights),
            in_order(model.non_trainable_variables, state),
            *inputs,
            **dict(self.flags),
        )[0]


def _model(model: Any) -> Any:
    return model.func if isinstance(model, functools.partial) else model


def _named(variables: Iterable[Any]) -> Mapping[str, Any]:
    """Variables by path, numbered where Keras has two of one path."""
    named: dict[str, Any] = {}
    for variable in variables:
        count = sum(path.split("#")[0] == variable.path for path in named)
        named[f"{variable.path}#{count + 1}" if count else variable.path] = variable
    return named


def _require_jax(where: str) -> None:
    import keras

    if keras.backend.backend() != "jax":
        raise ValueError(
            f"`{where}` needs a Keras model on JAX. Got the backend "
            f"{keras.backend.backend()!r}. Set `KERAS_BACKEND=jax` before Keras is "
            "imported."
        )
