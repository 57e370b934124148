"""Memory that is told before it is taken: of weights and of an optimizer's state."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest
from flax import linen as nn, nnx
from jax.sharding import AbstractMesh, AxisType, NamedSharding, PartitionSpec as P

import jinit


KEY = jax.random.key(0)
SLICES = AbstractMesh((2, 4, 8, 2), ("slice", "data", "expert", "model"))
FSDP = ("slice", "data")
NAMES: Any = (FSDP, "model")
TREE = {
    "norm": jax.ShapeDtypeStruct((64,), "float32"),
    "moe": {"up": jax.ShapeDtypeStruct((16, 256, 512), "bfloat16")},
}
PLACES = [("up", P("expert", FSDP, "model"))]
UP = 16 * 256 * 512 // 128  # entries of its shard, on 128 devices of two slices
NORM = 64


def told(optimizer, tree=TREE, shardings=PLACES):
    return jinit.estimate(tree, shardings=shardings, mesh=SLICES, optimizer=optimizer)


@pytest.mark.parametrize(
    ("optimizer", "state"),
    [
        (optax.sgd(0.1), 0),
        (optax.sgd(0.1, momentum=0.9), 2 * UP + 4 * NORM),
        (optax.adam(0.1), 2 * (2 * UP + 4 * NORM) + 4),
        (optax.adam(0.1, mu_dtype="float32"), (4 + 2) * UP + 2 * 4 * NORM + 4),
        (optax.masked(optax.adam(0.1), {"norm": False, "moe": True}), 2 * 2 * UP + 4),
        (optax.inject_hyperparams(optax.sgd)(0.1, momentum=0.9),
         2 * UP + 4 * NORM + 4 + 4 + 4),
        (optax.scale_by_lbfgs(memory_size=3), (2 + 2 * 3) * (2 * UP + 4 * NORM) + 16),
        (optax.add_noise(0.1, 0.5, KEY), 4 + 8),
        # Rows 16 × 256 on 8 × 8 devices, columns 16 × 512 on 8 × 2.
        (optax.scale_by_factored_rms(), 2 * (16 * 256 // 64 + 16 * 512 // 16 + 1)
         + 4 * (1 + 1 + NORM) + 4),
    ],
)  # fmt: skip
def test_moments_lie_as_their_parameters_do(optimizer, state):
    found = told(optimizer)
    assert found.state == state
    assert found.per_device == 2 * UP + 4 * NORM + state
    assert sum(found.by_dtype.values()) == found.per_device


def test_an_estimate_is_what_devices_hold():
    mesh = jax.make_mesh((2, 2, 2), ("slice", "data", "model"))
    tree = {"w": jax.ShapeDtypeStruct((16, 8), "float32"), "b": TREE["norm"]}
    places = {"w": P(FSDP, "model"), "b": P()}
    weights = jinit.materialize(tree, KEY, [("**", jinit.normal)], places, mesh=mesh)
    state = optax.adam(0.1).init(weights)
    found = jinit.estimate(tree, shardings=places, mesh=mesh, optimizer=optax.adam(0.1))
    on_first = lambda tree: sum(
        x.addressable_shards[0].data.nbytes for x in jax.tree.leaves(tree)
    )
    assert found.per_device == on_first((weights, state))
    assert found.state == on_first(state)
    assert "optimizer's state" in str(found)


class Linen(nn.Module):
    @nn.compact
    def __call__(self, x):
        init = nn.with_partitioning(nn.initializers.normal(), NAMES)
        return nn.Dense(32, kernel_init=init)(x)


def made(rngs):
    init = nnx.with_partitioning(nnx.initializers.normal(), NAMES)
    return nnx.Linear(64, 32, kernel_init=init, rngs=rngs)


@pytest.mark.parametrize("model", [Linen(), made], ids=["linen", "nnx"])
def test_a_model_s_own_annotations_hold_for_the_state_too(model):
    x = jax.ShapeDtypeStruct((8, 64), "float32")
    found = jinit.estimate(model, x, mesh=SLICES, optimizer=optax.adam(0.1))
    weights = 4 * (64 * 32 // 16 + 32)
    assert (found.per_device, found.state) == (3 * weights + 4, 2 * weights + 4)


@pytest.mark.parametrize("kind", [AxisType.Auto, AxisType.Explicit])
def test_weights_are_planned_on_devices_that_are_not_there(kind):
    mesh = AbstractMesh(SLICES.axis_sizes, SLICES.axis_names, axis_types=(kind,) * 4)
    draw = lambda key: jinit.materialize(
        TREE, key, [("norm", 1.0), ("up", jinit.he_normal)], PLACES, mesh=mesh
    )
    planned = jax.eval_shape(draw, KEY)
    assert jax.tree.map(lambda x: (x.shape, x.dtype), planned) == jax.tree.map(
        lambda x: (x.shape, x.dtype), TREE
    )
    if kind is AxisType.Explicit:
        assert jinit.estimate(planned).per_device == 2 * UP + 4 * NORM
    with pytest.raises(ValueError, match=r"a mesh of devices to draw on.*eval_shape"):
        draw(KEY)


def test_a_shape_on_planned_devices_is_counted_there():
    place = NamedSharding(SLICES, P(None, "model"))
    leaf = jax.ShapeDtypeStruct((8, 8), jnp.float32, sharding=place)
    assert jinit.estimate({"w": leaf}).per_device == 8 * 8 * 4 // 2


@pytest.mark.parametrize(
    ("optimizer", "error", "said"),
    [
        (optax.adam, TypeError, "one of optax, which has an `init`. Got <function"),
        (optax.masked(optax.adam(0.1), {"norm": True}), ValueError, "Got ValueError"),
    ],
)
def test_what_is_no_optimizer_of_these_weights_is_refused(optimizer, error, said):
    with pytest.raises(error, match=said):
        told(optimizer)


def test_a_state_that_does_not_fit_is_refused():
    limit = 3 * UP
    assert told(None).per_device < limit
    with pytest.raises(
        ValueError, match=r"with an optimizer's state, that fit.*moe/up"
    ):
        jinit.estimate(
            TREE, shardings=PLACES, mesh=SLICES, optimizer=optax.adam(1), limit=limit
        )
