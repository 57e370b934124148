"""Networks that grow: the function is kept where it should be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit import growth
from jinit.growth.weight_selection import evenly


KEY = jax.random.key(0)
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


def array(*shape):
    return RNG.standard_normal(shape).astype("f")


def mlp(tree, x):
    """Two layers with a scale between, in NumPy."""
    z = x @ tree["up"]["kernel"] + tree["up"]["bias"]
    return (
        np.maximum(z, 0) * tree["scale"] @ tree["down"]["kernel"] + tree["down"]["bias"]
    )


MLP = {
    "up": {"kernel": array(3, 5), "bias": array(5)},
    "scale": array(5),
    "down": {"kernel": array(5, 2), "bias": array(2)},
}
X = array(7, 3)
MADE = lambda leaf: leaf.path.startswith("up") or leaf.path == "scale"
WIDER = {"incoming": MADE, "outgoing": "down/kernel"}


def numpy(tree):
    return jax.tree.map(np.asarray, tree)


def test_net2wider_keeps_the_function():
    wide = numpy(growth.net2wider(MLP, KEY, width=12, **WIDER))
    assert wide["up"]["kernel"].shape == (3, 12)
    assert wide["down"]["kernel"].shape == (12, 2)
    assert (
        growth.net2wider(MLP, KEY, width=12, **WIDER)["down"]["bias"]
        is (MLP["down"]["bias"])
    )
    np.testing.assert_allclose(mlp(wide, X), mlp(MLP, X), atol=2e-6)
    # The first units are those that were; the others are copies of some of them.
    np.testing.assert_array_equal(wide["up"]["kernel"][:, :5], MLP["up"]["kernel"])
    copies = wide["up"]["kernel"][:, 5:, None] == MLP["up"]["kernel"][:, None]
    assert copies.all(0).any(-1).all()


def test_noise_of_net2wider_moves_new_units_alone():
    wide = numpy(growth.net2wider(MLP, KEY, width=12, noise=0.1, **WIDER))
    plain = numpy(growth.net2wider(MLP, KEY, width=12, **WIDER))
    moved = wide["up"]["kernel"] - plain["up"]["kernel"]
    assert not moved[:, :5].any()
    assert moved[:, 5:].all()
    assert moved[:, 5:].std() == pytest.approx(0.1 * MLP["up"]["kernel"].std(), rel=0.5)
    np.testing.assert_array_equal(wide["up"]["bias"], plain["up"]["bias"])


def test_net2wider_reads_axes_from_a_trace():
    apply = lambda p, x: jnp.maximum(p["first"] @ x, 0) @ p["second"].T
    tree = {"first": array(5, 3), "second": array(2, 5)}  # (out, in)
    trace = jinit.trace(apply, tree, np.ones(3, "f"))
    wide = growth.net2wider(
        tree, KEY, incoming="first", outgoing="second", width=8, trace=trace
    )
    assert jax.tree.map(np.shape, wide) == {"first": (8, 3), "second": (2, 8)}
    before, after = (
        np.maximum(X @ np.asarray(t["first"]).T, 0) @ np.asarray(t["second"]).T
        for t in (tree, wide)
    )
    np.testing.assert_allclose(after, before, atol=2e-6)


def test_units_that_are_not_read_one_for_one_are_refused():
    tree = {"up": {"kernel": array(3, 4)}, "down": {"kernel": array(5, 2)}}
    with pytest.raises(ValueError, match="down/kernel reads 5, up/kernel has 4"):
        growth.net2wider(tree, KEY, incoming="up/*", outgoing="down/*", width=8)
    with pytest.raises(ValueError, match="at least the 5 units"):
        growth.net2wider(MLP, KEY, width=4, **WIDER)


def test_net2deeper_changes_nothing():
    second = numpy(growth.net2deeper(MLP["up"]))
    h = np.maximum(X @ MLP["up"]["kernel"] + MLP["up"]["bias"], 0)
    again = np.maximum(h @ second["kernel"] + second["bias"], 0)
    np.testing.assert_array_equal(again, h)
    kernel = np.asarray(growth.net2deeper(array(3, 3, 2, 4)))
    assert kernel.shape == (3, 3, 4, 4)
    np.testing.assert_array_equal(kernel[1, 1], np.eye(4))
    assert kernel.sum() == 4


@pytest.mark.parametrize("activation", ["tanh", "gelu", jax.nn.sigmoid])
def test_net2deeper_is_for_activations_that_leave_what_they_made(activation):
    with pytest.raises(ValueError, match="φ"):
        growth.net2deeper(MLP["up"], activation=activation)


def transformer(tree, ids):
    """An embedding, attention of two heads, a norm, an MLP and a head, in float64."""
    x = tree["embed"][ids].astype(float)
    h = norm(x, tree["scale"])
    q, k, v = (np.einsum("td,dhk->htk", h, w) for w in tree["q"])
    scores = np.exp(q @ k.mT / q.shape[-1] ** 0.5)
    heads = scores / scores.sum(-1, keepdims=True) @ v
    x = x + np.einsum("htk,hkd->td", heads, tree["o"])
    x = x + np.tanh(x @ tree["up"]["kernel"] + tree["up"]["bias"]) @ tree["down"]
    return x @ tree["head"]["kernel"] + tree["head"]["bias"]


def norm(x, scale):
    x = x - x.mean(-1, keepdims=True)
    return x / x.std(-1, keepdims=True) * scale


TRANSFORMER = {
    "embed": array(11, 4),
    "scale": array(4),
    "q": [array(4, 2, 3) for _ in range(3)],
    "o": array(2, 3, 4),
    "up": {"kernel": array(4, 6), "bias": array(6)},
    "down": array(6, 4),
    "head": {"kernel": array(4, 5), "bias": array(5)},
}
RULES = [
    ("embed", (None, -1)),
    ("head/kernel", (-2, None)),
    ("head/bias", (None, None)),
    ("q/*", (0, 1)),
    ("o", (0, 2)),
]
IDS = np.array([3, 1, 4, 1, 5])


@pytest.mark.parametrize(("factor", "noise"), [(2, {}), (3, {"snr": 3.0, "key": KEY})])
def test_a_hypercloned_transformer_computes_what_it_did(factor, noise):
    wide = numpy(growth.hyperclone(TRANSFORMER, factor=factor, axes=RULES, **noise))
    assert wide["q"][0].shape == (4 * factor, 2 * factor, 3)
    assert wide["embed"].shape == (11, 4 * factor)
    expected = transformer(TRANSFORMER, IDS)
    np.testing.assert_allclose(transformer(wide, IDS), expected, atol=2e-5)


def test_noise_of_hyperclone_is_as_loud_as_asked():
    w = {"w": np.ones((64, 64), "f")}
    loud = numpy(growth.hyperclone(w, KEY, factor=2, snr=20.0))["w"]
    noise = loud - 0.5
    assert noise.std() == pytest.approx(0.05, rel=0.1)
    np.testing.assert_allclose(noise[:64], -noise[64:], atol=1e-6)
    assert not np.allclose(noise[:, :64], noise[:, 64:])


def test_selected_weights_are_evenly_spaced():
    assert evenly(8, 4).tolist() == [0, 2, 4, 6]
    assert evenly(7, 4).tolist() == [0, 2, 4, 6]
    assert evenly(5, 5).tolist() == [0, 1, 2, 3, 4]
    for whole in range(1, 20):
        for size in range(1, whole + 1):
            places = evenly(whole, size)
            assert (np.diff(places) > 0).all()
            assert 0 <= places[0] <= places[-1] < whole


def test_weight_selection_takes_the_teachers_entries():
    teacher = {"body": array(6, 7, 5), "head": array(7, 9), "more": array(3)}
    student = {"body": np.zeros((2, 4, 5), "f"), "head": np.ones((4, 3), "f")}
    picked = growth.weight_selection(teacher, student, exclude="head")
    assert picked["head"] is student["head"]
    np.testing.assert_array_equal(
        picked["body"], teacher["body"][[0, 3]][:, [0, 2, 4, 6]]
    )
    first = growth.weight_selection(teacher, student, exclude="head", stacked="body")
    np.testing.assert_array_equal(first["body"], teacher["body"][:2][:, [0, 2, 4, 6]])
    same = growth.weight_selection(teacher, teacher)
    jax.tree.map(np.testing.assert_array_equal, same, teacher)
    with pytest.raises(ValueError, match="no larger than the teacher"):
        growth.weight_selection(student, {"body": teacher["body"]})
    with pytest.raises(ValueError, match="that the teacher has too"):
        growth.weight_selection(student, teacher)


def grown_gradient(M, rows):
    """The norm of the gradient of new incoming weights, for outgoing ones `rows`."""
    return np.linalg.norm(M @ rows.T)


def test_gradmax_gives_new_units_the_largest_gradient():
    M = array(3, 2)
    grown = growth.gradmax(MLP, units=2, gradient=M, scale=0.5, **WIDER)
    grown = numpy(grown)
    assert not grown["up"]["kernel"][:, 5:].any()
    np.testing.assert_array_equal(mlp(grown, X), mlp(MLP, X))
    rows = grown["down"]["kernel"][5:]
    c = 0.5 * np.linalg.norm(MLP["down"]["kernel"], axis=1).mean()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), c, rtol=1e-5)
    sigma = np.linalg.svd(M, compute_uv=False)
    assert grown_gradient(M, rows) == pytest.approx(c * np.linalg.norm(sigma), rel=1e-5)
    one = numpy(growth.gradmax(MLP, units=1, gradient=M, scale=0.5, **WIDER))
    best = grown_gradient(M, one["down"]["kernel"][5:])
    for angle in np.linspace(0, np.pi, 50):
        other = c * np.array([[np.cos(angle), np.sin(angle)]])
        assert grown_gradient(M, other) <= best * (1 + 1e-5)


def test_the_gradient_of_gradmax_is_that_of_the_network():
    network = lambda t, x: jnp.tanh(x @ t["up"]) @ t["down"]
    tree, y = {"up": MLP["up"]["kernel"], "down": MLP["down"]["kernel"]}, array(7, 2)
    loss = lambda t, A: jnp.sum((network(t, X) + X @ A - y) ** 2)
    M = jax.grad(loss, argnums=1)(tree, np.zeros((3, 2), "f"))
    grown = growth.gradmax(tree, incoming="up", outgoing="down", gradient=M, units=1)
    grads = jax.grad(loss)(grown, np.zeros((3, 2), "f"))
    c = np.linalg.norm(tree["down"], axis=1).mean()
    sigma = np.linalg.svd(np.asarray(M), compute_uv=False)
    assert np.linalg.norm(np.asarray(grads["up"])[:, 5:]) == pytest.approx(
        c * sigma[0], rel=1e-4
    )


def test_epsilon_of_gradmax_gives_new_units_short_inputs():
    grown = growth.gradmax(
        MLP, KEY, units=1, gradient=array(3, 2), epsilon=0.1, **WIDER
    )
    new = np.linalg.norm(np.asarray(grown["up"]["kernel"])[:, 5])
    old = np.linalg.norm(MLP["up"]["kernel"], axis=0).mean()
    assert new == pytest.approx(0.1 * old, rel=1e-5)
    assert np.asarray(grown["up"]["bias"])[5] == 0
    with pytest.raises(TypeError, match="a key for `epsilon`"):
        growth.gradmax(MLP, units=1, gradient=array(3, 2), epsilon=0.1, **WIDER)
    with pytest.raises(ValueError, match=r"shape \(in, 2\)"):
        growth.gradmax(MLP, units=1, gradient=array(3, 3), **WIDER)


def test_gradmax_of_a_convolution_takes_whole_windows():
    tree = {"in": array(3, 2, 4), "out": array(3, 4, 5)}
    M = array(6, 15)
    grown = growth.gradmax(tree, incoming="in", outgoing="out", gradient=M, units=2)
    new = np.asarray(grown["out"])[:, 4:]
    rows = np.moveaxis(new, 1, 0).reshape(2, 15)
    _, _, Vh = np.linalg.svd(M)
    c = np.linalg.norm(np.moveaxis(tree["out"], 1, 0).reshape(4, 15), axis=1).mean()
    np.testing.assert_allclose(np.abs(rows @ Vh[:2].T), c * np.eye(2), atol=1e-4)


def test_layers_are_stacked_again_from_the_first_or_each_again():
    stacked = {"w": array(3, 2), "b": array(3)}
    deep = numpy(growth.stack_layers(stacked, depth=7))
    np.testing.assert_array_equal(deep["b"], stacked["b"][[0, 1, 2, 0, 1, 2, 0]])
    deep = numpy(growth.interpolate_layers(stacked, depth=6))
    np.testing.assert_array_equal(deep["w"], np.repeat(stacked["w"], 2, 0))
    layers = [{"w": "first"}, {"w": "last"}]
    assert growth.stack_layers(layers, depth=3) == [layers[0], layers[1], layers[0]]
    assert growth.interpolate_layers(layers, depth=2) == layers
    for wrong in ([], {"a": array(2), "b": array(3)}, {"a": array()}):
        with pytest.raises(ValueError, match="needs a list of layers"):
            growth.stack_layers(wrong, depth=2)
