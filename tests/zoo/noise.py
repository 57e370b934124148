"""Multilayer perceptrons on noise, compiled once per architecture."""

import functools
from typing import Any

import jax

import jinit
from jinit._diagnostics.models import mlp, redraw
from jinit._reading.model import read_model

from .entry import normals


X = normals(256, 128, seed=5)


@functools.cache
def _subject(activation, depth, width, batch_norm):
    subject = mlp(activation, depth, width, batch_norm, X, jax.random.key(0))
    apply = lambda weights, x: subject.apply(weights, subject.state, x)
    return apply, subject.weights, read_model(apply, subject.weights, X)


def probed(
    activation, init, depth=5, width=128, batch_norm=False, seed=0, **settings
) -> Any:
    """The probe of an MLP whose kernels `init` drew."""
    apply, weights, model = _subject(activation, depth, width, batch_norm)
    weights = redraw(model, weights, jinit.get(init), jax.random.key(seed))
    return jinit.probe(apply, weights, X, **settings)
