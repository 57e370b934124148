"""The restricted Boltzmann machine: its energy, and what follows from it."""

import dataclasses
import itertools
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from .._core import ours, sampling
from .dense import Dense


Visible = Literal["bernoulli", "gaussian"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class RBM:
    """A restricted Boltzmann machine, a pytree whose methods are pure functions.

        E(v, h) = −b·v − c·h − vᵀW h  [+ ½ v·v for Gaussian visible units]
        p(v, h) ∝ exp(−E(v, h)),   h ∈ {0, 1}ⁿ

    Visible units are in {0, 1}, or real with variance 1 around b + W h.

    Attributes:
        weights: W, `(visible, hidden)`.
        visible_bias: b, `(visible,)`.
        hidden_bias: c, `(hidden,)`.
        visible: "bernoulli" or "gaussian".

    Example:
        >>> import jax.numpy as jnp
        >>> from jinit.pretrain import RBM
        >>> rbm = RBM(jnp.array([[2.0]]), jnp.array([0.0]), jnp.array([-1.0]))
        >>> v = jnp.array([[0.0], [1.0]])
        >>> rbm.encode(v).ravel().round(3).tolist()  # σ(c + vW)
        [0.269, 0.731]
        >>> rbm.free_energy(v).round(3).tolist()  # −log Σₕ exp(−E(v, h))
        [-0.313, -1.313]

    References:
        Hinton. A practical guide to training restricted Boltzmann machines. 2010.
        Sections 2 and 13.2. https://www.cs.toronto.edu/~hinton/absps/guideTR.pdf
    """

    weights: jax.Array
    visible_bias: jax.Array
    hidden_bias: jax.Array
    visible: Visible = dataclasses.field(default="bernoulli", metadata={"static": True})

    @ours()
    def energy(self, v: ArrayLike, h: ArrayLike) -> jax.Array:
        """E(v, h) of rows `(rows, visible)` and `(rows, hidden)`."""
        v, h = jnp.asarray(v), jnp.asarray(h)
        linear = v @ self.visible_bias + h @ self.hidden_bias
        return self._square(v) - linear - jnp.sum((v @ self.weights) * h, -1)

    @ours()
    def free_energy(self, v: ArrayLike) -> jax.Array:
        """F(v) = −log Σₕ exp(−E(v, h)) of rows `(rows, visible)`."""
        v = jnp.asarray(v)
        hidden = jax.nn.softplus(self.up.linear(v)).sum(-1)
        return self._square(v) - v @ self.visible_bias - hidden

    @property
    def up(self) -> Dense:
        """From visible to hidden units: σ(c + vW)."""
        return Dense(self.weights, self.hidden_bias)

    @property
    def down(self) -> Dense:
        """From hidden to visible units: σ(b + hWᵀ), without σ for Gaussian units."""
        activation = "sigmoid" if self.visible == "bernoulli" else "identity"
        return Dense(self.weights.T, self.visible_bias, activation)

    @ours()
    def encode(self, v: ArrayLike) -> jax.Array:
        """P(h = 1 | v) = σ(c + vW), `(rows, hidden)`."""
        return self.up(v)

    @ours()
    def decode(self, h: ArrayLike) -> jax.Array:
        """E(v | h), `(rows, visible)`: σ(b + hWᵀ), without σ for Gaussian units."""
        return self.down(h)

    @ours()
    def sample_hidden(self, v: ArrayLike, key: jax.Array) -> jax.Array:
        """Hidden states drawn from P(h | v)."""
        return _bernoulli(key, self.encode(v))

    @ours()
    def sample_visible(self, h: ArrayLike, key: jax.Array) -> jax.Array:
        """Visible states drawn from p(v | h)."""
        mean = self.decode(h)
        if self.visible == "bernoulli":
            return _bernoulli(key, mean)
        return mean + sampling.normal(key, mean.shape, mean.dtype)

    @ours()
    def gibbs(
        self, h: jax.Array, key: jax.Array, k: int = 1
    ) -> tuple[jax.Array, jax.Array]:
        """Visible and hidden states after k steps of v ~ p(v | h), h ~ P(h | v)."""

        def step(states: tuple[jax.Array, jax.Array], key: jax.Array):
            key_visible, key_hidden = jax.random.split(key)
            v = self.sample_visible(states[1], key_visible)
            return (v, self.sample_hidden(v, key_hidden)), None

        v = jnp.zeros((len(h), len(self.visible_bias)), h.dtype)
        return lax.scan(step, (v, h), jax.random.split(key, k))[0]

    @ours()
    def statistics(self, v: ArrayLike) -> "RBM":
        """⟨−∂F/∂θ⟩ over rows `(rows, visible)`: a tree like the machine itself.

            W: ⟨vᵀ P(h | v)⟩,   b: ⟨v⟩,   c: ⟨P(h | v)⟩

        Of data, less of states drawn from p(v): the gradient of mean log p(data).
        """
        v, h = jnp.asarray(v), self.encode(v)
        return RBM(v.T @ h / len(v), v.mean(0), h.mean(0), self.visible)

    @ours()
    def pseudo_likelihood(self, v: ArrayLike, key: jax.Array) -> jax.Array:
        """An unbiased estimate of Σᵢ log P(vᵢ | the other v), per row `(rows,)`.

            visible · log σ(F(v with bit i flipped) − F(v)),   i drawn for every row

        For Bernoulli visible units; log p(v) itself needs a sum over all states.
        """
        if self.visible != "bernoulli":
            raise ValueError(
                "`RBM.pseudo_likelihood` needs Bernoulli visible units. Got "
                f"{self.visible!r}. Compare free energies instead."
            )
        v, n = jnp.asarray(v), len(self.visible_bias)
        i = jax.random.randint(key, (len(v),), 0, n)
        step = 1 - 2 * jnp.take_along_axis(v, i[:, None], 1)
        z = self.up.linear(v)
        moved = jax.nn.softplus(z + step * self.weights[i]) - jax.nn.softplus(z)
        gain = step[:, 0] * self.visible_bias[i] + moved.sum(-1)  # F(v) − F(flipped)
        return n * jax.nn.log_sigmoid(-gain)

    def _square(self, v: ArrayLike) -> jax.Array | float:
        return 0.0 if self.visible == "bernoulli" else jnp.square(v).sum(-1) / 2


def stacked(first: Visible, above: Visible, count: int) -> list[Visible]:
    """The visible units of each layer in a stack."""
    return [first, *itertools.repeat(above, count - 1)]


def _bernoulli(key: jax.Array, p: jax.Array) -> jax.Array:
    return (sampling.uniform(key, p.shape, p.dtype) < p).astype(p.dtype)
