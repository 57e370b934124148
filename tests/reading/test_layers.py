import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn

from jinit._graph.recognition import recognize
from jinit._reading.model import read_model
from tests.zoo.adapters import drawn
from tests.zoo.small import SMALL


# name, fan_in, fan_out, activation of every layer
EXPECTED = {
    "linen": [
        ("Dense_0", 5, 8, "relu"),
        ("Dense_1", 8, 6, "tanh"),
        ("Dense_2", 6, 3, "identity"),
    ],
    "batch norm": [("Dense_0", 5, 8, "silu"), ("Dense_1", 8, 3, "identity")],
    "cnn": [
        ("Conv_0", 36, 72, "relu"),
        ("Conv_1", 18, 9, "relu"),  # 4 groups, stride 2
        ("ConvTranspose_0", 16, 16, "gelu"),  # stride 2: a quarter of 64 products
        ("Dense_0", 64, 3, "identity"),
    ],
    "block": [
        ("attention/query", 8, 8, "identity"),
        ("attention/key", 8, 8, "identity"),
        ("attention/value", 8, 8, "identity"),
        ("attention/out", 8, 8, None),
        ("up", 8, 32, "gelu"),
        ("down", 32, 8, None),
    ],
    "nnx": [("first", 5, 8, "relu"), ("second", 8, 3, "identity")],
    "equinox": [
        ("layers/0", 5, 8, "relu"),
        ("layers/1", 8, 8, "relu"),
        ("layers/2", 8, 3, "identity"),
    ],
    "plain": [("w1", 5, 8, "elu"), ("w2", 8, 3, "identity")],
}


def _name(activation):
    known = activation and recognize(activation)
    return known and known.name


@pytest.mark.parametrize("name", SMALL)
def test_layers_fans_and_activations_are_read_from_any_model(name):
    model = read_model(*SMALL[name]())
    seen = [
        (each.name, each.kernel.fan_in, each.kernel.fan_out, _name(each.activation))
        for each in model.layers
    ]
    assert seen == EXPECTED[name]


@pytest.mark.parametrize("name", SMALL)
def test_the_bias_belongs_to_the_preactivation(name):
    apply, params, x = SMALL[name]()
    model = read_model(apply, params, x)
    with_bias = [each.bias is not None for each in model.layers]
    assert with_bias == {
        "linen": [True, False, True],
        "plain": [True, False],
    }.get(name, [True] * len(with_bias))


def test_a_layer_knows_what_it_follows():
    model = read_model(*SMALL["linen"]())
    assert [set(each.reads.first.before) for each in model.layers] == [set(), {0}, {1}]
    assert [each.reads.first.chained for each in model.layers] == [False, True, True]
    assert [each.place.last for each in model.layers] == [False, False, True]


def test_pooling_and_normalization_break_the_chain():
    assert [
        each.reads.first.chained for each in read_model(*SMALL["cnn"]()).layers
    ] == [
        False,
        True,
        True,
        False,
    ]
    dense, readout = read_model(*SMALL["batch norm"]()).layers
    assert dense.activation is not None
    assert dense.output not in dense.activation.sources
    assert not readout.reads.first.chained


def test_a_change_of_dtype_is_no_activation():
    def apply(w, x):
        mean = (x @ w).mean(-1, keepdims=True)
        return (x @ w - mean).astype(jnp.bfloat16)

    (layer, *_) = read_model(apply, jnp.ones((4, 4)), jnp.ones((2, 4))).layers
    assert layer.activation is None


def test_attention_is_fed_by_three_layers():
    model = read_model(*SMALL["block"]())
    assert model.layers[3].reads.first.before == {0, 1, 2}
    assert not model.layers[3].reads.first.chained


def test_a_shared_kernel_is_a_layer_each_time():
    apply = lambda p, x: jnp.tanh(jnp.tanh(x @ p["w"]) @ p["w"].T)
    model = read_model(apply, {"w": jnp.ones((4, 4))}, jnp.ones((2, 4)))
    assert [each.name for each in model.layers] == ["w", "w#2"]


def test_kernels_of_one_module_are_told_apart():
    apply = lambda p, x: x @ p["cell"]["wi"] @ p["cell"]["wh"]
    params = {"cell": {"wi": jnp.ones((4, 4)), "wh": jnp.ones((4, 4))}}
    model = read_model(apply, params, jnp.ones((2, 4)))
    assert [each.name for each in model.layers] == ["cell/wi", "cell/wh"]


def test_products_of_two_signals_or_two_parameters_are_no_layers():
    apply = lambda p, x: (x @ x.T) @ x @ (p[0] @ p[1])
    model = read_model(apply, [jnp.ones((4, 3)), jnp.ones((3, 4))], jnp.ones((2, 4)))
    assert [each.path for each in model.layers] == ["0"]
    assert model.layers[0].kernel.fan_in == 4


def test_a_layer_behind_a_derivative_rule_is_found():
    @jax.custom_vjp
    def dense(x, w):
        return x @ w

    dense.defvjp(lambda x, w: (x @ w, (x, w)), lambda s, g: (g @ s[1].T, s[0].T @ g))
    model = read_model(lambda w, x: dense(x, w), jnp.ones((4, 3)), jnp.ones((2, 4)))
    assert len(model.layers) == 1


def test_a_transposed_kernel_is_traced_to_its_leaf():
    model = read_model(*SMALL["plain"]())
    second = model.layers[1]
    assert second.axes is not None
    assert model.paths[model.graph.inputs.index(second.axes.leaf)] == "w2"
    kernel = second.kernel
    own = [second.axes.axes[axis] for axis in kernel.in_axes + kernel.out_axes]
    assert own == [(1,), (0,)]


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.DenseGeneral((4, 6)), (1, 16)),
        (nn.DenseGeneral(8, axis=(-2, -1)), (1, 4, 6)),
        (nn.Conv(8, (3, 3), feature_group_count=2), (1, 12, 12, 4)),
        (nn.Conv(8, (3, 3), strides=2), (1, 12, 12, 4)),
        (nn.Conv(8, (3, 3), kernel_dilation=2), (1, 12, 12, 4)),
        (nn.ConvTranspose(8, (4, 4), strides=(2, 2)), (1, 12, 12, 4)),
    ],
)
def test_fans_count_the_products(module, shape):
    # Of ones, an output counts the products summed in it, and the gradient of the sum
    # of all outputs the products that an input takes part in; far from the border.
    apply, params, x = drawn(module, *shape)
    params, x = jax.tree.map(jnp.ones_like, params), jnp.ones_like(x)
    params["params"]["bias"] *= 0
    kernel = read_model(apply, params, x).layers[0].kernel
    inside = lambda a: a[:, a.shape[1] // 2 - 2 :][:, :4] if a.ndim == 4 else a
    middle = lambda a: inside(inside(a).swapaxes(1, 2)) if a.ndim == 4 else a
    counts = jax.grad(lambda x: apply(params, x).sum())(x)
    assert middle(apply(params, x)).mean() == kernel.fan_in
    assert middle(counts).mean() == kernel.fan_out
