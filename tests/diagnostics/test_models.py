import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import jinit
from jinit._diagnostics.models import made, mlp, redraw
from jinit._frameworks import find_model
from jinit._reading.model import read_model, read_subject
from tests.zoo.small import NNX, SMALL


KEY = jax.random.key(3)
X = jax.random.normal(jax.random.key(1), (16, 5))


class Trained(nn.Module):
    @nn.compact
    def __call__(self, x, train: bool):
        x = nn.BatchNorm(use_running_average=not train)(nn.Dense(8)(x))
        return nn.Dense(3)(nn.Dropout(0.5, deterministic=not train)(nn.relu(x)))


def _pair():
    return lambda w, x: x @ w, jnp.ones((5, 3))


class Functional:
    @staticmethod
    def init(key, x):
        return jax.random.normal(key, (x.shape[-1], 3))

    @staticmethod
    def apply(w, x):
        return x @ w


@pytest.fixture
def models(monkeypatch):
    module = types.ModuleType("their_models")
    vars(module).update(
        Trained=Trained,
        NNX=NNX,
        pair=_pair,
        functional=Functional(),
        linen=nn.Dense(3),
        needs=lambda size: nn.Dense(size),
        number=lambda: 3,
        fails=lambda: 1 / 0,
    )
    monkeypatch.setitem(sys.modules, "their_models", module)


def found(spec, x):
    return made("jinit report", find_model(spec, "jinit report"), x, KEY)


def outputs(subject):
    return subject.apply(subject.weights, subject.state, *subject.inputs)


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("name", ["Trained", "NNX", "pair", "functional", "linen"])
def test_a_factory_may_return_any_kind_of_model(name):
    assert outputs(found(f"their_models:{name}", X)).shape == (16, 3)


@pytest.mark.usefixtures("models")
def test_a_linen_module_runs_as_in_training():
    subject = found("their_models:Trained", X)
    first, _ = read_subject("jinit.report", subject).layers
    assert first.activation is not None
    assert first.output not in first.activation.sources  # the batch norm normalizes
    assert jnp.array_equal(outputs(subject), outputs(subject))


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("spec", "error", "match"),
    [
        ("their_models", ValueError, "module:factory or .*Got 'their_models'"),
        ("their_models:nothing", ValueError, "no attribute 'nothing'"),
        ("no_such_module:f", ImportError, "can not import no_such_module"),
        ("their_models:needs", TypeError, "missing a required argument: 'size'"),
        ("their_models:number", TypeError, "Got int"),
        ("their_models:fails", TypeError, "ZeroDivisionError: division by zero"),
    ],
)
def test_a_factory_that_fails_is_refused_in_one_line(spec, error, match):
    with pytest.raises(error, match=match) as refusal:
        found(spec, X)
    assert "\n" not in str(refusal.value)


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("name", ["NNX", "pair"])
def test_an_input_that_does_not_fit_is_refused_with_its_shape(name):
    with pytest.raises(ValueError, match=r"Got float32\[2,7\]"):
        found(f"their_models:{name}", jnp.ones((2, 7)))


def test_the_mlp_is_what_it_says():
    subject = mlp("tanh", 3, 6, True, X, KEY)
    layers = read_subject("jinit.report", subject).layers
    assert [each.name for each in layers] == [
        "layer_1",
        "layer_2",
        "layer_3",
        "readout",
    ]
    assert [each.kernel.fan_out for each in layers] == [6, 6, 6, 10]
    assert "BatchNorm_0" in subject.weights["params"]


# Kernels drawn anew


@pytest.mark.parametrize("name", SMALL)
def test_only_kernels_are_drawn_anew(name):
    apply, params, x = SMALL[name]()
    model = read_model(apply, params, x)
    drawn = redraw(model, params, jinit.constant(0.25), KEY)
    kernels = {each.path for each in model.layers}
    leaves = zip(
        model.paths, jax.tree.leaves(params), jax.tree.leaves(drawn), strict=True
    )
    for path, before, after in leaves:
        if path in kernels:
            assert (after == 0.25).all()
        else:
            assert jnp.array_equal(before, after)


@pytest.mark.parametrize("name", SMALL)
def test_the_fans_are_those_of_the_layer_in_any_layout(name):
    apply, params, x = SMALL[name]()
    model = read_model(apply, params, x)
    drawn = dict(
        zip(
            model.paths,
            jax.tree.leaves(redraw(model, params, jinit.lecun_uniform, KEY)),
            strict=True,
        )
    )
    for layer in model.layers:
        bound = np.sqrt(3 / layer.kernel.fan_in)
        if "Transpose" in layer.name:
            bound /= 2  # by its shape: a stride is not in it
        largest = np.abs(drawn[layer.path]).max()
        assert 0.8 * bound < largest <= bound


def test_a_transposed_kernel_gets_the_transposed_draw():
    apply = lambda w, x: x @ w.T
    w, x = jnp.zeros((3, 5)), jnp.ones((2, 5))
    drawn = redraw(read_model(apply, w, x), w, jinit.orthogonal, KEY)
    straight = read_model(lambda w, x: x @ w, w.T, x)
    assert jnp.array_equal(drawn.T, redraw(straight, w.T, jinit.orthogonal, KEY))


def test_an_equal_layout_gets_the_initializers_own_draw():
    w = jnp.zeros((5, 3))
    drawn = redraw(read_model(lambda w, x: x @ w, w, X), w, jinit.he_normal, KEY)
    assert jnp.array_equal(drawn, jinit.he_normal(jax.random.fold_in(KEY, 0), (5, 3)))


def test_a_convolution_keeps_its_window():
    conv = nn.Conv(8, (3, 3))
    x = jnp.ones((1, 6, 6, 4))
    params = conv.init(KEY, x)
    model = read_model(conv.apply, params, x)
    kernel = redraw(model, params, jinit.delta_orthogonal, KEY)["params"]["kernel"]
    assert jnp.allclose(kernel[1, 1] @ kernel[1, 1].T, jnp.eye(4), atol=1e-6)
