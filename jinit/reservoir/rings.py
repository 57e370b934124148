"""Reservoirs without a random number: cycles and delay lines.

Weights are `(in, out)`: W[i, j] is what unit i sends to unit j, the transpose of what
papers on reservoirs write.
"""

import cmath
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .. import marginal
from .._core import law, scalar
from ..marginal import Marginal
from ..settings import Count, Finite, Inexact, NonNegative, Positive
from .radius import require_square, to_radius


def _steps(shape: tuple[int, ...]) -> jax.Array:
    """How many units further on, around the ring, each connection leads."""
    n = shape[-1]
    row, column = (jax.lax.broadcasted_iota("int32", (n, n), axis) for axis in (0, 1))
    return (column - row) % n


def _banded(shape: tuple[int, ...], bands: dict[int, Any], dtype: Any) -> jax.Array:
    """The sum of diagonals, by how far on along a line each leads."""
    w = sum(
        value * jnp.eye(shape[-1], k=far, dtype=dtype) for far, value in bands.items()
    )
    return jnp.broadcast_to(jnp.asarray(w, dtype), shape)


def cycle_radius(n: int, backward: float, loop: float) -> float:
    """Max |loop + ω + backward ω⁻¹| over the nth roots of unity ω."""
    roots = np.exp(2j * np.pi * np.arange(n) / n)
    return float(np.abs(loop + roots + backward / roots).max())


def _cycle(where: str, shape: tuple[int, ...], radius, backward, loop) -> float:
    """The weight of the cycle that makes the radius exact."""
    n = require_square(where, shape)
    found = cycle_radius(max(n, 1), backward, loop)
    if found < 1e-12:
        raise ValueError(
            f"`{where}` needs a cycle with an eigenvalue that is not 0. Got "
            f"backward={backward} and loop={loop} for {n} units."
        )
    return radius / found


def _cycle_marginal(shape: tuple[int, ...], radius, backward, loop) -> Marginal:
    weight = _cycle("jinit.reservoir.cycle", shape, radius, backward, loop)
    if backward or loop or shape[-1] < 3:
        raise TypeError(
            "`jinit.reservoir.cycle` states the law of one weight of a simple cycle. "
            f"Got backward={backward} and loop={loop} for {shape}."
        )
    return marginal.two_points(weight, 1 / shape[-1])


@law(marginal=_cycle_marginal)
def cycle(
    _: Any,
    shape: tuple[int, ...],
    /,
    radius: NonNegative = 0.9,
    backward: Finite = 0.0,
    loop: Finite = 0.0,
    dtype: Inexact = None,
) -> jax.Array:
    """A cycle through all units, with ways back and loops where asked for.

        W[i, i+1] = r,   W[i+1, i] = backward · r,   W[i, i] = loop · r   (mod n)

        λ = r (loop + ω + backward / ω),   ωⁿ = 1,   max |λ| = radius

    As good a memory as any random reservoir, from one number: a simple cycle has n
    eigenvalues on the circle of its radius. With `backward` it is the double cycle,
    with `loop` the cycle with self-loops.

    Args:
        radius: The largest |λ|.
        backward: The weight of the reverse cycle, as a multiple of the forward one.
        loop: The weight of the loops, as a multiple of the forward one.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, n, n)`.

    Raises:
        ValueError: For a kernel that is not square; where all eigenvalues are 0.

    Example:
        >>> import jinit
        >>> jinit.reservoir.cycle(0.5)(None, (3, 3)).tolist()
        [[0.0, 0.5, 0.0], [0.0, 0.0, 0.5], [0.5, 0.0, 0.0]]

    References:
        Rodan, Tiňo. Minimum complexity echo state network. IEEE Transactions on Neural
        Networks 2011.
        Fu, Li, Tang, Xia, Wang, Duan. A double-cycle echo state network topology for
        time series prediction. Chaos 2023. https://doi.org/10.1063/5.0159966
    """
    weight = _cycle("jinit.reservoir.cycle", shape, radius, backward, loop)
    steps, n = _steps(shape), shape[-1]
    parts = [(1 % n, weight), (-1 % n, backward * weight), (0, loop * weight)]
    w = sum(scalar(each, dtype) * (steps == step).astype(dtype) for step, each in parts)
    return jnp.broadcast_to(w, shape)


def _jumps(n: int, size: int) -> list[tuple[int, int]]:
    """The ends of the jumps: from unit 0 on, back to it where the size divides n."""
    stops = [*range(0, n, size), *([0] if n % size == 0 else [])]
    return [*itertools.pairwise(stops)]


@law
def cycle_jumps(
    _: Any,
    shape: tuple[int, ...],
    /,
    radius: Positive = 0.9,
    size: Count = 3,
    jump: Finite = 1.0,
    dtype: Inexact = None,
) -> jax.Array:
    """A cycle with jumps: short cuts of equal length, both ways.

        W[i, i+1] = r (mod n),    W[a, b] = W[b, a] = jump · r,    b = a + size

        a = 0, size, 2 size, …    back to 0 only if `size` divides n

    Args:
        radius: The largest |λ|, which sets r.
        size: How many units a jump leads on.
        jump: The weight of the jumps, as a multiple of that of the cycle.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, n, n)`.

    Raises:
        ValueError: For a kernel that is not square, or of fewer than 2 `size` units.

    Example:
        >>> import jinit
        >>> w = jinit.reservoir.cycle_jumps(None, (9, 9))
        >>> int((w != 0).sum())  # nine steps of the cycle, and three jumps both ways
        15

    References:
        Rodan, Tiňo. Simple deterministically constructed cycle reservoirs with regular
        jumps. Neural Computation 2012.
    """
    n = require_square("jinit.reservoir.cycle_jumps", shape)
    if not 1 < size <= n // 2:
        raise ValueError(
            "`jinit.reservoir.cycle_jumps` needs `size` from 2 to half the units. "
            f"Got {size} for {n}."
        )
    a, b = np.array(_jumps(n, size)).T
    w = jnp.eye(n, k=1, dtype=dtype) + jnp.eye(n, k=1 - n, dtype=dtype)
    both = np.concatenate([a, b]), np.concatenate([b, a])
    w = to_radius(w.at[both].set(scalar(jump, dtype)), radius)
    return jnp.broadcast_to(w, shape)


def _line_marginal(shape: tuple[int, ...], weight: float, shift: int) -> Marginal:
    n = require_square("jinit.reservoir.delay_line", shape)
    return marginal.two_points(weight, max(n - shift, 0) / max(n * n, 1))


@law(marginal=_line_marginal)
def delay_line(
    _: Any,
    shape: tuple[int, ...],
    /,
    weight: Finite = 0.9,
    shift: Count = 1,
    dtype: Inexact = None,
) -> jax.Array:
    """A line of delays: every unit hands on to the unit `shift` further, the last none.

        W[i, i + shift] = weight,    else 0

    The state holds the last inputs, one in each unit, and forgets all of them after
    n / shift steps: Wᵏ = 0 from there on, so that every eigenvalue is 0 and it is the
    weight that is set.

    Args:
        weight: What a step leaves of a state.
        shift: How many units a step leads on.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, n, n)`.

    Raises:
        ValueError: For a kernel that is not square.

    Example:
        >>> import jinit
        >>> jinit.reservoir.delay_line(0.5)(None, (3, 3)).tolist()
        [[0.0, 0.5, 0.0], [0.0, 0.0, 0.5], [0.0, 0.0, 0.0]]

    References:
        Rodan, Tiňo. Minimum complexity echo state network. IEEE Transactions on Neural
        Networks 2011.
    """
    n = require_square("jinit.reservoir.delay_line", shape)
    return _banded(shape, {min(shift, n): scalar(weight, dtype)}, dtype)


def line_radius(n: int, feedback: float, loop: float) -> float:
    """Max |loop + 2 √feedback cos(kπ / (n + 1))| over k = 1, …, n."""
    reach = 2 * cmath.sqrt(feedback) * math.cos(math.pi / (n + 1))
    return max(abs(loop + reach), abs(loop - reach))


def _needs_a_way_back(where: str, radius, feedback, loop) -> None:
    if not (feedback or loop):
        raise ValueError(
            f"`{where}` needs feedback or loops, without which all eigenvalues are 0. "
            "Got neither. Use `jinit.reservoir.delay_line`."
        )


@law(check=_needs_a_way_back)
def feedback_line(
    _: Any,
    shape: tuple[int, ...],
    /,
    radius: NonNegative = 0.9,
    feedback: Finite = 0.1,
    loop: Finite = 0.0,
    dtype: Inexact = None,
) -> jax.Array:
    """A line of delays in which every unit also answers the one before it.

        W[i, i+1] = r,    W[i+1, i] = feedback · r,    W[i, i] = loop · r

        λ = r (loop + 2 √feedback cos(kπ / (n + 1))),    max |λ| = radius

    Args:
        radius: The largest |λ|, which sets r.
        feedback: The weight of the ways back, as a multiple of the forward ones.
        loop: The weight of the loops, as a multiple of the forward ones.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, n, n)`.

    Raises:
        ValueError: For a kernel that is not square; without feedback and loops.

    Example:
        >>> import jax.numpy as jnp, jinit
        >>> w = jinit.reservoir.feedback_line(0.5)(None, (8, 8))
        >>> round(float(abs(jnp.linalg.eigvals(w)).max()), 5)
        0.5

    References:
        Rodan, Tiňo. Minimum complexity echo state network. IEEE Transactions on Neural
        Networks 2011.
    """
    where = "jinit.reservoir.feedback_line"
    _needs_a_way_back(where, radius, feedback, loop)
    n = require_square(where, shape)
    found = line_radius(n, feedback, loop)
    if found < 1e-12:
        raise ValueError(f"`{where}` needs two units or loops. Got {shape}.")
    r = radius / found
    bands = {1: r, -1: feedback * r, 0: loop * r}
    return _banded(shape, {k: scalar(each, dtype) for k, each in bands.items()}, dtype)


def _block_marginal(shape: tuple[int, ...], radius: float, size: int) -> Marginal:
    n = _divided(shape, size)
    return marginal.two_points(radius / size, size / max(n, 1))


def _divided(shape: tuple[int, ...], size: int) -> int:
    n = require_square("jinit.reservoir.block_diagonal", shape)
    if n % size:
        raise ValueError(
            "`jinit.reservoir.block_diagonal` needs `size` to divide the units. "
            f"Got {size} for {n}."
        )
    return n


@law(marginal=_block_marginal)
def block_diagonal(
    _: Any,
    shape: tuple[int, ...],
    /,
    radius: Finite = 0.9,
    size: Count = 1,
    dtype: Inexact = None,
) -> jax.Array:
    """Groups of units that all hear each other, and no others.

        W[i, j] = radius / size  within a group of `size` units,    else 0

    Each group keeps its mean, times the radius, and loses all else in one step: λ is
    the radius, once for each group, or 0.

    Args:
        radius: The eigenvalue of each group.
        size: The units of a group.
        dtype: The dtype to draw when a call names none.

    Returns:
        Weights of shape `(*batch, n, n)`.

    Raises:
        ValueError: For a kernel that is not square, or a size that does not divide n.

    Example:
        >>> import jinit
        >>> jinit.reservoir.block_diagonal(1.0, 2)(None, (4, 4))[0].tolist()
        [0.5, 0.5, 0.0, 0.0]
    """
    n = _divided(shape, size)
    row, column = (jax.lax.broadcasted_iota("int32", (n, n), axis) for axis in (0, 1))
    group = scalar(radius / size, dtype)
    w = jnp.where(row // size == column // size, group, jnp.zeros((), dtype))
    return jnp.broadcast_to(w, shape)
