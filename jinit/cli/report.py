"""`jinit report`: what each scheme does to signals and gradients."""

import argparse
import json
import sys
import warnings
from typing import Any

from .._diagnostics import report
from .options import add_seed, place, shape
from .output import check_figure, require, say


FIGURE = "jinit-report.png"


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    report = commands.add_parser(
        "report",
        help="show how signals and gradients travel under each scheme",
        description="Shows how signals and gradients travel through a network under "
        "each initialization scheme, and says which one fits.",
    )
    report.set_defaults(run=_run)
    add = report.add_argument
    add(
        "--init",
        action="append",
        default=[],
        metavar="'NAME(settings)'",
        help="a scheme, such as \"he_normal(mode='fan_out')\"; repeat for several "
        "(default: seven classical ones)",
    )
    add("--activation", default="relu", metavar="NAME", help="relu, tanh, gelu, ...")
    add("--depth", type=int, default=5, metavar="N", help="hidden layers (default: 5)")
    add("--width", type=int, default=256, metavar="N", help="units (default: 256)")
    add("--batch-norm", action="store_true", help="normalize every hidden layer")
    add(
        "--data",
        default="mnist",
        metavar="NAME",
        help="mnist (default), digits, gaussian",
    )
    add("--raw", action="store_true", help="leave the data as it is stored")
    add(
        "--model",
        metavar="MODULE:FACTORY",
        help="your own model: a function that returns one of any framework, or makes "
        "it with `rngs` or `key`; also path/to/file.py:FACTORY",
    )
    add(
        "--input-shape",
        type=shape,
        metavar="N,N,...",
        help="standard normal input of this shape, in place of the data",
    )
    add_seed(add)
    add(
        "--out",
        type=place,
        metavar="FILE.png",
        help=f"where to save the figure (default: {FIGURE}, with tables only)",
    )
    text = report.add_mutually_exclusive_group()
    text.add_argument("--json", action="store_true", help="print JSON, not tables")
    text.add_argument("--csv", action="store_true", help="print CSV, not tables")


def _run(arguments: argparse.Namespace) -> int:
    tables = not (arguments.json or arguments.csv)
    path = arguments.out or (FIGURE if tables else None)
    check_figure(path or FIGURE)
    require(*["rich"] * tables, *["matplotlib"] * bool(path))
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_: say(f"warning: {message}")
        result = report(
            arguments.init,
            activation=arguments.activation,
            depth=arguments.depth,
            width=arguments.width,
            batch_norm=arguments.batch_norm,
            data=arguments.data,
            raw=arguments.raw,
            model=arguments.model,
            input_shape=arguments.input_shape,
            seed=arguments.seed,
            progress=say,
        )
    if path:
        say(f"drawing {path}")
        result.plot(path)
    _print(result, arguments)
    return 0


def _print(result: Any, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps(result.to_dict(), indent=2))
    elif arguments.csv:
        print(result.to_csv(), end="")
    else:
        from rich.console import Console

        # A pipe has no width: give the tables the room they need.
        Console(width=None if sys.stdout.isatty() else 100).print(result)
