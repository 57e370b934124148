"""The command `jinit`: a module for each of its commands."""

import argparse
from collections.abc import Sequence
from typing import NoReturn

from .._core import EXTRAS
from . import check, compare, init, laws, report, rules, theory, trace
from .options import RefusalError
from .output import say


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise RefusalError(f"{message}. See `{self.prog} --help`")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code: 2 for what it can not do, 130 on ^C."""
    try:
        arguments = _parser().parse_args(argv)
        return arguments.run(arguments)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in EXTRAS:
            command = f"pip install 'jinit[{EXTRAS[package]}]'"
            return _refuse(f"{package} is not installed: {command}")
        return _refuse(str(error))
    except (RefusalError, ImportError, OSError, TypeError, ValueError) as error:
        is_list = type(error).__name__ == "UnmatchedError"
        return _refuse(str(error), lines=is_list)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("jinit", description="Weight initialization for JAX.")
    commands = parser.add_subparsers(
        required=True, metavar="COMMAND", parser_class=_Parser
    )
    for command in (report, compare, check, trace, init, rules, laws, theory):
        command.add(commands)
    return parser


def _refuse(reason: str, lines: bool = False) -> int:
    say(reason if lines else " ".join(reason.split()))
    return 2
