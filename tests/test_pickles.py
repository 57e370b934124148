"""Pickles name jinit and the law, and those of earlier versions still load.

`python -m tests.test_pickles` adds those of new laws to the file and keeps the others.
"""

import base64
import copy
import json
import pathlib
import pickle
import pickletools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit

from .cases import CASES


FILE = pathlib.Path(__file__).parent / "pickles.json"

CONFIGURED = {
    "bare he_normal": jinit.he_normal,
    "half precision": jinit.normal(0.02, jnp.bfloat16),
    "an array": jinit.constant([[1, 2], [3, 4]]),
    "one in another": jinit.scaled(jinit.scaled(jinit.orthogonal(gain="relu"), 2.0), 3),
    "fans": jinit.Fans(3, 4),
    "axes": jinit.einsum_axes("...d,dhk->...hk"),
}
SUBJECTS = {name: case.init for name, case in CASES.items()} | CONFIGURED


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_pickle_names_what_is_public(name):
    pickled = pickle.dumps(SUBJECTS[name])
    assert b"jinit._" not in pickled
    assert pickle.loads(pickled) == SUBJECTS[name]
    assert copy.deepcopy(SUBJECTS[name]) == SUBJECTS[name]


def test_an_initializer_travels_by_value_too():
    cloudpickle = pytest.importorskip("cloudpickle")
    for subject in SUBJECTS.values():
        assert pickle.loads(cloudpickle.dumps(subject)) == subject


def apply(p, x):
    return jax.nn.gelu(x @ p["a"]) @ p["b"] + jnp.exp(-((x @ p["c"]) ** 2)) @ p["b"]


SHAPES = {name: jax.ShapeDtypeStruct((4, 4), "float32") for name in "abc"}
ASKED = {
    "a role": lambda: jinit.role("bias", "embedding"),
    "a condition": lambda: ~jinit.role("bias") & jinit.path("a/*") | jinit.is_kernel(),
    "traced": lambda: jinit.traced(jinit.he_normal),
    "a recipe": lambda: jinit.recipes.t5(),
    "muP": lambda: jinit.mup(SHAPES, SHAPES),
    "a trace": lambda: jinit.trace(apply, SHAPES, SHAPES["a"]),
    "a plan": lambda: jinit.explain(apply, SHAPES, SHAPES["a"]),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_is_asked_of_a_model_travels_and_is_copied(name):
    subject, twin = ASKED[name](), ASKED[name]()
    pickled = pickle.loads(pickle.dumps(subject))
    for other in (pickled, copy.copy(subject), copy.deepcopy(subject), twin):
        assert other == subject
        assert str(other) == str(subject)


def test_a_trace_keeps_its_rows_and_the_functions_that_have_a_name():
    found = jinit.trace(lambda p, x: apply(p, x) @ p["a"], SHAPES, SHAPES["a"])
    kept = pickle.loads(pickle.dumps(found))
    z = jnp.linspace(-2.0, 2.0, 5)
    one = jinit.trace(lambda p, x: jax.nn.relu(x @ p["a"]) @ p["b"], SHAPES, z[:4])
    phi = pickle.loads(pickle.dumps(one))["b"].activation
    assert jnp.array_equal(phi(z), jax.nn.relu(z))
    assert copy.deepcopy(found).source is found.source
    with pytest.raises(ValueError, match="Trace the model again"):
        _ = kept.source.model
    bell = lambda p, x: jnp.exp(-((x @ p["a"]) ** 2)) @ p["b"]
    strange = pickle.loads(pickle.dumps(jinit.trace(bell, SHAPES, z[:4])["b"]))
    with pytest.raises(ValueError, match="Trace the model again"):
        strange.activation(z)


@pytest.mark.parametrize("name", jinit.recipes.RECIPES)
def test_single_rules_of_a_recipe_travel(name):
    twin = jinit.recipes.RECIPES[name]()
    for rule, other in zip(jinit.recipes.RECIPES[name](), twin, strict=True):
        assert pickle.loads(pickle.dumps(rule)) == rule == other


MARGINALS = [
    jinit.marginal.values([1.0, 2.0, 2.0]),
    jinit.marginal.two_points(2.0, 0.25),
    jinit.marginal.uniform(-1.0, 2),
    jinit.marginal.normal(mean=0.5, std=2.0),
    jinit.marginal.truncated_normal(0.0, 1.0, upper=3.0),
    jinit.marginal.coordinate(5, 2.0),
    jinit.marginal.sparse(0.5, jinit.marginal.normal(0.0, 1.0)),
    jinit.orthogonal(gain=2.0).marginal((4, 4)),
]


@pytest.mark.parametrize("marginal", MARGINALS, ids=repr)
def test_a_marginal_travels_as_the_call_that_made_it(marginal):
    pickled = pickle.dumps(marginal)
    assert b"jinit._" not in pickled
    other = pickle.loads(pickled)
    assert other == marginal == copy.deepcopy(marginal)
    assert hash(other) == hash(marginal)
    x = np.linspace(-2, 2, 9)
    assert np.array_equal(other.cdf(x), marginal.cdf(x))
    assert other != jinit.marginal.normal(0.0, 3.0)


def test_a_marginal_of_a_user_is_its_fields():
    own = jinit.marginal.Marginal(0.0, 1.0, (-1.0, 1.0), 1.0, np.sign)
    assert pickle.loads(pickle.dumps(own)) == own


def test_a_users_law_is_named_by_its_module_and_name():
    @jinit.law
    def pickled_of_a_user(key, shape, dtype, /, scale: float = 1.0):
        return jnp.full(shape, scale, dtype)

    pickled = pickle.dumps(pickled_of_a_user(scale=2.0))
    assert __name__.encode() in pickled
    assert b"pickled_of_a_user" in pickled
    assert pickle.loads(pickled) == pickled_of_a_user(scale=2.0)


def test_a_pickle_names_jinit_and_the_law_alone():
    texts = [
        argument
        for _, argument, _ in pickletools.genops(pickle.dumps(jinit.he_normal))
        if isinstance(argument, str)
    ]
    assert texts == ["jinit", "Initializer", "he_normal"]


@pytest.mark.parametrize("name", SUBJECTS)
def test_pickles_of_the_first_version_load(name):
    pickled = json.loads(FILE.read_text())[name]
    assert pickle.loads(base64.b64decode(pickled)) == SUBJECTS[name]


def test_every_pickle_in_the_file_is_tested():
    assert set(json.loads(FILE.read_text())) == set(SUBJECTS)


if __name__ == "__main__":
    kept = json.loads(FILE.read_text()) if FILE.exists() else {}
    made = {
        name: base64.b64encode(pickle.dumps(subject, protocol=4)).decode()
        for name, subject in SUBJECTS.items()
    }
    FILE.write_text(json.dumps(made | kept, indent=1, sort_keys=True) + "\n")
