"""Factors beside frozen weights: the model is kept, and each keeps what it promises."""

import dataclasses
import functools
import statistics
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

import jinit
from jinit import low_rank
from jinit.low_rank.normal_float import normal_values
from jinit.low_rank.weight import scale_of


KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
ROWS, COLUMNS, RANK = 12, 8, 2
W = RNG.standard_normal((2, ROWS, COLUMNS)).astype("f")  # two stacked layers
G = RNG.standard_normal(W.shape).astype("f")
X = (RNG.standard_normal((2, 40, ROWS)) * np.arange(1, ROWS + 1) + 3).astype("f")
C = X.mT @ X / 40
SCALED = {"rank": RANK, "alpha": 8.0}  # a scale of 4: one that is left out is seen

EXACT = {
    "pissa": {},
    "pissa sweeps": {"sweeps": 2},
    "milora": {},
    "olora": {},
    "corda": {"covariance": C},
    "corda kpm": {"covariance": C, "part": "kpm"},
    "lora_ga": {"gradient": G, "variant": "authors"},
    "lora_ga peft": {"gradient": G, "variant": "peft", "direction": "ArBr"},
    "lora": {},
    "lora embedding": {"layer": "embedding"},
    "orthogonal": {},
    "dora": {},
    "vera": {},
    "randlora": {},
    "eva": {"inputs": X},
}
KEYED = {"lora", "orthogonal", "dora", "vera", "randlora"}


def made(name, w: Any = W, **more):
    """What a method of the table makes of a weight."""
    method, _, _ = name.partition(" ")
    settings = EXACT[name] | ({"rank": RANK} if method == "vera" else SCALED) | more
    keyed = method in KEYED or "sweeps" in settings
    adapted = getattr(low_rank, method)(w, *([KEY] if keyed else []), **settings)
    return jax.tree.map(np.asarray, adapted)


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


def singular(w):
    return np.linalg.svd(np.asarray(w), compute_uv=False)


@pytest.mark.parametrize("name", EXACT)
def test_the_model_is_kept_at_the_start(name):
    base, factors = made(name)
    assert base.dtype == W.dtype
    np.testing.assert_allclose(low_rank.merge(base, factors), W, atol=2e-5)


@pytest.mark.parametrize("name", ["lora", "eva", "vera", "randlora"])
def test_a_base_that_needs_no_correction_is_the_weight(name):
    assert (made(name).base == W).all()
    assert (low_rank.merge(*made(name)) == W).all()


def test_the_scale_is_alpha_over_rank_or_over_its_root():
    scale = lambda **more: scale_of("f", 4, **more)
    assert scale(alpha=8.0, rslora=False) == 2.0
    assert scale(alpha=8.0, rslora=True) == 4.0
    assert scale(alpha=None, rslora=False) == 1.0
    assert made("lora").factors.scale == 4.0


def test_lora_reads_at_random_and_writes_nothing():
    a, b = (lambda f: (np.asarray(f.a), np.asarray(f.b)))(made("lora").factors)
    assert not b.any()
    assert abs(a).max() <= ROWS**-0.5
    assert not np.array_equal(a[0], a[1])  # stacked layers are independent
    _, embedding = made("lora embedding")
    assert not embedding.a.any()
    assert embedding.b.any()
    assert abs(a).max() > 0.9 * ROWS**-0.5
    named = low_rank.lora(W[0], KEY, rank=2, init=jinit.ones).factors
    assert np.all(np.asarray(named.a) == 1)


def test_the_factor_that_is_zero_learns_first():
    base, factors = made("lora")
    loss = lambda factors: jnp.sum(jnp.square(low_rank.merge(base, factors)))
    grads = jax.grad(loss)(factors)
    assert grads.b.any()
    assert not grads.a.any()
    assert grads.scale == factors.scale


@pytest.mark.parametrize("name", ["pissa", "pissa sweeps"])
def test_pissa_leaves_the_smaller_singular_values(name):
    base, factors = made(name, sweeps=8 if "sweeps" in EXACT[name] else None)
    np.testing.assert_allclose(singular(base)[:, 0], singular(W)[:, RANK], rtol=1e-3)
    update = factors.scale * factors.a @ factors.b
    np.testing.assert_allclose(
        singular(update)[:, :RANK], singular(W)[:, :RANK], rtol=1e-3
    )


def test_milora_takes_the_smallest_singular_values():
    base, factors = made("milora")
    update = factors.scale * factors.a @ factors.b
    np.testing.assert_allclose(
        singular(update)[:, 0], singular(W)[:, COLUMNS - RANK], rtol=1e-4
    )
    np.testing.assert_allclose(singular(base)[:, 0], singular(W)[:, 0], rtol=1e-5)


def test_olora_is_orthonormal_where_the_outputs_are():
    base, factors = made("olora", alpha=RANK)
    np.testing.assert_allclose(
        factors.b @ factors.b.mT, np.broadcast_to(np.eye(RANK), (2, 2, 2)), atol=1e-5
    )
    assert not np.allclose(factors.a.mT @ factors.a, np.eye(RANK), atol=0.1)
    np.testing.assert_allclose(base[:, :RANK], 0, atol=1e-5)


@pytest.mark.parametrize(("metric", "power"), [("covariance", 1), ("root", 0.5)])
def test_corda_is_nearest_in_the_metric_of_the_data(metric, power):
    base = np.asarray(made("corda", metric=metric, damping=0.0).base, float)
    lengths, Q = np.linalg.eigh(C.astype(float))
    M = Q * lengths[:, None] ** power @ Q.mT
    least = np.sqrt((singular(M @ W)[:, RANK:] ** 2).sum(-1))
    error = np.linalg.norm(M @ base, axis=(-2, -1))
    np.testing.assert_allclose(error, least, rtol=1e-2)
    plain = np.linalg.norm(M @ np.asarray(made("pissa").base), axis=(-2, -1))
    assert (error < 0.9 * plain).all()


def test_corda_by_the_root_has_the_least_error_of_outputs():
    """The published metric is the covariance: its error on the data is larger."""
    error = {
        metric: np.linalg.norm(X @ made("corda", metric=metric, damping=0.0).base)
        for metric in ("covariance", "root")
    }
    assert error["root"] < error["covariance"]


def test_corda_of_no_data_is_pissa():
    base, _ = made("corda", covariance=np.zeros_like(C))
    np.testing.assert_allclose(base, made("pissa").base, atol=2e-5)
    unseen = np.diag([1.0] * 6 + [0.0] * 6).astype("f")
    seen = low_rank.corda(W[0], covariance=unseen, rank=RANK, damping=0.0)
    assert np.isfinite(seen.base).all()
    np.testing.assert_allclose(seen.base[6:], W[0, 6:], atol=1e-6)


SIZES = {
    "stable": COLUMNS**0.25 / 4,
    "gd": 1 / 4,
    "unit": 1.0,
    "weights": np.sqrt(singular(W[0])[:RANK] / 4).mean(),
}


@pytest.mark.parametrize("size", SIZES)
def test_lora_ga_of_its_authors_has_orthogonal_factors_of_one_size(size):
    _, factors = made("lora_ga", size=size)
    square = SIZES[size] ** 2 * np.eye(RANK)
    np.testing.assert_allclose(factors.a[0].T @ factors.a[0], square, atol=1e-4)
    np.testing.assert_allclose(factors.b[0] @ factors.b[0].T, square, atol=1e-4)


@pytest.mark.parametrize("direction", ["A2rBr", "ArBr"])
def test_lora_ga_takes_the_vectors_of_the_gradient(direction):
    _, factors = made("lora_ga", size="unit", direction=direction)
    U, _, Vh = np.linalg.svd(G)
    reads, writes = {
        "A2rBr": ([2, 3], [0, 1]),
        "ArBr": ([1, 3], [0, 2]),
    }[direction]
    along = np.abs(U[:, :, reads].mT @ factors.a)
    np.testing.assert_allclose(along[0], np.eye(RANK), atol=1e-4)
    along = np.abs(Vh[:, writes] @ factors.b.mT)
    np.testing.assert_allclose(along[0], np.eye(RANK), atol=1e-4)


@pytest.mark.parametrize("size", ["stable", "weights"])
def test_lora_ga_of_peft_differs_from_that_of_its_authors(size):
    _, factors = low_rank.lora_ga(W, gradient=G, variant="peft", size=size, **SCALED)
    np.testing.assert_allclose(factors.a[0].T @ factors.a[0], np.eye(2), atol=1e-5)
    sigma, c = singular(G[0])[RANK : 2 * RANK], COLUMNS**0.25 / 4
    if size == "weights":
        c = singular(W[0])[0] / sigma[0]
    square = np.diag((c * sigma) ** 2)
    np.testing.assert_allclose(
        factors.b[0] @ factors.b[0].T, square, rtol=1e-4, atol=1e-3
    )


def test_normal_floats_of_four_bits_are_those_of_qlora():
    published = [
        -1.0, -0.6961928, -0.5250731, -0.3949175, -0.2844414, -0.1847734, -0.0910500,
        0.0, 0.0795803, 0.1609302, 0.2461123, 0.3379152, 0.4407098, 0.5626170,
        0.7229568, 1.0,
    ]  # fmt: skip
    np.testing.assert_allclose(normal_values(4), published, atol=1e-6)
    assert [len(normal_values(bits)) for bits in (2, 3, 8)] == [4, 8, 256]


def test_normal_floats_are_the_nearest_values_of_each_block():
    w = RNG.standard_normal((ROWS, 3)).astype("f")
    q = np.asarray(low_rank.normal_float(w, block=5))
    column = w.T.reshape(-1)  # a block is of the inputs of a unit
    blocks = [column[i : i + 5] for i in range(0, len(column), 5)]
    wanted = []
    for each in blocks:
        m = abs(each).max()
        gaps = abs(each[:, None] / m - normal_values(4))
        wanted += [*(m * normal_values(4)[gaps.argmin(1)])]
    np.testing.assert_allclose(q, np.reshape(wanted, (3, ROWS)).T, atol=1e-6)
    assert not low_rank.normal_float(np.zeros((4, 4), "f")).any()


def test_loftq_errs_less_than_quantization_and_never_more_with_more_turns():
    coarse = functools.partial(low_rank.normal_float, bits=2)
    error = lambda adapted: np.linalg.norm(W - low_rank.merge(*adapted), axis=(-2, -1))
    plain = np.linalg.norm(W - coarse(W), axis=(-2, -1))
    errors = [
        error(low_rank.loftq(W, quantize=coarse, iterations=n, **SCALED))
        for n in (1, 2, 5)
    ]
    assert (errors[0] < 0.9 * plain).all()
    assert (errors[1] <= errors[0] + 1e-5).all()
    assert (errors[2] <= errors[1] + 1e-5).all()
    tail = np.sqrt((singular(W - coarse(W))[:, RANK:] ** 2).sum(-1))
    np.testing.assert_allclose(errors[0], tail, rtol=1e-4)
    base = low_rank.loftq(W, quantize=coarse, **SCALED).base
    assert (base == coarse(W)).all()


def test_eva_reads_along_the_directions_of_variance():
    _, factors = made("eva")
    np.testing.assert_allclose(factors.a[0].T @ factors.a[0], np.eye(RANK), atol=1e-5)
    centered = X - X.mean(1, keepdims=True)
    explained = np.linalg.norm(centered[0] @ factors.a[0]) ** 2
    assert explained == pytest.approx(
        (singular(centered)[0, :RANK] ** 2).sum(), rel=1e-4
    )
    assert not factors.b.any()
    _, white = made("eva", whiten=True)
    lengths = np.linalg.norm(white.a[0], axis=0) ** -2
    np.testing.assert_allclose(lengths, singular(centered)[0, :RANK], rtol=1e-4)
    _, raw = made("eva", centered=False)
    assert not np.allclose(abs(raw.a), abs(factors.a), atol=1e-2)


def test_eva_gives_ranks_to_what_explains_the_most():
    inputs = {
        "wide": X[0],
        "line": X[0, :, :1] * X[0, 0],
        "dead": np.zeros((40, 3), "f"),
    }
    ranks = low_rank.eva_ranks(inputs, rank=2, rho=1.5)
    assert ranks == {"wide": 3, "line": 3, "dead": 0} or ranks["line"] >= 1
    assert sum(ranks.values()) == 6
    assert max(ranks.values()) <= 3


def test_orthogonal_factors_meet_in_nothing():
    base, factors = made("orthogonal", stddev=2.0)
    assert (base == W).all()
    assert abs(factors.a @ factors.b).max() < 1e-5
    # A row of a is half as many Gaussian numbers as it is long, turned.
    assert np.mean(np.square(factors.a)) == pytest.approx(4 / 2, rel=0.5)
    with pytest.raises(ValueError, match="even rank"):
        low_rank.orthogonal(W, KEY, rank=3)


def test_dora_has_lengths_and_directions_apart():
    base, factors = made("dora")
    assert factors.magnitude.shape == (2, COLUMNS)
    twice = dataclasses.replace(factors, magnitude=2 * factors.magnitude)
    np.testing.assert_allclose(low_rank.merge(base, twice), 2 * W, rtol=1e-5)
    moved = dataclasses.replace(factors, b=factors.b + 1)
    lengths = np.linalg.norm(low_rank.merge(base, moved), axis=-2)
    np.testing.assert_allclose(lengths, factors.magnitude, rtol=1e-5)
    dead = low_rank.dora(np.zeros((4, 3), "f"), KEY, rank=1)
    assert not low_rank.merge(*dead).any()


def test_vera_trains_vectors_and_freezes_matrices():
    base, factors = made("vera", start=0.3)
    assert (factors.d == np.float32(0.3)).all()
    assert not factors.g.any()
    assert 0.8 < abs(factors.a).max() / (6 / ROWS) ** 0.5 <= 1
    assert 0.8 < abs(factors.b).max() / (6 / RANK) ** 0.5 <= 1
    loss = lambda factors: jnp.sum(jnp.square(low_rank.merge(base, factors)))
    moved = dataclasses.replace(factors, g=factors.g + 1)
    grads = jax.grad(loss)(moved)
    assert grads.d.any()
    assert grads.g.any()
    assert not grads.a.any()
    assert not grads.b.any()
    one = np.asarray(moved.a) @ np.diag(moved.d[0]) @ np.asarray(moved.b)
    np.testing.assert_allclose(low_rank.merge(base, moved)[0], W[0] + one, atol=1e-5)


def test_randlora_reaches_every_rank():
    for w in (W[0], W[0].T):
        base, factors = low_rank.randlora(w, KEY, rank=3, alpha=6)
        assert factors.lambdas.shape == (3, 3)  # ⌈8 / 3⌉ products
        assert (factors.gammas == np.float32(1 / COLUMNS)).all()
        drawn = RNG.standard_normal(factors.lambdas.shape).astype("f")
        gammas = RNG.standard_normal(factors.gammas.shape).astype("f")
        moved = dataclasses.replace(factors, lambdas=drawn, gammas=gammas)
        update = np.asarray(low_rank.merge(base, moved)) - w
        b, a = np.asarray(factors.b), np.asarray(factors.a)
        parts = [b[:, n] * drawn[n] @ a * gammas[n] for n in range(3)]
        wanted = 2.0 * np.sum(parts, 0)
        wanted = wanted if w.shape[0] > w.shape[1] else wanted.T
        np.testing.assert_allclose(update, wanted, atol=1e-4)
        assert np.linalg.matrix_rank(update, tol=1e-3) == COLUMNS


@pytest.mark.parametrize("bases", ["uniform", "sparse", "very_sparse"])
def test_the_bases_of_randlora_have_variance_1(bases):
    w = np.zeros((100, 64), "f")
    b = np.asarray(low_rank.randlora(w, KEY, rank=64, bases=bases).factors.b)
    assert b.std() == pytest.approx(1, abs=0.05)
    if bases != "uniform":
        k = 3 if bases == "sparse" else 8
        assert {*np.unique(b).tolist()} == {-np.float32(k**0.5), 0, np.float32(k**0.5)}
        assert (b != 0).mean() == pytest.approx(1 / k, rel=0.1)


@pytest.mark.parametrize("name", ["pissa", "corda", "loftq", "dora"])
def test_narrow_dtypes_are_computed_wide_and_rounded_once(name):
    w = jnp.asarray(W, "bfloat16")
    if name == "loftq":
        base, factors = low_rank.loftq(w, quantize=lambda w: w * 0.9, **SCALED)
    else:
        base, factors = made(name, w)
    assert base.dtype == factors.a.dtype == factors.b.dtype == jnp.bfloat16
    if name != "loftq":
        whole = low_rank.merge(base, factors)
        assert whole.dtype == jnp.bfloat16
        np.testing.assert_allclose(
            np.asarray(whole, "f"), np.asarray(w, "f"), rtol=2**-7, atol=2**-7
        )


def test_complex_weights_are_adapted_as_well():
    w = (W[0] + 1j * W[1]).astype("complex64")
    np.testing.assert_allclose(low_rank.merge(*low_rank.olora(w, rank=2)), w, atol=1e-5)
    np.testing.assert_allclose(low_rank.merge(*low_rank.pissa(w, rank=2)), w, atol=1e-5)


TREE = {
    "body": {"kernel": W, "bias": np.ones((2, COLUMNS), "f")},
    "head": {"kernel": W[0, :COLUMNS, :6]},
}


def test_adapt_takes_a_tree_apart_and_merge_puts_it_together():
    base, factors = low_rank.adapt(TREE, None, "*/kernel", method="pissa", rank=2)
    assert [*factors] == ["body/kernel", "head/kernel"]
    assert base["body"]["bias"] is TREE["body"]["bias"]
    assert not np.allclose(base["head"]["kernel"], TREE["head"]["kernel"], atol=0.1)
    whole = low_rank.merge(base, factors)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-5), whole, TREE)


def test_a_base_lies_where_the_weight_did():
    place = NamedSharding(jax.make_mesh((8,), ("x",)), PartitionSpec(None, "x"))
    w = jax.device_put(W[0], place)
    base, factors = low_rank.pissa(w, rank=2)
    assert base.sharding == place
    assert low_rank.merge(base, factors).sharding == place
    np.testing.assert_allclose(low_rank.merge(base, factors), W[0], atol=1e-5)


def test_a_weight_draws_the_same_whatever_is_beside_it():
    one, two = (
        np.asarray(low_rank.adapt(tree, KEY, "head/*", rank=2).factors["head/kernel"].a)
        for tree in (TREE, TREE | {"body": TREE["head"]})
    )
    assert (one == two).all()


def test_what_is_given_by_path_reaches_its_weight():
    gradient = jax.tree.map(np.ones_like, TREE)
    gradient["body"]["kernel"] = G
    settings = {"variant": "authors", "size": "unit", "rank": 2}
    _, factors = low_rank.adapt(
        TREE, None, "body/kernel", method="lora_ga", gradient=gradient, **settings
    )
    alone = low_rank.lora_ga(W, gradient=G, **settings).factors
    assert (factors["body/kernel"].a == alone.a).all()
    with pytest.raises(ValueError, match="`gradient` for each weight"):
        low_rank.adapt(
            TREE, None, "*/kernel", method="lora_ga",
            gradient={"body/kernel": G}, **settings,
        )  # fmt: skip


def test_adapt_takes_ranks_by_path():
    ranks = {"head/kernel": 1, "body/kernel": 0}
    base, factors = low_rank.adapt(TREE, KEY, "*/kernel", rank=ranks)
    assert [*factors] == ["head/kernel"]
    assert base["body"]["kernel"] is TREE["body"]["kernel"]
    assert factors["head/kernel"].a.shape == (COLUMNS, 1)
    with pytest.raises(ValueError, match="ranks of weights"):
        low_rank.adapt(TREE, KEY, "head/kernel", rank={"heda/kernel": 1})


def test_layers_share_the_frozen_factors_of_vera():
    _, factors = low_rank.adapt(TREE, KEY, "*/kernel", method="vera", rank=3)
    body, head = factors["body/kernel"], factors["head/kernel"]
    assert (body.a[:COLUMNS] == head.a).all()
    assert (body.b[:, :6] == head.b).all()


def test_a_trace_tells_which_axes_are_which():
    def attend(params, x):
        heads = jnp.einsum("td,dhk->thk", x, params["in"])
        return jnp.einsum("thk,khd->td", heads, params["out"])

    tree = {
        "in": RNG.standard_normal((8, 2, 3)).astype("f"),
        "out": RNG.standard_normal((3, 2, 8)).astype("f"),
    }
    trace = jinit.trace(attend, tree, np.ones((4, 8), "f"))
    base, factors = low_rank.adapt(
        tree, None, jinit.is_kernel(), method="pissa", rank=2, trace=trace
    )
    assert {path: each.a.shape for path, each in factors.items()} == {
        "in": (8, 2),
        "out": (6, 2),
    }
    whole = low_rank.merge(base, factors)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=1e-5), whole, tree)
    sigma = singular(tree["in"].reshape(8, 6))
    assert singular(base["in"].reshape(8, 6))[0] == pytest.approx(sigma[2], rel=1e-4)


def test_adapt_is_traced_like_any_function():
    shapes = jax.eval_shape(
        lambda tree, key: low_rank.adapt(tree, key, "*/kernel", method="dora", rank=2),
        TREE,
        KEY,
    )
    assert shapes.factors["body/kernel"].magnitude.shape == (2, COLUMNS)
    assert shapes.factors["body/kernel"].scale == 1.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: low_rank.pissa(W, rank=9), "a rank of at most 8"),
        (lambda: low_rank.lora_ga(W, gradient=G, rank=5, variant="peft"), "at most 4"),
        (lambda: low_rank.pissa(W, rank=2, sweeps=2), "a key for `sweeps`"),
        (lambda: low_rank.pissa(W[0, 0], rank=1), r"a weight `\(\.\.\., in, out\)`"),
        (lambda: low_rank.lora(np.ones((3, 3), int), KEY, rank=1), "of floats"),
        (lambda: low_rank.corda(W, covariance=C[0], rank=1), "`covariance` of shape"),
        (lambda: low_rank.eva(W, inputs=X[0], rank=1), "`inputs` of shape"),
        (lambda: low_rank.vera(W, KEY, rank=1, size=(8, 12)), "of the largest layer"),
        (lambda: low_rank.merge(W, {}), None),
        (lambda: low_rank.merge(W, {"a": 1}), "`factors` as"),
        (lambda: low_rank.merge(W[0], made("lora").factors), "of the base's shape"),
        (lambda: low_rank.adapt(TREE, None, "*/kernel", rank=1), "a key to draw"),
        (lambda: low_rank.adapt(TREE, KEY, "*/bais", rank=1), "nearest is 'body/bias'"),
    ],
)
def test_what_is_wrong_is_said(call, message):
    if message is None:
        call()
    else:
        with pytest.raises((ValueError, TypeError), match=message):
            call()


def test_the_published_quantile_of_normal_floats():
    quantile = statistics.NormalDist().inv_cdf
    assert normal_values(4)[8] == pytest.approx(
        quantile(0.5 + (0.9677083 - 0.5) / 8) / quantile(0.9677083)
    )
