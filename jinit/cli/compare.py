"""`jinit compare`: which start trains a model better."""

import argparse
import inspect
import warnings
from typing import Any

from .._compare import compare, STARTS
from .._core import choose, shown
from .._frameworks import find_object
from ..tasks import get, NAMES, Task
from .options import add_seed, place, RefusalError
from .output import check_figure, require, say, show


FIGURE = "jinit-compare.png"
COMMAND = "jinit compare"


def add(commands: Any) -> None:
    """Adds the command to a parser."""
    compare = commands.add_parser(
        "compare",
        help="train from several starts, and say which trains better",
        description="Trains a model from several starts, each at several learning "
        "rates from several seeds, and says which trains better, as far as the seeds "
        "tell.",
    )
    compare.set_defaults(run=_run)
    add = compare.add_argument
    add(
        "own",
        nargs="?",
        metavar="MODULE:TASK",
        help="a function that returns (model, loss, batches), with held-out batches "
        "behind if there are any; also path/to/file.py:TASK",
    )
    add("--task", metavar="NAME", help=f"a built-in one: {', '.join(NAMES)}")
    add(
        "--start",
        action="append",
        default=[],
        metavar="'NAME(settings)'",
        help=f"{', '.join(STARTS)}, a law such as he_normal or a recipe such as gpt2; "
        "repeat for several (default: own, initialize)",
    )
    add(
        "--rates",
        type=_rates,
        metavar="LOW,HIGH",
        help="learning rates by factors of 2 from one to the other (default: 1e-4 to "
        "6e-2, for Adam)",
    )
    add("--seeds", type=int, default=3, metavar="N", help="runs of each (default: 3)")
    add("--steps", type=int, default=200, metavar="N", help="of a run (default: 200)")
    add(
        "--optimizer",
        default="adam",
        metavar="NAME",
        help="one of optax, by name: adam (default), sgd, adamw, lion, ...",
    )
    add("--minutes", type=float, metavar="X", help="end in time, with what is done")
    add(
        "--keep",
        type=place,
        metavar="FILE.json",
        help="keep what is done, and go on from it the next time",
    )
    add_seed(add)
    add(
        "--out",
        type=place,
        default=FIGURE,
        metavar="FILE.png",
        help=f"where to save the figure (default: {FIGURE})",
    )


def _run(arguments: argparse.Namespace) -> int:
    check_figure(arguments.out)
    require("rich", "matplotlib", "optax")
    import jax

    task, rates = _task(arguments), arguments.rates
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_: say(f"warning: {message}")
        found = compare(
            task.model,
            task.loss,
            task.batches,
            jax.random.key(arguments.seed),
            **({"starts": arguments.start} if arguments.start else {}),
            **({"learning_rates": rates} if rates else {}),
            seeds=arguments.seeds,
            steps=arguments.steps,
            optimizer=_optimizer(arguments.optimizer),
            held_out=task.held_out,
            minutes=arguments.minutes,
            path=arguments.keep,
        )
    show(found)
    if found.results:
        say(f"drawing {arguments.out}")
        found.plot(arguments.out)
    return 0


def _task(arguments: argparse.Namespace) -> Task:
    if bool(arguments.own) == bool(arguments.task):
        raise RefusalError(
            f"{COMMAND} needs a task: --task {NAMES[0]}, or your own as MODULE:TASK"
        )
    if arguments.task:
        task = get(choose(COMMAND, "--task", arguments.task, NAMES))
        say(f"{task.name}: {task.about}")
        return task
    made = find_object(arguments.own, COMMAND)
    made = made() if callable(made) else made
    if isinstance(made, Task):
        return made
    if not isinstance(made, tuple) or len(made) not in {3, 4}:
        raise RefusalError(
            f"{arguments.own} needs to return (model, loss, batches) or (model, loss, "
            f"batches, held_out). Got {shown(made)}"
        )
    model, loss, batches, *held_out = made
    return Task(arguments.own, model, loss, batches, *held_out or [[]])


def _optimizer(name: str) -> Any:
    import optax

    makes = {
        each: value
        for each, value in vars(optax).items()
        if inspect.isfunction(value)
        and "learning_rate" in inspect.signature(value).parameters
    }
    return makes[choose(COMMAND, "--optimizer", name, makes)]


def _rates(text: str) -> list[float]:
    """Learning rates by factors of 2, from a text such as 1e-4,1e-1."""
    try:
        low, high = map(float, text.split(","))
        rates = [low * 2.0**i for i in range(64) if low * 2.0**i <= high * 1.001]
    except (ValueError, OverflowError):
        rates = []
    if len(rates) < 3 or not 0 < rates[0] < float("inf"):
        raise argparse.ArgumentTypeError(
            f"needs a low and a high rate, four times as high or more, such as "
            f"1e-4,1e-1. Got {shown(text)}"
        )
    return rates
