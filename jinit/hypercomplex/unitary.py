"""Complex weights that keep angles: a unitary matrix, at a layer's variance."""

import jax

from .._core import Initializer, law
from .._schemes import orthogonal
from ..marginal import Marginal
from ..settings import Axes, Inexact
from .fans import Criterion, fans, variance


def _frame(shape: tuple[int, ...], criterion: Criterion, batch_axis) -> Initializer:
    """The orthogonal or unitary law of the variance that the criterion asks for."""
    of = fans("jinit.hypercomplex.unitary_complex", shape, -2, -1, batch_axis)
    unit = orthogonal(batch_axis=batch_axis)
    return unit(scale=variance(criterion, of) ** 0.5 / unit.std(shape))


def _marginal(shape, criterion, batch_axis) -> Marginal:
    return _frame(shape, criterion, batch_axis).marginal(shape)


@law(marginal=_marginal)
def unitary_complex(
    key: jax.Array,
    shape: tuple[int, ...],
    /,
    criterion: Criterion = "glorot",
    batch_axis: Axes = (),
    dtype: Inexact = None,
) -> jax.Array:
    """Complex weights that are a unitary matrix, times a number.

        W = gain · Q,   Qᴴ Q = I,   E|w|² = 2 / (fan_in + fan_out)  (glorot),
                                            2 / fan_in              (he)

    Q, with a row for each of a unit's `in` weights, is uniformly random (Haar). All
    singular values are alike, where those of independent weights spread over two
    decades. Asked for a real dtype, it is orthogonal. `gain` is not 1 where the matrix
    is not square, nor for "he": for a unitary matrix take `jinit.orthogonal`, in
    complex64.

    The authors take the polar factor of a matrix of uniform entries, whose law prefers
    some directions; the law here is the same in all.

    Args:
        criterion: "glorot" keeps the signal and the gradient where an activation is
            linear at 0; "he" makes up for one that takes half.
        batch_axis: Axes of independent matrices: stacked layers, experts.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*spatial, in, out)`, with the spatial axes counted to `in`.

    Raises:
        ValueError: For an unknown criterion, or a shape of fewer than two axes.

    Example:
        >>> import jax, jax.numpy as jnp, jinit
        >>> draw = jinit.hypercomplex.unitary_complex
        >>> w = draw(jax.random.key(0), (8, 8), jnp.complex64)
        >>> bool(jnp.allclose(w.conj().T @ w, jnp.eye(8), atol=1e-5))
        True

    References:
        Trabelsi et al. Deep complex networks. ICLR 2018, section 3.6.
        https://arxiv.org/abs/1705.09792
    """
    return _frame(shape, criterion, batch_axis)(key, shape, dtype)
