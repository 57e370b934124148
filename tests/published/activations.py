"""Gaussian moments of activations, and the gains that answer them."""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

import jinit
from jinit import recipes, theory
from jinit.compat.torch import calculate_gain

from .row import Row, sample, Sampled


REFERENCE = "reference §2"
KLAMBAUER = "Klambauer, Unterthiner, Mayr, Hochreiter 2017, 1706.02515"
LECUN = "LeCun, Bottou, Orr, Müller 1998, Efficient BackProp"

# φ: E φ, E φ², Var φ, forward gain, 1/√Var φ, E φ′², backward gain.
MOMENTS = {
    "relu": "0.398942 0.500000 0.340845 1.414214 1.712859 0.500000 1.414214",
    "leaky_relu": "0.394953 0.500050 0.344062 1.414143 1.704832 0.500050 1.414143",
    "elu": "0.160521 0.644945 0.619179 1.245198 1.270843 0.668102 1.223429",
    "selu": "0.000000 1.000000 1.000000 1.000000 1.000000 1.071575 0.966026",
    "celu(0.5)": "0.232993 0.564552 0.510266 1.330908 1.399915 0.594411 1.297050",
    "celu(2.0)": "0.098180 0.749362 0.739723 1.155192 1.162694 0.761578 1.145889",
    "gelu_exact": "0.282095 0.425221 0.345644 1.533530 1.700926 0.455851 1.481114",
    "gelu_tanh": "0.282039 0.425194 0.345648 1.533581 1.700917 0.455818 1.481168",
    "silu": "0.206621 0.355776 0.313083 1.676532 1.787187 0.379482 1.623320",
    "mish": "0.240404 0.452342 0.394548 1.486848 1.592025 0.479084 1.444755",
    "softplus": "0.806059 0.921246 0.271515 1.041867 1.919126 0.293379 1.846229",
    "tanh": "0.000000 0.394294 0.394294 1.592537 1.592537 0.464403 1.467414",
    "sigmoid": "0.500000 0.293379 0.043379 1.846229 4.801313 0.044836 4.722646",
    "softsign": "-0.000000 0.183014 0.183014 2.337533 2.337533 0.227671 2.095781",
    "hard_tanh": "-0.000000 0.516059 0.516059 1.392036 1.392036 0.682689 1.210287",
    "hard_swish": "0.166217 0.331567 0.303939 1.736657 1.813871 0.358532 1.670076",
    "hard_sigmoid": "0.500000 0.277639 0.027639 1.897840 6.015034 0.027703 6.008116",
    "erf": "0.000000 0.464559 0.464559 1.467167 1.467167 0.569410 1.325218",
    "sin": "-0.000000 0.432332 0.432332 1.520867 1.520867 0.567668 1.327251",
    "cos": "0.606531 0.567668 0.199788 1.327251 2.237253 0.432332 1.520867",
    "relu6": "0.398942 0.500000 0.340845 1.414214 1.712859 0.500000 1.414214",
    "squared_relu": "0.500000 1.500000 1.250000 0.816497 0.894427 2.000000 0.707107",
    "log_sigmoid": "-0.806059 0.921246 0.271515 1.041867 1.919126 0.293379 1.846229",
    "tanhshrink": "-0.000000 0.182883 0.182883 2.338368 2.338368 0.252992 1.988139",
    "arctan": "0.000000 0.449701 0.449701 1.491208 1.491208 0.500000 1.414214",
    "abs": "0.797885 1.000000 0.363380 1.000000 1.658897 1.000000 1.000000",
    "gaussian": "0.707107 0.577350 0.077350 1.316074 3.595581 0.192450 2.279507",
}


def moments(name: str) -> tuple[float, ...]:
    mean, second, slope = jinit.gaussian_moments(name)
    variance = second - mean**2
    forward, backward = jinit.gain(name), jinit.gain(name, "backward")
    return mean, second, variance, forward, variance**-0.5, slope, backward


# Gate: E h², gain, gain that both projections share.
GATES = {
    "glu": "0.293379 1.846229 1.726736",
    "reglu": "0.500000 1.414214 1.189207",
    "geglu": "0.425194 1.533581 1.222489",
    "swiglu": "0.355776 1.676532 1.268816",
}


def gate(name: str) -> tuple[float, ...]:
    second = jinit.gaussian_moments(name).second
    return second, jinit.gain(name), jinit.gain(name, "shared")


def geglu_exact() -> float:
    """s with s² E φ(s a)² = 1 for the GELU with erf."""
    exact = lambda x: jax.nn.gelu(x, approximate=False)
    off = lambda s: s * s * jinit.gaussian_moments(exact, s * s).second - 1
    low, high = 1.0, 1.5
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if off(middle) > 0 else (middle, high)
    return low


def by_hermite(name: str, nodes: int, which: int) -> float:
    """By how much a Gauss-Hermite rule misses E φ² (0) or E φ′² (1)."""
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    phi = getattr(jax.nn, {"gelu": "gelu", "softsign": "soft_sign"}.get(name, name))
    with jax.enable_x64(True):
        f = phi if which == 0 else jax.vmap(jax.grad(phi))
        second = np.sum(w * np.asarray(f(jnp.asarray(x))) ** 2) / math.sqrt(2 * math.pi)
    exact = jinit.gaussian_moments(name)
    return abs(second - (exact.second, exact.slope)[which])


def selu_constants() -> tuple[float, float]:
    """α and λ, eq. 14: the solution of E φ = 0 and E φ² = 1."""
    c, d = math.erfc(1 / math.sqrt(2)), math.erfc(math.sqrt(2))
    alpha = -math.sqrt(2 / math.pi) / (c * math.exp(0.5) - 1)
    squared = (
        2 * d * math.exp(2)
        + math.pi * c**2 * math.e
        - 2 * (2 + math.pi) * c * math.exp(0.5)
        + math.pi
        + 2
    )
    scale = (1 - c * math.exp(0.5)) * math.sqrt(2 * math.pi / squared)
    return alpha, scale


def selu_jacobian() -> tuple[float, float, float]:
    """∂μ̃/∂ν and ∂ν̃/∂ν at (0, 1), and the norm of the Jacobian, whose rest is 0."""
    mean = lambda v: jinit.gaussian_moments("selu", v).mean
    first = (mean(1 + 1e-4) - mean(1 - 1e-4)) / 2e-4
    second = theory.variance_slope("selu", 1.0)
    return first, second, math.hypot(first, second)


def largest_slope_of_gelu() -> float:
    """Φ(x) + x N(x) is greatest at √2."""
    x = math.sqrt(2)
    return special.ndtr(x) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


# Of k linear pieces: E max², gain, E max.
MAXOUT = {
    2: "1 1 .564190",
    3: "1.275664 .885384 .846284",
    4: "1.551329 .802875 1.029375",
    5: "1.800020 .745352 1.162964",
}


def maxout(pieces: int) -> tuple[float, ...]:
    mean, second, _ = jinit.gaussian_moments("maxout", param=pieces)
    return second, jinit.gain(f"maxout({pieces})"), mean


# timm draws once and divides; these are 1/√Var of that draw.
NFNETS = {
    "relu": ("1.7139588594436646", "1.712859"),
    "gelu": ("1.7015043497085571", "1.700917"),
    "silu": ("1.7881293296813965", "1.787187"),
    "sigmoid": ("4.803835391998291", "4.801313"),
    "tanh": ("1.5939117670059204", "1.592537"),
}


@functools.cache
def relu_factors() -> np.ndarray:
    """(2/n) Σ relu(g)² of one layer of n units, 20,000 times for each of 10 layers."""
    g = np.random.default_rng(0).standard_normal((20_000, 10, 50), np.float32)
    return (2 / 50 * np.square(np.maximum(g, 0)).sum(-1)).astype(float)


def fourth_moments() -> list[Any]:
    """E of the squared factor, of one layer; and of ten, beside its exact value."""
    squares = relu_factors() ** 2
    return [sample(squares.ravel()), sample(squares.prod(1)), (1 + 5 / 50) ** 10]


def torch_gain(name: str) -> float:
    return calculate_gain(name)


ROWS = [
    *(
        Row(
            REFERENCE,
            f"{name}: E φ, E φ², Var φ, gain, centered gain, E φ′², backward gain",
            printed,
            functools.partial(moments, name),
        )
        for name, printed in MOMENTS.items()
    ),
    Row(REFERENCE, "E gelu², by its closed form", "0.4252214826",
        lambda: jinit.gaussian_moments("gelu_exact").second),
    Row("Sitzmann et al. 2020, 2006.09661, init_weights_elu of the code",
        "1 / E elu²", "1.5505188080679277", lambda: jinit.gain("elu") ** 2),
    *(
        Row(REFERENCE, f"{name}: the error of E φ² with 64 Gauss-Hermite nodes",
            printed, functools.partial(by_hermite, name, 64, 0))
        for name, printed in {"softsign": "2.5e-4", "tanh": "2.7e-9",
                              "hard_tanh": "8.9e-3"}.items()
    ),
    Row(REFERENCE, "selu: the error of E φ² with 64 Gauss-Hermite nodes", "2.2e-4",
        functools.partial(by_hermite, "selu", 64, 0),
        right="2.1e-4", reason="2.148e-4, rounded up."),
    Row(REFERENCE, "gelu: the error of E φ² with 64 Gauss-Hermite nodes", "1e-16",
        lambda: Sampled(by_hermite("gelu", 64, 0), 5e-16)),  # rounding of 64 sums
    *(
        Row(REFERENCE, f"{name}: the error of E φ′² with {nodes} nodes", printed,
            functools.partial(by_hermite, name, nodes, 1))
        for name, nodes, printed in [("hard_tanh", 64, "8.0e-2"),
                                     ("selu", 64, "1.6e-2"), ("selu", 256, "4e-3")]
    ),
    *(
        Row("Shazeer 2020, 2002.05202, with gains of reference §2",
            f"{name}: E h², gain, shared gain", printed, functools.partial(gate, name))
        for name, printed in GATES.items()
    ),
    Row("Shazeer 2020, 2002.05202, with gains of reference §2",
        "GEGLU with erf: shared gain", "1.222495", geglu_exact),
    *(
        Row("torch.nn.init.calculate_gain", f"{name}: gain", printed,
            functools.partial(torch_gain, name))
        for name, printed in {"tanh": "5/3", "selu": "3/4", "sigmoid": "1"}.items()
    ),
    Row(REFERENCE, "by how much quadrature misses the closed forms", "4.4e-16",
        reason="Rounding.", test="activations/test_quadrature.py::test_closed_forms"),
    Row(KLAMBAUER + ", by reference §1.3", "χ₁ of SELU", "1.0716",
        lambda: theory.gradient_factor("selu", 1.0)),
    Row(KLAMBAUER + ", eq. 14", "α and λ",
        "1.6732632423543772 1.0507009873554805", selu_constants),
    Row(KLAMBAUER + ", theorem 1",
        "the Jacobian at (0, 1): ∂μ̃/∂ν, ∂ν̃/∂ν, and its norm",
        "0.088835 0.782648 0.7877", selu_jacobian),
    Row(KLAMBAUER, "what α-dropout sets units to, −λα", "-1.758099",
        lambda: -math.prod(selu_constants())),
    Row(LECUN, "f(1) and f′(0) of 1.7159 tanh(2x/3)", "0.999997 1.143933",
        lambda: [1.7159 * math.tanh(2 / 3), 1.7159 * 2 / 3]),
    Row("Large et al. 2024, 2405.14813, GELU of Modula",
        "the largest slope of GELU", "1.128904", largest_slope_of_gelu),
    Row("Karras et al. 2023, 2312.02696, the code", "√E silu²", "0.596 .596469",
        lambda: [1 / jinit.gain("silu")] * 2),
    Row("Brock, De, Smith, Simonyan 2021, 2102.06171", "the greatest error of timm's "
        "gains below, in percent", ".07",
        lambda: 100 * max(float(printed) / recipes.nfnet_gain(name) - 1
                          for name, (printed, _) in NFNETS.items()),
        right=".09", reason="It is that of tanh, which was not looked at."),
    *(
        Row("Brock, De, Smith, Simonyan 2021, 2102.06171, as in timm",
            f"{name}: 1/√Var φ", printed, functools.partial(recipes.nfnet_gain, name),
            right=right, reason="Published from one draw; exact here.")
        for name, (printed, right) in NFNETS.items()
    ),
    *(
        Row("catalogue §A12 (Goodfellow et al. 2013, 1302.4389)",
            f"maxout of {pieces}: E max², gain, E max", printed,
            functools.partial(maxout, pieces))
        for pieces, printed in MAXOUT.items()
    ),
    Row("He et al. 2015, 1502.01852, PReLU at .25", "gain", "1.371989",
        lambda: jinit.gain("leaky_relu(0.25)")),
    Row("Xu et al. 2015, 1505.00853, RReLU from 1/8 to 1/3", "E a² and gain",
        ".0561343 1.376117",
        lambda: [2 * jinit.gaussian_moments("rrelu").second - 1, jinit.gain("rrelu")]),
    Row("catalogue §A12 (Shang et al. 2016, 1603.05201)", "CReLU: E φ² and gain",
        "1/2 1.414214",
        lambda: [jinit.gaussian_moments("crelu").second, jinit.gain("crelu")]),
    Row("catalogue §A12 (Anil et al. 2019, 1811.05381)", "GroupSort: gain", "1",
        lambda: jinit.gain("group_sort")),
    Row("Hanin, Rolnick 2018, 1803.01719, theorem 2",
        "E ‖x‖⁴ / (E ‖x‖²)² of one ReLU layer of 50, of ten, and exactly of ten",
        "1.1 2.596 2.594", fourth_moments),
    Row("Hanin, Rolnick 2018, 1803.01719, theorem 2",
        "the same of 20 layers, exactly", "6.73", lambda: (1 + 5 / 50) ** 20),
    Row("Hanin, Rolnick 2018, 1803.01719, theorem 2",
        "the same of 3,000 whole networks", "11.3",
        reason="Heavy tails: the mean of 3,000 tells nothing. The exact value and the "
        "simulated factors are above."),
    Row("catalogue §A12, variational layers, ρ of −3 and −5",
        "the deviations softplus(ρ)", ".0486 .0067",
        lambda: np.logaddexp(0, [-3.0, -5.0])),
]  # fmt: skip
