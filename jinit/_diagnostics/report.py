"""The same model under several initializations, side by side."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import (
    as_initializer,
    choose,
    Count,
    get,
    Initializer,
    Listed,
    numbers,
    public,
    Seed,
    Shape,
)
from .._frameworks import as_key, find_model, Subject
from .._graph import NAMES
from .._reading import read_subject
from ..data import standardize
from ..datasets import DATASETS, load
from .finite import NotFiniteError
from .models import made, mlp, redraw
from .probe import examine
from .results import Report
from .scale import warn_of_scale


def schemes(activation: str) -> tuple[str, ...]:
    """The classical schemes that a report compares."""
    return (
        "normal(0.01)",
        "fan_in_uniform",
        "lecun_normal",
        "glorot_uniform",
        "he_normal",
        f"orthogonal(gain={activation!r})",
        "normal(1.0)",
    )


@public(concrete=True)
def report(
    inits: Listed = (),
    *,
    activation: str = "relu",
    depth: Count = 5,
    width: Count = 256,
    batch_norm: bool = False,
    data: str | np.ndarray = "mnist",
    raw: bool = False,
    model: str | tuple[Callable[[Any, Any], Any], Any] | None = None,
    input_shape: Shape | None = None,
    seed: Seed = 0,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Compares initializations of one model on real data: which of them fits?

    The model is an MLP of `depth` hidden layers of `width` units and a linear readout,
    or any other. Its kernels are drawn anew under every scheme; all else stays.

    Args:
        inits: The schemes, as text or as initializers; if empty, seven classical ones
            and what the verdicts on them recommend.
        activation: The MLP's activation, by name.
        depth: Its hidden layers.
        width: Their units.
        batch_norm: Whether each is followed by batch normalization.
        data: "mnist", "digits", "gaussian", or an array of inputs.
        raw: Whether to leave a named data set as it is stored, not of mean 0 and
            variance 1.
        model: In place of the MLP, a model's `(apply, params)`, or where a factory of
            it stands, as `package.module:factory`.
        input_shape: In place of `data`, standard normal input of this shape.
        seed: Fixes the weights.
        progress: Called with a line of text at every step.

    Returns:
        A `Report`: print it, `.plot()` it, or read its `.probes` and `.verdicts`.

    Raises:
        ValueError: For an unknown scheme, activation or data set, or an input that
            does not fit the model.

    Example:
        >>> from jinit._diagnostics.report import report
        >>> result = report(["he_normal", "normal(1.0)"], data="digits", width=64)
        >>> result.fitting
        ('he_normal',)
    """
    choose("jinit.report", "activation", activation, (*NAMES, "linear"))
    wanted = inits or schemes(activation)
    found = [as_initializer("jinit.report", init) for init in wanted]
    chosen = dict(zip(map(str, wanted), found, strict=True))
    key = jax.random.key(seed)
    say = progress or (lambda _: None)
    batch, source = _batch(data, raw, input_shape, key, say)
    if model is None:
        words = f"{depth}-layer {activation} MLP of width {width}"
        words += " with batch normalization" if batch_norm else ""
        subject = mlp(activation, depth, width, batch_norm, batch, key)
    elif isinstance(model, str):
        found = find_model(model, "jinit report")
        words, subject = model, made("jinit report", found, batch, key)
    else:
        words, subject = "The model", made("jinit.report", model, batch, key)
    return _compare(f"{words} on {source}", subject, chosen, key, say, not inits)


def _compare(
    title: str,
    subject: Subject,
    chosen: Mapping[str, Initializer],
    key: jax.Array,
    progress: Callable[[str], None],
    complete: bool,
) -> Report:
    """The report; `complete` also tries what its verdicts recommend."""
    model = read_subject("jinit.report", subject)
    probes, overflows = {}, {}
    first = as_key("jinit.report", None)

    def examined(schemes: Mapping[str, Initializer], total: int) -> None:
        for name, scheme in schemes.items():
            progress(f"{len(probes) + len(overflows) + 1}/{total} {name}")
            weights = redraw(model, subject.weights, scheme, key)
            drawn = dataclasses.replace(subject, weights=weights)
            try:
                probes[name] = examine(drawn, first)
            except NotFiniteError as error:
                overflows[name] = error.place

    examined(chosen, len(chosen))
    if complete:
        advised = {probe.advice for probe in probes.values()} - {"", *chosen}
        more = {scheme: get(scheme) for scheme in sorted(advised)}
        examined(more, len(chosen) + len(more))
    return Report(title, probes, overflows)


def _batch(
    data: str | np.ndarray,
    raw: bool,
    input_shape: Sequence[int] | None,
    key: jax.Array,
    progress: Callable[[str], None],
) -> tuple[jax.Array, str]:
    if input_shape is not None:
        shape, noise = tuple(input_shape), jax.random.fold_in(key, 1)
        return jax.random.normal(noise, shape), f"standard normal input {shape}"
    if not isinstance(data, str):
        rows = numbers("jinit.report", "data", data)
        if rows.ndim < 2 or not rows.size:
            raise ValueError(
                f"`jinit.report` needs `data` to be rows of inputs. Got {rows.shape}."
            )
        warn_of_scale(rows)
        return jnp.asarray(rows), f"input of shape {rows.shape}"
    choose("jinit.report", "data", data, DATASETS)
    progress(f"reading {data}")
    images, _ = load(data)
    batch = images if raw else standardize(images, per="all")(images)
    warn_of_scale(batch)
    kind = "" if raw else "standardized "
    return jnp.asarray(batch), f"{kind}{data}, {len(images)} examples"
