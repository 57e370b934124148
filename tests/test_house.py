"""The rules of the house: imports go one way, none hides, and files stay short."""

import ast
import functools
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

from jinit._core.registry import FAMILIES


ROOT = pathlib.Path(__file__).parents[1] / "jinit"

# A part of jinit imports from itself and from the lines above its own.
LINES = [
    ["_core"],
    ["marginal"],
    ["_activations", "datasets", "testing"],
    ["settings"],
    ["_frameworks", "_graph", "_schemes", "theory"],
    ["_reading", "_training", "compat", "compose", *FAMILIES],
    ["_model"],
    ["data", "growth", "low_rank", "pretrain", "recipes"],
    ["_diagnostics", "tasks"],
    ["_compare"],
    ["cli"],
]
LEVEL = {part: level for level, parts in enumerate(LINES) for part in parts}


class Import(NamedTuple):
    """One import of a module of jinit: what it names and what it takes.

    `from .._core import sampling` names `jinit._core` and takes `jinit._core.sampling`.
    """

    module: str
    line: int
    named: str
    target: str
    inside: str  # "", "function" or "TYPE_CHECKING"

    @property
    def place(self) -> str:
        return f"{self.module}:{self.line} imports {self.target}"


def part(module: str) -> str:
    """The first name below `jinit`: `jinit._core.law` is of `_core`."""
    return module.split(".")[1]


def goes_up(reader: str, read: str) -> bool:
    return reader == read or LEVEL[read] < LEVEL[reader]


@functools.cache
def modules() -> dict[str, pathlib.Path]:
    names = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT.parent).with_suffix("").parts)
        names[name.removesuffix(".__init__")] = path
    return names


def nodes(tree: ast.AST, inside: str = "") -> Iterator[tuple[ast.AST, str]]:
    """Every node of a tree, and what keeps it from running when the module loads."""
    for child in ast.iter_child_nodes(tree):
        within = inside
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            within = "function"
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            within = "TYPE_CHECKING"
        yield child, within
        yield from nodes(child, within)


def targets(node: ast.AST, package: list[str]) -> list[tuple[str, str]]:
    """What an import statement names, beside the module of jinit that it takes."""
    if isinstance(node, ast.Import):
        found = [(alias.name, alias.name) for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        above = package[: len(package) - node.level + 1] if node.level else []
        home = ".".join([*above, *filter(None, [node.module])])
        taken = [f"{home}.{alias.name}" for alias in node.names]
        found = [(home, each if each in modules() else home) for each in taken]
    else:
        return []
    return [pair for pair in found if pair[1].split(".")[0] == "jinit"]


@functools.cache
def imports() -> list[Import]:
    """Every import of jinit in jinit, but for the faces in `jinit/__init__.py`."""
    found = []
    for module, path in modules().items():
        package = module.split(".")
        if path.name != "__init__.py":
            package.pop()
        for node, inside in nodes(ast.parse(path.read_text())):
            line = getattr(node, "lineno", 0)
            for named, target in targets(node, package):
                found.append(Import(module, line, named, target, inside))
    return [each for each in found if each.module != "jinit"]


def test_every_part_has_its_line():
    parts = {part(module) for module in modules() if module != "jinit"}
    assert parts <= LEVEL.keys()


def test_imports_go_one_way():
    assert not [
        each.place
        for each in imports()
        if each.target == "jinit" or not goes_up(part(each.module), part(each.target))
    ]


def test_no_file_imports_itself_through_others():
    reads = {module: set[str]() for module in modules()}
    for each in imports():
        reads[each.module].add(each.target)
    # Whatever imports nothing that is left is taken away; a circle stays.
    while free := [module for module, others in reads.items() if not others]:
        for module in free:
            del reads[module]
        for others in reads.values():
            others.difference_update(free)
    assert not reads


def test_parts_take_from_each_other_what_a_folder_exports():
    """A file of another folder is its own affair; the faces in `jinit/` re-export."""
    files = {name for name, path in modules().items() if path.parent != ROOT}
    folders = {name for name in files if modules()[name].name == "__init__.py"}
    assert not [
        each.place
        for each in imports()
        if part(each.module) != part(each.target)
        and each.module in files
        and each.named in files - folders
    ]


def test_no_import_hides():
    assert not [f"{each.place} in a {each.inside}" for each in imports() if each.inside]


def test_no_file_is_longer_than_can_be_read_at_once():
    lines = {name: path.read_text().count("\n") for name, path in modules().items()}
    assert not {name: count for name, count in lines.items() if count > 350}


def test_import_stays_cheap():
    heavy = ["flax", "optax", "matplotlib", "rich", "chex", "mlxtend", "equinox"]
    code = f"import sys, jinit; sys.exit(any(m in sys.modules for m in {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
