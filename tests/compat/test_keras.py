"""The peer itself is beside every test: Keras on JAX."""

import functools
import json
from typing import Any

import jax
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

import jinit
from jinit.compat.keras import wrap, Wrapped


keras: Any = pytest.importorskip("keras")
INITIALIZERS = keras.initializers
SEED = 3

# Beside each initializer of Keras, the one of jinit that draws the same weights.
PAIRS = [
    (INITIALIZERS.Zeros(), jinit.zeros),
    (INITIALIZERS.Ones(), jinit.ones),
    (INITIALIZERS.Constant(0.3), jinit.constant(0.3)),
    (INITIALIZERS.Identity(2.0), jinit.identity(2.0)),
    (INITIALIZERS.RandomNormal(0.5, 0.1, SEED), jinit.normal(0.1, mean=0.5)),
    (INITIALIZERS.RandomUniform(-1, 3, SEED), jinit.uniform_range(-1, 3)),
    (INITIALIZERS.TruncatedNormal(seed=SEED), jinit.truncated_normal(0.05)),
    (INITIALIZERS.Orthogonal(2.0, SEED), jinit.orthogonal(2.0, method="qr")),
    (INITIALIZERS.GlorotUniform(SEED), jinit.glorot_uniform),
    (INITIALIZERS.HeNormal(SEED), jinit.he_normal),
    (INITIALIZERS.LecunNormal(SEED), jinit.lecun_normal),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: type(pair[0]).__name__)
def test_a_seed_gives_the_weights_that_keras_draws(pair):
    theirs, ours = pair
    expected = theirs((6, 4))
    np.testing.assert_allclose(wrap(ours, SEED)((6, 4)), expected, rtol=1e-6)


# Every initializer of Keras that has a law, with settings of its own and without.
THEIRS = [
    *(theirs for theirs, _ in PAIRS if type(theirs) is not INITIALIZERS.Identity),
    INITIALIZERS.Identity(),  # whose gain Keras does not write
    INITIALIZERS.RandomNormal(seed=SEED),
    INITIALIZERS.RandomUniform(seed=SEED),
    INITIALIZERS.GlorotNormal(SEED),
    INITIALIZERS.HeUniform(SEED),
    INITIALIZERS.LecunUniform(SEED),
    INITIALIZERS.VarianceScaling(seed=SEED),
    INITIALIZERS.VarianceScaling(2.0, "fan_out", "normal", SEED),
    INITIALIZERS.VarianceScaling(0.5, "fan_avg", "untruncated_normal", SEED),
]


@pytest.mark.parametrize("theirs", THEIRS, ids=lambda init: type(init).__name__)
def test_what_keras_writes_is_read_as_the_same_law(theirs):
    config = json.loads(json.dumps(INITIALIZERS.serialize(theirs)))
    for ours in (jinit.from_config(config), jinit.get(config)):
        if ours.law == jinit.orthogonal.law:
            ours = ours(method="qr")
        found, expected = wrap(ours, SEED)((6, 4)), theirs((6, 4))
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_short_names_are_those_of_keras():
    for name in ["normal", "uniform", "zero", "one", "he_normal", "random_normal"]:
        theirs = INITIALIZERS.get({"class_name": name, "config": {}})
        theirs.seed = SEED
        ours = jinit.get({"class_name": name, "config": {}})
        found = wrap(ours, SEED)((6, 4))
        np.testing.assert_allclose(found, theirs((6, 4)), rtol=1e-6)


def test_what_wrap_writes_is_read_too():
    init = jinit.scaled(jinit.he_normal(gain="gelu"), 0.5)
    assert jinit.get(INITIALIZERS.serialize(wrap(init, 3))) == init


def test_what_keras_writes_and_has_no_law_here():
    with pytest.raises(ValueError, match=r"`jinit.from_config` .*'stft'"):
        jinit.from_config(INITIALIZERS.serialize(INITIALIZERS.STFT()))
    axes = INITIALIZERS.VarianceScaling(input_axes=[0], output_axes=[1])
    with pytest.raises(ValueError, match=r"`input_axes` to be None.*`batch_axis`"):
        jinit.get(INITIALIZERS.serialize(axes))
    for odd in [{"class_name": 3}, {"class_name": "Zeros", "config": 3}]:
        with pytest.raises(ValueError, match="needs a text as `class_name`"):
            jinit.get(odd)


def test_it_is_an_initializer_of_keras():
    init = wrap("he_normal", 1)
    assert isinstance(init, INITIALIZERS.Initializer)
    assert INITIALIZERS.get(init) is init
    assert repr(init) == "wrap(he_normal(), seed=1)"


@pytest.mark.parametrize("seed", [None, 7, 2**40, -1, np.int64(5)])
def test_a_number_draws_the_same_weights_each_time(seed):
    init = wrap(jinit.normal, seed)
    assert (init((3,)) == init((3,))).all()


def test_a_generator_draws_new_weights_each_time():
    draws = [
        make(seed=keras.random.SeedGenerator(5))
        for make in (
            functools.partial(wrap, jinit.normal),
            functools.partial(INITIALIZERS.RandomNormal, stddev=0.01),
        )
    ]
    for _ in range(2):
        np.testing.assert_allclose(*(draw((3,)) for draw in draws), rtol=1e-6)
    assert (draws[0]((3,)) != draws[0]((3,))).all()


def test_the_seed_of_keras_decides_where_none_is_given():
    weights = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        weights.append(np.asarray(wrap(jinit.normal)((3,))))
    assert (weights[0] == weights[1]).all()
    assert (weights[0] != weights[2]).all()
    init = wrap(jinit.normal)  # as in Keras, a clone of it is independent
    assert (init.clone()((3,)) != init((3,))).all()


@pytest.mark.parametrize(
    "init",
    [
        wrap(jinit.he_normal(gain="gelu", in_axis=(0, 1)), 4),
        wrap(jinit.scaled(jinit.orthogonal, 0.5)),
        wrap([[1.0, 2.0]] * np.ones((2, 1)), 0),
    ],
)
def test_a_config_rebuilds_it(init):
    for again in (
        INITIALIZERS.deserialize(INITIALIZERS.serialize(init)),
        Wrapped.from_config(init.get_config()),
        init.clone(),
    ):
        assert again.initializer == init.initializer
        assert again.get_config() == init.get_config()


def test_a_generator_is_saved_with_its_seed():
    init = wrap(jinit.normal, keras.random.SeedGenerator(5))
    first = init((3,))
    assert (init.clone()((3,)) == first).all()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_model_is_saved_and_loaded(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(
                8,
                kernel_initializer=wrap(jinit.he_normal(gain="gelu"), 1),
                bias_initializer=wrap(0.1),
            ),
            keras.layers.Dense(2, kernel_initializer=wrap("orthogonal")),
        ]
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for old, new in zip(model.layers, loaded.layers, strict=True):
        for mine, read in zip(old.weights, new.weights, strict=True):
            assert (np.asarray(mine) == np.asarray(read)).all()
        assert repr(new.kernel_initializer) == repr(old.kernel_initializer)
    clone = keras.models.clone_model(model)
    kernels = [np.asarray(each.layers[0].kernel) for each in (model, clone)]
    assert (kernels[0] == kernels[1]).all()  # drawn anew, by the same seed
    assert (np.asarray(clone.layers[0].bias) == np.float32(0.1)).all()


def test_weights_are_made_where_the_layout_says():
    init = wrap(jinit.he_normal, 1)
    devices = keras.distribution.list_devices()[:4]
    mesh = keras.distribution.DeviceMesh((4,), ["x"], devices)
    layout = keras.distribution.TensorLayout((None, "x"), mesh)
    w = init((4, 16), "float32", layout)
    assert isinstance(w.sharding, NamedSharding)
    assert w.sharding.spec == PartitionSpec(None, "x")
    layouts = keras.distribution.LayoutMap(mesh)
    layouts[".*kernel"] = (None, "x")
    with keras.distribution.ModelParallel(layout_map=layouts).scope():
        dense = keras.layers.Dense(16, kernel_initializer=init)
        dense.build((None, 4))
    assert dense.kernel.value.sharding.spec == PartitionSpec(None, "x")
    for sharded in (w, dense.kernel.value):
        assert (jax.device_get(sharded) == jax.device_get(init((4, 16)))).all()


def test_dtypes_are_those_of_keras():
    assert wrap(jinit.normal, 0)((2,), "bfloat16").dtype == "bfloat16"
    assert wrap("zeros")((2,), "int32").dtype == "int32"
    assert wrap("normal", 0)((2,)).dtype == keras.backend.floatx()


@pytest.mark.parametrize("seed", [True, "seed", 1.5, [3]])
def test_what_is_no_seed(seed):
    with pytest.raises(TypeError, match=r"`jinit.compat.keras.wrap` needs `seed`"):
        wrap(jinit.normal, seed)


def test_what_is_no_initializer():
    with pytest.raises(TypeError, match=r"`jinit.compat.keras.wrap` needs a name"):
        wrap(None)
    with pytest.raises(ValueError, match="'he_normal'"):
        wrap("he_norml")
    with pytest.raises(TypeError, match="needs 'value'"):
        wrap(jinit.constant)


@pytest.mark.parametrize("init", [jinit.he_normal, jinit.zeros, jinit.constant(0.5)])
def test_an_initializer_without_it_says_what_to_do(init):
    dense = keras.layers.Dense(8, kernel_initializer=init)
    with pytest.raises(TypeError, match=r"jinit\.compat\.keras\.wrap"):
        dense.build((None, 4))
