"""Values that are wrong nearly everywhere, of every kind, by a name for messages."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

import jinit


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no repr")


def deleted() -> jax.Array:
    gone = jax.device_put(np.ones((4, 4), "f"))
    gone.delete()
    return gone


def deep() -> list:
    return functools.reduce(lambda tree, _: [tree], range(20_000), [])


# Made anew for every call: an iterator is used up, and a deep list must not linger.
MADE: dict[str, Callable[[], Any]] = {
    "an array that is gone": deleted,
    "a list of 20,000 levels": deep,
    "a generator": lambda: iter([1, 2]),
}

NUMBERS: dict[str, Any] = {
    "None": None,
    "True": True,
    "0": 0,
    "-1": -1,
    "3": 3,
    "1.5": 1.5,
    "nan": float("nan"),
    "inf": float("inf"),
    "10^30": 10**30,
    "10^400": 10**400,
    "1j": 1j,
}
TEXTS: dict[str, Any] = {
    "a text": "text",
    "an empty text": "",
    "bytes": b"x",
    "half a letter": "a\ud800b",
    "two lines": "a\nb\x1b[31m",
    "a megabyte": "x" * 10**6,
}
ARRAYS: dict[str, Any] = {
    "a key": jax.eval_shape(lambda: jax.random.key(0)),
    "a raw key": np.array([0, 1], np.uint32),
    "an array": np.ones((3, 5), "f"),
    "an array of nan": np.full((8, 4), np.nan, "f"),
    "an array of objects": np.array([None, "a"]),
    "an array of dates": np.array(["2020-01-01"], "datetime64[D]"),
    "an array of texts": np.array(["a"]),
    "an array of long doubles": np.ones((8, 4), np.longdouble),
    "a shape": jax.ShapeDtypeStruct((8, 4), "float32"),
    "a shape without end": (10**30, 10**30),
    "a dtype": np.dtype("float32"),
    "a spec": PartitionSpec("x"),
}
OTHERS: dict[str, Any] = {
    "an empty list": [],
    "an empty tuple": (),
    "an empty dict": {},
    "a set": {1, 2},
    "keys of two kinds": {1: np.ones(2), "a": np.ones(2)},
    "a mixed tuple": (float("nan"), "a"),
    "lists in lists": [[1, [2]]],
    "rules": [("a", jinit.normal)],
    "a law": jinit.normal,
    "an object": object(),
    "an ellipsis": ...,
    "a package": jnp,
    "what has no repr": Unprintable(),
}
# Of what they do when called, they speak themselves.
FUNCTIONS: dict[str, Any] = {
    "a function of nothing": lambda: 0,
    "a type": int,
    "a class of ours": jinit.Initializer,
    "a function that fails": lambda *_, **__: 1 / 0,
}

KNOWN = NUMBERS | TEXTS | ARRAYS | OTHERS | FUNCTIONS
NAMES = (*KNOWN, *MADE)


def value(name: str) -> Any:
    return MADE[name]() if name in MADE else KNOWN[name]
