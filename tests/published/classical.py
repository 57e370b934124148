"""The classical laws, Haar's measure, and what samples it."""

import functools
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import linalg, stats

import jinit
from jinit import theory
from tests.helpers import key

from .row import one_draw, Row, sample, Sampled


HE = "He, Zhang, Ren, Sun 2015, 1502.01852, §2.2"
GLOROT = "Glorot, Bengio 2010"
REFERENCE = "reference §1"
HAAR = "Mezzadri 2006, math-ph/0609050, by reference §1.4"
STRUCTURED = "reference §13"
SHAPE = (3, 3, 64, 128)
WIDTHS = (64, 128, 256, 512)  # of the VGG-like model of He et al.


def he_factor(width: int) -> float:
    """By what a layer of 3 × 3 filters divides gradients if σ = .01."""
    he = jinit.he_normal(mode="fan_out").std((3, 3, width, width))
    return he / jinit.normal.std((1,))


def all_he_factors() -> float:
    """Of conv2 to conv10: one layer less than there are in each block."""
    counts = {64: 1, 128: 2, 256: 2, 512: 4}
    return math.prod(he_factor(width) ** count for width, count in counts.items())


def complex_cut() -> list[float]:
    """Variance and deviation of a complex normal with E|z|² = 1 cut at modulus 2; the
    deviation of JAX, which does not divide by what is left; E|w|² that it leads to."""
    left = 1 - math.exp(-4)
    variance = (1 - 5 * math.exp(-4)) / left
    return [variance, variance**0.5, (left * variance) ** 0.5, 1 / left]


@functools.cache
def complex_truncated() -> Sampled:
    """E|w|² of JAX's complex truncated normal, of variance 1."""
    init = jax.nn.initializers.variance_scaling(
        1.0, "fan_in", "truncated_normal", dtype=jnp.complex64
    )
    w = np.abs(np.asarray(init(key(1), (400, 500)))) ** 2 * 400
    return sample(w.ravel())


def of_martens() -> list[Any]:
    """Nonzero weights of a unit; Var x W for unit x, of the law and measured."""
    law, shape = jinit.sparse(connections=15), (100, 4000)
    w = np.asarray(law(key(2), shape), float)
    (count,) = np.unique((w != 0).sum(0))
    return [count, law.std(shape) ** 2 * 100, sample((w**2).sum(0))]


N = 20_000


@functools.cache
def frames(name: str) -> np.ndarray:
    if name in ("qr", "polar", "householder"):
        law = jinit.orthogonal(method=name, batch_axis=0)
        return np.asarray(law(key(3), (N, 4, 4)), float)
    G = np.random.default_rng(1).standard_normal((N, 4, 4))
    if name == "raw":
        return np.linalg.qr(G)[0]
    if name == "right":
        return np.linalg.svd(G)[2]
    Q = np.broadcast_to(np.eye(4), (N, 4, 4))  # a product of four full reflections
    for v in np.moveaxis(np.random.default_rng(2).standard_normal((N, 4, 4)), 1, 0):
        u = v / np.linalg.norm(v, axis=1, keepdims=True)
        Q = Q - 2 * (Q @ u[..., None]) * u[:, None]
    return Q


def haar(name: str) -> list[Sampled]:
    """E tr Q, E (tr Q)², E Q₁₁⁴, E det Q, and how far the law of Q₁₁ is from Haar's."""
    Q = frames(name)
    trace, entry = np.trace(Q, axis1=1, axis2=2), Q[:, 0, 0]
    found = stats.kstest((entry + 1) / 2, stats.beta(1.5, 1.5).cdf).statistic
    means = [trace, trace**2, entry**4, np.linalg.det(Q)]
    return [*map(sample, means), Sampled(found, 0.5 * math.sqrt(2 / N))]


def haar_theory(size: int) -> list[float]:
    law = jinit.orthogonal.marginal((size, size))
    return [law.std**2, law.kurtosis * law.std**4]


def errors_of_20000() -> list[float]:
    """Of E tr and E det, of E Q₁₁⁴, and the critical distance at 5 percent."""
    _, fourth = haar_theory(4)
    eighth = stats.beta(1.5, 1.5, -1, 2).expect(lambda x: x**8)
    spread = math.sqrt((eighth - fourth**2) / N)
    return [N**-0.5, spread, float(stats.kstwo.ppf(0.95, N))]


@functools.cache
def deep_linear() -> list[Sampled]:
    """s_max, median and s_min of 50 Gaussian layers of width 200.

    The least is beyond what a float of 64 bits tells beside the largest: here the
    product is orthogonalized after five layers, and logarithms are summed.
    """
    law = jinit.lecun_normal(batch_axis=(0, 1), distribution="normal")
    every = np.asarray(law(key(4), (3, 50, 200, 200)), float)
    most, median, least = [], [], []
    for layers in every:
        Q, logs, product = np.eye(200), np.zeros(200), np.eye(200)
        for five in layers.reshape(10, 5, 200, 200):
            W = functools.reduce(np.matmul, five)
            product = product @ W
            Q, R = np.linalg.qr(W @ Q)
            logs += np.log(np.abs(np.diag(R)))
        s = np.linalg.svd(product, compute_uv=False)
        most.append(s[0])
        median.append(np.median(s))
        least.append(math.exp(logs.min()))
    return [one_draw(each) for each in (most, median, least)]


def orthogonal_product() -> float:
    """The greatest distance of a singular value of 50 orthogonal layers from 1."""
    law = jinit.orthogonal(method="qr", batch_axis=0)
    layers = np.asarray(law(key(5), (2, 200, 200)), float)
    product = functools.reduce(np.matmul, [*layers] * 25)
    s = np.linalg.svd(product, compute_uv=False)
    return 1 + np.abs(s - 1).max()


@functools.cache
def singular(rows: int, columns: int, draws: int) -> np.ndarray:
    G = np.random.default_rng(3).standard_normal((draws, rows, columns))
    return np.linalg.svd(G, compute_uv=False)


def condition(rows: int, columns: int, draws: int) -> np.ndarray:
    s = singular(rows, columns, draws)
    return s[:, 0] / s[:, -1]


def ill_conditioned(size: int, count: int, draws: int) -> list[Any]:
    """The share among our draws beside one among `count`, and in theory."""
    share, p = (condition(size, size, draws) > 4096).mean(), 2 * size / 4096
    return [Sampled(float(share), math.sqrt(p * (1 - p) * (1 / count + 1 / draws))), p]


def newton_schulz(rows: int, columns: int) -> Sampled:
    """Steps of X ← 1.5 X − .5 X Xᵀ X until ‖XᵀX − I‖ is 1e-10, from G / ‖G‖₂."""
    steps = []
    for s in singular(rows, columns, 16 if rows == columns else 4):
        x, count = s / s[0], 0
        while np.abs(x**2 - 1).max() > 1e-10:
            x, count = 1.5 * x - 0.5 * x**3, count + 1
        steps.append(count)
    return one_draw(steps)


def median(values: np.ndarray, count: int) -> Sampled:
    """The median beside one of `count` draws: its error by order statistics."""
    values = np.sort(values)
    n = len(values)
    wide = 1.0 / math.sqrt(1 / (1 / n + 1 / count)) / 2  # of a share of one half
    low, high = np.quantile(values, [max(0.5 - wide, 0), min(0.5 + wide, 1)])
    return Sampled(float(np.median(values)), float(high - low) / 2)


def cholesky_qr(size: int, draws: int) -> Sampled:
    """The median of ‖QᵀQ − I‖ in single precision."""
    errors = []
    for G in np.random.default_rng(6).standard_normal((draws, size, size), np.float32):
        try:
            L = linalg.cholesky(G.T @ G, lower=True)
        except linalg.LinAlgError:  # a Gram matrix that rounding made indefinite
            errors.append(np.inf)
            continue
        Q = linalg.solve_triangular(L, G.T, lower=True).T
        errors.append(np.abs(Q.T @ Q - np.eye(size, dtype=np.float32)).max())
    return median(np.array(errors), draws)


def rotated_hadamard(times: int) -> np.ndarray:
    """Q₁₁ of (HD)ᵏ at n = 8, for all signs or, of three factors, for many."""
    H = linalg.hadamard(8) / 8**0.5
    rng = np.random.default_rng(4)
    signs = np.array([*itertools.product((-1, 1), repeat=8)])
    Q = H[None, :1] * signs[:, None]  # the first row of H D
    if times > 2:
        Q = H[None, :1] * rng.choice([-1, 1], (N, 1, 8))
    for _ in range(times - 1):
        drawn = rng.choice([-1, 1], (len(Q), 1, 8))
        Q = Q @ H * drawn
    return Q[:, 0, 0]


ROWS = [
    Row(REFERENCE, "kurtosis of the normal cut at 2 σ", "2.365",
        lambda: jinit.truncated_normal(1.0).marginal((1,)).kurtosis,
        right="2.366", reason="2.36554, cut off."),
    Row(GLOROT + ", eq. 1", "fan_in Var W of U(±1/√fan_in)", "1/3",
        lambda: jinit.fan_in_uniform.std(SHAPE) ** 2 * 576),
    Row("LeCun, Bottou, Orr, Müller 1998, Efficient BackProp", "fan_in Var W", "1",
        lambda: jinit.lecun_normal.std(SHAPE) ** 2 * 576),
    Row(GLOROT + ", eq. 16", "Var W (fan_in + fan_out) / 2", "1",
        lambda: jinit.glorot_uniform.std(SHAPE) ** 2 * (576 + 1152) / 2),
    Row("Bengio 2012, 1206.5533", "the bound for sigmoids, over Glorot's", "4",
        lambda: jinit.sigmoid_uniform.support(SHAPE)[1]
            / jinit.glorot_uniform.support(SHAPE)[1]),
    Row("Martens 2010, Deep learning via Hessian-free optimization, by reference §1",
        "nonzero weights of a unit; Var x W, in theory and measured", "15 15 15.07",
        of_martens),
    Row("PyTorch, kaiming_uniform_(a=√5), by reference §1.1",
        "E z² of relu layers, after over before", "1/6",
        lambda: theory.variance_map(
            "relu", 1.0, jinit.fan_in_uniform.std((100, 10)) ** 2 * 100)),
    Row(REFERENCE + ".2", "deviation of the normal cut at 2 and at 3 σ",
        "0.87962566103423978 0.98657839", lambda: [
            jinit.truncated_normal(1.0).std((1,)),
            jinit.truncated_normal(1.0, lower=-3.0, upper=3.0).std((1,))]),
    Row(REFERENCE + ".2", "complex normal cut at modulus 2: variance, deviation; the "
        "deviation in JAX's code; E|w|² that it leads to",
        "0.925370 0.961961828 0.95311164 1.018657", complex_cut,
        right="0.925371 0.961961828 0.95311164 1.018657",
        reason="The variance is .92537056, cut off."),
    Row(REFERENCE + ".2", "E|w|² of JAX's complex truncated normal, measured",
        "1.01828", complex_truncated),
    Row(HE, "what layers of 64, 128, 256 and 512 filters divide gradients by, σ = .01",
        "5.9 4.2 2.9 2.1", lambda: [*map(he_factor, WIDTHS)]),
    Row(REFERENCE + ".3", "the same", "5.893 4.167 2.946 2.083",
        lambda: [*map(he_factor, WIDTHS)]),
    Row(HE, "conv10 to conv2: the gradient is divided by", "1.7e4", all_he_factors),
    Row(REFERENCE + ".3", "the product of the rounded factors, rounded", "17022",
        lambda: round(5.9 * 4.2**2 * 2.9**2 * 2.1**4), right="17023",
        reason="17022.5, cut off."),
    Row(HAAR, "Haar, n = 4: E Q₁₁² and E Q₁₁⁴ in theory", "1/4 0.125",
        lambda: haar_theory(4)),
    Row(HAAR, "Haar, n = 8: E Q₁₁⁴", "0.0375", lambda: haar_theory(8)[1]),
    Row(HAAR, "standard errors of 20,000 draws; distance at 5 percent",
        ".007 .0014 .0096", errors_of_20000),
    *(
        Row(HAAR, f"{name}: E tr Q, E (tr Q)², E Q₁₁⁴, E det Q, distance of Q₁₁",
            printed, functools.partial(haar, method))
        for name, method, printed in [
            ("raw QR", "raw", "-0.834 1.066 0.1227 -1.000 0.500"),
            ("QR with signs", "qr", "0.003 1.006 0.1262 0.003 0.005"),
            ("polar factor", "polar", "-0.000 0.997 0.1245 0.008 0.007"),
            ("right factor of the SVD", "right", "0.004 1.001 0.1252 -0.002 0.005")]
    ),
    Row(HAAR, "jax.random.orthogonal: E tr Q, E (tr Q)², E Q₁₁⁴, E det Q",
        "0.012 1.002 0.1250 0.009", lambda: haar("qr")[:4]),
    Row(HAAR, "raw QR, 40,000 draws: E (tr Q)²", "1.054", lambda: haar("raw")[1]),
    Row(HAAR, "left factor of the SVD: E tr Q, E (tr Q)², E Q₁₁⁴, E det Q, distance",
        "-0.270 0.978 0.1250 -0.756 0.234", reason="Signs are those of a build of "
        "LAPACK.",
        test="schemes/test_orthogonal_laws.py::test_raw_factors_are_not_haar"),
    Row("Saxe, McClelland, Ganguli 2013, 1312.6120, by reference §1.4",
        "50 orthogonal layers of 200: singular values", "1.0", orthogonal_product),
    Row("Saxe, McClelland, Ganguli 2013, 1312.6120, by reference §1.4",
        "50 Gaussian layers of 200: greatest and median singular value", "7.9 2.4e-8",
        lambda: deep_linear()[:2]),
    Row("Saxe, McClelland, Ganguli 2013, 1312.6120, by reference §1.4",
        "50 Gaussian layers of 200: least singular value", "2.6e-18",
        lambda: deep_linear()[2], right="1e-72", reason="It is the rounding of the "
        "largest, 7.9, in a float of 64 bits."),
    Row("Stewart 1980, by reference §13", "nested reflections: E tr Q, E (tr Q)², "
        "E det Q", ".006 1.006 .004",
        lambda: [haar("householder")[i] for i in (0, 1, 3)]),
    Row(STRUCTURED, "four full reflections, n = 4: E tr Q, measured and exact",
        ".260 .25", lambda: [haar("full")[0], 4 * (1 - 2 / 4) ** 4]),
    Row(STRUCTURED, "HD, n = 8: E Q₁₁⁴", ".0156",
        lambda: (rotated_hadamard(1) ** 4).mean()),
    Row(STRUCTURED, "(HD)², n = 8: E Q₁₁⁴, enumerated", ".042969",
        lambda: (rotated_hadamard(2) ** 4).mean()),
    Row(STRUCTURED, "(HD)³, n = 8: E Q₁₁⁴, of 4,000 draws", ".0349",
        lambda: Sampled(float((rotated_hadamard(3) ** 4).mean()), 0.0013)),
    Row(STRUCTURED, "Newton-Schulz steps to 1e-10, 256 × 256", "23",
        lambda: newton_schulz(256, 256)),
    Row(STRUCTURED, "Newton-Schulz steps to 1e-10, 512 × 256", "9",
        lambda: newton_schulz(512, 256)),
    Row(STRUCTURED, "64 × 64: P(κ > 4096), measured and 2n/x", ".034 .031",
        lambda: ill_conditioned(64, 3600, 200)),
    Row(STRUCTURED, "256 × 256: P(κ > 4096), measured and 2n/x", ".12 .125",
        lambda: ill_conditioned(256, 300, 16)),
    Row(STRUCTURED, "256 × 256: median κ of 50", "1016",
        lambda: median(condition(256, 256, 16), 50)),
    Row(STRUCTURED, "512 × 256: κ, measured and in theory", "5.6 5.83",
        lambda: [one_draw(condition(512, 256, 4)),
                 (math.sqrt(512) + 16) / (math.sqrt(512) - 16)]),
    Row(STRUCTURED, "256 × 256: greatest κ of 50", "7.8e4", reason="The greatest of "
        "a law without a mean may be anything."),
    Row(STRUCTURED, "CholeskyQR in single precision, 64 × 64: median error", "3e-4",
        lambda: cholesky_qr(64, 100)),
    Row(STRUCTURED, "CholeskyQR in single precision, 256 × 256: median error", "4e-3",
        lambda: cholesky_qr(256, 12)),
    Row(STRUCTURED, "CholeskyQR in single precision: greatest errors, once and twice",
        "3.2 116 2.9e-6 1.3e-6 6e-6", reason="Extremes of hundreds of draws of a law "
        "without a mean. No law of jinit is made by Cholesky."),
]  # fmt: skip
