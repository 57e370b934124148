"""The machine against exact sums over all of its states."""

import itertools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jinit.pretrain import RBM


V, H = 5, 3
STATES_V = np.array(list(itertools.product((0, 1), repeat=V)), np.float64)
STATES_H = np.array(list(itertools.product((0, 1), repeat=H)), np.float64)


@pytest.fixture(name="machine")
def _machine():
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        draw = lambda *shape: jnp.asarray(rng.normal(0, 0.5, shape))
        yield RBM(draw(V, H), draw(V), draw(H))


def log_likelihood(machine, v):
    """Mean log p(v), with the partition function summed over all visible states."""
    log_z = jax.nn.logsumexp(-machine.free_energy(STATES_V))
    return jnp.mean(-machine.free_energy(v)) - log_z


def exact_chain(machine, k):
    """P(v after k steps | v), `(2^V, 2^V)`: the product of the conditionals."""

    def conditional(probabilities, states):
        p = probabilities[:, None]
        return np.prod(np.where(states, p, 1 - p), -1)

    to_h = conditional(np.asarray(machine.encode(STATES_V)), STATES_H)
    to_v = conditional(np.asarray(machine.decode(STATES_H)), STATES_V)
    return np.linalg.matrix_power(to_h @ to_v, k)


def test_the_free_energy_sums_over_hidden_states(machine):
    energies = [
        machine.energy(STATES_V, jnp.tile(h, (len(STATES_V), 1))) for h in STATES_H
    ]
    summed = -jax.nn.logsumexp(-jnp.stack(energies), axis=0)
    np.testing.assert_allclose(machine.free_energy(STATES_V), summed, rtol=1e-12)


def test_encode_and_decode_are_the_conditionals(machine):
    weight = np.exp([-machine.energy(STATES_V, jnp.tile(h, (32, 1))) for h in STATES_H])
    given_v = (weight / weight.sum(0)).T @ STATES_H  # E(h | v)
    np.testing.assert_allclose(machine.encode(STATES_V), given_v, rtol=1e-10)
    given_h = (weight / weight.sum(1, keepdims=True)) @ STATES_V  # E(v | h)
    np.testing.assert_allclose(machine.decode(STATES_H), given_h, rtol=1e-10)


def test_statistics_make_the_exact_gradient(machine):
    data = STATES_V[[3, 7, 7, 21, 30]]
    p = jax.nn.softmax(-machine.free_energy(STATES_V))
    everywhere = [machine.statistics(v[None]) for v in STATES_V]
    model = jax.tree.map(
        lambda *each: jnp.tensordot(p, jnp.stack(each), 1), *everywhere
    )
    found = jax.tree.map(jnp.subtract, machine.statistics(data), model)
    slope = jax.grad(log_likelihood)(machine, data)
    chex.assert_trees_all_close(found, slope, rtol=0, atol=1e-14)
    # And against differences of the likelihood itself.
    step = 1e-5
    for i, j in ((0, 0), (4, 2)):
        moved = [
            RBM(
                machine.weights.at[i, j].add(s),
                machine.visible_bias,
                machine.hidden_bias,
            )
            for s in (step, -step)
        ]
        high, low = (log_likelihood(each, data) for each in moved)
        assert float(found.weights[i, j] - (high - low) / (2 * step)) == pytest.approx(
            0, abs=5e-10
        )


@pytest.mark.parametrize("k", [1, 3])
def test_sampled_chains_have_the_exact_distribution(machine, k):
    """40,000 chains from one state: each of 32 shares errs by at most 1/√n · 5 σ."""
    count, start = 40_000, 19
    keys = jax.random.split(jax.random.key(0))
    v = jnp.tile(STATES_V[start], (count, 1))
    v, h = machine.gibbs(machine.sample_hidden(v, keys[0]), keys[1], k)
    numbers = np.asarray(v, int) @ 2 ** np.arange(V)[::-1]
    shares = np.bincount(numbers, minlength=32)
    exact = exact_chain(machine, k)[start]
    sigma = np.sqrt(exact * (1 - exact) / count)
    assert (np.abs(shares / count - exact) < 5 * sigma + 1e-9).all()
    # The hidden states come last and belong to these visible ones.
    np.testing.assert_allclose(h.mean(0), machine.encode(v).mean(0), atol=0.01)


def test_contrastive_divergence_nears_the_gradient_with_k(machine):
    data = STATES_V[[3, 7, 7, 21, 30]]
    slope = jax.grad(log_likelihood)(machine, data).weights
    each = np.stack([machine.statistics(v[None]).weights for v in STATES_V])

    def error(k):
        reached = exact_chain(machine, k)[[3, 7, 7, 21, 30]].mean(0)
        model = np.tensordot(reached, each, 1)
        divergence = machine.statistics(data).weights - model
        return float(jnp.linalg.norm(divergence - slope) / jnp.linalg.norm(slope))

    errors = [error(k) for k in (1, 2, 5, 20)]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] < 0.3
    assert errors[-1] < 1e-9


def test_the_pseudo_likelihood_is_unbiased(machine):
    v = STATES_V[[3, 21]]
    flipped = lambda i: v + np.eye(V)[i] * (1 - 2 * v)
    exact = sum(
        jax.nn.log_sigmoid(machine.free_energy(flipped(i)) - machine.free_energy(v))
        for i in range(V)
    )
    keys = jax.random.split(jax.random.key(1), 4000)
    drawn = jax.vmap(lambda key: machine.pseudo_likelihood(v, key))(keys)
    # One draw is V times one of V terms; their mean over 4,000 errs by 5 σ at most.
    allowed = 5 * drawn.std(0) / np.sqrt(len(keys))
    assert (jnp.abs(drawn.mean(0) - exact) < allowed).all()


def test_a_tied_second_machine_leaves_the_model_unchanged(machine):
    """Hinton et al. 2006: p(v) = Σₕ p(v | h) p(h), p(h) by the second machine."""
    second = RBM(machine.weights.T, machine.hidden_bias, machine.visible_bias)
    p_h = jax.nn.softmax(-second.free_energy(STATES_H))
    mean = np.asarray(machine.decode(STATES_H))[:, None]
    v_given_h = np.prod(np.where(STATES_V, mean, 1 - mean), -1)
    p_v = jax.nn.softmax(-machine.free_energy(STATES_V))
    np.testing.assert_allclose(p_h @ v_given_h, p_v, rtol=0, atol=1e-16)


def test_gaussian_units_have_the_law_they_state(machine):
    gaussian = RBM(
        machine.weights, machine.visible_bias, machine.hidden_bias, "gaussian"
    )
    h = jnp.tile(jnp.array([1.0, 0, 1]), (50_000, 1))
    v = gaussian.sample_visible(h, jax.random.key(2))
    np.testing.assert_allclose(v.mean(0), gaussian.decode(h)[0], atol=0.03)
    np.testing.assert_allclose(np.cov(v.T), np.eye(V), atol=0.03)
    # p(v) ∝ exp(−F): F is −log of the sum over h.
    v = v[:4]
    energies = jnp.stack([gaussian.energy(v, jnp.tile(h, (4, 1))) for h in STATES_H])
    np.testing.assert_allclose(
        gaussian.free_energy(v), -jax.nn.logsumexp(-energies, axis=0), rtol=1e-10
    )
    with pytest.raises(ValueError, match="Bernoulli"):
        gaussian.pseudo_likelihood(v, jax.random.key(0))
