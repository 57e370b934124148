"""Restricted Boltzmann machines from data: one, or a stack of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax

from .._core import Count, Key, public
from .contrastive import contrastive_divergence
from .greedy import check_widths, greedy, Pretrained, Schedule
from .machine import RBM, stacked, Visible
from .records import History


class Trained(NamedTuple):
    """What `jinit.pretrain.rbm` returns: the machine and the record."""

    rbm: RBM
    record: History


@public("jinit.pretrain", concrete=True)
def rbm(
    data: Any,
    hidden: Count,
    key: Key,
    *,
    visible: Visible = "bernoulli",
    k: Count = 1,
    persistent: bool = False,
    epochs: Count = 10,
    batch_size: Count = 100,
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
        [hidden],
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
    schedule = Schedule(where, epochs, batch_size, shuffle)
    widths = check_widths(where, widths)
    kinds = stacked(visible, "bernoulli", len(widths))
    learners = [contrastive_divergence(where, kind, **settings) for kind in kinds]
    return greedy(schedule, learners, widths, data, held_out, key)
