"""What jinit draws is never condemned by what jinit measures."""

import functools
import inspect
import os

import jax
import pytest
from flax import linen as nn, nnx

import jinit
from jinit._frameworks import holds_weights
from tests.zoo import ZOO


# Cheap ones of every kind; JINIT_TEST_ZOO=1 takes all, which lasts minutes.
FEW = (
    *("linen_mlp", "plain_mlp", "pinn", "tied_autoencoder"),
    *("critics", "haiku_batch_norm", "lora", "prelu"),
)
NAMES = [*ZOO] if os.environ.get("JINIT_TEST_ZOO") else FEW


def in_mode(model, train):
    """A model with the flags of evaluation where it has any."""
    if isinstance(model, nn.Module):
        asked = inspect.signature(model.__call__).parameters
        flags = {"train": train, "deterministic": not train}
        own = {name: value for name, value in flags.items() if name in asked}
        return functools.partial(model, **own) if own else model
    if isinstance(model, nnx.Module) and not train:
        model.eval()
    return model


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("train", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("name", NAMES)
def test_probe_approves_what_initialize_draws(name, train):
    entry, key = ZOO[name], jax.random.key(0)
    model, batch = in_mode(entry.model, train), [*entry.batch(key)]
    drawn = jinit.initialize(model, key, *entry.inputs)
    inputs = tuple(batch) if len(batch) > 1 else batch[0]
    if holds_weights(drawn):
        seen = jinit.probe(in_mode(drawn, train), inputs)
    else:
        seen = jinit.probe(model, drawn, inputs)
    assert seen.require_healthy() is seen
