from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

import jinit
from jinit.data import gradient_quotient
from tests.zoo.adapters import started
from tests.zoo.entry import ids, normals


X = normals(32, 8)
Y = ids(3, 32, seed=1)
MODEL: Any = nn.Sequential([nn.Dense(12), nn.relu, nn.Dense(12), nn.relu, nn.Dense(3)])
PARAMS = jax.tree.map(lambda w: 3 * w, started(MODEL, X))


def loss(params, batch):
    z = MODEL.apply(params, batch[0])
    return optax.softmax_cross_entropy_with_integer_labels(z, batch[1]).mean()


LEARNERS = {
    "metainit": lambda params, data, steps=20: jinit.metainit(
        loss, params, data, steps=steps
    ),
    "gradinit": lambda params, data, steps=20: jinit.gradinit(
        loss, params, data, steps=steps
    ),
}
each_learner = pytest.mark.parametrize("name", LEARNERS)


def test_the_gradient_quotient_of_a_parabola_is_its_mean_curvature():
    curvatures = jnp.array([0.5, 1.0, 2.0])
    parabola = lambda w, _: jnp.sum(curvatures * w**2) / 2
    found = gradient_quotient(parabola, jnp.array([1.0, -2.0, 0.5]), None)
    assert float(found) == pytest.approx(3.5 / 3, rel=1e-4)


def test_the_gradient_quotient_of_a_linear_loss_is_zero():
    linear = lambda w, x: x @ w
    assert float(gradient_quotient(linear, jnp.ones(4), jnp.arange(1.0, 5.0))) < 1e-4


def test_the_gradient_quotient_equals_its_definition_with_the_whole_hessian():
    of = lambda w, x: jnp.sum(jnp.tanh(x @ w) ** 3)
    w, x = X[0], X[1:5]
    g, H = jax.grad(of)(w, x), jax.hessian(of)(w, x)
    sign = jnp.where(g < 0, -1, 1)
    expected = jnp.abs((g - H @ g) / (g + 1e-5 * sign) - 1).mean()
    found = gradient_quotient(of, w, x)
    assert float(found) == pytest.approx(float(expected), rel=1e-3)


@each_learner
def test_the_objective_falls(name):
    _, record = LEARNERS[name](PARAMS, (X, Y), steps=60)
    assert len(record.history) == 60
    assert record.history[-1] < record.history[0]


@each_learner
def test_scales_change_and_directions_do_not(name):
    params, record = LEARNERS[name](PARAMS, (X, Y))
    new = jax.tree_util.tree_flatten_with_path(params)[0]
    scales = {each.path: each for each in record.scales}
    for (path, leaf), old in zip(new, jax.tree.leaves(PARAMS), strict=True):
        own = scales.get("/".join(str(k.key) for k in path))
        factor = own.scale if own else 1.0
        assert jnp.allclose(leaf, factor * old, rtol=1e-4)
        assert (factor != 1) == (old.ndim > 1)  # the biases are 0
        if own:
            assert own.after == pytest.approx(float(jnp.linalg.norm(leaf)), rel=1e-4)


@each_learner
def test_it_is_deterministic_and_reads_streams(name):
    batches = [(X[:16], Y[:16]), (X[16:], Y[16:])]
    first, again = (LEARNERS[name](PARAMS, batches) for _ in range(2))
    assert first.record.history == again.record.history
    ending = LEARNERS[name](PARAMS, iter(batches))
    used = len(ending.record.history)
    assert used == {"metainit": 2, "gradinit": 1}[name]  # which takes them in pairs
    assert ending.record.history == first.record.history[:used]


@each_learner
def test_what_was_learned_is_kept_at_a_ctrl_c(name):
    def stopping():
        yield from [(X, Y)] * 5
        raise KeyboardInterrupt

    with pytest.warns(UserWarning, match=rf"`jinit.{name}` was stopped"):
        _, record = LEARNERS[name](PARAMS, stopping())
    assert 4 <= len(record.history) <= 5
    assert any(each.scale != 1 for each in record.scales)


@each_learner
@pytest.mark.parametrize(
    ("params", "data", "message"),
    [
        (PARAMS, (X.at[0, 0].set(jnp.nan), Y), "finite numbers.*batch of step 1"),
        (jax.tree.map(lambda w: 1e20 * w, PARAMS), (X, Y), "a finite loss .* step 1"),
        (jax.tree.map(jnp.zeros_like, PARAMS), (X, Y), "a parameter to scale"),
        (PARAMS, [], "a batch or more"),
    ],
)
def test_what_can_not_be_learned_is_refused(name, params, data, message):
    with pytest.raises(ValueError, match=rf"`jinit.{name}` needs {message}"):
        LEARNERS[name](params, data)


@each_learner
def test_a_ctrl_c_before_the_first_step_is_raised(name):
    def stopping(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        getattr(jinit, name)(stopping, PARAMS, (X, Y))


def _dead():
    """The same with a layer that is off."""
    params: Any = jax.tree.map(lambda w: w, PARAMS)
    params["params"]["layers_2"]["bias"] -= 1e3
    return params


@each_learner
def test_a_kernel_without_gradient_is_named(name):
    with pytest.warns(UserWarning, match=rf"`jinit.{name}` found no gradient in .*0/k"):
        LEARNERS[name](_dead(), (X, Y), steps=3)


def test_one_batch_is_no_pair():
    with pytest.raises(ValueError, match=r"`jinit.gradinit` needs two batches"):
        jinit.gradinit(loss, PARAMS, iter([(X, Y)]))


def test_a_root_without_slope_is_told_from_a_loss_that_overflows():
    with pytest.raises(ValueError, match=r"finite derivatives.*`eps_root`"):
        jinit.gradinit(loss, _dead(), (X, Y), optimizer=optax.adam(1e-3), gamma=1e9)


def test_one_step_of_metainit_is_the_papers():
    params, _ = jinit.metainit(loss, PARAMS, (X, Y), steps=1)
    kernels = lambda p: [leaf for leaf in jax.tree.leaves(p) if leaf.ndim > 1]
    for old, new in zip(kernels(PARAMS), kernels(params), strict=True):
        moved = float(jnp.linalg.norm(new) - jnp.linalg.norm(old))
        assert abs(moved) == pytest.approx(0.1, rel=1e-3)


def test_a_gradient_beyond_the_bound_is_made_smaller():
    norm = lambda p: float(optax.tree.norm(jax.grad(loss)(p, (X, Y))))
    gamma = norm(PARAMS) / 2
    params, _ = jinit.gradinit(
        loss, PARAMS, (X, Y), gamma=gamma, steps=150, learning_rate=5e-3
    )
    assert norm(params) < 1.1 * gamma


def test_half_of_the_second_batch_is_of_the_first():
    seen = []

    def spy(params, batch):
        jax.debug.callback(lambda x: seen.append(np.asarray(x)), batch)
        return jnp.sum(params * batch**2)

    batches = [jnp.full(4, 1.0), jnp.full(4, 2.0)]
    jinit.gradinit(spy, jnp.ones(4), iter(batches), gamma=1e9, steps=1)
    jax.effects_barrier()
    kinds = {tuple(x.tolist()) for x in seen}
    assert kinds == {(1.0, 1.0, 1.0, 1.0), (1.0, 1.0, 2.0, 2.0)}


def test_any_optax_step_is_looked_ahead():
    plain = jinit.gradinit(loss, PARAMS, (X, Y), steps=5, step_size=0.05, gamma=1.0)
    same = jinit.gradinit(
        loss, PARAMS, (X, Y), steps=5, optimizer=optax.sgd(0.05), gamma=1e9
    )
    adam = jinit.gradinit(
        loss, PARAMS, (X, Y), steps=5, optimizer=optax.adam(1e-3, eps_root=1e-12)
    )
    assert plain.record.history[0] == pytest.approx(same.record.history[0])
    assert adam.record.history[0] != plain.record.history[0]
    with pytest.raises(TypeError, match=r"`jinit.gradinit` needs `optimizer`"):
        jinit.gradinit(loss, PARAMS, (X, Y), optimizer=0.1)
    with pytest.raises(ValueError, match=r"'sgd'"):
        jinit.gradinit(loss, PARAMS, (X, Y), optimizer="sdg")


def test_the_record_prints_and_plots(tmp_path):
    _, record = LEARNERS["metainit"](PARAMS, (X, Y), steps=3)
    assert str(record).startswith("gradient quotient: ")
    record.plot(str(tmp_path / "learned.png"))
    assert (tmp_path / "learned.png").stat().st_size > 1000
