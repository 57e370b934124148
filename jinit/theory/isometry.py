"""The singular values of a whole network's Jacobian: dynamical isometry or not.

The Jacobian of L layers is J = ∏ Dₗ Wₗ, where Dₗ has the φ′ of every unit on its
diagonal. In the limit of width its factors are free, so the S-transforms of JJᵀ are
products: with M(w) = E φ′² / (w − φ′²), the moment generating function of D²,

    λ(w) = (1 + M)/M · (σw² w M)ᴸ             Gaussian weights
    λ(w) = (1 + M)/M · (σw² w M / (1 + M))ᴸ   orthogonal weights

and M is the moment generating function of JJᵀ at λ(w). One number w tells all: the
least λ to the right of all φ′² is the edge of the spectrum, and where λ(w) is real for
no real w there is a density, −Im (1 + M)/λ / π.
"""

import dataclasses
import math
from typing import Any, get_args, Literal

import jax.numpy as jnp
import numpy as np

from .._activations import Asked, Function
from .._core import check, choose, Count, drawn, on_host, Positive, public
from .depth import name_of
from .maps import growth
from .pairs import rule


Weights = Literal["orthogonal", "gaussian"]

_APPROACH = np.geomspace(1e6, 1e-9, 240)  # to the real line, in units of the edge
_SHARES = np.geomspace(1e-6, 1e6, 4001)  # of the largest φ′², beyond it


@dataclasses.dataclass(frozen=True, eq=False)
class JacobianSpectrum:
    """The squared singular values of a wide network's Jacobian, JJᵀ's eigenvalues.

    Attributes:
        activation: φ, by name where it has one.
        weights: "orthogonal" or "gaussian".
        depth: L.
        weight_variance: σw².
        mean: Of the squared singular values: χᴸ.
        variance: Of the squared singular values: 0 for dynamical isometry.
        largest: The largest singular value.
    """

    activation: str
    weights: Weights
    depth: int
    weight_variance: float
    mean: float
    variance: float
    largest: float
    _slopes: tuple[np.ndarray, np.ndarray] = dataclasses.field(repr=False)

    def density(self, s: Any) -> np.ndarray:
        """The density of singular values at `s`, an array of numbers above 0.

        What has no density is not in it: units that are off make singular values of
        exactly 0, and an exact isometry is a point mass.
        """
        s = np.asarray(s, float)
        scale = self.largest**2
        values, masses = self._slopes
        moment = values @ masses
        # Far from the real line λ(w) is a multiple of w; follow its inverse from there.
        w = (s**2 + 1j * _APPROACH[0] * scale) * (moment / self.mean)
        for y in _APPROACH:
            target = np.log(s**2 + 1j * y * scale)
            for _ in range(3):
                value, slope, _ = _log_eigenvalue(w, self)
                w = w - (value - target) / slope
        M = _log_eigenvalue(w, self)[2]
        return np.maximum(-2 * s * ((1 + M) / s**2).imag / math.pi, 0.0)

    def plot(self, path: str | None = None) -> Any:
        """Draws the density of the singular values.

        Args:
            path: Where to save the figure, if anywhere.

        Returns:
            The matplotlib figure.
        """

        def panel(axes: Any) -> None:
            s = np.linspace(0.01, 1.05, 300) * self.largest
            p = self.density(s)
            axes.fill_between(s, p, alpha=0.3)
            axes.plot(s, p)
            title = f"{self.activation}, {self.depth} layers, {self.weights}"
            axes.set(title=title, xlabel="singular value", ylabel="density")
            axes.set_ylim(bottom=0)
            axes.spines[["top", "right"]].set_visible(False)

        return drawn([panel], path)


@public("jinit.theory", concrete=True)
def jacobian_spectrum(
    activation: str | Function,
    depth: int,
    q: float = 1.0,
    *,
    weights: Weights = "orthogonal",
    weight_variance: float | None = None,
) -> JacobianSpectrum:
    """The singular values of the Jacobian of a wide random network.

        mean = χᴸ,   variance = χ²ᴸ · L (μ₂/μ₁² − 1 − s₁),   μₖ = E φ′²ᵏ
        s₁ = 0 for orthogonal weights, −1 for Gaussian ones

    of the squared singular values, where all layers see pre-activations of variance q.
    A network learns fast when all are near 1: dynamical isometry. Gaussian weights can
    not have it, nor relu; orthogonal ones with tanh do, if q shrinks like 1 / L.

    Args:
        activation: A name, or a JAX function of one number, without jumps.
        depth: L, how many layers.
        q: The variance of the pre-activations.
        weights: "orthogonal" or "gaussian".
        weight_variance: σw²; by default 1 / E φ′², the one of the edge of chaos, where
            the mean is 1.

    Returns:
        A `JacobianSpectrum`: mean, variance, the largest singular value, the density.

    Example:
        >>> from jinit import theory
        >>> linear = theory.jacobian_spectrum("identity", 10, weights="gaussian")
        >>> linear.variance, linear.largest  # L, √((L + 1)ᴸ⁺¹ / Lᴸ)
        (10.0, 5.341457)
        >>> theory.jacobian_spectrum("tanh", 50, q=0.01).variance
        0.036366

    References:
        Pennington, Schoenholz, Ganguli. Resurrecting the sigmoid in deep learning
        through dynamical isometry: theory and practice. NeurIPS 2017.
        https://arxiv.org/abs/1711.04735
        Pennington, Schoenholz, Ganguli. The emergence of spectral universality in deep
        networks. AISTATS 2018. https://arxiv.org/abs/1802.09979
    """
    where = "jinit.theory.jacobian_spectrum"
    check(where, "depth", Count, depth)
    choose(where, "weights", weights, get_args(Weights))
    check(where, "q", Positive, q)
    phi = Asked.of(where, activation)
    slope = growth(phi, q)
    if not 0 < slope < math.inf:
        raise ValueError(
            f"`{where}` needs 0 < E φ′² < ∞. Got {slope} for {activation!r}."
        )
    if weight_variance is None:
        weight_variance = 1 / slope
    check(where, "weight_variance", Positive, weight_variance)
    values, masses = on_host(_squared_slopes, phi, float(q))
    spread = float(values**2 @ masses / (values @ masses) ** 2 - 1)
    chi = weight_variance * slope
    spectrum = JacobianSpectrum(
        name_of(activation),
        weights,
        depth,
        float(weight_variance),
        mean=chi**depth,
        variance=chi ** (2 * depth) * depth * (spread + (weights == "gaussian")),
        largest=math.nan,
        _slopes=(values, masses),
    )
    return dataclasses.replace(spectrum, largest=_largest(spectrum))


def _squared_slopes(phi: Asked, q: float) -> tuple[Any, Any]:
    """φ′(u)² at the nodes of a rule for u ~ N(0, q), and their weights."""
    made = rule(phi, q)
    t, weights = made.nodes(jnp.asarray(q))
    return made.pair(q**0.5 * t)[1] ** 2, weights / weights.sum()


def _largest(spectrum: JacobianSpectrum) -> float:
    """The edge of the spectrum: the least λ(w) to the right of all φ′²."""
    top = spectrum._slopes[0].max()
    around = top * (1 + _SHARES)
    values = _log_eigenvalue(around, spectrum)[0]
    least = int(np.clip(values.argmin(), 1, len(around) - 2))
    fine = np.linspace(around[least - 1], around[least + 1], 4001)
    return math.exp(_log_eigenvalue(fine, spectrum)[0].min() / 2)


def _log_eigenvalue(
    w: np.ndarray, spectrum: JacobianSpectrum
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The log of λ(w), its derivative, and M(w)."""
    values, masses = spectrum._slopes
    gap = w[..., None] - values
    M, dM = (values / gap) @ masses, -(values / gap**2) @ masses
    factor = np.log(spectrum.weight_variance * w * M)
    rise = 1 / w + dM / M
    if spectrum.weights == "orthogonal":
        factor, rise = factor - np.log1p(M), rise - dM / (1 + M)
    value = np.log1p(M) - np.log(M) + spectrum.depth * factor
    return value, dM / (1 + M) - dM / M + spectrum.depth * rise, M
