"""A model or a recipe by where it stands: `package.module:name`, `file.py:name`."""

import importlib
import importlib.util
import inspect
import pathlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .._core import shown
from .calls import asks_for, is_a
from .subject import first_line


def find_model(spec: str, command: str) -> Any:
    """The model that stands there, or that a factory without arguments returns.

    Args:
        spec: Where it is. A factory may return a model of any kind; a constructor, a
            function of `rngs` or `key`, is a model itself.
        command: The command that asks, for its errors.

    Raises:
        ValueError: When the module has no such attribute.
        TypeError: When the factory needs arguments.
        ImportError: When the module does not import.
    """
    made = find_object(spec, command)
    is_factory = inspect.isclass(made) or not _is_made(made)
    if is_factory and callable(made) and not asks_for(made):
        made = _call(made, spec, command)
    return made


def find_object(spec: str, command: str) -> Any:
    """What stands at `package.module:name` or `path/to/file.py:name`."""
    place, _, path = spec.rpartition(":")
    if not place or not path:
        raise ValueError(
            f"`{command}` needs package.module:factory or path/to/file.py:factory. "
            f"Got {shown(spec)}."
        )
    try:
        made: Any = _imported(place)
        for name in path.split("."):
            made = getattr(made, name)
    except AttributeError as error:
        raise ValueError(f"`{command}` finds no {spec}: {error}.") from error
    except Exception as error:
        raise ImportError(
            f"`{command}` can not import {place}: {first_line(error)}"
        ) from error
    return made


def _imported(place: str) -> ModuleType:
    # The folder that a script would find first: its own, or the one we are in.
    file = pathlib.Path(place)
    folder = str(file.parent) if file.suffix == ".py" else ""
    sys.path.insert(0, folder)
    try:
        if file.suffix != ".py":
            return importlib.import_module(place)
        spec = importlib.util.spec_from_file_location(file.stem, file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{place} is no Python file")
        module = sys.modules[file.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(folder)


def _is_made(found: Any) -> bool:
    """Whether what stands there is a model and no function that returns one."""
    is_module = is_a(found, "equinox", "Module") or is_a(found, "flax.nnx", "Module")
    return is_module or is_a(found, "keras", "Layer") or hasattr(found, "apply")


def _call(factory: Callable[..., Any], spec: str, command: str) -> Any:
    try:
        inspect.signature(factory).bind()
    except TypeError as error:
        raise TypeError(
            f"`{command}` needs a factory without arguments. Got {spec}: {error}. "
            "Wrap it in a function that fills them in."
        ) from None
    except ValueError:  # a builtin without a signature
        pass
    try:
        return factory()
    except Exception as error:
        raise TypeError(
            f"`{command}` can not call {spec}(): {first_line(error)}"
        ) from error
