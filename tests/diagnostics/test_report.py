import csv
import io
import json

import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit._diagnostics import report
from jinit._diagnostics.report import schemes
from tests.zoo.entry import normals


SMALL = {"data": "digits", "width": 48, "depth": 3}


@pytest.fixture(scope="module")
def small():
    return report(["he_normal", "normal(1.0)", "zeros"], **SMALL)


def test_every_scheme_is_probed_on_the_same_model(small):
    assert list(small.probes) == ["he_normal", "normal(1.0)", "zeros"]
    conditions = [probe.condition for probe in small.probes.values()]
    assert conditions == ["keeps", "explodes", "symmetric"]
    assert small.fitting == ("he_normal",)
    assert small.conclusion == "Schemes that fit: he_normal."
    assert small.subject == (
        "3-layer relu MLP of width 48 on standardized digits, 1797 examples"
    )


def test_the_classical_schemes_follow_the_activation():
    assert schemes("tanh") == (
        "normal(0.01)",
        "fan_in_uniform",
        "lecun_normal",
        "glorot_uniform",
        "he_normal",
        "orthogonal(gain='tanh')",
        "normal(1.0)",
    )
    for name in schemes("relu"):
        jinit.get(name)


def test_a_scheme_may_be_an_initializer():
    seen = report([jinit.lecun_normal(gain="selu")], activation="selu", **SMALL)
    assert list(seen.probes) == ["lecun_normal(gain='selu')"]


def test_the_seed_fixes_the_weights(small):
    again = report(["he_normal", "normal(1.0)", "zeros"], **SMALL)
    other = report(["he_normal"], seed=1, **SMALL)
    assert again == small
    assert other.probes["he_normal"] != small.probes["he_normal"]


def test_json_holds_everything(small):
    loaded = json.loads(json.dumps(small.to_dict()))
    assert loaded["verdicts"] == small.verdicts
    layers = loaded["schemes"]["he_normal"]["layers"]
    assert [layer["name"] for layer in layers] == [
        "layer_1",
        "layer_2",
        "layer_3",
        "readout",
    ]
    assert sum(layers[0]["gradient_histogram"]["counts"]) == 1797 * 48


def test_csv_has_a_line_per_scheme_and_layer(small):
    lines = list(csv.DictReader(io.StringIO(small.to_csv())))
    assert len(lines) == 3 * 4
    assert lines[1]["name"] == "layer_2"
    assert float(lines[1]["std"]) == small.probes["he_normal"].layers[1].std
    assert not any("histogram" in column for column in lines[0])


def test_text_holds_every_table_and_the_conclusion(small):
    text = str(small)
    for name, verdict in small.verdicts.items():
        assert f"{name}\n" in text
        assert verdict in text
    assert text.endswith(small.conclusion)


def test_a_scheme_that_overflows_does_not_spoil_the_others():
    seen = report(["he_normal", "normal(1e6)"], depth=8, data="digits", width=16)
    assert list(seen.probes) == ["he_normal"]
    assert seen.overflows == {"normal(1e6)": "layer_6"}
    assert "overflows: inf or nan first at layer_6" in seen.verdicts["normal(1e6)"]
    assert "overflows" in str(seen)


def test_no_fitting_scheme_is_said():
    assert report(["zeros"], **SMALL).conclusion.startswith("None of these schemes")


def test_a_model_of_ones_own():
    apply = lambda p, x: jnp.tanh(jnp.tanh(x @ p["a"]) @ p["b"]) @ p["c"]
    params = {"a": jnp.ones((8, 32)), "b": jnp.ones((32, 32)), "c": jnp.ones((32, 2))}
    seen = report(["zeros"], model=(apply, params), input_shape=(64, 8))
    assert seen.probes["zeros"].condition == "symmetric"
    assert seen.subject == "The model on standard normal input (64, 8)"


def test_an_array_is_taken_as_it_is():
    x = np.asarray(normals(64, 8))
    assert report(["he_normal"], data=x, width=8, depth=1).probes["he_normal"]
    with pytest.warns(UserWarning, match="mean 10 "):
        report(["he_normal"], data=x + 10, width=8, depth=1)


def test_raw_data_is_warned_of():
    with pytest.warns(UserWarning, match="mean 4.9 and variance 36"):
        report(["he_normal"], raw=True, **SMALL)


def test_progress_is_told():
    said = []
    report(["he_normal", "zeros"], progress=said.append, **SMALL)
    assert said == ["reading digits", "1/2 he_normal", "2/2 zeros"]


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"activation": "rleu"}, "Got 'rleu'. Did you mean 'relu'"),
        ({"data": "minst"}, "Got 'minst'. Did you mean 'mnist'"),
        ({"inits": ["he_norml"]}, "Got 'he_norml'. Did you mean 'he_normal'"),
        ({"depth": 0}, "`depth` .* Got 0"),
        ({"width": -1}, "`width` .* Got -1"),
    ],
)
def test_settings_are_checked_before_the_work(settings, match):
    with pytest.raises(ValueError, match=match):
        report(**settings)
