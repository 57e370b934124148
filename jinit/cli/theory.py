"""`jinit theory`: what mean-field theory says of an activation."""

import argparse
from typing import Any

from ..theory import summarize
from .options import place, RefusalError
from .output import check_figure, require, say


FIGURE = "jinit-theory.png"


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    theory = commands.add_parser(
        "theory",
        help="show what mean-field theory says of an activation",
        description="Gains, the edge of chaos, depth scales and isometry of an "
        "activation, and its phase diagram as a picture.",
    )
    theory.set_defaults(run=_run)
    add = theory.add_argument
    add("--activation", default="relu", metavar="NAME", help="relu, tanh, gelu, ...")
    add(
        "--weight-variance",
        type=float,
        metavar="X",
        help="your own σw² = fan_in · Var w, to give depth scales of",
    )
    add("--bias-variance", type=float, metavar="X", help="its σb² (default: 0)")
    add(
        "--out",
        type=place,
        default=FIGURE,
        metavar="FILE.png",
        help=f"where to save the phase diagram (default: {FIGURE})",
    )


def _run(arguments: argparse.Namespace) -> int:
    check_figure(arguments.out)
    require("matplotlib")
    weights, biases = arguments.weight_variance, arguments.bias_variance
    if weights is None and biases is not None:
        raise RefusalError(
            "--bias-variance needs a --weight-variance to go with. Got "
            f"{biases:g} alone"
        )
    summary = summarize(arguments.activation, weights, biases or 0.0)
    print(summary)
    say(f"drawing {arguments.out}")
    summary.plot(arguments.out)
    return 0
