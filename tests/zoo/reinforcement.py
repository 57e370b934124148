"""Agents: PPO with a log_std of its own, and an ensemble of critics."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.linen import initializers as init

from .entry import entry, image


class ActorCritic(nn.Module):
    """Orthogonal layers, a tiny head for actions, and a spread that reads no state."""

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        dense = lambda n, gain, name: nn.Dense(
            n, kernel_init=init.orthogonal(gain), name=name
        )

        def trunk(name: str) -> jax.Array:
            h = jnp.tanh(dense(64, math.sqrt(2), f"{name}_0")(x))
            return jnp.tanh(dense(64, math.sqrt(2), f"{name}_1")(h))

        mean = dense(3, 0.01, "actor_head")(trunk("actor"))
        log_std = self.param("log_std", init.constant(-0.5), (3,))
        value = dense(1, 1.0, "critic_head")(trunk("critic"))
        return mean, log_std, value[:, 0]


PPO_OWN = {
    "*log_std": "-0.5, and it is an output itself",
    "*actor_head/kernel": "a hundredth: actions hardly depend on the state at first",
}


@entry((image(16, 8),), own=PPO_OWN)
def ppo() -> nn.Module:
    """The spread of actions stays; what is an output itself depends on nothing else."""
    return ActorCritic()


class Critic(nn.Module):
    """The value of an action in a state, with norms (REDQ, DroQ)."""

    @nn.compact
    def __call__(
        self, state: jax.Array, action: jax.Array, train: bool = False
    ) -> jax.Array:
        x = jnp.concatenate([state, action], -1)
        for _ in range(2):
            x = nn.Dropout(0.01, deterministic=not train)(nn.Dense(64)(x))
            x = nn.relu(nn.LayerNorm()(x))
        return nn.Dense(1)(x)[..., 0]


class Ensemble(nn.Module):
    members: int = 5

    @nn.compact
    def __call__(
        self, state: jax.Array, action: jax.Array, train: bool = False
    ) -> jax.Array:
        critics = nn.vmap(
            Critic,
            variable_axes={"params": 0},
            split_rngs={"params": True, "dropout": True},
            in_axes=None,  # pyright: ignore[reportArgumentType]
            axis_size=self.members,
        )
        return critics(name="critics")(state, action, train)


@entry((image(16, 8), image(16, 3)))
def critics() -> nn.Module:
    """Members share a batch and nothing else: fans of one member, a stack of 5, and a
    frame for each where the law is orthogonal.
    """
    return Ensemble()
