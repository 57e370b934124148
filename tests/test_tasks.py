import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jinit import tasks


@pytest.fixture(scope="module", params=tasks.NAMES)
def task(request):
    return tasks.get(request.param)


def outputs(task):
    """The shapes of what the model makes of its first batch."""

    def run(key, inputs):
        variables = task.model.init(key, inputs)
        return task.model.apply(variables, inputs, mutable=["batch_stats"])[0]

    return jax.eval_shape(run, jax.random.key(0), task.batches[0][0])


def rows(pairs, axes=1):
    """Every example of batches, as bytes."""
    found = set()
    for inputs, _ in pairs:
        flat = inputs.reshape(-1, *inputs.shape[axes:])
        found.update(np.ascontiguousarray(row).tobytes() for row in flat)
    return found


def test_every_batch_has_one_shape(task):
    batches = [*task.batches, *task.held_out]
    assert len({str(jax.tree.map(jax.typeof, batch)) for batch in batches}) == 1
    assert min(len(task.batches), 3 * len(task.held_out)) >= 18


def test_a_loss_is_a_finite_scalar(task):
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), outputs(task))
    loss = task.loss(zeros, task.batches[0][1])
    assert loss.shape == ()
    assert bool(jnp.isfinite(loss))


def test_what_is_held_out_is_not_trained_on(task):
    axes = 2 if task.name == "digits-hypernet" else 1  # tasks, then examples
    assert rows(task.batches, axes).isdisjoint(rows(task.held_out, axes))


def test_real_numbers_are_standardized(task):
    for inputs in [np.concatenate([x for x, _ in task.batches])]:
        if inputs.dtype == np.float32 and task.name != "pixels-siren":  # places
            noise = 1.0 if task.name == "digits-unet" else 0.0
            assert abs(inputs.mean()) < 0.05
            assert inputs.var() == pytest.approx(1 + noise, rel=0.1)


def test_a_task_says_what_it_is(task):
    assert task.about
    assert repr(task) == f"Task(name={task.name!r}, about={task.about!r})"


def test_adapters_start_at_what_was_learned():
    """The trained MLP is right where digits stand, and no longer where they moved."""
    task, again = (tasks.get("digits-lora") for _ in range(2))
    variables = task.model.init(jax.random.key(0), task.batches[0][0])
    right = lambda x, y: float((task.model.apply(variables, x).argmax(-1) == y).mean())
    moved = [right(x, y) for x, y in task.held_out]
    stood = [right(np.roll(x, -2, axis=2), y) for x, y in task.held_out]
    assert np.mean(stood) > 0.85 > 0.6 > np.mean(moved)
    kernels = zip(task.model.kernels, again.model.kernels, strict=True)
    assert all(np.array_equal(a, b) for a, b in kernels)


def test_a_missing_package_is_named(monkeypatch):
    def missing(name, *rest):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ModuleNotFoundError, match=r"`jinit.tasks.get` needs .*flax"):
        tasks.get("digits-vit")


def test_an_unknown_name_shows_the_nearest():
    with pytest.raises(ValueError, match="Did you mean 'mnist-conv'"):
        tasks.get("mnist-cov")
