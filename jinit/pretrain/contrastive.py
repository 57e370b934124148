"""Contrastive divergence: how one restricted Boltzmann machine is trained."""

import dataclasses
from typing import Any, get_args, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._core import check, choose, Count, Fraction, NonNegative, Positive, shown
from .._schemes import normal
from .machine import RBM, Visible
from .rows import Survey


_STDDEV = 0.01  # of the first weights
_RARE = 1e-3  # how often a unit is on at least, as its bias has it
_RATES = {"bernoulli": 0.1, "gaussian": 0.01}
_SETTLED = 5  # epochs until the momentum rises
_MEMORY = 0.9  # of the running mean of what hidden units do


class MachineState(NamedTuple):
    """A machine in training.

    Attributes:
        layer: The machine.
        velocity: Its last change, a tree like it.
        chain: Hidden states `(batch_size, hidden)` where a persistent chain goes on.
        activity: The running mean of what each hidden unit does, from the target on.
    """

    layer: RBM
    velocity: RBM
    chain: jax.Array
    activity: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class ContrastiveDivergence:
    """CD-k or PCD, with momentum, weight decay and, if wanted, a target of sparsity."""

    learning_rate: float
    momentum: tuple[float, float]
    weight_decay: float
    sparsity: float | None
    sparsity_cost: float
    visible: Visible = dataclasses.field(metadata={"static": True})
    k: int = dataclasses.field(metadata={"static": True})
    persistent: bool = dataclasses.field(metadata={"static": True})

    @property
    def unit_interval(self) -> bool:
        """Whether data must be from 0 to 1."""
        return self.visible == "bernoulli"

    def start(
        self, seen: Survey, width: int, batch_size: int, key: jax.Array
    ) -> MachineState:
        """Small weights, and visible biases that fit the means."""
        b, dtype = seen.mean, seen.shown.dtype
        if self.visible == "bernoulli":
            p = np.clip(b, _RARE, 1 - _RARE)
            b = np.log(p / (1 - p))
        c = jnp.zeros(width, dtype)
        weights = normal(_STDDEV)(key, (len(b), width), dtype)
        machine = RBM(weights, jnp.asarray(b, dtype), c, self.visible)
        still = jax.tree.map(jnp.zeros_like, machine)
        chain = jnp.zeros((batch_size, width), dtype)
        return MachineState(machine, still, chain, c + (self.sparsity or 0.0))

    def step(
        self, state: MachineState, v: jax.Array, key: jax.Array, epoch: jax.Array
    ) -> MachineState:
        """θ ← θ + Δ,   Δ ← momentum · Δ + η (⟨−∂F/∂θ⟩ data − ⟨−∂F/∂θ⟩ model)."""
        machine = state.layer
        key_hidden, key_chain = jax.random.split(key)
        h = state.chain if self.persistent else machine.sample_hidden(v, key_hidden)
        fantasy, chain = machine.gibbs(h, key_chain, self.k)
        data, model = machine.statistics(v), machine.statistics(fantasy)
        slope = jax.tree.map(jnp.subtract, data, model)
        slope, activity = self._restrain(state, slope, data)
        momentum = jnp.where(epoch <= _SETTLED, *self.momentum)
        move = lambda old, new: momentum * old + self.learning_rate * new
        velocity = jax.tree.map(move, state.velocity, slope)
        return MachineState(
            jax.tree.map(jnp.add, machine, velocity), velocity, chain, activity
        )

    def _restrain(
        self, state: MachineState, slope: RBM, data: RBM
    ) -> tuple[RBM, jax.Array]:
        """Weight decay, and a pull on hidden units that are on too often or rarely."""
        W, c, activity = slope.weights, slope.hidden_bias, state.activity
        W = W - self.weight_decay * state.layer.weights
        if self.sparsity is not None:
            activity = _MEMORY * activity + (1 - _MEMORY) * data.hidden_bias
            pull = self.sparsity_cost * (self.sparsity - activity)
            W, c = W + jnp.outer(data.visible_bias, pull), c + pull
        return dataclasses.replace(slope, weights=W, hidden_bias=c), activity

    def measure(
        self, layer: RBM, shown: jax.Array, held_out: Any, key: jax.Array
    ) -> dict[str, jax.Array]:
        """Error, pseudo-likelihood and, with held-out rows, the free-energy gap."""
        error = jnp.square(shown - layer.decode(layer.encode(shown))).mean()
        found = {"error": error}
        if self.visible == "bernoulli":
            found["pseudo_likelihood"] = layer.pseudo_likelihood(shown, key).mean()
        if held_out is not None:
            free_energy = lambda v: layer.free_energy(v).mean()
            found["gap"] = free_energy(held_out) - free_energy(shown)
        return found


def contrastive_divergence(
    where: str,
    visible: Visible,
    *,
    k: int,
    persistent: bool,
    learning_rate: float | None,
    momentum: tuple[float, float],
    weight_decay: float,
    sparsity: float | None,
    sparsity_cost: float,
) -> ContrastiveDivergence:
    """The learner with these settings, checked."""
    choose(where, "visible", visible, get_args(Visible))
    rate = _RATES[visible] if learning_rate is None else learning_rate
    if not isinstance(momentum, tuple | list) or len(momentum) != 2:
        raise TypeError(
            f"`{where}` needs `momentum` to be two numbers, of the first five epochs "
            f"and after. Got {shown(momentum)}."
        )
    if not isinstance(persistent, bool | np.bool_):
        raise TypeError(
            f"`{where}` needs `persistent` to be True or False. "
            f"Got {shown(persistent)}."
        )
    early, late = momentum
    return ContrastiveDivergence(
        learning_rate=check(where, "learning_rate", Positive, rate),
        momentum=(
            check(where, "momentum", Fraction, early),
            check(where, "momentum", Fraction, late),
        ),
        weight_decay=check(where, "weight_decay", NonNegative, weight_decay),
        sparsity=check(where, "sparsity", Fraction | None, sparsity),
        sparsity_cost=check(where, "sparsity_cost", NonNegative, sparsity_cost),
        visible=visible,
        k=check(where, "k", Count, k),
        persistent=persistent,
    )
