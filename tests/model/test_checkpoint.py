"""Checkpoints: all arrays of a tree, whole or not at all."""

import jax.numpy as jnp
import numpy as np

from jinit.model.checkpoint import nested


def test_arrays_of_numpy_are_written_too():
    found = nested({"a": [jnp.ones(2), np.zeros(3)], "name": "x"})
    assert {path: leaf.shape for path, leaf in found["a"].items()} == {
        "0": (2,),
        "1": (3,),
    }
    assert found.keys() == {"a"}
