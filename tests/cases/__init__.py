"""The table of initializers that one battery tests: a file for each family."""

import importlib
import pkgutil
from typing import NamedTuple

from jinit import Initializer


class Case(NamedTuple):
    """An initializer with the settings it needs, and a shape that suits it."""

    init: Initializer
    shape: tuple[int, ...] = (16, 8)
    has_complex: bool = True
    has_text: bool = True
    fixed_shape: bool = False


CASES: dict[str, Case] = {}
# Second names of the same object, which need no battery of their own.
ALIASES: dict[str, str] = {}

for found in pkgutil.iter_modules(__path__):
    family = importlib.import_module(f"{__name__}.{found.name}")
    CASES |= family.CASES
    ALIASES |= getattr(family, "ALIASES", {})
