"""fan_in and fan_out: how many inputs a unit sums, how many units an input feeds."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from .arguments import public, Shape
from .draw import check_shape
from .settings import Axes, check, Count, requirement
from .text import shown


class Fans(NamedTuple):
    """The two fans of a kernel.

    Attributes:
        fan_in: Terms in the sum that makes one output.
        fan_out: Outputs that one input takes part in.
    """

    __module__ = "jinit"  # where others find it, pickles among them

    fan_in: float
    fan_out: float


class KernelAxes(NamedTuple):
    """Which axes of a kernel are inputs, outputs and independent copies."""

    __module__ = "jinit"

    in_axis: tuple[int, ...]
    out_axis: tuple[int, ...]
    batch_axis: tuple[int, ...]


@requirement("a stride or one for each axis")
def _strides(where: str, what: str, value: Any) -> int | tuple[int, ...]:
    several = isinstance(value, tuple | list)
    strides = tuple(check(where, what, Count, each) for each in value) if several else 0
    return strides or check(where, what, Count, value)


Strides = Annotated[int | Sequence[int], _strides]

_LAYOUTS = {"jax": "...IO", "torch": "OI...", "c01b": "I...O"}


@public()
def fans(
    shape: Shape,
    in_axis: Axes = -2,
    out_axis: Axes = -1,
    batch_axis: Axes = (),
    *,
    groups: Count = 1,
    stride: Strides = 1,
    transposed: bool = False,
    layout: str | None = None,
) -> Fans:
    """The fans of a kernel, from its shape and what its axes mean.

        fan_in = k·in        fan_out = k·out / groups,        k = ∏ spatial

    Axes that are neither input, output nor batch are spatial: the receptive field. A
    grouped kernel `(*spatial, in / groups, out)` already holds one group's inputs, but
    an input feeds one group's outputs only. A stride s thins what is seen from the
    fine side of the convolution by s per spatial axis: fan_out, or, if `transposed`,
    fan_in.

    Args:
        shape: The kernel's shape.
        in_axis: Input axis or axes.
        out_axis: Output axis or axes.
        batch_axis: Axes of independent kernels: stacked layers, experts, heads.
        groups: Feature groups of a convolution, or the number of equal kernels fused
            along the output axis (3 for a fused QKV projection).
        stride: The stride, one for all spatial axes or one each.
        transposed: Whether the convolution is transposed.
        layout: In place of the axes: "jax" `(*spatial, in, out)`, "torch"
            `(out, in, *spatial)`, "c01b" `(in, *spatial, out)`, or one letter per
            axis with `I` and `O`, such as "OIHW" or "HWIO".

    Returns:
        `Fans(fan_in, fan_out)`. A kernel without entries has fans of 0.

    Raises:
        ValueError: For axes that overlap, repeat or are not in the shape.

    Example:
        >>> import jinit
        >>> jinit.fans((3, 3, 64, 128))
        Fans(fan_in=576, fan_out=1152)
        >>> jinit.fans((3, 3, 1, 64), groups=64)  # depthwise
        Fans(fan_in=9, fan_out=9)
        >>> jinit.fans((256, 8, 32), in_axis=0, out_axis=(1, 2))  # attention heads
        Fans(fan_in=256, fan_out=256)
    """
    shape = check_shape("jinit.fans", shape)
    if layout is not None:
        in_axis, out_axis = _layout_axes(layout, len(shape))
    axes = resolve_axes(shape, in_axis, out_axis, batch_axis)
    fan_in, fan_out = fans_of(shape, axes, groups)
    thinning = _thinning(stride, len(shape) - sum(map(len, axes)))
    if transposed:
        return Fans(_divide(fan_in, thinning), fan_out)
    return Fans(fan_in, _divide(fan_out, thinning))


@public()
def fans_from_einsum(equation: str, shape: Shape) -> Fans:
    """The fans of the kernel that is the second operand of an einsum.

    Args:
        equation: The equation, inputs first: `"...d,dhk->...hk"`.
        shape: The kernel's shape.

    Returns:
        `Fans(fan_in, fan_out)`: the sizes of the summed axes and of the new axes. Axes
        that stand on both sides count in neither.

    Raises:
        ValueError: For an equation whose kernel does not fit the shape.

    Example:
        >>> import jinit
        >>> jinit.fans_from_einsum("...d,dhk->...hk", (256, 8, 32))
        Fans(fan_in=256, fan_out=256)
        >>> jinit.fans_from_einsum("ecd,edf->ecf", (8, 256, 512))  # experts
        Fans(fan_in=256, fan_out=512)
    """
    where, shape = "jinit.fans_from_einsum", check_shape("", shape)
    axes = _einsum_axes(where, equation)
    rank = sum(map(len, axes))
    if rank != len(shape):
        raise ValueError(
            f"`{where}` needs a shape of {rank} axes for the kernel of "
            f"{equation!r}. Got {tuple(shape)}."
        )
    return fans_of(shape, axes)


@public()
def einsum_axes(equation: str) -> KernelAxes:
    """What each axis of an einsum's kernel is, in the words of an initializer.

    Args:
        equation: The equation, inputs first, kernel second: `"...d,dhk->...hk"`.

    Returns:
        `KernelAxes(in_axis, out_axis, batch_axis)`.

    Raises:
        ValueError: If the equation is not `inputs,kernel->outputs`, or a kernel axis
            meets neither inputs nor outputs.

    Example:
        >>> import jinit
        >>> axes = jinit.einsum_axes("...d,dhk->...hk")
        >>> axes
        KernelAxes(in_axis=(0,), out_axis=(1, 2), batch_axis=())
        >>> init = jinit.lecun_normal(**axes._asdict())
        >>> init.std((256, 8, 32)) == 256**-0.5
        True
    """
    return _einsum_axes("jinit.einsum_axes", equation)


def _einsum_axes(where: str, equation: str) -> KernelAxes:
    operands, arrow, outputs = equation.replace(" ", "").partition("->")
    inputs, comma, kernel = operands.partition(",")
    if not (arrow and comma) or "," in kernel or "..." in kernel:
        raise ValueError(
            f"`{where}` needs an equation `inputs,kernel->outputs` with named "
            f"kernel axes. Got {shown(equation)}."
        )
    if len(set(kernel)) != len(kernel) or set(kernel) - set(inputs + outputs):
        raise ValueError(
            f"`{where}` needs every kernel axis once, and in the inputs or "
            f"the outputs. Got kernel {kernel!r} in {equation!r}."
        )
    those = lambda test: tuple(i for i, name in enumerate(kernel) if test(name))
    return KernelAxes(
        those(lambda name: name not in outputs),
        those(lambda name: name not in inputs),
        those(lambda name: name in inputs and name in outputs),
    )


def fans_of(
    shape: Sequence[int], axes: KernelAxes, groups: int = 1, where: str = "jinit.fans"
) -> Fans:
    """The fans of a kernel whose axes are known: all that is not on the other side."""
    without = lambda *groups: math.prod(
        size for axis, size in enumerate(shape) if axis not in sum(groups, ())
    )
    fan_in = without(axes.out_axis, axes.batch_axis)
    fan_out = without(axes.in_axis, axes.batch_axis)
    if math.prod(shape[axis] for axis in axes.out_axis) % groups:
        raise ValueError(
            f"`{where}` needs `groups` to divide the outputs of {tuple(shape)}. "
            f"Got {groups}."
        )
    return Fans(fan_in, fan_out // groups)


def resolve_axes(
    shape: Sequence[int],
    in_axis: int | Sequence[int],
    out_axis: int | Sequence[int],
    batch_axis: int | Sequence[int] = (),
    where: str = "jinit.fans",
) -> KernelAxes:
    """The axes counted from 0; refuses those that overlap, repeat or do not exist."""
    named = {"in_axis": in_axis, "out_axis": out_axis, "batch_axis": batch_axis}
    taken: dict[int, str] = {}
    for name, axes in named.items():
        for axis in (axes,) if isinstance(axes, int) else axes:
            if not -len(shape) <= axis < len(shape):
                raise _no_axis(where, name, axis, tuple(shape))
            if axis % len(shape) in taken:
                raise ValueError(
                    f"`{where}` needs each axis once. Got axis {axis} of "
                    f"{tuple(shape)} as `{taken[axis % len(shape)]}` and `{name}`."
                )
            taken[axis % len(shape)] = name
    return KernelAxes(
        *(tuple(axis for axis in taken if taken[axis] == name) for name in named)
    )


def _no_axis(where: str, name: str, axis: int, shape: tuple[int, ...]) -> ValueError:
    error = f"`{where}` needs `{name}` within the {len(shape)} axes of {shape}. "
    if len(shape) > 1:
        return ValueError(f"{error}Got {axis}.")
    # In the middle what JAX says, for those who know it or look for it.
    return ValueError(
        f"{error}Got {axis}. Can't compute input and output sizes of a {len(shape)}-"
        "dimensional weights tensor with default in_axis. Must be at least 2D or "
        "specify in_axis explicitly. For a bias use `jinit.zeros`, or state "
        "`fans=(fan_in, fan_out)`."
    )


def _layout_axes(layout: str, rank: int) -> tuple[int, int]:
    letters = _LAYOUTS.get(layout, layout)
    if letters.count("I") != 1 or letters.count("O") != 1:
        known = ", ".join(map(repr, _LAYOUTS))
        raise ValueError(
            f"`jinit.fans` needs `layout` to be one of {known}, or one letter per axis "
            f"with one `I` and one `O`, such as 'OIHW'. Got {shown(layout)}."
        )
    letters = letters.replace("...", "." * (rank - 2))
    if len(letters) != rank:
        raise ValueError(
            f"`jinit.fans` needs a `layout` of {rank} axes. Got {shown(layout)}."
        )
    return letters.index("I"), letters.index("O")


def _thinning(stride: int | Sequence[int], spatial: int) -> int:
    strides = (stride,) * spatial if isinstance(stride, int) else tuple(stride)
    if len(strides) != spatial:
        raise ValueError(
            f"`jinit.fans` needs a `stride` of at least 1 for each of the {spatial} "
            f"spatial axes. Got {shown(stride)}."
        )
    return math.prod(strides)


def _divide(fan: float, by: int) -> float:
    return fan / by if fan % by else fan // by
