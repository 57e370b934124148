"""Signals, gradients and correlations of wide random networks."""

import functools
import math
from typing import Any

import numpy as np
from scipy.sparse.linalg import svds

import jinit
from jinit import theory
from jinit.compat.torch import calculate_gain

from .row import one_draw, Row, Sampled


REFERENCE = "reference §3"
POOLE = "Poole et al. 2016, 1606.05340, fig. 1, by reference §3"
SCHOENHOLZ = "Schoenholz, Gilmer, Ganguli, Sohl-Dickstein 2017, 1611.01232"
XIAO = "Xiao et al. 2018, 1806.05393"
HAYOU = "Hayou, Doucet, Rousseau 2019, 1902.06853, by reference §3"
PENNINGTON = "Pennington, Schoenholz, Ganguli 2017, 1711.04735, by reference §3"

# Where signals are critical. φ, q*: σw², σw, σb², σb.
CRITICAL = {
    ("tanh", 0.01): "1.019711 1.009807 1.26e-6 0.001122",
    ("tanh", 1 / 64): "1.030558 1.015164 4.6513e-6 0.002157",
    ("tanh", 0.1): "1.177569 1.085159 0.000832 0.028849",
    ("tanh", 0.5): "1.687975 1.299221 0.038041 0.195042",
    ("tanh", 1.0): "2.153303 1.467414 0.150965 0.388542",
    ("erf", 1.0): "1.756204 1.325218 0.184140 0.429115",
    ("softsign", 1.0): "4.392296 2.095781 0.196148 0.442886",
    ("hard_tanh", 1.0): "1.464795 1.210287 0.244080 0.494045",
    ("sin", 1.0): "1.761594 1.327251 0.238406 0.488268",
    ("arctan", 1.0): "2.000000 1.414214 0.100598 0.317172",
    ("relu", 0.3): "2 1.414214 0 0",
    ("relu", 5.0): "2 1.414214 0 0",
    ("leaky_relu", 1.0): "20000/10001 1.414143 0 0",
    ("identity", 7.0): "1 1 0 0",
}

# φ, σb²: q*, σw², and V′(q*) where it was published.
EDGES = {
    ("tanh", 1e-4): ".045709 1.086026",
    ("tanh", 0.01): ".273301 1.424205",
    ("tanh", 0.05): ".570048 1.760955",
    ("tanh", 0.09): ".763475 1.947655",
    ("tanh", 0.1): ".805799 1.986073",
    ("tanh", 0.3): "1.461169 2.505127",
    ("tanh", 1.0): "3.036396 3.443211",
    ("gelu_exact", 0.01): ".18348 2.982799 1.098",
    ("gelu_exact", 0.05): ".72204 2.302520 1.085",
    ("gelu_exact", 0.1): "1.63243 2.076676 1.037",
    ("silu", 0.01): ".25971 3.312588 1.072",
    ("silu", 0.05): ".82658 2.728612 1.100",
    ("silu", 0.1): "1.55191 2.439555 1.091",
    ("elu", 0.01): ".43783 1.383325 .871",
    ("elu", 0.05): "1.30091 1.533718 .860",
    ("elu", 0.1): "2.21278 1.606744 .864",
    ("mish", 0.01): ".26316 2.374604 1.036",
    ("mish", 0.05): ".90540 2.104798 1.019",
    ("mish", 0.1): "1.77159 2.006855 .998",
    ("selu", 0.01): ".30894 .760233 .787",
    ("selu", 0.05): ".82730 .901766 .737",
    ("selu", 0.1): "1.31350 .980327 .723",
}

# φ, q*: V′(q*). They all attract.
SLOPES = {
    ("tanh", 1.0): ".391",
    ("erf", 1.0): ".333",
    ("softsign", 1.0): ".383",
    ("hard_tanh", 1.0): ".291",
    ("sin", 1.0): ".238",
    ("arctan", 1.0): ".504",
    ("tanh", 0.1): ".843",
    ("tanh", 0.01): ".981",
}

# φ: q*, χ at q*, and q after one step from 1, with PyTorch's gain.
TORCH = {
    "tanh": "1.178480 1.209831 1.095262",
    "selu": "0.023034 1.003670 0.562500",
    "sigmoid": "0.264687 0.055721 0.293379",
    "relu": "1 1 1",
}

# σw: q*, χ, c*, ξ_q, ξ_c of tanh with σb = .3.
DEPTHS = {
    1.3: ".60705 .93981 1 1.338 16.11",
    2.5: "4.07912 1.58522 .12210 .688 5.108",
    4.0: "12.60415 2.36726 .029696 .490 3.63935",
}
RIGHT = {2.5: "4.07912 1.58522 .12210 .688 5.109"}


def critical(name: str, q: float) -> tuple[float, ...]:
    weights, biases, *_ = theory.edge_of_chaos(name, q)
    return weights, weights**0.5, biases, max(biases, 0) ** 0.5


def edge(name: str, biases: float, numbers: int) -> list[float]:
    point = theory.edge_at(name, bias_variance=biases)
    return [point.variance, point.weight_variance, point.slope][:numbers]


def with_torchs_gain(name: str) -> tuple[float, ...]:
    square = calculate_gain(name) ** 2
    q = theory.fixed_point(name, square).variance
    chi = theory.gradient_factor(name, q, square)
    return q, chi, theory.variance_map(name, 1.0, square)


def depths(weights: float) -> tuple[float, ...]:
    found = theory.depth_scales("tanh", weights**2, 0.09)
    return (found.variance, found.gradient_factor, found.correlation,
            found.variance_depth, found.correlation_depth)  # fmt: skip


def bias_that_softplus_asks_for() -> float:
    """The greatest σb² = q − E φ² / E φ′² on 60 points from .001 to 80."""
    asked = []
    for q in np.geomspace(1e-3, 80, 60):
        _, second, slope = jinit.gaussian_moments("softplus", float(q))
        asked.append(q - second / slope)
    return max(asked)


def power_law(depth: int) -> float:
    """l² (1 − c) from c = 0; beyond 1,000 layers by the closed form of the map, which
    `theory/test_correlation.py` holds jinit's to."""
    told = min(depth, 1000)
    c = theory.propagate("relu", told, weight_variance=2.0).correlation[-1]
    for _ in range(told, depth):
        c = (c * math.asin(c) + math.sqrt(1 - c * c)) / math.pi + c / 2
    return depth**2 * (1 - c)


def spectrum(name: str, depth: int, weights: Any) -> theory.JacobianSpectrum:
    return theory.jacobian_spectrum(name, depth, weights=weights)


@functools.cache
def jacobians(name: str, weights: str) -> dict[int, tuple[Sampled, Sampled]]:
    """By depth, Var J Jᵀ and the largest singular value of a draw of width 600.

    The width with relu was not published: it is 200 here.
    """
    n, rng = 200 if name == "relu" else 600, np.random.default_rng(0)
    depths = [2, 5] if name == "relu" else [1, 2, 5, 10]
    seen = {depth: ([], []) for depth in depths}
    for _ in range(5):
        J = np.eye(n, dtype=np.float32)
        for depth in range(1, max(seen) + 1):
            W = rng.standard_normal((n, n), np.float32) / math.sqrt(n)
            J = (W if weights == "gaussian" else np.linalg.qr(W)[0]) @ J
            if name == "relu":
                J *= math.sqrt(2) * (rng.random((n, 1)) < 0.5)
            if depth in seen:
                first, second = (np.square(A).sum() / n for A in (J, J.T @ J))
                seen[depth][0].append(second / first**2 - 1)
                start = np.ones(n, np.float32)
                edge = svds(J, 1, v0=start, return_singular_vectors=False)
                seen[depth][1].append(edge[0])
    return {depth: (one_draw(v), one_draw(s)) for depth, (v, s) in seen.items()}


# Depth of a linear Gaussian network: variance of J Jᵀ; largest singular value as
# measured, and in theory.
LINEAR = {1: "1.000 1.982 2", 2: "2.007 2.590 2.598", 5: "5.14 3.903 3.864",
          10: "9.80 5.111 5.341"}  # fmt: skip


def linear(depth: int) -> list[Any]:
    found = spectrum("identity", depth, "gaussian")
    return [*jacobians("identity", "gaussian")[depth], round(found.largest, 7)]


ROWS = [
    *(
        Row(REFERENCE, f"{name}, q* = {q:.4g}: σw², σw, σb², σb", printed,
            functools.partial(critical, name, q))
        for (name, q), printed in CRITICAL.items()
    ),
    *(
        Row(REFERENCE, f"{name}, σb² = {b:g}: q*, σw²" + ", V′" * (name != "tanh"),
            printed, functools.partial(edge, name, b, len(printed.split())))
        for (name, b), printed in EDGES.items()
    ),
    Row(REFERENCE, "tanh, σb² = .09: σw", "1.395584",
        lambda: edge("tanh", 0.09, 2)[1] ** 0.5),
    *(
        Row(REFERENCE, f"{name}, q* = {q:.4g}: V′", printed,
            lambda name=name, q=q: theory.edge_of_chaos(name, q).slope)
        for (name, q), printed in SLOPES.items()
    ),
    Row(REFERENCE, "softplus: the greatest σb² that its edge asks for", "-1.92",
        bias_that_softplus_asks_for),
    Row(SCHOENHOLZ + ", fig. 5", "tanh, σb² = .05: critical σw²", "1.76",
        lambda: edge("tanh", 0.05, 2)[1]),
    Row(XIAO + ", §4", "tanh, σw² = 1.05: critical σb²", "2.01e-5",
        lambda: theory.edge_at("tanh", weight_variance=1.05).bias_variance),
    Row(REFERENCE, "the same; q*; σw; σb", "2.0105e-5 0.025921 1.024695 0.0044839",
        lambda: [(point := theory.edge_at("tanh", weight_variance=1.05)).bias_variance,
                 point.variance, 1.05**0.5, point.bias_variance**0.5]),
    Row("in circulation, of no paper that is known here",
        "σw and σb of that point", "1.0247 0.00448",
        lambda: [1.05**0.5,
                 theory.edge_at("tanh", weight_variance=1.05).bias_variance**0.5]),
    *(
        Row(POOLE, f"tanh, σb = .3, σw = {w:g}: q*, χ₁, c*, ξ_q, ξ_c", printed,
            functools.partial(depths, w), right=RIGHT.get(w, ""),
            reason="ξ_c is 5.10892, cut off." if w in RIGHT else "")
        for w, printed in DEPTHS.items()
    ),
    *(
        Row(HAYOU, f"relu: l² (1 − c) at l = {depth}", printed,
            functools.partial(power_law, depth))
        for depth, printed in {100: "35.77", 1000: "43.13", 10_000: "44.25"}.items()
    ),
    Row(HAYOU, "relu: l² (1 − c) in the limit, 9π²/2", "44.413",
        lambda: 9 * math.pi**2 / 2),
    *(
        Row("torch.nn.init.calculate_gain, by reference §2",
            f"{name}: q*, χ at q*, q after one step", printed,
            functools.partial(with_torchs_gain, name))
        for name, printed in TORCH.items()
    ),
    *(
        Row(PENNINGTON, f"linear Gaussian network of {depth}: Var J Jᵀ, s_max, and in "
            "theory", printed, functools.partial(linear, depth))
        for depth, printed in LINEAR.items()
    ),
    *(
        Row(PENNINGTON, f"linear Gaussian network of {depth}: Var J Jᵀ in theory",
            f"{depth}", lambda depth=depth:
                spectrum("identity", depth, "gaussian").variance)
        for depth in LINEAR
    ),
    *(
        Row(PENNINGTON, f"relu, {weights}, {depth} layers: Var J Jᵀ, and in theory",
            printed, lambda depth=depth, weights=weights: [
                jacobians("relu", weights)[depth][0],
                spectrum("relu", depth, weights).variance])
        for depth, weights, printed in [
            (2, "orthogonal", "1.976 2"), (5, "orthogonal", "4.891 5"),
            (2, "gaussian", "4.06 4"), (5, "gaussian", "9.90 10")]
    ),
]  # fmt: skip
