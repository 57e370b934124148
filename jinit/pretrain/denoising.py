"""Stacked denoising autoencoders: each layer learns to undo a corruption."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, get_args, NamedTuple

import jax
import jax.numpy as jnp

from .._activations import activation_name, as_function, Function
from .._core import (
    check,
    choose,
    Count,
    Counts,
    Fraction,
    Key,
    NonNegative,
    promoting,
    public,
    require,
)
from .._schemes import glorot_uniform, sigmoid_uniform
from .autoencoder import Autoencoder
from .corruption import Corruption, Noise
from .greedy import check_widths, greedy, Pretrained, Schedule
from .machine import stacked, Visible
from .rows import Survey


@public("jinit.pretrain", concrete=True)
def denoising_autoencoder(
    data: Any,
    widths: Counts,
    key: Key,
    *,
    visible: Visible = "bernoulli",
    corruption: Noise = "masking",
    level: float = 0.25,
    tied: bool = True,
    activation: str | Function = "sigmoid",
    optimizer: Any = None,
    epochs: Count = 10,
    batch_size: Count = 100,
    shuffle: bool = True,
    held_out: Any = None,
) -> Pretrained[Autoencoder]:
    """Weights of stacked denoising autoencoders, trained greedily from the data up.

        layer 1 learns to make v₁ = data of a corrupted v₁,
        layer l + 1 the same of vₗ₊₁ = φ(cₗ + vₗ Wₗ), where vₗ is not corrupted

    The loss is the cross-entropy on the clean input, or half the squared error for
    Gaussian units. To undo the corruption a unit has to know what goes together. Like a
    deep belief network, but for any activation and optimizer.

    Args:
        data: Rows `(rows, features)`, or an iterable of such arrays, read anew in every
            epoch; one at a time is in memory. An iterator, which can be read once, is
            kept as a list. Of each array the rows that fill no minibatch are left out.
        widths: How many hidden units each layer has, from the data up.
        key: Fixes all that is random. A layer does not depend on those above.
        visible: "bernoulli" for values from 0 to 1, "gaussian" for standardized ones.
            A layer above sees Bernoulli units if the activation is sigmoid.
        corruption: "masking" sets a share `level` of the entries to 0,
            "salt_and_pepper" to 0 or 1; "gaussian" adds noise of std `level` to all.
        level: See `corruption`.
        tied: Whether the decoder is the transpose of the encoder.
        activation: φ, a name or a function.
        optimizer: Any of optax's; by default `optax.adam(1e-3)`.
        epochs: How often all rows are used, per layer.
        batch_size: Rows per update.
        shuffle: Whether each epoch takes the rows of an array in another order.
        held_out: Rows to watch for overfitting.

    Returns:
        `(layers, record)`: an `Autoencoder` for each width, and its loss by epoch.
        After a Ctrl-C, with a warning, the layers that have finished an epoch or more.

    Raises:
        TypeError: When `data` are no arrays of real numbers.
        ValueError: When data are not finite, not from 0 to 1 for Bernoulli units, or
            fewer than `batch_size`; when weights diverge (it names layer and epoch); or
            a setting is out of range.

    Example:
        >>> import jax, jax.numpy as jnp, optax, jinit.pretrain
        >>> v = jax.random.bernoulli(jax.random.key(0), 0.5, (500, 1)) * jnp.ones(8)
        >>> (layer,), record = jinit.pretrain.denoising_autoencoder(
        ...     v, [4], jax.random.key(1), optimizer=optax.adam(0.03), batch_size=10
        ... )
        >>> masked = v.at[:, 0].set(0)
        >>> error = layer.decode(layer.encode(masked))[:, 0] - v[:, 0]
        >>> bool(abs(error).mean() < 0.1)  # the others tell
        True

    References:
        Vincent, Larochelle, Lajoie, Bengio, Manzagol. Stacked denoising autoencoders:
        learning useful representations in a deep network with a local denoising
        criterion. JMLR 11, 2010. Sections 3 and 4.
        https://www.jmlr.org/papers/v11/vincent10a.html
    """
    where = "jinit.pretrain.denoising_autoencoder"
    schedule = Schedule(where, epochs, batch_size, shuffle)
    as_function(activation, where=where)
    above: Visible = "bernoulli" if _is_sigmoid(activation) else "gaussian"
    widths = check_widths(where, widths)
    kinds = stacked(visible, above, len(widths))
    corrupt = _corruption(where, corruption, level, kinds)
    own = _optimizer(where, optimizer)
    learners = [Denoising(corrupt, activation, kind, tied, own) for kind in kinds]
    return greedy(schedule, learners, widths, data, held_out, key)


class AutoencoderState(NamedTuple):
    """A layer in training."""

    layer: Autoencoder
    memory: Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Denoising:
    """Descent of the loss between clean rows and what is made of corrupted ones."""

    corrupt: Corruption
    activation: str | Function = dataclasses.field(metadata={"static": True})
    visible: Visible = dataclasses.field(metadata={"static": True})
    tied: bool = dataclasses.field(metadata={"static": True})
    optimizer: Any = dataclasses.field(metadata={"static": True})

    @property
    def unit_interval(self) -> bool:
        """Whether data must be from 0 to 1."""
        return self.visible == "bernoulli"

    def start(
        self, seen: Survey, width: int, batch_size: int, key: jax.Array
    ) -> AutoencoderState:
        """Glorot's weights, four times as wide for sigmoid, and biases of 0."""
        init = sigmoid_uniform if _is_sigmoid(self.activation) else glorot_uniform
        (n,), dtype = seen.mean.shape, seen.shown.dtype
        key_weights, key_decoder = jax.random.split(key)
        layer = Autoencoder(
            weights=init(key_weights, (n, width), dtype),
            visible_bias=jnp.zeros(n, dtype),
            hidden_bias=jnp.zeros(width, dtype),
            decoder=None if self.tied else init(key_decoder, (width, n), dtype),
            activation=self.activation,
            visible=self.visible,
        )
        return AutoencoderState(layer, self.optimizer.init(layer))

    def step(
        self, state: AutoencoderState, v: jax.Array, key: jax.Array, epoch: jax.Array
    ) -> AutoencoderState:
        """One update by the optimizer."""
        corrupted = self.corrupt(v, key)
        slope = jax.grad(lambda layer: layer.loss(v, corrupted))(state.layer)
        with promoting():
            change, memory = self.optimizer.update(slope, state.memory, state.layer)
        return AutoencoderState(jax.tree.map(jnp.add, state.layer, change), memory)

    def measure(
        self, layer: Autoencoder, shown: jax.Array, held_out: Any, key: jax.Array
    ) -> dict[str, jax.Array]:
        """The loss and, with held-out rows, how much larger it is there."""
        loss = lambda v: layer.loss(v, self.corrupt(v, key))
        found = {"error": loss(shown)}
        if held_out is not None:
            found["gap"] = loss(held_out) - found["error"]
        return found


def _corruption(where: str, kind: Noise, level: float, units: Sequence[str]):
    choose(where, "corruption", kind, get_args(Noise))
    if kind == "salt_and_pepper" and "gaussian" in units:
        raise ValueError(
            f"`{where}` needs values from 0 to 1 in every layer for salt and pepper. "
            "Got Gaussian visible units. Take `corruption='masking'` or 'gaussian'."
        )
    bound = NonNegative if kind == "gaussian" else Fraction
    return Corruption(check(where, "level", bound, level), kind)


def _is_sigmoid(activation: str | Function) -> bool:
    name = activation if isinstance(activation, str) else activation_name(activation)
    return name in ("sigmoid", "logistic")


def _optimizer(where: str, given: Any) -> Any:
    optax = require("jinit.pretrain.denoising_autoencoder", "optax")

    if given is None:
        return _adam()
    if not isinstance(given, optax.GradientTransformation):
        raise TypeError(
            f"`{where}` needs `optimizer` to be an `optax.GradientTransformation`. Got "
            f"{given!r}."
        )
    return given


@functools.cache
def _adam() -> Any:
    optax = require("jinit.pretrain.denoising_autoencoder", "optax")

    return optax.adam(1e-3)
