"""The file that keeps the runs of a sweep, so that it can go on where it stopped."""

import dataclasses
import hashlib
import json
import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from ..._core import shown
from .runs import Runs


class Run(NamedTuple):
    """A run: its size, its learning rate and its seed."""

    size: int
    rate: float
    seed: int


class Reached(NamedTuple):
    """What became of it: the first loss, and the last, ∞ where it has diverged."""

    first: float
    last: float


@dataclasses.dataclass(frozen=True)
class Kept:
    """The runs that are done, in memory and in a file where a path is given.

    Attributes:
        where: The public function that asks.
        path: The file; None for none.
        done: The losses of what is done.
        setups: By size, what tells a setup from another.
    """

    where: str
    path: str | None
    done: dict[Run, Reached]
    setups: dict[int, str]

    def require_same(self, runs: Runs) -> None:
        """Refuses a file with runs of another model, data, loss or number of steps."""
        if self.path is None:
            return
        setup = _setup(runs)
        if self.setups.setdefault(runs.size, setup) != setup:
            raise ValueError(
                f"`{self.where}` needs `path` to hold runs of the same model, data, "
                f"loss and steps. Got others of size {runs.size} in {self.path}. "
                "Remove it, or give another path."
            )

    def add(self, runs: Sequence[Run], losses: Sequence[tuple[float, float]]) -> None:
        """Keeps what is done; a file is replaced whole or not at all."""
        reached = (Reached(*each) for each in losses)
        self.done.update(zip(runs, reached, strict=True))
        if self.path is None:
            return
        none = lambda x: x if np.isfinite(x) else None
        rows = [
            dict(zip(_COLUMNS, (*run, *map(none, loss)), strict=True))
            for run, loss in self.done.items()
        ]
        text = json.dumps({"setups": self.setups, "runs": rows}, indent=1)
        new = f"{self.path}.new"
        pathlib.Path(new).write_text(text)
        os.replace(new, self.path)


_COLUMNS = ("size", "rate", "seed", "first", "last")


def kept(where: str, path: str | None) -> Kept:
    """What the file holds, nothing where it is not there yet."""
    if path is None or not os.path.exists(path):
        store = Kept(where, path, {}, {})
        try:
            store.add((), ())  # now, and not after hours of training
        except OSError as error:
            raise ValueError(
                f"`{where}` needs `path` to be a file that it can write. Got "
                f"{shown(path)}: {error.strerror}."
            ) from None
        return store
    try:
        found = json.loads(pathlib.Path(path).read_text())
        rows = [tuple(row[name] for name in _COLUMNS) for row in found["runs"]]
        setups = {int(size): setup for size, setup in found["setups"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise ValueError(
            f"`{where}` needs `path` to be a file that it wrote, or none. Got "
            f"{shown(path)}. Remove it, or give another path."
        ) from None
    whole = lambda x: np.inf if x is None else x
    done = {Run(*row[:3]): Reached(*map(whole, row[3:])) for row in rows}
    return Kept(where, path, done, setups)


def _setup(runs: Runs) -> str:
    """A digest of all that a run depends on, but its learning rate and seed."""
    digest = hashlib.sha256(f"{runs.steps}".encode())
    for leaf in jax.tree.leaves(runs.data):
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
