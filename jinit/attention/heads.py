"""The heads of an attention kernel, in either layout."""

from typing import NamedTuple


class Heads(NamedTuple):
    """What the axes of a kernel of attention are.

    Attributes:
        stacked: The axes of layers.
        width: Entries of what the heads read, or write together.
        heads: How many heads.
        size: Entries of a head.
    """

    stacked: tuple[int, ...]
    width: int
    heads: int
    size: int


def heads_of(
    where: str, shape: tuple[int, ...], heads: int | None, writes: bool = False
) -> Heads:
    """Reads a kernel whose heads are an axis, or, given their number, share one."""
    inner = "heads, size" if heads is None else "heads · size"
    form = f"{inner}, width" if writes else f"width, {inner}"
    axes = 3 if heads is None else 2
    if len(shape) < axes:
        raise ValueError(
            f"`{where}` needs a kernel of shape `(*stacked, {form})`. Got {shape}. "
            "For that of a dense layer, give `heads`."
        )
    kernel = shape[-axes:]
    width, read = (kernel[-1], kernel[:-1]) if writes else (kernel[0], kernel[1:])
    if heads is not None and read[0] % heads:
        raise ValueError(
            f"`{where}` needs `heads` to divide what the heads share, {form}. "
            f"Got heads={heads} for {shape}."
        )
    many, size = read if heads is None else (heads, read[0] // heads)
    return Heads(shape[:-axes], width, many, size)
