"""What `import jinit` loads, and what it leaves until it is touched."""

import ast
import inspect
import itertools
import json
import pathlib
import subprocess
import sys

import pytest

import jinit


STEPS = ("import jinit", "jinit.theory", "jinit.trace", "import jinit.cli")
CODE = f"""
import json, sys
for step in {STEPS}:
    exec(step)
    print(json.dumps([*sys.modules]))
"""


@pytest.fixture(scope="module")
def loaded():
    """The modules of a fresh process after each of `STEPS`."""
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True, check=True, text=True,
        cwd=pathlib.Path(jinit.__file__).parents[1],
    )  # fmt: skip
    return dict(zip(STEPS, map(json.loads, done.stdout.splitlines()), strict=True))


def parts(modules):
    """The files and folders that stand in jinit's own."""
    return {name.split(".")[1] for name in modules if name.startswith("jinit.")}


def test_importing_jinit_loads_the_laws_and_nothing_above_them(loaded):
    laws = {"_activations", "_core", "_schemes", "marginal", "settings"}
    assert parts(loaded["import jinit"]) == laws


def test_a_touch_loads_what_it_needs(loaded):
    gain = [parts(b) - parts(a) for a, b in itertools.pairwise(loaded.values())]
    assert gain[:2] == [{"theory"}, {"_frameworks", "_graph", "_reading"}]
    assert "cli" in gain[2]


def test_no_package_loads_that_jinit_can_do_without(loaded):
    optional = {"chex", "flax", "matplotlib", "mlxtend", "optax", "rich", "scipy"}
    assert not optional & {*loaded[STEPS[-1]]}


def test_what_jax_itself_loads_late_is_loaded_late(loaded):
    assert "jax.extend.core" not in loaded["import jinit"]


def names_for_type_checkers() -> dict[str, set[str]]:
    """By module, the names that `jinit/__init__.py` imports for type checkers only."""
    tree = ast.parse(inspect.getsource(jinit))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {
        "." * node.level + (node.module or ""): {alias.name for alias in node.names}
        for node in block.body
        if isinstance(node, ast.ImportFrom)
    }


def test_type_checkers_see_what_a_touch_loads():
    homes = {module: {*names.split()} for module, names in jinit._HOMES.items()}
    assert homes == names_for_type_checkers()


def test_every_name_is_listed_and_there():
    names = set().union(*names_for_type_checkers().values())
    assert names <= {*dir(jinit)}
    assert names <= {*vars(jinit)["__all__"]}
    for name in vars(jinit)["__all__"]:
        assert getattr(jinit, name) is not None
    everything: dict[str, object] = {}
    exec("from jinit import *", everything)
    assert {*vars(jinit)["__all__"]} <= {*everything}
    assert {name for name, _ in inspect.getmembers(jinit)} >= names


def test_a_name_that_is_not_there_is_refused_with_the_nearest():
    with pytest.raises(AttributeError, match="'jinit' has no attribute 'initialise'"):
        jinit.initialise  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
    assert not hasattr(jinit, "TYPE_CHECKING_")
