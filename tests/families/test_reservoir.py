"""Reservoirs: the radius of every draw, and what their eigenvalues are known to be."""

# Some calls here are wrong on purpose.
# pyright: reportArgumentType=false

import math

import jax
import numpy as np
import pytest

from jinit import reservoir

from ..helpers import key


def drawn(init, *shape):
    return np.asarray(init(key(), shape), np.float64)


def eigenvalues(w):
    return np.linalg.eigvals(w)


@pytest.mark.parametrize(
    "init",
    [
        reservoir.random_sparse(0.7),
        reservoir.random_sparse(1.3, connections=2),
        reservoir.wigner(0.7),
        reservoir.permutation(0.7),
        reservoir.dale(0.7),
        reservoir.cycle(0.7),
        reservoir.cycle(0.7, backward=0.5, loop=-0.3),
        reservoir.cycle(0.7, backward=-1.0),
        reservoir.cycle_jumps(0.7, size=3),
        reservoir.cycle_jumps(0.7, size=7, jump=-0.5),
        reservoir.feedback_line(0.7),
        reservoir.feedback_line(0.7, feedback=-0.4, loop=0.5),
        reservoir.block_diagonal(0.7, size=6),
    ],
    ids=repr,
)
def test_every_draw_has_its_radius(init):
    both = drawn(init, 2, 42, 42)
    found = np.abs(eigenvalues(both)).max(-1)
    np.testing.assert_allclose(found, init.settings["radius"], rtol=1e-4)
    assert init.law.is_random == bool((both[0] != both[1]).any())


def test_a_cycle_has_its_eigenvalues_on_a_circle_and_a_permutation_too():
    for init in (reservoir.cycle(0.5), reservoir.permutation(0.5)):
        w = drawn(init, 17, 17)
        np.testing.assert_allclose(np.abs(eigenvalues(w)), 0.5, rtol=1e-6)
        np.testing.assert_array_equal(w @ w.T, 0.25 * np.eye(17))
        law = init.marginal(w.shape)
        assert (law.mean, law.std) == pytest.approx((w.mean(), w.std()))


def test_ways_back_and_loops_have_the_eigenvalues_that_the_docstrings_say():
    n, back, loop = 12, 0.25, 0.5
    roots = np.exp(2j * np.pi * np.arange(n) / n)
    w = drawn(reservoir.cycle(0.9, back, loop), n, n)
    expected = w[0, 1] * (loop + roots + back / roots)
    np.testing.assert_allclose(
        np.sort_complex(eigenvalues(w).round(5)), np.sort_complex(expected.round(5)),
        atol=2e-5,
    )  # fmt: skip
    w = drawn(reservoir.feedback_line(0.9, back, loop), n, n)
    angles = np.pi * np.arange(1, n + 1) / (n + 1)
    expected = w[0, 1] * (loop + 2 * math.sqrt(back) * np.cos(angles))
    np.testing.assert_allclose(
        np.sort(eigenvalues(w).real), np.sort(expected), rtol=1e-5
    )
    assert w[1, 0] == pytest.approx(back * w[0, 1])
    assert (np.diag(w) == w[0, 0]).all()


def test_a_delay_line_forgets_after_its_length():
    w = drawn(reservoir.delay_line(0.5), 6, 6)
    assert np.linalg.matrix_power(w, 5)[0, 5] == 0.5**5
    assert not np.linalg.matrix_power(w, 6).any()
    far = drawn(reservoir.delay_line(0.5, shift=2), 6, 6)
    assert np.count_nonzero(far) == 4
    law = reservoir.delay_line(0.5, shift=2).marginal((6, 6))
    assert (law.mean, law.std) == pytest.approx((far.mean(), far.std()))
    assert not drawn(reservoir.delay_line(shift=9), 6, 6).any()


@pytest.mark.parametrize(("n", "size", "jumps"), [(9, 3, 3), (10, 3, 3), (12, 5, 2)])
def test_jumps_lead_both_ways_and_back_to_the_start_where_they_fit(n, size, jumps):
    w = drawn(reservoir.cycle_jumps(0.9, size, jump=0.5), n, n)
    r = w[0, 1]
    there = np.argwhere(np.isclose(w, r / 2))
    ends = {tuple(sorted(pair)) for pair in there.tolist()}
    assert len(there) == 2 * len(ends) == 2 * jumps
    fits = n % size == 0
    assert ((0, n - size) in ends) == fits
    assert np.count_nonzero(np.isclose(w, r)) == n


def test_a_wigner_matrix_is_symmetric_with_a_semicircle_of_eigenvalues():
    w = drawn(reservoir.wigner(1.0), 200, 200)
    np.testing.assert_array_equal(w, w.T)
    values = eigenvalues(w).real
    assert np.mean(values**2) == pytest.approx(0.25, rel=0.08)  # (radius / 2)²
    hermitian = reservoir.wigner(key(), (8, 8), "complex64")
    np.testing.assert_allclose(hermitian, np.conj(hermitian.T), atol=1e-7)
    largest = np.abs(np.linalg.eigvalsh(np.asarray(hermitian, np.complex128))).max()
    assert largest == pytest.approx(0.9, rel=1e-5)


def test_connections_are_counted_and_density_is_a_chance():
    w = drawn(reservoir.random_sparse(connections=4), 3, 30, 30)
    assert ((w != 0).sum(-2) == 4).all()
    w = drawn(reservoir.random_sparse(density=0.25), 100, 100)
    assert abs((w != 0).mean() - 0.25) < 5 * (0.25 * 0.75) ** 0.5 / 100
    w = drawn(reservoir.random_sparse(connections=1), 2, 2)
    assert np.isfinite(w).all()


def test_by_dales_law_a_unit_sends_one_sign_and_the_two_balance():
    w = drawn(reservoir.dale(density=1.0, excitatory=0.75, ratio=3.0), 80, 80)
    assert (w[:60] > 0).all()
    assert (w[60:] < 0).all()
    assert abs(w.mean()) < 0.1 * np.abs(w).mean()


def test_groups_hear_themselves():
    w = drawn(reservoir.block_diagonal(0.6, 3), 6, 6)
    np.testing.assert_allclose(w, np.kron(np.eye(2), np.full((3, 3), 0.2)), rtol=1e-6)
    law = reservoir.block_diagonal(0.6, 3).marginal((6, 6))
    assert (law.mean, law.std) == pytest.approx((w.mean(), w.std()))


def test_maps_lead_from_unit_to_unit():
    w = drawn(reservoir.chebyshev(0.6, 1.5, degree=3.0), 4, 9)
    start = 0.6 * np.sin(np.pi * np.arange(1, 5) / (1.5 * 4))
    np.testing.assert_allclose(w[:, 0], start, rtol=1e-6)
    np.testing.assert_allclose(w[:, 1], 4 * start**3 - 3 * start, atol=1e-6)  # T₃
    assert np.abs(w).max() <= 1
    same = drawn(reservoir.chebyshev(0.6, degree=1.0), 4, 9)
    np.testing.assert_allclose(same, np.repeat(same[:, :1], 9, 1), atol=1e-6)
    w = drawn(reservoir.logistic, 4, 9)
    np.testing.assert_allclose(w[:, 0], 0.3 * np.sin(np.pi * np.arange(1, 5) / 23.6))
    np.testing.assert_allclose(w[:, 1:], 3.7 * w[:, :-1] * (1 - w[:, :-1]), rtol=1e-5)


def test_inputs_by_sign_and_by_group():
    w = drawn(reservoir.signs(0.5), 30, 100)
    assert set(np.unique(w)) == {-0.5, 0.5}
    assert abs(w.mean()) < 5 * 0.5 / 3000**0.5
    w = drawn(reservoir.weighted(0.5), 3, 10)
    assert ((w != 0).sum(0) == 1).all()
    assert set((w != 0).sum(1)) == {3, 4}
    assert np.abs(w).max() <= 0.5


def test_reservoirs_are_drawn_under_jit_and_vmap():
    init = reservoir.random_sparse(0.9, 0.3)
    keys = jax.random.split(key(), 3)
    many = jax.jit(jax.vmap(lambda key: init(key, (8, 8))))(keys)
    np.testing.assert_allclose(many[1], init(keys[1], (8, 8)), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: reservoir.cycle(None, (3, 4)), ValueError, r"\(\*batch, n, n\)"),
        (lambda: reservoir.wigner(key(), (4,)), ValueError, "reservoir.wigner"),
        (lambda: reservoir.random_sparse(density=0.0), ValueError, "above 0"),
        (lambda: reservoir.random_sparse(density=0.1, connections=2), TypeError, "or"),
        (lambda: reservoir.cycle_jumps(size=3)(None, (5, 5)), ValueError, "half the"),
        (lambda: reservoir.feedback_line(feedback=0.0), ValueError, "delay_line"),
        (lambda: reservoir.block_diagonal(size=4)(None, (6, 6)), ValueError, "divide"),
        (lambda: reservoir.chebyshev(1.5), ValueError, "from -1 to 1"),
        (lambda: reservoir.logistic(growth=4.5), ValueError, "from 0 to 4"),
        (lambda: reservoir.logistic(-0.3)(None, (2, 3)), ValueError, "start from 0"),
        (lambda: reservoir.cycle(loop=-1.0)(None, (1, 1)), ValueError, "not 0"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()
