"""Packages that jinit can do without."""

import pathlib
import sys
import tomllib

import pytest

import jinit
from jinit._core.extras import EXTRAS, require


PROJECT = tomllib.loads(
    (pathlib.Path(jinit.__file__).parents[1] / "pyproject.toml").read_text()
)


def test_a_missing_package_is_said_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "optax", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"`Mup.optimizer` needs .* optax.*'jinit\[train\]'"
    ) as caught:
        require("Mup.optimizer", "optax")
    assert caught.value.name == "optax"


def test_every_extra_holds_its_packages():
    distribution = {
        "haiku": "dm-haiku",
        "orbax": "orbax-checkpoint",
        "sklearn": "scikit-learn",
    }
    extras = PROJECT["project"]["optional-dependencies"]
    for package, extra in EXTRAS.items():
        names = [each.partition(">")[0] for each in extras[extra]]
        assert distribution.get(package, package) in names


def test_the_version_stands_once():
    assert "version" not in PROJECT["project"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "jinit/__init__.py"
    assert jinit.__version__
