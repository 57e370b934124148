"""Names of a package that load their module when they are first touched."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def later(
    package: str, homes: Mapping[str, str]
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """`__all__`, `__getattr__` and `__dir__` of a package that loads its parts late.

    Args:
        package: The package: its `__name__`.
        homes: By module, relative to the package, the names that it holds, parted by
            spaces; under "." the modules that are public themselves.
    """
    home = {name: module for module, names in homes.items() for name in names.split()}
    values = vars(sys.modules[package])
    early = [name for name in values if name[0] != "_" and name != "TYPE_CHECKING"]

    def load(name: str) -> Any:
        if name not in home:
            # Given the name and the object, Python itself adds the nearest name.
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}",
                name=name,
                obj=sys.modules[package],
            )
        if home[name] == ".":
            return importlib.import_module(f".{name}", package)
        values[name] = getattr(importlib.import_module(home[name], package), name)
        return values[name]

    return sorted({*early, *home}), load, lambda: sorted({*values, *home})
