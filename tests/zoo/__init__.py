"""The zoo: the models that all tests share.

`ZOO` has an `Entry` per model, entered by the files of this folder, a file per area.
"""

import importlib
import pkgutil

from .entry import (
    Entry as Entry,
    entry as entry,
    image as image,
    text as text,
    ZOO as ZOO,
)


for each in pkgutil.iter_modules(__path__):
    if not each.name.startswith("test_"):
        importlib.import_module(f"{__name__}.{each.name}")
