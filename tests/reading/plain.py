"""What several tests of reading share: a plain network, and rows as values."""

import dataclasses

import jax.numpy as jnp

from tests.zoo.entry import image


def plain(p, x):
    return jnp.tanh(x @ p["w"] + p["b"]) @ p["out"]


PLAIN = {"w": image(4, 8), "b": image(8), "out": image(8, 3)}


def facts(trace):
    """The rows but for the functions in them, which are no values."""
    return [dataclasses.replace(row, activation=None) for row in trace]
