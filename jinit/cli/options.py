"""Options that several commands share, and what they turn into."""

import argparse
from collections.abc import Callable
from typing import Any

from .._core import shown


class RefusalError(Exception):
    """A command line that can not be run."""


def add_model(add: Callable[..., Any], name: str = "model") -> None:
    """The model and its input; `name` is --model where it may be left out."""
    add(
        name,
        metavar="MODULE:FACTORY",
        help="a function that returns a model of any framework, or one that makes it "
        "with `rngs` or `key`; also path/to/file.py:FACTORY",
    )
    add(
        "--input-shape",
        type=shape,
        metavar="N,N,...",
        required=name == "model",
        help="the shape of the input, such as 1,224,224,3",
    )
    add(
        "--input-dtype",
        default="float32",
        metavar="DTYPE",
        help="its dtype (default: float32; int32 for tokens)",
    )


def add_rules(add: Callable[..., Any]) -> None:
    """What the weights are drawn by."""
    add(
        "--rules",
        metavar="RECIPE",
        help="a recipe such as 'gpt2' or 'gpt2(stddev=0.01)' (see jinit rules), or "
        "your own as MODULE:NAME (default: what the computation asks for)",
    )


def add_own(add: Callable[..., Any]) -> None:
    """What of the model's own stays."""
    add(
        "--own",
        default="keep",
        metavar="WHICH",
        help="what stays of what the model itself starts with: keep (all but random "
        "kernels and embeddings; the default), none, or a glob of parameters",
    )


def add_seed(add: Callable[..., Any]) -> None:
    """The seed of the weights."""
    add(
        "--seed",
        type=seed,
        default=0,
        metavar="N",
        help="fixes the weights (default: 0)",
    )


def shape(text: str) -> tuple[int, ...]:
    """A shape from its text, `32,224,224,3`."""
    try:
        sizes = tuple(int(size) for size in text.split(","))
    except ValueError:
        sizes = (0,)
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError(
            f"needs whole numbers of at least 1 with commas, such as 32,224,224,3. "
            f"Got {shown(text)}"
        )
    return sizes


def place(text: str) -> str:
    """A path to write to: one of this machine, as text that can be printed."""
    if not text.strip() or not text.isprintable() or "://" in text:
        raise argparse.ArgumentTypeError(
            f"needs a path of this machine. Got {shown(text)}"
        )
    return text


def seed(text: str) -> int:
    """A seed from its text."""
    found = int(text) if text.isdecimal() else -1
    if not 0 <= found < 2**32:
        raise argparse.ArgumentTypeError(
            f"needs a whole number from 0 to 2^32 - 1. Got {shown(text)}"
        )
    return found


def abstract_input(arguments: argparse.Namespace) -> Any:
    """The input that `add_model` asks for, without values."""
    import jax

    try:
        return jax.ShapeDtypeStruct(arguments.input_shape, arguments.input_dtype)
    except TypeError:
        raise RefusalError(
            f"--input-dtype needs a dtype. Got {shown(arguments.input_dtype)}"
        ) from None
