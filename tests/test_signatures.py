"""What `help`, IPython and Jupyter show of every public function is for people."""

import importlib
import inspect
import re
from typing import get_args, get_origin

import pytest

import jinit
from jinit import settings


MODULES = ["jinit", "jinit.theory", "jinit.data", "jinit.pretrain", "jinit.recipes",
           "jinit.marginal", "jinit.settings", "jinit.testing", "jinit.compose",
           "jinit.datasets", "jinit.tasks", "jinit.growth", "jinit.low_rank",
           "jinit.compat.torch",
           "jinit.compat.keras", "jinit.compat.haiku"]  # fmt: skip


def public_callables():
    """Every public function, class and initializer, and the methods of the classes."""
    for name in MODULES:
        module = importlib.import_module(name)
        for attribute in dir(module):
            thing = getattr(module, attribute)
            home = getattr(thing, "__module__", None) or ""
            if attribute[0] == "_" or not callable(thing) or "jinit" not in home:
                continue
            if inspect.isclass(thing) and issubclass(thing, Exception):
                continue
            yield f"{name}.{attribute}", thing
            methods = vars(thing).items() if inspect.isclass(thing) else ()
            for method, function in methods:
                if not method.startswith("_") and inspect.isfunction(function):
                    yield f"{name}.{attribute}.{method}", function


PUBLIC = dict(public_callables())
UNREADABLE = re.compile(r" at 0x|args: Any|Annotated\[.*<|<function|functools\.partial")


@pytest.mark.parametrize("name", PUBLIC)
def test_a_signature_is_for_people(name):
    thing = PUBLIC[name]
    shown = [str(inspect.signature(thing))]
    if not inspect.isroutine(thing) and not inspect.isclass(thing):
        shown.append(str(inspect.signature(thing.__call__)))  # IPython shows both
    for text in shown:
        assert not UNREADABLE.search(text), text
        assert "*args, **kwargs" not in text, text


def test_a_law_shows_plain_types_and_its_defaults():
    shown = inspect.signature(jinit.sparse).parameters
    assert [*shown] == ["key", "shape", "dtype", "out_sharding", "sparsity", "stddev",
                        "connections"]  # fmt: skip
    assert shown["connections"].annotation == int | None
    assert inspect.signature(jinit.normal).parameters["stddev"].annotation is float


def test_an_annotation_says_what_it_asks_for():
    for name, hint in vars(settings).items():
        if get_origin(hint) is not None and name[0].isupper():
            rule = get_args(hint)[-1]
            assert isinstance(rule, settings.Requirement)
            assert repr(hint).endswith(f", {rule.words}]")


@pytest.mark.parametrize(
    ("init", "equation"),
    [
        (jinit.he_normal, "_square(gain, negative_slope) / fan"),
        (jinit.glorot_uniform, "squared_gain(gain) / fan"),
        (jinit.variance_scaling, "scale / fan"),
    ],
    ids=str,
)
def test_the_source_of_a_law_is_the_law(init, equation):
    source = inspect.getsource(init)
    assert f"def {init.law.name}(" in source
    assert equation in source
    assert (inspect.getdoc(init.law.function) or "?") in (inspect.getdoc(init) or "")
