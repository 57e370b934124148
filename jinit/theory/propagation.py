"""Signals and gradients layer by layer, with skip connections and normalization."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, get_args, Literal

import jax
import jax.numpy as jnp
import numpy as np

from .._activations import Asked, Function
from .._core import (
    aligned,
    check,
    choose,
    Count,
    drawn,
    Finite,
    NonNegative,
    on_host,
    Positive,
    public,
    shown,
)
from .depth import exact, name_of
from .pairs import Products, Rule, rule, WIDE, wide


Norm = Literal["layer", "batch"]

_SHOWN = 12  # layers in the table
_SETTLED = 4e-16  # of a state, by which it changes where it is settled
_CONSTANT = 1e-14  # of E φ², within which Var φ is the rounding of quadrature


@dataclasses.dataclass(frozen=True, eq=False)
class Propagation:
    """What each layer of a network makes of two inputs; prints as a table, or plots.

    Arrays have an entry for the input of the first layer and one after each layer.

    Attributes:
        activation: φ, by name where it has one.
        variance: q of a unit.
        correlation: c of the two inputs in a unit.
        gradient: The mean square of the loss's gradient with respect to a unit, as a
            multiple of what it is at the top.
    """

    activation: str
    variance: np.ndarray
    correlation: np.ndarray
    gradient: np.ndarray

    @property
    def depth(self) -> int:
        """How many layers."""
        return len(self.variance) - 1

    def __str__(self) -> str:
        layers = np.unique(np.linspace(0, self.depth, _SHOWN).round().astype(int))
        table = np.stack([self.variance, self.correlation, self.gradient], 1)[layers]
        rows = [
            (f"{layer}", *map(exact, row))
            for layer, row in zip(layers, table.tolist(), strict=True)
        ]
        head = ("layer", "variance", "correlation", "gradient²")
        return f"{self.activation}\n{aligned([head, *rows], left=0)}"

    def plot(self, path: str | None = None) -> Any:
        """Draws variance, correlation and gradient over the layers.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """

        def panel(name: str, values: np.ndarray, axes: Any) -> None:
            axes.plot(values)
            axes.set(title=f"{self.activation}: {name}", xlabel="layer")
            if name != "correlation":
                axes.set_yscale("log")
            axes.spines[["top", "right"]].set_visible(False)

        names = {
            "variance": self.variance,
            "correlation": self.correlation,
            "squared gradient": self.gradient,
        }
        panels = [functools.partial(panel, *item) for item in names.items()]
        return drawn(panels, path, (3.6, 2.8))


@public("jinit.theory", concrete=True)
def propagate(
    activation: str | Function,
    depth: int,
    *,
    variance: float = 1.0,
    correlation: float = 0.0,
    weight_variance: float = 1.0,
    bias_variance: float = 0.0,
    skip: float = 0.0,
    branch: float = 1.0,
    norm: Norm | None = None,
) -> Propagation:
    """How two inputs and a gradient travel through a wide random network.

        x ← α x + β (W φ(norm(x)) + b)

        q ← α² q + β² (σw² E φ(u)² + σb²)
        q c ← α² q c + β² (σw² E φ(u₁) φ(u₂) + σb²)
        χ = α² + β² σw² E φ′(u)² Var u / Var x

    where u is x itself, and by a layer norm has variance 1 and correlation c. A batch
    norm, over a large batch whose inputs all have correlation c, leaves variance 1 and
    correlation 0 of what varies in the batch, which is Var x = q (1 − c).

    A plain layer (α = 0) multiplies gradients by χ, so that they grow or shrink
    exponentially. With a skip connection and a norm χ is 1 + O(1 / layer): they grow
    like a power of the depth. A batch norm without a skip connection always lets them
    explode; see `batch_norm_gradient_factor`.

    Args:
        activation: A name, or a JAX function of one number, without jumps.
        depth: How many layers.
        variance: q of the two inputs.
        correlation: c of the two inputs.
        weight_variance: σw², where a weight has variance σw² / fan_in.
        bias_variance: σb², the variance of a bias.
        skip: α, what passes by a layer: 0 in a plain network, 1 in a residual one.
        branch: β, the factor of what the layer adds.
        norm: Before the activation: None, "layer" or "batch".

    Returns:
        A `Propagation`.

    Raises:
        ValueError: When a setting is out of range, or a variance becomes 0 or infinite;
            the message names the layer.

    Example:
        >>> from jinit import theory
        >>> relu = theory.propagate("relu", 100, weight_variance=2.0)
        >>> print(f"{100**2 * (1 - relu.correlation[-1]):.2f}")
        35.77
        >>> plain = theory.propagate("relu", 50, norm="batch")
        >>> resnet = theory.propagate("relu", 50, norm="batch", skip=1.0)
        >>> f"{plain.gradient[0]:.1e}", f"{resnet.gradient[0]:.1e}"
        ('7.1e+07', '6.3e+01')

    References:
        Hayou, Doucet, Rousseau. On the impact of the activation function on deep neural
        networks training. ICML 2019. https://arxiv.org/abs/1902.06853 (the power law of
        relu: 1 − c ~ 9π² / 2l²)
        Yang, Schoenholz. Mean field residual networks: on the edge of chaos. NeurIPS
        2017. https://arxiv.org/abs/1712.08969
        Yang, Pennington, Rao, Sohl-Dickstein, Schoenholz. A mean field theory of batch
        normalization. ICLR 2019. https://arxiv.org/abs/1902.08129
        De, Smith. Batch normalization biases residual blocks towards the identity
        function in deep networks. NeurIPS 2020. https://arxiv.org/abs/2002.10444
    """
    where = "jinit.theory.propagate"
    check(where, "depth", Count, depth)
    q = float(check(where, "variance", Positive, variance))
    if abs(check(where, "correlation", Finite, correlation)) > 1:
        raise ValueError(
            f"`{where}` needs `correlation` from -1 to 1. Got {correlation}."
        )
    if norm is not None:
        choose(where, "norm", norm, get_args(Norm))
    if norm == "batch" and correlation == 1:
        raise ValueError(
            f"`{where}` needs inputs that differ, for a batch norm to divide by. Got "
            "`correlation` = 1."
        )
    layer = Layer(
        float(check(where, "weight_variance", Positive, weight_variance)),
        check(where, "bias_variance", NonNegative, bias_variance),
        check(where, "skip", Finite, skip),
        check(where, "branch", Finite, branch),
        norm,
    )
    phi, widest = Asked.of(where, activation), 1.0
    if norm is None:
        path = _through(_variances, depth, wide(phi), layer, q)[1:, 0]
        _require_variances(where, path)
        widest = float(np.clip(path.max(), 1, WIDE))
    narrow = rule(phi, widest)
    opposed = correlation < 0
    rows = _through(_travel, depth, narrow, layer, opposed, q, 1 - correlation)
    q, apart, growth = rows.T
    _require_variances(where, q[1:])
    with np.errstate(over="ignore", under="ignore"):  # it may reach infinity, or 0
        above = np.concatenate([np.cumprod(growth[:0:-1])[::-1], [1.0]])
    return Propagation(name_of(activation), q, 1 - apart, above)


@public("jinit.theory", concrete=True)
def batch_norm_gradient_factor(activation: str | Function) -> float:
    """How much a layer with batch norm multiplies the squared size of a gradient.

        χ = E φ′(z)² / Var φ(z),   z ~ N(0, 1)

    in the limit of a large batch, whatever the weights and biases. By Poincaré's
    inequality it is above 1 for all but linear φ: batch norm alone makes gradients
    explode with depth, by π / (π − 1) = 1.467 per layer for relu.

    Args:
        activation: A name, or a JAX function of one number, without jumps.

    Returns:
        χ.

    Example:
        >>> from jinit import theory
        >>> theory.batch_norm_gradient_factor("relu")
        1.466942

    References:
        Yang, Pennington, Rao, Sohl-Dickstein, Schoenholz. A mean field theory of batch
        normalization. ICLR 2019. https://arxiv.org/abs/1902.08129
    """
    return normalized_growth(
        Asked.of("jinit.theory.batch_norm_gradient_factor", activation)
    )


def normalized_growth(phi: Asked) -> float:
    """χ = E φ′(z)² / Var φ(z)."""
    mean, second, slope = phi.moments()
    if second - mean**2 <= _CONSTANT * second:
        raise ValueError(
            f"`{phi.where}` needs an activation that varies. Got {shown(phi.given)}."
        )
    return slope / (second - mean**2)


def _require_variances(where: str, path: np.ndarray) -> None:
    sound = (path > 0) & (path < np.inf)
    if not sound.all():
        layer = int(sound.argmin())
        raise ValueError(
            f"`{where}` needs variances above 0 that stay finite. Got {path[layer]} "
            f"after layer {layer + 1}. Take fewer layers, or other variances."
        )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Layer:
    """x ← skip · x + branch · (W φ(norm(x)) + b)."""

    weights: float
    biases: float
    skip: float
    branch: float
    norm: Norm | None = dataclasses.field(metadata={"static": True})


def _through(run: Callable[..., Any], depth: int, *arguments: Any) -> np.ndarray:
    """The states before and after all layers: the rows that `run` has, and its last."""
    rows, settled = on_host(run, *arguments, depth, 1 << (depth - 1).bit_length())
    return rows[np.minimum(np.arange(depth + 1), settled)]


@functools.partial(jax.jit, static_argnames=("rule", "most"))
def _variances(
    rule: Rule, layer: Layer, q: jax.Array, depth: int, most: int
) -> tuple[jax.Array, jax.Array]:
    """Q before and after every layer: see `_iterated`."""

    def step(state: jax.Array) -> jax.Array:
        added = layer.weights * rule.squares(state[0]).value + layer.biases
        return layer.skip**2 * state + layer.branch**2 * added

    return _iterated(step, [q], depth, most)


@functools.partial(jax.jit, static_argnames=("rule", "opposed", "most"))
def _travel(
    rule: Rule,
    layer: Layer,
    opposed: bool,
    q: jax.Array,
    apart: jax.Array,
    depth: int,
    most: int,
) -> tuple[jax.Array, jax.Array]:
    """Q and 1 − c before and after every layer, and its χ: see `_iterated`."""
    skip, branch = layer.skip**2, layer.branch**2

    def compare(q: jax.Array, c: jax.Array) -> Products:
        if not opposed:  # nor will they ever be
            return rule.products(q, c)
        return jax.lax.cond(
            c < 0, lambda: rule.products(q, -c, -1), lambda: rule.products(q, c)
        )

    def step(state: jax.Array) -> jax.Array:
        q, apart, _ = state
        varies = q * apart if layer.norm == "batch" else q
        width = q if layer.norm is None else jnp.ones_like(q)
        c = jnp.zeros(()) if layer.norm == "batch" else 1 - apart
        squares, products = rule.squares(width), compare(width, c)
        growth = skip + branch * layer.weights * squares.slope * width / varies
        new = skip * q + branch * (layer.weights * squares.value + layer.biases)
        apart = skip * q * apart + branch * layer.weights * products.apart
        return jnp.stack([new, apart / new, growth])

    return _iterated(step, [q, apart, 1.0], depth, most)


def _iterated(
    step: Callable[[jax.Array], jax.Array], start: list[Any], depth: int, most: int
) -> tuple[jax.Array, jax.Array]:
    """The states before and after every layer, and how many layers it took to settle.

    From there on all are as the last: it repeats itself within rounding, or is no
    variance any more.
    """
    first = jnp.array(start, float)
    rows = jnp.zeros((most + 1, first.size)).at[0].set(first)

    def goes_on(carry: tuple[Any, ...]) -> jax.Array:
        layer, state, before, _ = carry
        change = jnp.abs(state - before)[:2]  # χ follows from the other two
        settled = (change <= _SETTLED * jnp.abs(state[:2])).all()
        return (layer < depth) & ~settled & (state[0] > 0) & (state[0] < jnp.inf)

    def advance(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        layer, state, _, rows = carry
        new = step(state)
        rows = jax.lax.dynamic_update_index_in_dim(rows, new, layer + 1, 0)
        return layer + 1, new, state, rows

    carry = jnp.asarray(0), first, jnp.full_like(first, jnp.nan), rows
    layers, _, _, rows = jax.lax.while_loop(goes_on, advance, carry)
    return rows, layers
