"""Other libraries' names, with their exact semantics."""

from .._core import later as _later


# A library loads when its name is touched.
__all__, __getattr__, __dir__ = _later(
    __name__, {".": "haiku keras lasagne timm torch"}
)
