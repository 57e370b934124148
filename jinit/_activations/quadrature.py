"""Gaussian moments of an activation, by quadrature that finds the kinks itself.

Gauss-Hermite nodes step over a kink: 64 of them leave an error of 8e-2 in E φ′² of
hard_tanh. Here the line is cut into panels, each with its own Gauss-Legendre rule. Two
neighbors that do not add up to one rule across both are halved, until all agree, so
panels shrink toward a kink or a jump, inside a panel or on an edge, until what is left
there is rounding.
"""

import contextlib
import dataclasses
import functools
import math
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._core import extend, Formula, formula_of, held_traced, is_users, on_host, reason
from .names import Function


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_RULE = np.stack([_NODES, _WEIGHTS])
# The same in a bent coordinate, since an even rule is blind to a jump in its middle.
_BENT = np.stack([_NODES + 0.1 * (1 - _NODES**2), _WEIGHTS * (1 - 0.2 * _NODES)])
_BATCH = 32  # panels per compiled call: one compilation serves every round
_ROUNDS = 64  # halvings after which a panel is as narrow as rounding
_MOST = 4096  # panels to halve at once: more have no kink to find, only noise
_TIGHT = 1e-14  # of the whole integral, within which neighbors agree
_LOOSE = 1e-6  # of the whole integral, in neighbors that never agreed: refused


class Moments(NamedTuple):
    """What a Gaussian input leaves of an activation.

    Attributes:
        mean: E φ(z).
        second: E φ(z)².
        slope: E φ′(z)², infinite where its integral does not converge.
    """

    mean: float
    second: float
    slope: float


class UnfitError(Exception):
    """An activation refused, before it is known which public function was given it."""

    def __init__(self, kind: type[Exception], needs: str):
        super().__init__(needs)
        self.kind, self.needs = kind, needs


@contextlib.contextmanager
def speaking(where: str) -> Iterator[None]:
    """Refuses what is unfit in the name of the public function `where`."""
    try:
        yield
    except UnfitError as unfit:
        raise unfit.kind(f"`{where}` needs {unfit.needs}") from unfit.__cause__


@dataclasses.dataclass(frozen=True)
class Pair:
    """`x -> (φ(x), φ′(x))` in float64 as a value, whichever function computes it."""

    formula: Formula
    values: tuple[Any, ...]
    numbers: tuple[np.ndarray, ...] = dataclasses.field(compare=False)

    def __call__(self, x: Any) -> tuple[Any, Any]:
        """φ and φ′ at each place."""
        value, slope = _vectorized(self.formula)(x, *self.numbers)
        return value, slope

    @classmethod
    def of(cls, function: Function, settings: frozenset) -> "Pair":
        """That of an activation; refuses what JAX can not trace or differentiate."""
        phi = lambda x: function(x, **dict(settings))
        x = jax.ShapeDtypeStruct((), jnp.float64)
        try:
            value = jax.eval_shape(phi, x)
        except Exception as error:
            if is_users(error):
                raise
            raise _untraceable(function, error) from error
        scalar = getattr(value, "shape", None) == ()
        if not scalar or jnp.issubdtype(value.dtype, jnp.complexfloating):
            raise UnfitError(
                ValueError,
                "an activation that returns one real number for one "
                f"number. Got {value} from {function!r}.",
            )
        both = jax.value_and_grad(lambda x: jnp.asarray(phi(x), x.dtype))
        try:
            formula, numbers = formula_of(both, x)
            copies = tuple(map(np.array, numbers))  # not views of what was given
            pair = cls(formula, tuple(map(_value, copies)), copies)
            jax.block_until_ready(pair(np.ones((_BATCH, _NODES.size))))
        except Exception as error:
            raise _untraceable(function, error) from error
        return pair


def _value(number: np.ndarray) -> tuple[Any, ...]:
    return number.dtype, number.shape, number.tobytes()


@functools.lru_cache(maxsize=256)
def _vectorized(formula: Formula) -> Any:
    run = extend.jaxpr_as_fun(formula.jaxpr)

    def at(x: jax.Array, *numbers: jax.Array) -> Any:
        return jnp.vectorize(lambda x: tuple(run(x, *numbers)))(x)

    return jax.jit(at)


_pairs: weakref.WeakKeyDictionary[Any, dict[frozenset, Pair]]
_pairs = weakref.WeakKeyDictionary()


def pair_of(function: Function, settings: frozenset) -> Pair:
    """`Pair.of`, once for as long as the function is there."""
    try:
        known = _pairs.setdefault(function, {})
    except TypeError:  # such as `np.tanh`
        known = {}
    if settings not in known:
        known[settings] = on_host(Pair.of, function, settings)
    return known[settings]


def moments(
    function: Function, settings: frozenset, variance: float, by_input: bool = False
) -> Moments:
    """The moments at N(0, `variance`), of φ or of x φ(x)."""
    found = _moments(pair_of(function, settings), variance, by_input)
    if found is None:
        raise UnfitError(
            ValueError,
            "an activation whose E φ² is finite for a Gaussian input. Got"
            f" {function!r}, which at variance {variance} grows too fast or "
            "oscillates too fast to tell.",
        )
    return found


@functools.lru_cache(maxsize=1024)
def _moments(pair: Pair, variance: float, by_input: bool) -> Moments | None:
    """The moments, computed once for each activation; None where they are infinite."""
    sample = _by_input(pair) if by_input else pair
    sums, loose, tail = on_host(_integrate, sample, math.sqrt(variance))
    mean, second, slope, one, square = sums
    if loose[0] or loose[1] or tail > 1e-9 * second:
        return None
    # Applied to 1 and to x², the rule rounds as it does for relu, which is 0.5 exactly.
    return Moments(
        mean / one, variance * (second / square), math.inf if loose[2] else slope / one
    )


def _by_input(pair: Pair) -> Any:
    def sample(x: np.ndarray) -> tuple[Any, Any]:
        value, slope = pair(x)
        return x * value, value + x * slope

    return sample


def _untraceable(function: Function, error: Exception) -> UnfitError:
    held = held_traced(function)
    if held is not None:
        return UnfitError(
            TypeError,
            f"an activation that holds numbers. Got {function!r}, which holds {held}. "
            "Call it outside of `jax.jit`, `jax.grad` and the like.",
        )
    said = reason(error).rstrip(".")
    return UnfitError(
        TypeError,
        "an activation that JAX can trace and differentiate. Got "
        f"{function!r}: {type(error).__name__}: {said}. Write it with `jax.numpy`, "
        "such as `jnp.tanh` for `math.tanh` or `np.tanh` and `jnp.where` for `if`.",
    )


def _integrate(sample: Any, sigma: float) -> tuple[list[float], np.ndarray, float]:
    """Five integrals, which of them did not settle, and the part of E φ² far out."""
    edges = _edges(sigma)
    terms = _terms(sample, edges[:-1], edges[1:], sigma)
    tail = terms[1, [0, -1]].sum()  # beyond ten standard deviations
    fresh, loose = np.ones(len(edges) - 1, bool), np.zeros(len(terms), bool)
    for _ in range(_ROUNDS):
        pair = np.flatnonzero(fresh[:-1] | fresh[1:])
        joint = _terms(sample, edges[pair], edges[pair + 2], sigma, _BENT).sum(2)
        parts, scale = terms.sum(2), np.abs(terms).sum((1, 2))
        gap = np.abs(joint - parts[:, pair] - parts[:, pair + 1])
        bad = (gap > _TIGHT * scale[:, None]).any(0)
        loose = gap[:, bad].sum(1) > _LOOSE * scale
        split = np.union1d(pair[bad], pair[bad] + 1)
        if not 0 < split.size <= _MOST:
            break
        middle = (edges[split] + edges[split + 1]) / 2
        low, high = [*edges[split], *middle], [*middle, *edges[split + 1]]
        halves = _terms(sample, np.array(low), np.array(high), sigma)
        order = np.argsort([*np.delete(edges[:-1], split), *low])
        fresh = order >= len(edges) - 1 - split.size
        terms = np.concatenate([np.delete(terms, split, 1), halves], 1)[:, order]
        edges = np.sort([*edges, *middle])
    return [math.fsum(row.flat) for row in terms], loose, tail


def _terms(
    sample: Any,
    low: np.ndarray,
    high: np.ndarray,
    sigma: float,
    rule: np.ndarray = _RULE,
) -> np.ndarray:
    """The summands of ∫ (φ, φ², φ′², 1, x²) N(x; 0, σ²) dx: `(5, panels, nodes)`."""
    nodes, weights = rule
    half = (high - low)[:, None] / 2
    x = (low + high)[:, None] / 2 + half * nodes
    value, slope = _evaluate(sample, x)
    density = np.exp(-((x / sigma) ** 2) / 2) / (sigma * math.sqrt(2 * math.pi))
    with np.errstate(over="ignore", invalid="ignore"):
        integrands = np.stack([value, value**2, slope**2, np.ones_like(x), x**2])
    if not np.isfinite(integrands).all():
        worst = np.argmin(np.isfinite(integrands).all(0))
        raise UnfitError(
            ValueError,
            "a finite activation with a finite derivative. Got "
            f"φ = {value.flat[worst]}, φ′ = {slope.flat[worst]} at {x.flat[worst]}.",
        )
    return half * weights * density * integrands


def _evaluate(sample: Any, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    batches = -(-len(x) // _BATCH)
    filled = np.resize(x, (batches, _BATCH, _NODES.size))
    pairs = [jax.device_get(sample(batch)) for batch in filled]
    value, slope = (
        np.concatenate(arrays)[: len(x)] for arrays in zip(*pairs, strict=True)
    )
    return value, slope


def _edges(sigma: float) -> np.ndarray:
    """Panels out to 12 σ, four to the octave and symmetric about an edge at zero.

    They are fine both where the activation bends, near 1, and where the density does.
    """
    low = math.floor(4 * math.log2(min(sigma, 1.0))) - 8
    high = math.ceil(4 * math.log2(12 * sigma))
    edges = 2.0 ** (np.arange(low, high + 1) / 4)
    return np.concatenate([-edges[::-1], [0.0], edges])
