"""Pickles name jinit and the law, and those of earlier versions still load.

`python -m tests.test_pickles` adds those of new laws to the file and keeps the others.
"""

import base64
import copy
import json
import pathlib
import pickle
import pickletools

import jax.numpy as jnp
import pytest

import jinit

from .helpers import CASES


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
