"""Networks that act: a policy and a value, by the clipped objective of PPO."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from .data import cut, standardized
from .task import Task


STATES, ACTIONS = 8, 4


class Actor(nn.Module):
    """The mean of a Gaussian policy, and the value, each by its own network."""

    width: int

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        policy, value = x, x
        for i in range(2):
            policy = nn.tanh(nn.Dense(self.width, name=f"policy_{i}")(policy))
            value = nn.tanh(nn.Dense(self.width, name=f"value_{i}")(value))
        mean = nn.Dense(ACTIONS, name="policy_head")(policy)
        return mean, nn.Dense(1, name="value_head")(value)[:, 0]


def clipped(outputs: Any, targets: Any) -> jax.Array:
    """PPO's objective with the actions of an N(0, I) policy, and the value's error."""
    mean, value = outputs
    actions, advantages, returns = targets
    log_ratio = jnp.sum(actions**2 - (actions - mean) ** 2, axis=-1) / 2
    ratio = jnp.exp(jnp.clip(log_ratio, -20, 20))
    near = jnp.clip(ratio, 0.8, 1.2)
    gain = jnp.minimum(ratio * advantages, near * advantages)
    return jnp.mean((value - returns) ** 2) / 2 - jnp.mean(gain)


def control_ppo() -> Task:
    """Random pushes of a linear system that pays to be near 0.

    The advantage is what a push earns in its step beyond the mean of all pushes.
    """
    rng, walks, steps, discount = np.random.default_rng(0), 160, 24, 0.9
    turn = np.linalg.qr(rng.standard_normal((STATES, STATES)))[0]
    push = rng.standard_normal((ACTIONS, STATES)) / STATES**0.5
    states = [rng.standard_normal((walks, STATES))]
    actions = rng.standard_normal((steps, walks, ACTIONS))
    drifts = []
    for action in actions:
        drifts.append(discount * states[-1] @ turn)
        states.append(drifts[-1] + action @ push)
    rewards = -np.square(states[1:]).mean(-1)
    expected = -np.square(drifts).mean(-1) - np.square(push).sum() / STATES
    returns = np.zeros_like(rewards)
    for t in reversed(range(steps)):
        later = returns[t + 1] if t + 1 < steps else 0
        returns[t] = rewards[t] + discount * later
    by_walk = lambda x: standardized(np.swapaxes(np.asarray(x), 0, 1))
    flat = lambda x: x.reshape(walks * steps, *x.shape[2:])
    inputs = flat(by_walk(states[:-1]))
    targets = tuple(map(flat, map(by_walk, (actions, rewards - expected, returns))))
    about = "pushes and values of a linear system, by PPO's clipped objective"
    data = cut(inputs, targets, 64, 48, 12)
    return Task("control-ppo", Actor(64), clipped, *data, about)
