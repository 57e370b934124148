"""Packages that jinit can do without, and how to install them where it can not."""

import importlib
from typing import Any


# By package, the extra of pyproject.toml that has it.
EXTRAS = {
    "flax": "demo",
    "haiku": "haiku",
    "keras": "keras",
    "matplotlib": "demo",
    "mlxtend": "demo",
    "optax": "train",
    "orbax": "checkpoint",
    "rich": "demo",
    "sklearn": "demo",
}


def require(where: str, module: str) -> Any:
    """The module, or a refusal with the command that installs it."""
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise ModuleNotFoundError(
            f"`{where}` needs the package {package}. Got none. Install it: "
            f"`pip install 'jinit[{EXTRAS[package]}]'`.",
            name=package,
        ) from None
