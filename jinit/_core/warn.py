"""Warnings that point at the line of the user."""

import pathlib
import sys
import warnings


_OURS = str(pathlib.Path(__file__).parents[1])


def warn(message: str) -> None:
    """Warns at the first line outside of jinit: the one that called it."""
    level, frame = 2, sys._getframe(1)
    while frame and frame.f_code.co_filename.startswith(_OURS):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)
