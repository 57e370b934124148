"""The command `jinit`."""

import argparse
import ast
import importlib
import json
import pathlib
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn


DEMO = {"flax", "matplotlib", "mlxtend", "rich", "sklearn"}
FIGURE = "jinit-report.png"
THEORY_FIGURE = "jinit-theory.png"


class RefusalError(Exception):
    """A command line that can not be run."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise RefusalError(f"{message}. See `{self.prog} --help`")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code: 2 for anything it can not do."""
    try:
        arguments = _parser().parse_args(argv)
        return arguments.run(arguments)
    except ModuleNotFoundError as error:
        if error.name in DEMO:
            return _refuse(f"{error.name} is not installed: pip install 'jinit[demo]'")
        return _refuse(str(error))
    except (RefusalError, ImportError, OSError, TypeError, ValueError) as error:
        is_list = type(error).__name__ == "UnmatchedError"
        return _refuse(str(error), lines=is_list)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser("jinit", description="Weight initialization for JAX.")
    commands = parser.add_subparsers(
        required=True, metavar="COMMAND", parser_class=_Parser
    )
    report = commands.add_parser(
        "report",
        help="show how signals and gradients travel under each scheme",
        description="Shows how signals and gradients travel through a network under "
        "each initialization scheme, and says which one fits.",
    )
    report.set_defaults(run=_report)
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
        help="your own model: a function that returns a Flax module or (apply, params)",
    )
    add(
        "--input-shape",
        type=_shape,
        metavar="N,N,...",
        help="standard normal input of this shape, in place of the data",
    )
    _add_seed(add)
    add(
        "--out",
        metavar="FILE.png",
        help=f"where to save the figure (default: {FIGURE}, with tables only)",
    )
    text = report.add_mutually_exclusive_group()
    text.add_argument("--json", action="store_true", help="print JSON, not tables")
    text.add_argument("--csv", action="store_true", help="print CSV, not tables")
    _add_trace(commands)
    _add_init(commands)
    _add_rules(commands)
    _add_theory(commands)
    return parser


def _add_trace(commands: Any) -> None:
    trace = commands.add_parser(
        "trace",
        help="show what a model's computation does with each parameter",
        description="Reads the computation of a model: the role, exact fans and "
        "activation of every parameter. Nothing is allocated or run.",
    )
    trace.set_defaults(run=_trace)
    add = trace.add_argument
    _add_model(add)
    add("--diagram", action="store_true", help="draw the stream instead of a table")
    add(
        "--explain",
        action="store_true",
        help="show the weights that jinit.auto would draw, and why",
    )


def _add_model(add: Callable[..., Any]) -> None:
    add(
        "model",
        metavar="MODULE:FACTORY",
        help="a function that returns a Flax module or (apply, params)",
    )
    add(
        "--input-shape",
        type=_shape,
        metavar="N,N,...",
        required=True,
        help="the shape of the input, such as 1,224,224,3",
    )
    add(
        "--input-dtype",
        default="float32",
        metavar="DTYPE",
        help="its dtype (default: float32; int32 for tokens)",
    )


def _add_seed(add: Callable[..., Any]) -> None:
    add(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="fixes the weights (default: 0)",
    )


def _add_init(commands: Any) -> None:
    init = commands.add_parser(
        "init",
        help="write a model's initial weights as a checkpoint",
        description="Draws the initial weights of a whole model and writes them as an "
        "Orbax checkpoint, complete or not at all.",
    )
    init.set_defaults(run=_init)
    add = init.add_argument
    _add_model(add)
    add(
        "--rules",
        metavar="RECIPE",
        help="a recipe such as 'gpt2' or 'gpt2(stddev=0.01)' (see jinit rules), or "
        "your own as MODULE:NAME (default: what the computation asks for)",
    )
    add("--out", metavar="DIR", help="where to write; without it, print the table only")
    _add_seed(add)


def _add_rules(commands: Any) -> None:
    rules = commands.add_parser(
        "rules",
        help="list the recipes for --rules",
        description="Lists the whole-model initializations that `jinit init` knows.",
    )
    rules.add_argument("name", nargs="?", metavar="RECIPE", help="explain this one")
    rules.set_defaults(run=_rules)


def _add_theory(commands: Any) -> None:
    theory = commands.add_parser(
        "theory",
        help="show what mean-field theory says of an activation",
        description="Gains, the edge of chaos, depth scales and isometry of an "
        "activation, and its phase diagram as a picture.",
    )
    theory.set_defaults(run=_theory)
    add = theory.add_argument
    add("--activation", default="relu", metavar="NAME", help="relu, tanh, gelu, ...")
    add(
        "--weight-variance",
        type=float,
        metavar="X",
        help="your own σw² = fan_in · Var w, to give depth scales of",
    )
    add("--bias-variance", type=float, default=0.0, metavar="X", help="its σb²")
    add(
        "--out",
        default=THEORY_FIGURE,
        metavar="FILE.png",
        help=f"where to save the phase diagram (default: {THEORY_FIGURE})",
    )


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(size) for size in text.split(","))
    except ValueError:
        shape = (0,)
    if min(shape) < 1:
        raise argparse.ArgumentTypeError(
            f"needs whole numbers of at least 1 with commas, such as 32,224,224,3. "
            f"Got {text!r}"
        )
    return shape


def _report(arguments: argparse.Namespace) -> int:
    from .diagnostics.report import report

    tables = not (arguments.json or arguments.csv)
    path = arguments.out or (FIGURE if tables else None)
    _check_figure(path or FIGURE)
    _require(*["rich"] * tables, *["matplotlib"] * bool(path))
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_: _say(f"warning: {message}")
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
            progress=_say,
        )
    if path:
        _say(f"drawing {path}")
        result.plot(path)
    _print(result, arguments)
    return 0


def _trace(arguments: argparse.Namespace) -> int:
    import jax

    from .graph.trace import trace
    from .model.auto import explain
    from .model.load import load_model

    _require("rich")
    x = _input(arguments)
    key = jax.random.key(0)
    apply, params = load_model(arguments.model, x, key, "jinit trace")
    if arguments.explain:
        _show(explain(apply, params, x))
    elif arguments.diagram:
        print(trace(apply, params, x).diagram())
    else:
        _show(trace(apply, params, x))
    return 0


def _init(arguments: argparse.Namespace) -> int:
    import jax

    from .model.checkpoint import check_free, save
    from .model.load import find_model, takes_input
    from .model.materialize import plan_model

    command, key = "jinit init", jax.random.key(arguments.seed)
    _require("rich")
    x, rules = _input(arguments), _recipe(arguments.rules, command)
    if arguments.out:
        _require("orbax.checkpoint")
        check_free(arguments.out, command)
    model = find_model(arguments.model, command)
    with takes_input(arguments.model, x, command):
        subject, plan = plan_model(model, key, (x,), rules, command)
    _show(plan)
    if arguments.out:
        weights = plan.draw(key, subject.weights)
        save(subject.finish(weights), arguments.out, command)
        _say(f"wrote {arguments.out}")
    return 0


def _rules(arguments: argparse.Namespace) -> int:
    import inspect

    from .core.text import aligned
    from .model.recipes import claim, RECIPES

    if arguments.name:
        make = _named_recipe(arguments.name, "jinit rules")
        print(f"{arguments.name}{inspect.signature(make)}\n\n{inspect.getdoc(make)}")
    else:
        print(aligned([(name, claim(make)) for name, make in RECIPES.items()], left=2))
    return 0


def _theory(arguments: argparse.Namespace) -> int:
    from .theory.summary import summarize

    _check_figure(arguments.out)
    _require("matplotlib")
    summary = summarize(
        arguments.activation, arguments.weight_variance, arguments.bias_variance
    )
    print(summary)
    _say(f"drawing {arguments.out}")
    summary.plot(arguments.out)
    return 0


def _input(arguments: argparse.Namespace) -> Any:
    import jax

    try:
        return jax.ShapeDtypeStruct(arguments.input_shape, arguments.input_dtype)
    except TypeError:
        raise RefusalError(
            f"--input-dtype needs a dtype. Got {arguments.input_dtype!r}"
        ) from None


def _recipe(text: str | None, command: str) -> Any:
    from .model.load import find_object

    if text is None:
        return None
    if ":" in text:
        found = find_object(text, command)
        return found() if callable(found) else found
    try:
        call = ast.parse(text if "(" in text else f"{text}()", mode="eval").body
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Name)
        values = [ast.literal_eval(each) for each in call.args]
        named = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (AssertionError, SyntaxError, ValueError):
        raise RefusalError(
            f"--rules needs a recipe such as gpt2(stddev=0.01). Got {text!r}"
        ) from None
    return _named_recipe(call.func.id, command)(*values, **named)


def _named_recipe(name: str, command: str) -> Any:
    from .core.settings import choose
    from .model.recipes import RECIPES

    return RECIPES[choose(command, "rules", name, RECIPES)]


def _check_figure(path: str) -> None:
    # Before the work, not after it.
    folder, kind = pathlib.Path(path).parent, pathlib.Path(path).suffix
    if kind not in {".png", ".pdf", ".svg"} or not folder.is_dir():
        raise RefusalError(
            f"--out needs a .png, .pdf or .svg file in a folder that exists. Got {path}"
        )


def _require(*modules: str) -> None:
    for module in modules:
        importlib.import_module(module)


def _print(result: Any, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps(result.to_dict(), indent=2))
    elif arguments.csv:
        print(result.to_csv(), end="")
    else:
        from rich.console import Console

        # A pipe has no width: give the tables the room they need.
        Console(width=None if sys.stdout.isatty() else 100).print(result)


def _show(result: Any) -> None:
    # Folded to the width of a terminal; whole lines in a pipe.
    from rich.console import Console

    if sys.stdout.isatty():
        Console().print(result)
    else:
        print(result)


def _say(text: str) -> None:
    print(f"jinit: {text}", file=sys.stderr, flush=True)


def _refuse(reason: str, lines: bool = False) -> int:
    _say(reason if lines else " ".join(reason.split()))
    return 2
