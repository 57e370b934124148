"""Layers that learn equally fast: gradients of one size relative to their weights."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import digits, shared, track, widened
from .._graph import evaluate
from .fit import Fit
from .passes import Pass
from .records import LayerScale, LayerScales, scales_of


CLOSE = 0.01  # how far the logarithm of a rate may be from that of the target


def balance(
    fit: Fit, weights: Any, key: jax.Array, rounds: int
) -> Iterator[tuple[Any, LayerScales[LayerScale]]]:
    """Scales the kernels that `fit` has fitted until their rates of change are equal.

    Biases follow: the mean of a unit stays the same in standard deviations. What comes
    of each round is given out once it is measured.
    """
    leaves, structure = jax.tree.flatten(weights)
    others = jax.tree.leaves((fit.subject.state, fit.subject.inputs))
    one = _Balance(fit.first)
    random, step = shared(one.random)(key, leaves, others), shared(one)
    seen = []
    for number in track(range(rounds + 1), rounds + 1, "balancing"):
        scaled, rates, factors = step(leaves, others, random)
        rates, factors = jax.device_get((rates, factors))
        _require_rates(fit, rates)
        seen.append((rates, factors))
        yield structure.unflatten(leaves), _record(fit, seen)
        off = max(abs(np.log(factor)).max() for factor in factors)
        if number == rounds or 2 * off <= CLOSE:
            return
        leaves = scaled


class _Balance:
    """One round: scaled parameters; of every handle its rates and their factors."""

    def __init__(self, one: Pass):
        self.handles, self.graph = one.handles, one.model.graph
        goal = dataclasses.replace(one.goal, std=None)
        self.follow = dataclasses.replace(one, goal=goal)

    def random(
        self, key: jax.Array, leaves: Sequence[Any], others: Sequence[Any]
    ) -> list[jax.Array]:
        """The direction of the gradient in the outputs, the same in every round."""
        outputs = jax.eval_shape(self._outputs, leaves, others)
        keys = jax.random.split(key, len(outputs))
        return [
            jax.random.normal(key, each.shape, each.dtype)
            for key, each in zip(keys, outputs, strict=True)
        ]

    def __call__(
        self, leaves: Sequence[Any], others: Sequence[Any], random: Sequence[Any]
    ) -> tuple[list[Any], list[jax.Array], list[jax.Array]]:
        outputs, backward = jax.vjp(lambda w: self._outputs(w, others), list(leaves))
        (slopes,) = backward([*random])
        rates = [
            _rms(slopes[each.leaf], each.loops) / _rms(leaves[each.leaf], each.loops)
            for each in self.handles
        ]
        logs = jnp.log(jnp.concatenate([rate.ravel() for rate in rates]))
        # With rates alike, the outputs keep their scale; this brings it to 1.
        size = jnp.log(jnp.stack([widened(each).std() for each in outputs])).mean()
        target = jnp.exp(logs.mean() + size / logs.size)
        factors = [jnp.sqrt(rate / target) for rate in rates]
        leaves = list(leaves)
        for each, factor in zip(self.handles, factors, strict=True):
            leaf = leaves[each.leaf]
            scale = each.onto(factor, leaf.shape)
            leaves[each.leaf] = (widened(leaf) * scale).astype(leaf.dtype)
        if self.follow.biases:
            leaves, _ = self.follow(leaves, others)
        return leaves, rates, factors

    def _outputs(self, leaves: Sequence[Any], others: Sequence[Any]) -> list[Any]:
        outputs, _ = evaluate(self.graph, [*leaves, *others])
        return [each for each in outputs if jnp.issubdtype(each.dtype, jnp.inexact)]


def _rms(x: jax.Array, loops: Sequence[int]) -> jax.Array:
    """The root mean square over all axes but those of iterations: `(*loops, 1)`."""
    sizes = [x.shape[k] for k in loops]
    x = jnp.moveaxis(widened(x), loops, range(len(loops))).reshape(*sizes, -1)
    return jnp.sqrt(jnp.mean(jnp.abs(x) ** 2, -1, keepdims=True))


def _require_rates(fit: Fit, rates: Sequence[np.ndarray]) -> None:
    for handle, rate in zip(fit.first.handles, rates, strict=True):
        if not (np.isfinite(rate) & (rate > 0)).all():
            raise ValueError(
                f"`{fit.where}` needs a gradient in every layer. Got "
                f"{digits(rate.min())} times the weights in {handle.name}. Leave the "
                "layer out of `params`, or take `rounds=0`."
            )


def _record(fit: Fit, seen: Sequence[Any]) -> LayerScales[LayerScale]:
    layers = []
    for i, handle in enumerate(fit.first.handles):
        rates = [np.asarray(each[i]) for each, _ in seen]
        factors = [np.asarray(each[i]) for _, each in seen[:-1]]
        scale = np.prod([np.ones_like(rates[0]), *factors], axis=0)
        path = fit.first.model.paths[handle.leaf]
        layers += scales_of(handle.name, path, rates[0], scale, rates[-1])
    return LayerScales(tuple(layers), "rate")
