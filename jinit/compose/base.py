"""What a law made of others takes, and what it knows of them."""

from typing import Annotated, Any

from .._core import Base, check, Fans, Initializer, requirement
from ..marginal import Marginal


@requirement("an initializer, or one for each block")
def _initializers(where: str, what: str, value: Any) -> Any:
    if not isinstance(value, tuple):
        return check(where, what, Base, value)
    if not value:
        raise ValueError(f"`{where}` needs an initializer in `{what}`. Got ().")
    return tuple(check(where, what, Base, each) for each in value)


Bases = Annotated[Initializer | tuple[Initializer, ...], _initializers]


def fans_of_base(shape: tuple[int, ...], base: Initializer, **_: Any) -> Fans:
    """The fans of a law that draws its base at the same shape."""
    return base.fans(shape)


def one_weight(where: str, base: Initializer, shape: tuple[int, ...]) -> Marginal:
    """The law of a weight of the base, whichever it is.

    Of weights that are fixed and differ, which of them a law changes would matter.
    """
    of = base.marginal(shape)
    if of.std and not _is_random(base):
        raise TypeError(
            f"`{where}` states the law of one weight of a base that is drawn at "
            f"random. Got {base!r}."
        )
    return of


def _is_random(init: Initializer) -> bool:
    """Whether another key draws other weights."""
    if not init._made_of:
        return init.law.is_random
    return any(map(_is_random, init._made_of))
