"""What is fitted to data, or learned from it without labels."""

import functools
import itertools

import jax
import numpy as np

import jinit
from jinit.pretrain import RBM

from .row import one_draw, Row, Sampled


HINTON = "Hinton 2002, contrastive divergence, by reference §12"
MISHKIN = "Mishkin, Matas 2015, 1511.06422"

STATES = [np.array([*itertools.product((0, 1), repeat=n)], float) for n in (5, 3)]


@functools.cache
def divergences(machines: int = 20) -> np.ndarray:
    """Of machines of 5 and 3 units with W of σ = .5: by how much the exact CD-k misses
    the gradient for k = 1, 2, 5, 20, and its cosine for k = 1."""
    rng, (V, H) = np.random.default_rng(0), STATES
    found = []
    share = lambda p, states: np.prod(np.where(states, p, 1 - p), -1)
    for _ in range(machines):
        with jax.enable_x64(True), jax.disable_jit():
            draw = [rng.normal(0, 0.5, shape) for shape in ((5, 3), 5, 3)]
            W, b, c = map(jax.numpy.asarray, draw)
            machine = RBM(W, b, c)
            free, up, down = (np.asarray(f) for f in (
                machine.free_energy(V), machine.encode(V), machine.decode(H)
            ))  # fmt: skip
        step = share(up[:, None], H) @ share(down[:, None], V)
        weight = np.exp(free.min() - free)
        data = rng.multinomial(6, np.ones(32) / 32) / 6
        mean = lambda p, up=up: np.einsum("s,sv,sh->vh", p, V, up)
        slope = mean(data) - mean(weight / weight.sum())
        cd = [mean(data) - mean(data @ np.linalg.matrix_power(step, k))
              for k in (1, 2, 5, 20)]  # fmt: skip
        norm = np.linalg.norm(slope)
        errors = [np.linalg.norm(each - slope) / norm for each in cd]
        cosine = np.sum(cd[0] * slope) / norm / np.linalg.norm(cd[0])
        found.append([*errors, cosine])
    return np.array(found)


def of_a_machine() -> list[Sampled]:
    """The same, beside those of one machine that was not published."""
    return [one_draw(each) for each in divergences().T]


def norms_after_lsuv() -> list[Sampled]:
    """Spectral norms of six layers of relu that start orthogonal: the first, and the
    others beside five that were published. `jinit.lsuv` is held to this loop."""
    rng, norms = np.random.default_rng(0), []
    orthogonal = jinit.orthogonal(method="qr")
    x = rng.standard_normal((1000, 256))
    for layer in range(6):
        W = np.asarray(orthogonal(jax.random.key(layer), (256, 256)), float)
        z = x @ W
        norms.append(1 / z.std())
        x = np.maximum(z / z.std(), 0)
    first, *rest = norms
    return [Sampled(first, 1 / x.size**0.5), *[one_draw(rest)] * 5]


TRAINED = "Trained networks: data and hours that a test does not have."

ROWS = [
    Row(HINTON, "an RBM of 5 × 3: relative error of CD-1, 2, 5 and 20; cosine of CD-1",
        ".0908 .0114 2.3e-5 3.6e-15 .9978", of_a_machine),
    Row("Hinton, Osindero, Teh 2006, by reference §12",
        "change of p(v) by a tied second machine", "2e-17", reason="Rounding.",
        test="pretrain/test_machine.py::"
        "test_a_tied_second_machine_leaves_the_model_unchanged"),
    Row("Hinton 2010, practical guide, by reference §12",
        "error of the gradient against differences", "5e-11", reason="Rounding.",
        test="pretrain/test_machine.py::test_statistics_make_the_exact_gradient"),
    Row("Hinton 2010, practical guide, §8", "σ of the weights", "0.01",
        lambda: jinit.normal.std((1,))),
    Row(MISHKIN + ", by reference §11", "six layers of relu from orthogonal ones: "
        "spectral norms after LSUV", "1 1.412 1.405 1.440 1.418 1.400",
        norms_after_lsuv),
    Row(MISHKIN, "percent right on CIFAR-10 and CIFAR-100, with LSUV and "
        "more data", "93.94 94.16 70.04 72.34", reason=TRAINED),
    Row(MISHKIN, "percent wrong on MNIST: LSUV, orthogonal, hints, "
        "highway, with an SVM", ".48 .48 .51 .57 .38", reason=TRAINED),
    Row("Salimans, Kingma 2016, 1602.07868, by reference §11",
        "errors of mean 0 and σ 1", "3e-15 2e-15", reason="Rounding.",
        test="data/test_weight_norm.py::"
        "test_it_equals_the_paper_layer_by_layer"),
    Row("Dauphin, Schoenholz 2019, MetaInit, by reference §11",
        "gradient quotient of a parabola and its mean curvature", "1.1666667 1.1666667",
        reason="7/6 there.", test="data/test_learn.py::"
        "test_the_gradient_quotient_of_a_parabola_is_its_mean_curvature"),
    Row("Vincent et al. 2010, JMLR 11", "percent wrong on MNIST-basic: SVM, "
        "DBN-1, SAE-3, DBN-3, SDAE-3", "3.03 3.94 3.46 3.11 2.84", reason=TRAINED),
]  # fmt: skip
