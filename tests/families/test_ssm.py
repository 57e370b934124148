"""State-space models: HiPPO systems, poles, the matrices of S5."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg, special, stats

from jinit import ssm
from jinit.ssm.legs import legs_frequencies

from ..helpers import exact, key


CORRECTED: list[Any] = ["legs", "legt", "lagt", "glagt", "fout", "foud"]
NO_MEASURE: Any = "legz"
EVERY: list[Any] = [*CORRECTED, "lmu"]
REAL_PARTS = {"legs": -0.5, "glagt": -0.005, "foud": -0.5}


def system(measure, size):
    """A and B, which for fewer states are the first ones of those for more."""
    most = max(size, 32)
    A, b = exact(ssm.hippo(measure), most, most), exact(ssm.hippo_input(measure), most)
    return A[:size, :size], b[:size]


def legendre(n, t):
    return np.sqrt(2 * n + 1) * special.eval_legendre(n, 2 * t - 1)


def wave(n, t):
    angle = 2 * np.pi * (n // 2) * t
    size = np.where(n < 2, 1, np.sqrt(2))
    return size * np.where(n % 2, np.sin(angle), np.cos(angle))


@pytest.mark.parametrize(
    ("measure", "response"),
    [
        ("legs", lambda n, t: np.exp(-t) * legendre(n, np.exp(-t))),
        ("lagt", lambda n, t: np.exp(-t / 2) * special.eval_laguerre(n, t)),
        ("glagt", lambda n, t: 0.1 * np.exp(-0.505 * t) * special.eval_laguerre(n, t)),
        ("foud", lambda n, t: np.exp(-t / 2) * wave(n, t)),
    ],
)
def test_a_state_answers_a_pulse_by_its_basis(measure, response):
    """exp(tA) B, exactly, for the measures whose systems are closed."""
    A, b = system(measure, 6)
    for t in (0.0, 0.3, 2.0):
        np.testing.assert_allclose(
            linalg.expm(t * A) @ b, response(np.arange(6), t), atol=1e-12
        )


def transfer(measure, size, c, s):
    A, b = system(measure, size)
    return c @ np.linalg.solve(s * np.eye(size) - A, b)


def test_windows_hold_what_leaves_them():
    n, s = np.arange(10), 1j
    delay = transfer("lmu", 10, np.ones(10), s)
    np.testing.assert_allclose(delay, np.exp(-s), atol=1e-9)
    ends = (-1.0) ** n * np.sqrt(2 * n + 1)
    np.testing.assert_allclose(transfer("legt", 10, ends, s), np.exp(-2 * s), atol=1e-5)
    b = system("fout", 200)[1]
    mean = transfer("fout", 200, b, s)  # of what enters and what leaves
    np.testing.assert_allclose(mean, (1 + np.exp(-2 * s)) / 2, atol=2e-3)


def test_lmu_is_legt_in_another_scale_of_the_states():
    (A, b), (B, c) = system("lmu", 7), system("legt", 7)
    T = np.diag((-1.0) ** np.arange(7) * np.sqrt(2 * np.arange(7) + 1))
    np.testing.assert_allclose(A, 2 * T @ B @ np.linalg.inv(T), atol=1e-12)
    np.testing.assert_allclose(b, 2 * T @ c, atol=1e-12)


@pytest.mark.parametrize("measure", CORRECTED)
def test_the_correction_makes_the_matrix_normal(measure):
    A, _ = system(measure, 32)
    P = exact(ssm.hippo_correction(measure), 3, 32)
    S = A + P.T @ P
    symmetric = REAL_PARTS.get(measure, 0.0) * np.eye(32)
    np.testing.assert_allclose((S + S.T) / 2, symmetric, atol=1e-13)
    rank = np.linalg.matrix_rank(P)
    assert rank == {"legt": 2, "foud": 0}.get(measure, 1)
    assert not P[rank:].any()


@pytest.mark.parametrize("measure", CORRECTED)
def test_dplr_is_the_same_system_in_another_basis(measure):
    with jax.enable_x64(True):
        parts: list[Any] = [np.asarray(part) for part in ssm.dplr(measure, 12)]
    poles, p, b, V = parts
    A, input_ = system(measure, 12)
    z = np.random.default_rng(0).normal(size=12) @ V.conj()
    x = 2 * (V @ z).real
    change = poles * z - p.T @ (2 * (p.conj() @ z).real)
    np.testing.assert_allclose(2 * (V @ change).real, A @ x, atol=1e-9)
    np.testing.assert_allclose(2 * (V @ b).real, input_, atol=1e-12)
    np.testing.assert_allclose(V.conj().T @ V, np.eye(6), atol=1e-12)
    assert (b.imag == 0).all()
    assert (b.real > 0).all()
    assert (np.diff(poles.imag) < 0).all()
    assert (poles.imag > -1e-12).all()


def test_frequencies_are_those_of_the_corrected_matrix():
    poles = exact(ssm.s4d_legs, 32, dtype="complex128")
    P = exact(ssm.hippo_correction, 1, 64)
    found = np.linalg.eigvals(system("legs", 64)[0] + P.T @ P)
    above = found[found.imag > 0]
    np.testing.assert_allclose(
        poles, above[np.argsort(-above.imag)], rtol=1e-9, atol=1e-9
    )
    for poles in (1, 2, 3, 40):  # in closed form, against the eigensolver of `dplr`
        with jax.enable_x64(True):
            expected = np.imag(ssm.dplr("legs", 2 * poles).poles)
        np.testing.assert_allclose(legs_frequencies(poles), expected, rtol=1e-9)


@pytest.mark.parametrize("law", [ssm.s4d_lin, ssm.s4d_inv, ssm.s4d_legs, ssm.s4d_quad])
def test_the_parts_of_poles_make_the_poles(law):
    poles = law(None, (2, 5), jnp.complex64)
    real, imag, log_decay = (
        law(part=part)(None, (2, 5)) for part in ("real", "imag", "log_decay")
    )
    np.testing.assert_array_equal(poles, real + 1j * imag)
    np.testing.assert_allclose(-jnp.exp(log_decay), real, rtol=1e-6)
    assert (poles.real == -0.5).all()
    with pytest.raises(ValueError, match=f"`jinit.ssm.{law.law.name}` needs a complex"):
        law(None, (2, 5))
    with pytest.raises(ValueError, match="needs a `part` to state"):
        law.marginal((2, 5))


def test_other_poles_in_their_closed_form():
    n = np.arange(6)
    np.testing.assert_allclose(exact(ssm.s4d_lin(part="imag"), 6), np.pi * n)
    np.testing.assert_allclose(
        exact(ssm.s4d_quad(part="imag"), 6), (2 * n + 1) ** 2 / np.pi
    )
    found = np.sort(np.linalg.eigvals(system("legs", 6)[0]).real)[::-1]
    np.testing.assert_allclose(exact(ssm.s4d_real, 6), found, rtol=1e-9)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: ssm.hippo(None, (4, 6)), r"`jinit.ssm.hippo` needs a square .*\(4, 6"),
        (lambda: ssm.hippo(None, (4,)), r"`jinit.ssm.hippo` needs a shape"),
        (lambda: ssm.hippo("fout")(None, (3, 3)), r"needs an even number .* Got 3"),
        (lambda: ssm.hippo_input(None, ()), r"`jinit.ssm.hippo_input` needs a shape"),
        (lambda: ssm.hippo_correction("lmu"), r"symmetric correction. Got 'lmu'"),
        (lambda: ssm.hippo_correction("legt")(None, (1, 4)), r"2 rows .* Got 1"),
        (lambda: ssm.dplr("legs", 7), r"`jinit.ssm.dplr` needs an even `size`.*Got 7"),
        (lambda: ssm.dplr("lmu"), r"`jinit.ssm.dplr` needs a measure"),
        (lambda: ssm.dplr(NO_MEASURE), r"needs `measure` to be one of .*'legs'"),
        (lambda: ssm.s4d_legs(part="imag")(None, (5000,)), r"at most 4096.*Got 5000"),
        (lambda: ssm.s4d_lin(part="imag")(None, ()), r"needs a shape .*Got \(\)"),
    ],
)
def test_what_is_wrong_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


@pytest.mark.parametrize(
    "init",
    [
        *(ssm.hippo(measure) for measure in EVERY),
        *(ssm.hippo_input(measure) for measure in EVERY),
        *(ssm.hippo_correction(measure) for measure in CORRECTED),
        ssm.s4d_real(part="log_decay"),
    ],
    ids=repr,
)
def test_fixed_laws_are_as_stated(init):
    shape = {"hippo": (32, 32), "hippo_correction": (3, 32)}.get(init.law.name, (32,))
    w, law = exact(init, *shape), init.marginal(shape)
    np.testing.assert_allclose([w.mean(), w.std()], [law.mean, law.std], rtol=1e-9)
    assert (w.min(), w.max()) == pytest.approx(law.support)


def test_the_basis_of_s5_leaves_no_trace_in_b_and_c():
    """V* B₀ of real normal B₀ has the covariance V* V = I and no relation Vᵀ V."""
    with jax.enable_x64(True):
        V = np.asarray(ssm.dplr("legs", 16).basis)
    np.testing.assert_allclose(V.conj().T @ V, np.eye(8), atol=1e-12)
    np.testing.assert_allclose(V.T @ V, 0, atol=1e-12)


@pytest.mark.parametrize("law", [ssm.s5_b, ssm.s5_c])
def test_s5_matrices_divide_by_what_they_sum(law):
    pairs = np.asarray(law(key(6), (2, 200, 50, 2)), np.float64)
    whole = np.asarray(law(key(7), (200, 100), jnp.complex64), np.complex128)
    for w, n in ((pairs[..., 0] + 1j * pairs[..., 1], 50), (whole, 100)):
        error = 5 / w.size**0.5
        assert abs((np.abs(w) ** 2).mean() * n - 1) < error
        assert abs((w**2).mean() * n) < error
        assert stats.kstest(w.real.ravel() * (2 * n) ** 0.5, "norm").pvalue > 1e-6
    with pytest.raises(ValueError, match=r"real and imaginary parts.*Got \(4, 2\)"):
        law(key(), (4, 2))


def test_s5_poles_are_blocks_of_legs():
    one = exact(ssm.s4d_legs(part="imag"), 4)
    two = exact(ssm.s5_poles(2, part="imag"), 8)
    np.testing.assert_array_equal(two, [*one, *one])
    with pytest.raises(ValueError, match=r"`blocks` to divide the poles. Got 3 for 8"):
        ssm.s5_poles(3, part="imag")(None, (8,))
    with pytest.raises(ValueError, match=r"`jinit.ssm.s5_poles` needs at most 4096"):
        ssm.s5_poles(part="imag")(None, (5000,))
