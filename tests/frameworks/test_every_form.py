"""One network in every form that a model can have: same rows, plans and weights."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit._core.trees import named_leaves
from jinit._frameworks import bind, holds_weights, read
from jinit._model.keys import path_keys
from jinit._reading import KERNELS
from tests.frameworks.networks import BATCH, evaluation, KEY, plain, training


MODES = {"plain": plain, "training": training, "evaluation": evaluation}
EVERY = [(mode, name) for mode, cases in MODES.items() for name in cases()]
each_case = pytest.mark.parametrize(("mode", "name"), EVERY)


@functools.cache
def rows(mode, name):
    case = MODES[mode]()[name]
    return jinit.trace(case.model, *case.inputs)


@functools.cache
def plan(mode, name):
    case = MODES[mode]()[name]
    return jinit.explain(case.model, *case.inputs)


def facts(mode, name):
    """What the trace says of each weight, but for its path and layout."""
    return [
        (
            row.role,
            math.prod(row.shape),
            row.fan_in,
            row.fan_out,
            row.activation_name,
            row.normalized,
        )
        for row in rows(mode, name).in_order
    ]


def laws(mode, name):
    """What each weight gets: the reason of kernels, the mean and the deviation."""
    return [
        (
            choice.reason.partition(", reads")[0]
            if choice.role in KERNELS
            else choice.role,
            choice.initializer.mean(choice.shape),
            std(choice),
        )
        for choice in in_order(mode, name)
    ]


def in_order(mode, name) -> list[Any]:
    return sorted(plan(mode, name), key=lambda choice: choice.order)


def std(choice):
    # What is read is told from another computation in each framework, and a batch norm
    # of Equinox has another batch: 0.4 % at most.
    return pytest.approx(choice.initializer.std(choice.shape), rel=0.01)


@each_case
def test_rows_are_the_same_up_to_paths(mode, name):
    assert facts(mode, name) == facts(mode, "linen")
    roles = [row.role for row in rows(mode, name).in_order]
    norm = [] if mode == "plain" else ["norm scale", "norm offset"]
    assert roles == ["kernel", "bias", *norm, "output head", "bias"]
    last = rows(mode, name).in_order[-2]
    assert last.activation_name == "relu"
    assert last.normalized == bool(norm)


@each_case
def test_plans_are_the_same_up_to_paths(mode, name):
    assert laws(mode, name) == laws(mode, "linen")


@each_case
def test_what_is_no_kernel_is_the_model_s_own_where_that_is_known(mode, name):
    found = [x for x in in_order(mode, name) if x.role not in KERNELS]
    for choice in found:
        own = "ones" if choice.role == "norm scale" else "zeros"
        if name in {"linen pair", "pair", "function"}:  # shapes alone
            assert choice.reason == choice.role
        elif name.startswith("equinox") and choice.role == "bias":
            assert choice.reason == "bias; the model's own was random"
        else:
            assert choice.reason == f"the model's own: {own}"


def made(mode, name, rules=None) -> tuple[Any, ...]:
    """The model with new weights, as functions of a model with weights take it."""
    # A Keras model holds them in place, and would start from them next time.
    cases = MODES[mode].__wrapped__() if rules else MODES[mode]()
    case = cases[name]
    own = jinit.initialize(case.model, KEY, *case.inputs, rules=rules)
    if holds_weights(own):
        return (case.model if name == "keras" else own,)
    pair = isinstance(case.model, tuple) and not hasattr(case.model, "init")
    return case.model[0] if pair else case.model, own


def drawn(mode, name):
    """The model with its new weights, as a subject."""
    return bind("test", *made(mode, name))


# No chance, so that all forms have equal weights.
PLAIN = [(jinit.is_kernel(), jinit.eye), ("**", 0.0)]
NORM = [(jinit.role("norm scale"), 1.0), *PLAIN]
X = jax.random.normal(KEY, (64, BATCH.shape[1]))


@functools.cache
def measured(mode, name):
    """What the probe measures at each layer, and by what LSUV scales it."""
    rules = PLAIN if mode == "plain" else NORM
    layers = jinit.probe(*made(mode, name, rules), batch=X).layers
    scaled = jinit.lsuv(*made(mode, name, rules), key=KEY, batch=X, start="given")
    return [
        (x.mean, x.std, x.activation_std, x.gradient_std or 0.0, scale.scale)
        for x, scale in zip(layers, scaled.record, strict=True)
    ]


@pytest.mark.parametrize(("mode", "name"), [x for x in EVERY if x[0] != "training"])
def test_what_is_measured_is_the_same(mode, name):
    rtol = 1e-3 if name == "keras" else 1e-5  # Keras adds 1e-3 to a variance of 1
    expected = measured(mode, "linen")
    np.testing.assert_allclose(measured(mode, name), expected, rtol, 1e-6)


@each_case
def test_weights_are_those_of_the_plan_in_the_model_s_own_form(mode, name):
    subject = drawn(mode, name)
    leaves = named_leaves(subject.weights)
    for choice in plan(mode, name):
        (key,) = path_keys(KEY, [choice.path])
        assert choice.initializer
        expected = choice.initializer(key, choice.shape)
        assert jnp.array_equal(leaves[choice.path], expected), choice.path


@each_case
def test_what_is_no_weight_is_as_the_model_makes_it(mode, name):
    case = MODES[mode]()[name]
    subject = drawn(mode, name)
    x = jax.random.normal(KEY, case.inputs[-1].shape)
    outputs = subject.apply(subject.weights, subject.state, x)
    assert outputs.shape[-1] == 2
    assert jnp.isfinite(outputs).all()
    statistics = [
        leaf
        for leaf in jax.tree.leaves(subject.state)
        if jnp.issubdtype(leaf.dtype, jnp.inexact)
    ]
    assert bool(statistics) == (mode != "plain")


@each_case
def test_the_memory_is_that_of_the_weights(mode, name):
    case = MODES[mode]()[name]
    norm = 0 if mode == "plain" else 16
    told = jinit.estimate(case.model, *case.inputs)
    assert told.parameters == 6 * 8 + 8 + norm + 8 * 2 + 2


@pytest.mark.parametrize("mode", ["training", "evaluation"])
def test_a_subject_read_twice_is_one_program(mode):
    for case in MODES[mode]().values():
        first, again = (
            read("test", case.model, KEY, case.inputs).apply for _ in range(2)
        )
        assert first == again
        assert hash(first) == hash(again)


def test_a_batch_norm_over_devices_is_one_on_this_device():
    from flax import linen as nn

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.Dense(8, name="a")(x)
            x = nn.BatchNorm(use_running_average=False, axis_name="batch")(x)
            return nn.Dense(2, name="b")(nn.relu(x))

    row = jinit.trace(Net(), BATCH)["params/b/kernel"]
    assert (row.activation_name, row.normalized) == ("relu", True)
    assert jinit.initialize(Net(), KEY, BATCH)["batch_stats"]
