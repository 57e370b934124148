"""`jinit init`: a model's initial weights as a checkpoint."""

import argparse
from typing import Any

from .._frameworks import find_model
from .._model import check_free, plan_model, save
from .options import abstract_input, add_model, add_own, add_rules, add_seed, place
from .output import require, say, show
from .rules import recipe


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    init = commands.add_parser(
        "init",
        help="write a model's initial weights as a checkpoint",
        description="Draws the initial weights of a whole model and writes them as an "
        "Orbax checkpoint, complete or not at all.",
    )
    init.set_defaults(run=_run)
    add = init.add_argument
    add_model(add)
    add_rules(add)
    add_own(add)
    add(
        "--out",
        type=place,
        metavar="DIR",
        help="where to write; without it, print the table only",
    )
    add_seed(add)


def _run(arguments: argparse.Namespace) -> int:
    import jax

    command, key = "jinit init", jax.random.key(arguments.seed)
    require("rich")
    x, rules = abstract_input(arguments), recipe(arguments.rules, command)
    if arguments.out:
        require("orbax.checkpoint")
        check_free(arguments.out, command)
    model = find_model(arguments.model, command)
    subject, plan = plan_model(command, model, key, (x,), rules, {}, arguments.own)
    show(plan)
    if arguments.out:
        weights = plan.draw(key, subject.weights)
        save(subject.finish(weights, None), arguments.out, command)
        say(f"wrote {arguments.out}")
    return 0
