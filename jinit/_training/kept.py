"""The file that keeps runs, so that they can go on where they stopped."""

import dataclasses
import hashlib
import json
import os
import pathlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from .._core import shown
from .runs import Losses, Runs


class Run(NamedTuple):
    """A run: of what, such as a size, its learning rate and its seed."""

    what: str
    rate: float
    seed: int


class Reached(NamedTuple):
    """What became of it: see `Losses`.

    Attributes:
        first: The loss of the first step.
        last: The mean loss of the last steps, ∞ where it has diverged.
        held: The mean loss of what is held out.
        curve: The mean loss at each point, where curves are kept.
        cost: What its weights have cost before the first step, in steps.
    """

    first: float
    last: float
    held: float
    curve: tuple[float, ...] = ()
    cost: float = 0.0


def reached(losses: Losses, curves: bool, cost: float = 0.0) -> list[Reached]:
    """What became of each run."""
    first, last, held = (x.tolist() for x in (losses.first, losses.last, losses.held))
    curve = map(tuple, losses.curve.tolist()) if curves else [()] * len(first)
    every = zip(first, last, held, curve, strict=True)
    return [Reached(*numbers, cost) for numbers in every]


@dataclasses.dataclass(frozen=True)
class Kept:
    """The runs that are done, in memory and in a file where a path is given.

    Attributes:
        where: The public function that asks.
        path: The file; None for none.
        done: What became of what is done.
        setups: By what is run, what tells its setup from another.
    """

    where: str
    path: str | None
    done: dict[Run, Reached]
    setups: dict[str, str]

    def require_same(self, what: str, runs: Runs, weights: Any = None) -> None:
        """Refuses a file with runs of another model, data, loss or number of steps."""
        if self.path is None:
            return
        setup = _setup(runs, weights)
        if self.setups.setdefault(what, setup) != setup:
            raise ValueError(
                f"`{self.where}` needs `path` to hold runs of the same model, data, "
                f"loss and steps. Got others of {what} in {self.path}. Remove it, or "
                "give another path."
            )

    def add(self, done: Mapping[Run, Reached]) -> None:
        """Keeps what is done; a file is replaced whole or not at all."""
        self.done.update(done)
        if self.path is None:
            return
        rows = [_written(run) | _written(end) for run, end in self.done.items()]
        text = json.dumps({"setups": self.setups, "runs": rows}, indent=1)
        new = f"{self.path}.new"
        pathlib.Path(new).write_text(text)
        os.replace(new, self.path)


def kept(where: str, path: str | None) -> Kept:
    """What the file holds, nothing where it is not there yet."""
    if path is None or not os.path.exists(path):
        store = Kept(where, path, {}, {})
        try:
            store.add({})  # now, and not after hours of training
        except OSError as error:
            raise ValueError(
                f"`{where}` needs `path` to be a file that it can write. Got "
                f"{shown(path)}: {error.strerror}."
            ) from None
        return store
    try:
        found = json.loads(pathlib.Path(path).read_text())
        done = {_read(Run, row): _read(Reached, row) for row in found["runs"]}
        return Kept(where, path, done, dict(found["setups"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            f"`{where}` needs `path` to be a file that it wrote, or none. Got "
            f"{shown(path)}. Remove it, or give another path."
        ) from None


def _written(row: Any) -> dict[str, Any]:
    """A tuple by name, as JSON has it: what is no finite number is text."""
    return {name: _number(value) for name, value in row._asdict().items()}


def _number(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_number(each) for each in value]
    is_odd = isinstance(value, float) and not np.isfinite(value)
    return str(value) if is_odd else value


def _read(kind: Any, row: Mapping[str, Any]) -> Any:
    """The tuple that `_written` has written."""
    values = [row[name] for name in kind._fields]
    return kind(*map(_value, kind.__annotations__.values(), values))


def _value(kind: Any, value: Any) -> Any:
    return tuple(map(float, value)) if isinstance(value, list) else kind(value)


def _setup(runs: Runs, weights: Any) -> str:
    """A digest of all that a run depends on, but its learning rate and seed."""
    digest = hashlib.sha256(f"{runs.steps}".encode())
    for leaf in jax.tree.leaves((runs.data, list(runs.held_out), weights)):
        digest.update(np.asarray(leaf).tobytes())
    digest.update(_program(runs).encode())
    return digest.hexdigest()[:16]


def _program(runs: Runs) -> str:
    """The computation of a step, as text; "" where `make` can not be traced."""

    def loss(rate: Any, seed: Any) -> Any:
        subject, optimizer = runs.made(rate, seed)
        state = runs.start(subject.weights, optimizer, seed)
        return runs.advance(state, subject, optimizer, runs.data, (0, runs.steps))

    try:
        text = str(jax.make_jaxpr(loss)(np.float32(1), np.int32(0)))
    except Exception:  # whatever `make` says of a number that is not there
        return ""
    return re.sub(r"0x[0-9a-f]+", "", text)
