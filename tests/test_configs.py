"""Initializers in configuration systems: out and back again, an equal one.

What a system asks of an initializer is tested without it, and the system itself where
it is installed.
"""

import argparse
import collections
import importlib
import inspect
import json
from typing import Any

import pytest

import jinit
from jinit._core.initializer import laws
from jinit._core.registry import is_ours


INITS = [
    jinit.he_normal,
    jinit.normal(0.02),
    jinit.he_normal(gain="gelu", in_axis=(0, 1), out_axis=-1, dtype="bfloat16"),
    jinit.truncated_normal(0.5, lower=-1.0, upper=float("inf")),
    jinit.constant([[1.0, 2.0], [3.0, 4.0]]),
    jinit.scaled(jinit.orthogonal(gain="tanh"), 0.5),
    jinit.blocks((jinit.orthogonal, jinit.zeros), (3, 5)),
    jinit.compat.torch.kaiming_uniform_(5**0.5),
    jinit.compat.lasagne.Uniform((-1.0, 2.0)),
]
every_init = pytest.mark.parametrize("init", INITS, ids=repr)


def settings(init) -> dict[str, Any]:
    """The settings as a file of a configuration has them: lists, numbers, texts."""
    return json.loads(json.dumps(init.to_config()["settings"]))


def made(value):
    """A setting with the initializers in it, as a system makes them first."""
    if isinstance(value, list):
        return [*map(made, value)]
    return jinit.from_config(value) if isinstance(value, dict) else value


class Entries:
    """A mapping in all but name, as the ConfigDict of ml_collections is."""

    def __init__(self, config):
        self.config = config

    def keys(self):
        return self.config.keys()

    def __getitem__(self, key):
        value = self.config[key]
        return Entries(value) if isinstance(value, dict) else value


class Items(collections.UserList):
    """A list in all but name, as the ListConfig of OmegaConf is."""


def as_others_have_it(value):
    if isinstance(value, dict):
        return Entries({key: as_others_have_it(each) for key, each in value.items()})
    if isinstance(value, list):
        return Items(map(as_others_have_it, value))
    return value


# The protocols.


def test_every_law_is_where_its_name_says():
    """Hydra's `_target_`, gin and Fiddle take an object by its dotted path."""
    for name in laws.names():
        if is_ours(laws.lookup(name).law.home):
            module, _, last = f"jinit.{name}".rpartition(".")
            assert getattr(importlib.import_module(module), last) == jinit.get(name)


@every_init
def test_a_target_and_its_keywords(init):
    target = jinit.get(init.to_config()["name"])
    given = {name: made(value) for name, value in settings(init).items()}
    assert target(**given) == init
    inspect.signature(target).bind_partial(**given)  # Fiddle holds calls to it


@every_init
def test_text_json_and_mappings_of_others(init):
    config = json.loads(json.dumps(init.to_config()))
    assert jinit.get(repr(init)) == init
    assert jinit.get(config) == jinit.from_config(config) == init
    assert jinit.get(as_others_have_it(config)) == init
    keras = {"class_name": config["name"], "config": config["settings"]}
    assert jinit.get(as_others_have_it(keras)) == init


def test_the_command_line():
    parser = argparse.ArgumentParser()
    parser.add_argument("--init", type=jinit.get, default="lecun_normal")
    assert parser.parse_args([]).init == jinit.lecun_normal
    assert parser.parse_args(["--init", "normal(0.02)"]).init == jinit.normal(0.02)


def test_what_is_no_config():
    odd = [{}, {"name": 3}, {"name": "normal", "settings": 3}, Entries({"a": 1})]
    for config in odd:
        with pytest.raises(ValueError, match="needs a mapping of `name`"):
            jinit.get(config)


# The systems.


def test_hydra():
    instantiate = pytest.importorskip("hydra.utils").instantiate
    create = pytest.importorskip("omegaconf").OmegaConf.create
    for init in INITS:
        config = create(init.to_config())
        assert jinit.get(config) == jinit.from_config(config) == init
        given = create({"_target_": "jinit.get", "spec": repr(init)})
        assert instantiate(given) == init
        if "settings" not in repr(settings(init)):  # which are initializers
            target = f"jinit.{init.to_config()['name']}"
            assert instantiate(create({"_target_": target} | settings(init))) == init
    base = {"_target_": "jinit.orthogonal", "gain": "tanh"}
    nested = create({"_target_": "jinit.scaled", "base": base, "factor": 0.5})
    assert instantiate(nested) == jinit.scaled(jinit.orthogonal(gain="tanh"), 0.5)


def test_ml_collections():
    ml_collections = pytest.importorskip("ml_collections")
    for init in INITS:
        config = ml_collections.ConfigDict({"text": repr(init), "value": init})
        config.mapping = init.to_config()
        assert config.value == jinit.get(config.text) == jinit.get(config.mapping)
    frozen = ml_collections.FrozenConfigDict({"init": INITS[2].to_config()})
    assert jinit.get(frozen.init) == INITS[2]


def test_fiddle():
    fdl = pytest.importorskip("fiddle")
    files = pytest.importorskip("fiddle.experimental.serialization")
    config = fdl.Config(
        jinit.scaled, base=fdl.Config(jinit.orthogonal, gain="tanh"), factor=0.5
    )
    assert fdl.build(config) == jinit.scaled(jinit.orthogonal(gain="tanh"), 0.5)
    config.base.gain = "relu"
    assert fdl.build(config) == jinit.scaled(jinit.orthogonal(gain="relu"), 0.5)
    with pytest.raises(TypeError, match="gian"):
        fdl.Config(jinit.he_normal, gian="tanh")
    for init in INITS:
        written = files.dump_json(fdl.Config(jinit.get, repr(init)))
        assert fdl.build(files.load_json(written)) == init


def test_draccus():
    draccus = pytest.importorskip("draccus")
    draccus.decode.register(jinit.Initializer, jinit.get)
    draccus.encode.register(jinit.Initializer, lambda init, *_: repr(init))
    decode = lambda value: draccus.decode(jinit.Initializer, value)
    for init in INITS:
        assert decode(draccus.encode(init)) == init
        assert decode(init.to_config()) == init


def test_tyro():
    tyro = pytest.importorskip("tyro")
    spec = tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar="INIT",
        instance_from_str=lambda texts: jinit.get(texts[0]),
        is_instance=lambda value: isinstance(value, jinit.Initializer),
        str_from_instance=lambda init: [repr(init)],
    )

    registry = tyro.constructors.ConstructorRegistry()
    registry.primitive_rule(
        lambda info: spec if info.type is jinit.Initializer else None
    )

    def main(kernel: jinit.Initializer = jinit.lecun_normal) -> jinit.Initializer:
        return kernel

    with registry:
        assert tyro.cli(main, args=[]) == jinit.lecun_normal
        for init in INITS:
            assert tyro.cli(main, args=["--kernel", repr(init)]) == init
