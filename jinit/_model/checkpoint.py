"""Weights on disk, as an Orbax checkpoint that is there whole or not at all."""

import contextlib
import logging
import os
import pathlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import named_leaves
from .._frameworks import is_a


def save(
    tree: Any, folder: str | os.PathLike[str], command: str = "jinit init"
) -> None:
    """Writes the arrays of a tree as an Orbax checkpoint of nested dictionaries.

    It is written beside its place and renamed when it is complete, so that after a kill
    or on a full disk nothing stands there that would load.

    Args:
        tree: Linen's variables, an NNX or Equinox module, or any tree of arrays.
        folder: Where to. It must not exist, or be empty.
        command: The command that asks, for its errors.

    Raises:
        FileExistsError: When something is there already.
        OSError: When it can not be written.
    """
    import orbax.checkpoint as ocp

    target = pathlib.Path(os.path.realpath(folder))  # also of links in a circle
    beside = _beside(target, command)
    written = beside / "checkpoint"
    checkpointer = ocp.StandardCheckpointer()
    with _quiet():
        try:
            checkpointer.save(written, nested(tree))
            checkpointer.wait_until_finished()
            _of_the_first(lambda: written.replace(target))
        except Exception as error:
            raise OSError(
                f"`{command}` could not write {folder}: {error}. Nothing is left there."
            ) from error
        finally:
            with contextlib.suppress(Exception):
                checkpointer.close()
            if jax.process_index() == 0:
                _remove(beside)


def _beside(target: pathlib.Path, command: str) -> pathlib.Path:
    """A new folder beside a path that is free, the same in every process."""

    def made() -> str:
        check_free(target, command)
        target.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent)

    return pathlib.Path(_of_the_first(made))


def _of_the_first(function: Callable[[], Any]) -> str:
    """What a function returns as text, called by the first of all processes alone.

    Where it fails there, it fails in all of them, which else would wait for each other.
    """
    if jax.process_count() == 1:
        return str(function())
    from jax.experimental import multihost_utils

    failed, told = None, np.zeros(4096, np.uint8)  # whether it failed, and the text
    if jax.process_index() == 0:
        try:
            text = str(function())
        except Exception as error:
            failed, text = error, str(error)
        letters = np.frombuffer(text.encode()[:4095], np.uint8)
        told[0], told[1 : 1 + letters.size] = failed is not None, letters
    told = np.asarray(multihost_utils.broadcast_one_to_all(told)).astype(np.uint8)
    text = told[1:].tobytes().rstrip(b"\0").decode(errors="replace")
    if told[0]:
        raise failed or OSError(text)
    return text


def _remove(folder: pathlib.Path) -> None:
    """Removes a folder for good.

    If something is left in it, the writing has failed or was interrupted, and threads
    that Orbax does not wait for may go on for a while and make the folder anew.
    """
    rounds = 10 if any(folder.iterdir()) else 1
    for _ in range(rounds):
        shutil.rmtree(folder, ignore_errors=True)
        if rounds > 1:
            time.sleep(0.1)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the tracebacks of Orbax's threads: what they say is raised as well."""
    log, hook = logging.getLogger("absl"), sys.unraisablehook
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    sys.unraisablehook = lambda _: None
    try:
        yield
    finally:
        log.setLevel(level)
        sys.unraisablehook = hook


def check_free(folder: str | os.PathLike[str], command: str) -> None:
    """Refuses a place that holds something."""
    path = pathlib.Path(folder)
    if path.is_symlink() and not path.exists():
        raise FileExistsError(
            f"`{command}` needs a folder that does not exist yet. Got {folder}, a link "
            "that leads nowhere. Remove it, or choose another."
        )
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FileExistsError(
            f"`{command}` needs a folder that does not exist yet. Got {folder}, which "
            "holds something. Remove it, or choose another."
        )


def nested(tree: Any) -> dict[str, Any]:
    """The arrays of a tree in dictionaries by path; keys as their data."""
    if is_a(tree, "flax.nnx", "Module"):
        from flax import nnx

        tree = nnx.state(tree)
    result: dict[str, Any] = {}
    for path, leaf in named_leaves(tree).items():
        if not isinstance(leaf, jax.Array | np.ndarray):
            continue
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        *folders, name = path.split("/")
        place = result
        for folder in folders:
            place = place.setdefault(folder, {})
        place[name] = leaf
    return result
