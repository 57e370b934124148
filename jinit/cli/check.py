"""`jinit check`: whether a model starts well, for a continuous-integration job."""

import argparse
from typing import Any

from .._diagnostics import check_model, NotFiniteError
from .._frameworks import find_model
from .options import abstract_input, add_model, add_own, add_rules, add_seed
from .output import say, show
from .rules import recipe


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    check = commands.add_parser(
        "check",
        help="say whether a model starts well; exit code 1 if not",
        description="Draws the initial weights of a model, sends one batch of unit "
        "normals or tokens through it and back, and says what is wrong, where, and "
        "what to do. Exit code 0 if nothing is wrong, 1 if something is.",
    )
    check.set_defaults(run=_run)
    add = check.add_argument
    add_model(add)
    add_rules(add)
    add_own(add)
    add_seed(add)


def _run(arguments: argparse.Namespace) -> int:
    command, x = "jinit check", abstract_input(arguments)
    rules = recipe(arguments.rules, command)
    model = find_model(arguments.model, command)
    try:
        seen = check_model(command, model, x, rules, arguments.own, arguments.seed)
    except NotFiniteError as error:
        say(f"unhealthy: inf or nan first at {error.place}; use a smaller scale")
        return 1
    show(seen)
    if not seen.keeps:
        say(f"unhealthy: {seen.condition}, first at {seen.offender}")
        return 1
    say("healthy")
    return 0
