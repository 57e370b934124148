"""`jinit trace`: what a model's computation does with each parameter."""

import argparse
from typing import Any

from .options import abstract_input, add_model
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
        help="show the weights that jinit.auto would draw, and why",
    )


def _run(arguments: argparse.Namespace) -> int:
    import jax

    from .._frameworks.load import load_model
    from .._model.auto.choice import explain
    from .._reading.trace import trace

    require("rich")
    x = abstract_input(arguments)
    key = jax.random.key(0)
    apply, params = load_model(arguments.model, x, key, "jinit trace")
    if arguments.explain:
        show(explain(apply, params, x))
    elif arguments.diagram:
        print(trace(apply, params, x).diagram())
    else:
        show(trace(apply, params, x))
    return 0
