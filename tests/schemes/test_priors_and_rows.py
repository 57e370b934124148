"""ZerO, IDInit and the bias of a prior, by what their papers promise of them."""

# Some calls here are wrong on purpose.
# pyright: reportArgumentType=false

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import linalg

import jinit


SHAPES = [(3, 8), (5, 12), (48, 100), (7, 7), (9, 4), (1, 6), (2, 3)]


def matrix(init, shape):
    return np.asarray(init(None, shape), np.float64)


@pytest.mark.parametrize("shape", SHAPES)
def test_zero_is_an_identity_or_rows_of_a_hadamard_matrix(shape):
    w = matrix(jinit.zero_hadamard, shape)
    assert np.linalg.matrix_rank(w) == min(shape)
    if shape[0] >= shape[1]:
        np.testing.assert_array_equal(w, np.eye(*shape))
        return
    order = 2 ** int(np.ceil(np.log2(shape[1])))
    rows = linalg.hadamard(order)[: shape[0], : shape[1]]
    np.testing.assert_allclose(w, rows / order**0.5, rtol=1e-7)
    assert np.linalg.norm(w, 2) <= 1 + 1e-6


def test_the_constants_of_the_paper_and_of_its_code_differ_by_the_root_of_two():
    code, paper = (
        matrix(jinit.zero_hadamard(each), (48, 100)) for each in ("isometry", "paper")
    )
    np.testing.assert_allclose(paper, 2**0.5 * code, rtol=1e-6)
    assert np.linalg.norm(paper, 2) > 1.2  # no isometry: it lengthens


@pytest.mark.parametrize("init", [jinit.zero_hadamard, jinit.idinit(-0.5)], ids=repr)
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_stated_is_what_is_drawn(init, shape):
    w, law = matrix(init, shape), init.marginal(shape)
    found = w.mean(), w.std(), (w.min(), w.max())
    assert found[:2] == pytest.approx((law.mean, law.std), abs=1e-6)
    assert law.support[0] <= w.min() + 1e-6
    assert w.max() <= law.support[1] + 1e-6
    for x in (-2.0, -1e-6, 1e-6, 2.0):
        assert law.cdf(x) == pytest.approx((w <= x).mean(), abs=1e-6)


def test_zero_of_a_convolution_stands_at_the_tap_of_its_own_pixel():
    w = matrix(jinit.zero_hadamard, (3, 2, 3, 8))
    tap = matrix(jinit.zero_hadamard, (3, 8))
    np.testing.assert_array_equal(w[1, 0], tap)
    assert np.count_nonzero(w) == tap.size
    law = jinit.zero_hadamard.marginal(w.shape)
    assert (law.mean, law.std) == pytest.approx((w.mean(), w.std()), abs=1e-6)


def test_idinit_leaves_no_unit_and_no_input_at_zero():
    w = matrix(jinit.idinit, (4, 10))
    assert np.linalg.matrix_rank(w) == 4
    assert (w.sum(0) == 1).all()
    assert set(w.sum(1)) == {2, 3}
    np.testing.assert_array_equal(matrix(jinit.idinit, (10, 4)), w.T)
    np.testing.assert_array_equal(matrix(jinit.idinit, (5, 5)), np.eye(5))


@pytest.mark.parametrize("p", [1e-6, 0.01, 0.5, 0.999])
def test_a_sigmoid_starts_at_its_prior(p):
    bias = jinit.prior_bias(p)(None, (2, 3))
    np.testing.assert_allclose(jax.nn.sigmoid(bias), p, rtol=2e-6)


def test_a_softmax_starts_at_its_priors_and_so_do_many_sigmoids():
    p = np.array([0.25, 0.5, 0.125, 0.125])
    soft = jinit.prior_bias(p, "softmax")(None, (2, 4))
    np.testing.assert_allclose(jax.nn.softmax(soft)[1], p, rtol=1e-6)
    many = jinit.prior_bias(p)(None, (4,))
    np.testing.assert_allclose(jax.nn.sigmoid(many), p, rtol=1e-6)
    # Cross entropy at the start is the entropy of the priors: the least without inputs.
    loss = -p @ np.asarray(jax.nn.log_softmax(soft)[0])
    assert loss == pytest.approx(-p @ np.log(p), rel=1e-6)
    traced = jax.jit(lambda p: jinit.prior_bias(p)(None, (4,)))(jnp.asarray(p))
    np.testing.assert_allclose(traced, many, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: jinit.prior_bias(0.0), "above 0 and below 1"),
        (lambda: jinit.prior_bias([0.5, 1.0]), "above 0 and below 1"),
        (lambda: jinit.prior_bias([0.5, 0.4], "softmax"), "add up to 0.9"),
        (lambda: jinit.prior_bias([0.5, 0.5])(None, (3,)), r"Got \(2,\) for \(3,\)"),
        (lambda: jinit.zero_hadamard(None, (3,)), "two or more axes"),
        (lambda: jinit.idinit(None, (3, 3, 3)), r"two axes.*`jinit.dirac`"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
