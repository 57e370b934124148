"""GradInit: weights from which one step of the optimizer gains the most."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any, get_args, Literal

import jax
import jax.numpy as jnp

from .._core import choose, Count, Positive, promoting, public, require, shared, shown
from .learn import learn, Rescaled, Scalable, scalable, SMALLEST
from .task import learnable, Loss


LookAhead = Literal["sgd", "adam"]


@public(concrete=True)
def gradinit(
    model: Any,
    params: Any = None,
    batches: Any = None,
    *,
    loss: Loss | None = None,
    key: jax.Array | None = None,
    optimizer: LookAhead | Any = "sgd",
    step_size: Positive = 0.1,
    gamma: Positive | None = None,
    steps: Count = 390,
    learning_rate: Positive = 1e-3,
) -> Rescaled:
    """Weights scaled so that one step of the optimizer lowers the loss the most.

        min over scales m > 0:  L(θ(m) − η A(g); S′)    where ‖g‖ₚ ≤ γ

    with θ(m) the weights times a scale each, g = ∇L(θ(m); S) their gradient on one
    batch S and A(g) the optimizer's step. S′ shares half of its rows with S, so that
    neither memory of S alone pays nor luck with S′. Where the gradient is too large, a
    step lowers its norm instead. The scales are learned with Adam; directions stay. It
    is for the architecture, loss and optimizer at hand, and takes gradients of
    gradients; where there is a known scheme, `jinit.initialize` costs nothing.

    Args:
        model: A model of any framework, whose state, such as statistics and random
            streams, is carried along; or a function of `(params, inputs)`.
        params: The weights, a tree of floating-point arrays; left out where the model
            holds them. What is 0 stays 0.
        batches: `(inputs, targets)` for a loss, rows first, used in every step; or a
            list or any other iterable of such. When an iterator ends, so does learning;
            it takes two batches for a step.
        loss: A function of `(outputs, targets)` with one number as its value. Without
            it the model's output is that number: a loss of `(params, batch)` is such a
            model.
        key: The key of dropout; `jax.random.key(0)` if None.
        optimizer: "sgd", A(g) = g; "adam", A(g) = sgn g, its first step; or an
            `optax.GradientTransformation`, which brings its own step size. One that
            takes a root of squares, as `optax.adam` does, needs its `eps_root`.
        step_size: η.
        gamma: γ; by default 1 for "sgd" and √N for other optimizers, N the number of
            weights: the norms of a gradient of equal entries. p is 2 for "sgd", else 1.
        steps: How many steps. The paper takes one epoch of CIFAR-10.
        learning_rate: Adam's, for the scales.

    Returns:
        `(params, record)`: the weights, or the module that holds them, and norms and
        the loss after the look-ahead step by step. After a Ctrl-C, with a warning, what
        the last step left; before the first is done, it is raised. A kernel without a
        gradient is named in a warning.

    Raises:
        TypeError: When `params` or a batch hold something other than arrays, or
            `optimizer` is none.
        ValueError: When all weights are 0, a setting is out of range, or a batch, loss
            or derivative is not finite.

    Example:
        >>> import flax.linen as nn, jax, jinit, optax
        >>> model = nn.Sequential([nn.Dense(32), nn.relu, nn.Dense(10)])
        >>> x = jax.random.normal(jax.random.key(0), (64, 16))
        >>> y = jax.random.randint(jax.random.key(1), (64,), 0, 10)
        >>> cross_entropy = optax.softmax_cross_entropy_with_integer_labels
        >>> loss = lambda outputs, targets: cross_entropy(outputs, targets).mean()
        >>> params = model.init(jax.random.key(2), x)
        >>> params, record = jinit.gradinit(model, params, (x, y), loss=loss, steps=50)
        >>> record.history[-1] < record.history[0]
        True

    References:
        Zhu, Ni, Xu, Kong, Huang, Goldstein. GradInit: learning to initialize neural
        networks for stable and efficient training. NeurIPS 2021. Algorithm 1.
        https://arxiv.org/abs/2102.08098
    """
    where = "jinit.gradinit"
    optax = require(where, "optax")
    task = learnable(where, loss, key, model, params, batches)
    ahead, order = _look_ahead(optimizer, step_size), 2 if optimizer == "sgd" else 1
    own = scalable(task, lambda _: True)
    count = sum(leaf.size for leaf in own.leaves)
    bound = (1.0 if order == 2 else count**0.5) if gamma is None else gamma
    # Steps on the loss and on the gradient's norm have momentum each of their own.
    learner = optax.chain(optax.clip(1.0), optax.adam(learning_rate))
    start = shared(lambda ones: (learner.init(ones),) * 2)(own.ones)
    step = _Step(task.loss, ahead, learner, order, bound)
    pairs = _overlapping(task.data)
    return learn(task, "loss after a step", own, step, start, pairs, steps)


@dataclasses.dataclass(frozen=True, eq=False)
class _Step:
    """One step of the scales: on the loss, or on the gradient's norm."""

    loss: Callable[[Any, Any, Any], jax.Array]
    ahead: Any
    learner: Any
    order: int
    gamma: float

    def __call__(self, own: Scalable, scales: Any, states: Any, batches: Any) -> Any:
        first, second = batches
        loss = lambda weights, batch: self.loss(weights, own.state, batch)
        gradient = lambda scales: jax.grad(loss)(own.times(scales), first)
        g, backward = jax.vjp(gradient, scales)

        def after(scales: Any, g: Any) -> jax.Array:
            """L(θ − η A(g))."""
            params = own.times(scales)
            with promoting():
                steps, _ = self.ahead.update(g, self.ahead.init(params), params)
            return loss(jax.tree.map(jnp.add, params, steps), second)

        def shrink() -> Any:
            (slopes,) = backward(jax.grad(self._norm)(g))
            moves, state = self._learned(slopes, states[1])
            return moves, (states[0], state), after(scales, g)

        def improve() -> Any:
            value, (own_slopes, slopes) = jax.value_and_grad(after, (0, 1))(scales, g)
            slopes = jax.tree.map(jnp.add, own_slopes, *backward(slopes))
            moves, state = self._learned(slopes, states[0])
            return moves, (state, states[1]), value

        too_large = self._norm(g) > self.gamma
        moves, states, value = jax.lax.cond(too_large, shrink, improve)
        moved = [jnp.maximum(s, SMALLEST) for s in map(jnp.add, scales, moves)]
        return moved, states, value

    def _learned(self, slopes: Any, state: Any) -> Any:
        with promoting():
            return self.learner.update(slopes, state)

    def _norm(self, g: Any) -> jax.Array:
        """‖g‖ₚ."""
        flat = [x.ravel() for x in jax.tree.leaves(g)]
        return jnp.linalg.norm(jnp.concatenate(flat), self.order)


def _look_ahead(optimizer: Any, step_size: float) -> Any:
    optax = require("jinit.gradinit", "optax")

    if isinstance(optimizer, str):
        choose("jinit.gradinit", "optimizer", optimizer, get_args(LookAhead))
        return (optax.sgd if optimizer == "sgd" else optax.sign_sgd)(step_size)
    if not isinstance(optimizer, optax.GradientTransformation):
        raise TypeError(
            "`jinit.gradinit` needs `optimizer` to be 'sgd', 'adam' or an "
            f"`optax.GradientTransformation`. Got {shown(optimizer)}."
        )
    return optimizer


def _overlapping(data: Iterator[Any]) -> Iterator[tuple[Any, Any]]:
    """Each batch, with one that has half of its rows and half of the next one's."""
    pairs = itertools.pairwise(data)
    start = next(pairs, None)
    if start is None:
        raise ValueError(
            "`jinit.gradinit` needs two batches or more. Got an iterator of one. Give "
            "the batch itself, to use it in every step."
        )
    for first, second in itertools.chain([start], pairs):
        yield first, jax.tree.map(_halves, first, second)


@jax.jit
def _halves(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.concatenate([a[: len(a) // 2], b[len(b) // 2 :]]) if a.ndim else b
