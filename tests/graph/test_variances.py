"""E x² − (E x)² is a variance, wherever and however it is written."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit._graph import flatten
from jinit._graph.variances import variances
from tests.zoo.entry import normals


N, MASK = 64, np.arange(16)[:, None] % 4 < 3
shape = lambda *sizes: jax.ShapeDtypeStruct(sizes, "float32")


def at_once(x):
    mean = x.mean(0)
    return jnp.square(x).mean(0) - jnp.square(mean)


def kept_dimensions(x):
    mean = jnp.mean(x, 0, keepdims=True)
    return jnp.mean(x**2, 0, keepdims=True) - mean * mean


def by_sums(x):
    return (x**2).sum(0) / len(x) - (x.sum(0) / len(x)) ** 2


def unbiased(x):
    n = len(x)
    return (jnp.sum(x * x, 0) - jnp.sum(x, 0) ** 2 / n) / (n - 1)


def mean_by_number(x):
    n = len(x)
    return (jnp.sum(x * x, 0) - n * x.mean(0) ** 2) / n


def in_wide_numbers(x):
    squares = jnp.square(x).astype(jnp.float16).astype(jnp.float32)
    return squares.mean(0) - x.mean(0) ** 2


def where_a_mask_says(x):
    mean = lambda values: values.mean(0, where=MASK)
    return mean(x**2) - mean(x) ** 2


def weighted(x):
    weights = np.linspace(0, 2 / 16, 16, dtype="f4")[:, None]
    return (weights * x**2).sum(0) - (weights * x).sum(0) ** 2


def over_devices(x):
    def one(part):
        mean = jax.lax.pmean(part.mean(0), "i")
        return jax.lax.pmean((part**2).mean(0), "i") - mean**2

    return jax.vmap(one, axis_name="i")(x.reshape(4, 4, -1))[0]


def stacked(x):
    parts = x.reshape(4, 4, -1)
    mean, square = jnp.stack([parts.mean(1), (parts**2).mean(1)]).mean(1)
    return square - mean**2


def concatenated(x):
    both = jnp.concatenate([x.mean(0), (x**2).mean(0)])
    mean, square = jnp.split(both, 2)
    return square - mean**2


def in_groups(x):
    groups = x.reshape(16, 8, -1)
    mean = groups.mean((0, 2), keepdims=True)
    variance = jnp.mean(groups**2, (0, 2), keepdims=True) - mean**2
    return jnp.broadcast_to(variance[0], (8, N // 8)).reshape(-1)


WRITTEN = (
    *(at_once, kept_dimensions, by_sums, unbiased, mean_by_number, in_wide_numbers),
    *(where_a_mask_says, weighted, over_devices, stacked),
    *(concatenated, in_groups),
)


@pytest.mark.parametrize("variance", WRITTEN, ids=lambda f: f.__name__)
def test_a_norm_of_a_signal_with_a_large_mean_makes_unit_signals(variance):
    """The mean is 20 deviations: statistics good to a percent do not tell these."""

    def apply(params, x):
        for w in params:
            x = x @ w
            x = 20 + (x - x.mean(0)) * jax.lax.rsqrt(variance(x) + 1e-6)
        return x - 20

    plan = jinit.explain(apply, [shape(N, N)] * 4, shape(16, N))
    assert not [choice.doubt for choice in plan if choice.doubt]
    reads = [choice.reads for choice in plan][1:]
    assert reads == pytest.approx([401.0] * 3, rel=0.1)


def of_a_product(x):
    return jnp.mean(x**2, 0) - x.mean(0) * x[0]


def along_another_axis(x):
    return jnp.mean(x[:, :16] ** 2, 0) - jnp.mean(x[:, :16], 1) ** 2


@pytest.mark.parametrize("other", [of_a_product, along_another_axis])
def test_other_differences_are_no_variances(other):
    assert not variances(flatten(jax.make_jaxpr(other)(normals(16, N))))


def of_sums(x):
    return jnp.sum(x**2, 0) - jnp.sum(x, 0) ** 2


def of_another(x):
    return jnp.mean((2 * x) ** 2, 0) - jnp.mean(x, 0) ** 2


@pytest.mark.parametrize("difference", [of_sums, of_another])
def test_a_difference_whose_weights_do_not_sum_to_one_is_another_number(difference):
    signal = lambda x: 1 + jnp.sin(x)
    apply = lambda w, x: difference(signal(x))[None] @ w
    (choice,) = jinit.explain(apply, shape(N, N), shape(8, N))
    seen = [jnp.mean(difference(signal(normals(8, N, seed=i))) ** 2) for i in range(20)]
    assert choice.reads == pytest.approx(np.mean(seen), rel=0.1)
