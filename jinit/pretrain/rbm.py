"""Training of a restricted Boltzmann machine by contrastive divergence."""

import dataclasses
from collections.abc import Sequence
from typing import Any, get_args, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._activations.quadrature import positive
from .._core.settings import check, choose, Count, Fraction, NonNegative
from .._schemes.distributions import normal
from .greedy import check_widths, greedy, Plan, Pretrained
from .machine import RBM, stacked, Visible
from .records import History
from .rows import Survey


_STDDEV = 0.01  # of the first weights
_RARE = 1e-3  # how often a unit is on at least, as its bias has it
_RATES = {"bernoulli": 0.1, "gaussian": 0.01}
_SETTLED = 5  # epochs until the momentum rises
_MEMORY = 0.9  # of the running mean of what hidden units do


class Trained(NamedTuple):
    """What `jinit.pretrain.rbm` returns: the machine and the record."""

    rbm: RBM
    record: History


def rbm(
    data: Any,
    hidden: int,
    key: jax.Array,
    *,
    visible: Visible = "bernoulli",
    k: int = 1,
    persistent: bool = False,
    epochs: int = 10,
    batch_size: int = 100,
    learning_rate: float | None = None,
    momentum: tuple[float, float] = (0.5, 0.9),
    weight_decay: float = 2e-4,
    sparsity: float | None = None,
    sparsity_cost: float = 0.1,
    shuffle: bool = True,
    held_out: Any = None,
) -> Trained:
    """Weights of a restricted Boltzmann machine that models the data, without labels.

        W ← W + η (⟨v hᵀ⟩ data − ⟨v hᵀ⟩ model − λ W),   with momentum

    The model's side comes from k steps of Gibbs sampling: from the data (contrastive
    divergence, CD-k), or from chains that go on (persistent, PCD). CD-1 is enough to
    learn features; PCD with a small learning rate makes the better model of p(v).

    It starts from W ~ N(0, 0.01²), c = 0 and b = log(p / (1 − p)) for units that are on
    in a share p of the rows, or b = their mean for Gaussian ones. An epoch over an
    array is one compiled program.

    Args:
        data: Rows `(rows, features)`, or an iterable of such arrays, read anew in every
            epoch; one at a time is in memory. An iterator, which can be read once, is
            kept as a list. Of each array the rows that fill no minibatch are left out.
        hidden: How many hidden units.
        key: Fixes the weights, the order of the rows and all samples.
        visible: "bernoulli" for values from 0 to 1, "gaussian" for standardized ones.
        k: Steps of Gibbs sampling per update.
        persistent: Whether the chains go on from update to update.
        epochs: How often all rows are used.
        batch_size: Rows per update, and the number of chains.
        learning_rate: η; by default 0.1, or 0.01 for Gaussian units.
        momentum: In the first five epochs, and after.
        weight_decay: λ; of weights, not of biases.
        sparsity: How often a hidden unit should be on, if that is to be held.
        sparsity_cost: The weight of it.
        shuffle: Whether each epoch takes the rows of an array in another order.
        held_out: Rows to watch for overfitting.

    Returns:
        `(rbm, record)`: an `RBM`, and error, pseudo-likelihood and free-energy gap by
        epoch. After a Ctrl-C, with a warning, what the last finished epoch left.

    Raises:
        TypeError: When `data` are no arrays of real numbers.
        ValueError: When data are not finite, not from 0 to 1 for Bernoulli units, or
            fewer than `batch_size`; when the weights diverge; or a setting is out of
            range.

    Example:
        >>> import jax, jax.numpy as jnp, jinit.pretrain
        >>> v = jax.random.bernoulli(jax.random.key(0), 0.5, (500, 1)) * jnp.ones(8)
        >>> rbm, record = jinit.pretrain.rbm(v, 4, jax.random.key(1), batch_size=10)
        >>> rbm.weights.shape, record.epochs[-1].error < 0.01  # all eight agree
        ((8, 4), True)

    References:
        Hinton. Training products of experts by minimizing contrastive divergence.
        Neural Computation 14, 2002. https://www.cs.toronto.edu/~hinton/absps/nccd.pdf
        Tieleman. Training restricted Boltzmann machines using approximations to the
        likelihood gradient. ICML 2008. https://doi.org/10.1145/1390156.1390290
        Hinton. A practical guide to training restricted Boltzmann machines. 2010.
        https://www.cs.toronto.edu/~hinton/absps/guideTR.pdf
    """
    where = "jinit.pretrain.rbm"
    layers, record = machines(
        where,
        data,
        [check(where, "hidden", Count, hidden)],
        key,
        visible=visible,
        k=k,
        persistent=persistent,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        momentum=momentum,
        weight_decay=weight_decay,
        sparsity=sparsity,
        sparsity_cost=sparsity_cost,
        shuffle=shuffle,
        held_out=held_out,
    )
    return Trained(layers[0], record)


def machines(
    where: str,
    data: Any,
    widths: Sequence[int],
    key: jax.Array,
    *,
    visible: Visible,
    epochs: int,
    batch_size: int,
    shuffle: bool,
    held_out: Any,
    **settings: Any,
) -> Pretrained[RBM]:
    """A stack of machines; those above the first see probabilities."""
    plan = Plan(where, epochs, batch_size, shuffle)
    widths = check_widths(where, widths)
    kinds = stacked(visible, "bernoulli", len(widths))
    methods = [_method(where, kind, **settings) for kind in kinds]
    return greedy(plan, methods, widths, data, held_out, key)


class State(NamedTuple):
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

    def start(self, seen: Survey, width: int, batch_size: int, key: jax.Array) -> State:
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
        return State(machine, still, chain, c + (self.sparsity or 0.0))

    def step(
        self, state: State, v: jax.Array, key: jax.Array, epoch: jax.Array
    ) -> State:
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
        return State(
            jax.tree.map(jnp.add, machine, velocity), velocity, chain, activity
        )

    def _restrain(self, state: State, slope: RBM, data: RBM) -> tuple[RBM, jax.Array]:
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


def _method(
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
    choose(where, "visible", visible, get_args(Visible))
    rate = _RATES[visible] if learning_rate is None else learning_rate
    if np.shape(momentum) != (2,):
        raise TypeError(
            f"`{where}` needs `momentum` to be two numbers, of the first five epochs "
            f"and after. Got {momentum!r}."
        )
    if not isinstance(persistent, bool | np.bool_):
        raise TypeError(
            f"`{where}` needs `persistent` to be True or False. Got {persistent!r}."
        )
    early, late = momentum
    return ContrastiveDivergence(
        learning_rate=positive(where, "learning_rate", rate),
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
