"""Optimizers of optax with what a parametrization asks of each parameter."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

from ..._core import named_leaves, require, shown
from .scaling import Optimizer


class Factors(NamedTuple):
    """What the settings of an optimizer are multiplied by, for some parameters."""

    rate: float
    epsilon: float
    decay: float


_SGD = {"sgd", "noisy_sgd"}
_MUON = {"muon"}
# Not those that multiply by the norm of weights or gradients: adafactor, lamb, lars.
_ADAM = {
    "adabelief", "adagrad", "adam", "adamax", "adamaxw", "adamw", "adan", "ademamix",
    "amsgrad", "lion", "nadam", "nadamw", "radam", "rmsprop", "rprop",
    "schedule_free_adamw", "sign_sgd", "sm3", "yogi",
}  # fmt: skip
_DECAYS = {"weight_decay", "adam_weight_decay"}
_MOMENTA = {"b1", "b2", "adam_b1", "adam_b2"}


def kind_of(make: Any, kind: Optimizer | None) -> Optimizer:
    """Which learning rates an optimizer needs; told by the name of its function."""
    if kind is not None:
        return kind
    inner = make
    while isinstance(inner, functools.partial):
        inner = inner.func
    name = getattr(inner, "__name__", "")
    if name in _SGD:
        return "sgd"
    if name in _MUON:
        return "muon"
    if name in _ADAM:
        return "adam"
    raise ValueError(
        "`Mup.optimizer` needs to know whether the updates of an optimizer depend on "
        f"the scale of the gradient. Got {shown(make)}. Give `kind`: 'sgd' where they "
        "do, 'adam' where they do not, 'muon' where they are orthogonal."
    )


@dataclasses.dataclass(frozen=True)
class Base:
    """An optimizer as it is right at the base.

    Attributes:
        make: A function of a learning rate and settings.
        learning_rate: A number or a schedule.
        settings: The settings that are given.
        momentum: What 1 − β is multiplied by.
    """

    make: Callable[..., Any]
    learning_rate: Any
    settings: Mapping[str, Any]
    momentum: float

    @functools.cached_property
    def defaults(self) -> dict[str, Any]:
        """The settings, those too that are not given."""
        parameters = inspect.signature(self.make).parameters.values()
        return {each.name: each.default for each in parameters} | {**self.settings}

    def concerned(self, group: Factors) -> Factors:
        """The factors without those of settings that it has not, or that are 0."""
        has = lambda names: any(self.defaults.get(name) for name in names)
        epsilon = group.epsilon if has({"eps"}) else 1.0
        return Factors(group.rate, epsilon, group.decay if has(_DECAYS) else 1.0)

    def at(self, group: Factors) -> Any:
        """The optimizer for parameters of these factors."""
        by = dict.fromkeys(_DECAYS, group.decay) | {
            "eps": group.epsilon,
            "adam_learning_rate": group.rate,
        }
        settings = {**self.settings}
        for name, value in self.defaults.items():
            if name in _MOMENTA and self.momentum != 1:
                settings[name] = 1 - (1 - value) * self.momentum
            elif by.get(name, 1) != 1 and _is_given(value):
                settings[name] = _times(by[name], value)
        return self.make(_times(group.rate, self.learning_rate), **settings)

    def of(self, paths: Any, factors: Callable[[str], Factors]) -> Any:
        """One optimizer for all parameters.

        Args:
            paths: The tree of their paths.
            factors: Those of each path.
        """
        optax = require("Mup.optimizer", "optax")
        group = lambda path: self.concerned(factors(path))
        groups = {str(group(path)): group(path) for path in jax.tree.leaves(paths)}
        if len(groups) == 1:
            return self.at(*groups.values())
        parts = {name: self.at(each) for name, each in groups.items()}
        name = lambda path: str(group(path))
        labels = lambda params: jax.tree.map(name, named_paths(params))
        return optax.multi_transform(parts, labels)


def named_paths(tree: Any) -> Any:
    """The tree, with the path of each leaf in its place."""
    return jax.tree.unflatten(jax.tree.structure(tree), named_leaves(tree))


def _is_given(value: Any) -> bool:
    return value is not None and value is not inspect.Parameter.empty


def _times(factor: float, value: Any) -> Any:
    """The number or schedule times a factor; itself where that is 1."""
    if factor == 1:
        return value
    if not callable(value):
        return factor * value
    schedule: Callable[[Any], Any] = value
    return lambda step: factor * schedule(step)
