"""`jinit trace`: what a model's computation does with each parameter."""

import argparse
from typing import Any

from .._frameworks import find_model
from .._model import plan_model
from .._reading import trace_of
from .options import abstract_input, add_model, add_own
from .output import require, show


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    trace = commands.add_parser(
        "trace",
        help="show what a model's computation does with each parameter",
        description="Reads the computation of a model: the role, exact fans and "
        "activation of every parameter. Nothing is allocated or run.",
    )
    trace.set_defaults(run=_run)
    add = trace.add_argument
    add_model(add)
    add("--diagram", action="store_true", help="draw the stream instead of a table")
    add(
        "--explain",
        action="store_true",
        help="show the weights that jinit.initialize would draw, and why",
    )
    add_own(add)


def _run(arguments: argparse.Namespace) -> int:
    require("rich")
    command, x = "jinit trace", abstract_input(arguments)
    model = find_model(arguments.model, command)
    if arguments.explain:
        show(plan_model(command, model, None, (x,), None, {}, arguments.own)[1])
    elif arguments.diagram:
        print(trace_of(command, model, x).diagram())
    else:
        show(trace_of(command, model, x))
    return 0
