"""What is wrong is refused in one line of ours, by every public function alike.

Every parameter of every public function is given every kind of wrong value, in a call
that is right otherwise. Either the call goes on, as far as the first compilation, or it
is refused in one line that names the function. What the user's own code raises is
passed on. CI takes a part of the table; `JINIT_BAD_INPUT=all` takes all of it.
"""

import importlib
import inspect
import os
import signal
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jinit
from jinit._core.registry import FAMILIES
from tests.bad_values import FUNCTIONS, NAMES, value


def apply(params, x):
    return jnp.tanh(x @ params["a"]) @ params["b"]


def loss(outputs, targets):
    return jnp.mean(outputs**2)


def normed(params, x):
    return x @ (params["a"] / jnp.linalg.norm(params["a"], axis=0))


shape = lambda *sizes: jax.ShapeDtypeStruct(sizes, "float32")
SHAPES = {"a": shape(4, 4), "b": shape(4, 3)}
WEIGHTS = {name: np.ones(each.shape, "f") for name, each in SHAPES.items()}
X = np.linspace(-1, 1, 32, dtype="f").reshape(8, 4)
PAIRS = [(X, X)]
ZEROS = [("**", jinit.zeros)]
RAW = np.array([0, 1], np.uint32)  # a key that costs no program
TOOL = {"model": apply, "params": WEIGHTS, "key": RAW, "batch": X}
LEARN = {"model": apply, "params": WEIGHTS, "batches": PAIRS, "loss": loss, "key": None}
PHI = {"activation": "tanh"}
W = np.ones((4, 4), "f")
HALVES: dict[str, Any] = {"a": W[:, :2], "b": W[:2], "scale": 1.0}
ADAPTED = {"w": W, "rank": 2, "alpha": 1.0, "rslora": False, "dtype": None}

# By name a right call of each function; "inputs" stand for `*inputs`.
CALLS: dict[str, dict[str, Any]] = {
    "attention.mimetic": {
        "key": RAW,
        "width": 8,
        "heads": 2,
        "size": None,
        "alpha": 0.7,
        "value_beta": 0.4,
        "noise": "normal",
        "dtype": None,
    },
    "attention.structured": {
        "key": RAW,
        "positions": np.random.default_rng(0).normal(size=(8, 4)).astype("f"),
        "grid": (2, 4),
        "heads": 2,
        "size": None,
        "scale": 7.0,
        "noise": 3.0,
    },
    "compare": {
        "model": (apply, WEIGHTS),
        "loss": loss,
        "batches": PAIRS,
        "key": RAW,
        "starts": ["initialize"],
        "learning_rates": [0.1, 0.2, 0.4],
        "seeds": 1,
        "steps": 1,
        "optimizer": None,
        "held_out": [],
        "minutes": None,
        "path": None,
    },
    "coord_check": {
        "make": lambda width, key: (apply, WEIGHTS, None),
        "sizes": [4, 8],
        "batches": PAIRS,
        "loss": loss,
        "over": "width",
        "steps": 1,
        "seeds": 1,
    },
    "duplicates": {"tree": WEIGHTS},
    "einsum_axes": {"equation": "bi,io->bo"},
    "estimate": {
        "model": SHAPES,
        "shardings": None,
        "mesh": None,
        "optimizer": None,
        "limit": None,
    },
    "explain": {
        "model": (apply, SHAPES),
        "inputs": shape(8, 4),
        "rules": ZEROS,
        "law": "normal",
        "direction": "forward",
        "mirror": True,
        "own": "keep",
    },
    "fans": {
        "shape": (4, 4),
        "in_axis": 0,
        "out_axis": 1,
        "batch_axis": (),
        "groups": 1,
        "stride": 1,
        "transposed": False,
        "layout": None,
    },
    "fans_from_einsum": {"equation": "bi,io->bo", "shape": (4, 4)},
    "fill_missing": {
        "partial": {"a": WEIGHTS["a"]},
        "key": None,
        "abstract": SHAPES,
        "rules": ZEROS,
        "shardings": None,
        "mesh": None,
        "trace": None,
    },
    "flow.actnorm": {"batch": X, "axis": -1, "scale": 1.0, "factor": 3.0, "eps": 1e-6},
    "flow.glow_lu": {"key": RAW, "shape": (4, 4), "dtype": None},
    "from_config": {"config": {"name": "normal", "settings": {}}},
    "gain": {"activation": "relu", "mode": "forward", "param": None, "dropout": 0},
    "gaussian_moments": {"activation": "relu", "variance": 1.0, "dropout": 0},
    "get": {"spec": "he_normal"},
    "gradinit": {**LEARN, "optimizer": "sgd", "step_size": 0.1, "gamma": None},
    "initialize": {
        "model": (apply, SHAPES),
        "key": None,
        "inputs": shape(8, 4),
        "rules": ZEROS,
        "mesh": None,
        "shardings": None,
    },
    "law": {"function": lambda key, shape: 0, "marginal": None, "check": None},
    "lsuv": {**TOOL, "start": "given", "target": 1.0, "max_passes": 2, "center": False},
    "materialize": {
        "tree": SHAPES,
        "key": None,
        "rules": ZEROS,
        "shardings": None,
        "mesh": None,
        "trace": None,
    },
    "metainit": {**LEARN, "steps": 1, "momentum": 0.9, "eps": 1e-5},
    "mup": {
        "base": SHAPES,
        "target": {"a": shape(4, 8), "b": shape(8, 3)},
        "rule": "mup",
        "form": "init",
        "alpha": None,
        "depth": None,
        "batch": None,
        "duration": None,
    },
    "path": {"pattern": "a/*"},
    "probe": {
        "model": apply,
        "params": WEIGHTS,
        "batch": X,
        "loss": None,
        "plan": None,
    },
    "reinit": {
        "tree": WEIGHTS,
        "key": None,
        "where": "a",
        "rules": ZEROS,
        "units": None,
        "outgoing": False,
        "trace": None,
    },
    "report": {
        "inits": ["he_normal"],
        "activation": "relu",
        "depth": 1,
        "width": 8,
        "batch_norm": False,
        "data": X,
        "raw": False,
        "seed": 0,
    },
    "role": {"inputs": "kernel"},
    "trace": {"model": (apply, SHAPES), "inputs": shape(8, 4)},
    "traced": {"initializer": jinit.he_normal},
    "transfer": {
        "make": lambda size, learning_rate, key: (apply, WEIGHTS, None),
        "sizes": [4, 8],
        "learning_rates": [0.1, 0.2, 0.4],
        "batches": PAIRS,
        "loss": loss,
        "over": "width",
        "steps": 1,
        "seeds": 1,
        "tolerance": 2.0,
        "path": None,
    },
    "weight_norm_init": {**TOOL, "model": normed, "start": "given", "stddev": 0.05},
    "within_layer": {**TOOL, "directions": "given", "mean": 0.0, "rounds": 1},
    "compat.torch.calculate_gain": {"nonlinearity": "leaky_relu", "param": 0.1},
    "data.gradient_quotient": {"loss": loss, "params": WEIGHTS, "batch": X, "eps": 1.0},
    "data.standardize": {"batches": X, "per": "feature", "floor": 0.1},
    "data.whiten": {"batches": X, "method": "pca", "components": 2, "floor": 0.1},
    "datasets.load": {"name": "gaussian", "seed": 0},
    "tasks.get": {"name": "control-ppo"},
    "implicit.factorized": {
        "weights": WEIGHTS["a"],
        "key": RAW,
        "mean": 1.0,
        "stddev": 0.1,
    },
    "implicit.piratenet": {"features": X, "targets": X},
    "growth.gradmax": {
        "tree": WEIGHTS,
        "key": RAW,
        "incoming": "a",
        "outgoing": "b",
        "gradient": np.ones((4, 3), "f"),
        "units": 2,
        "scale": 1.0,
        "epsilon": 0.1,
        "trace": None,
    },
    "growth.hyperclone": {
        "tree": WEIGHTS,
        "key": RAW,
        "factor": 2,
        "axes": [("a", (None, -1))],
        "snr": 10.0,
        "trace": None,
    },
    "growth.interpolate_layers": {"layers": [WEIGHTS, WEIGHTS], "depth": 3},
    "growth.net2deeper": {"layer": WEIGHTS, "activation": "relu"},
    "growth.net2wider": {
        "tree": WEIGHTS,
        "key": RAW,
        "incoming": "a",
        "outgoing": "b",
        "width": 6,
        "noise": 0.1,
        "trace": None,
    },
    "growth.stack_layers": {"layers": WEIGHTS, "depth": 6},
    "growth.weight_selection": {
        "teacher": WEIGHTS,
        "student": SHAPES,
        "exclude": "b",
        "stacked": None,
    },
    "low_rank.adapt": {
        "tree": WEIGHTS,
        "key": RAW,
        "where": "a",
        "method": "lora",
        "rank": 2,
        "trace": None,
    },
    "low_rank.corda": {
        **ADAPTED,
        "covariance": np.eye(4, dtype="f"),
        "part": "ipm",
        "metric": "root",
        "damping": 0.1,
    },
    "low_rank.dora": {**ADAPTED, "key": RAW, "init": None},
    "low_rank.eva": {**ADAPTED, "inputs": X, "centered": True, "whiten": False},
    "low_rank.eva_ranks": {"inputs": {"a": X}, "rank": 1, "rho": 2.0, "centered": True},
    "low_rank.loftq": {**ADAPTED, "quantize": lambda w: w, "iterations": 1},
    "low_rank.lora": {**ADAPTED, "key": RAW, "layer": "linear", "init": None},
    "low_rank.lora_ga": {
        **ADAPTED,
        "key": None,
        "gradient": W,
        "variant": "peft",
        "direction": "ArBr",
        "size": "stable",
        "gamma": 16.0,
        "sweeps": None,
    },
    "low_rank.merge": {
        "base": W,
        "factors": jinit.low_rank.LowRank(**HALVES),
    },
    "low_rank.milora": ADAPTED,
    "low_rank.normal_float": {"w": W, "bits": 4, "block": 64},
    "low_rank.olora": ADAPTED,
    "low_rank.orthogonal": {**ADAPTED, "key": RAW, "stddev": 0.1},
    "low_rank.pissa": {**ADAPTED, "key": None, "sweeps": None},
    "low_rank.randlora": {**ADAPTED, "key": RAW, "bases": "sparse", "size": None},
    "low_rank.vera": {
        "w": W,
        "key": RAW,
        "rank": 2,
        "start": 0.1,
        "size": (8, 8),
        "dtype": None,
    },
    "marginal.coordinate": {"dimension": 3, "radius": 1.0},
    "marginal.normal": {"mean": 0.0, "std": 1.0},
    "marginal.sparse": {"density": 0.5, "law": jinit.marginal.normal(0.0, 1.0)},
    "marginal.truncated_normal": {"mean": 0.0, "scale": 1.0, "lower": -2.0},
    "marginal.truncated_std": {"lower": -2.0, "upper": 2.0},
    "marginal.two_points": {"value": 1.0, "density": 0.5},
    "marginal.uniform": {"low": 0.0, "high": 1.0},
    "marginal.values": {"w": np.ones(3)},
    "pretrain.dbn": {"data": X > 0, "widths": [3], "key": RAW, "batch_size": 4},
    "pretrain.denoising_autoencoder": {
        "data": X > 0,
        "widths": [3],
        "key": RAW,
        "corruption": "masking",
        "level": 0.25,
        "tied": True,
        "activation": "sigmoid",
        "batch_size": 4,
    },
    "pretrain.plot_filters": {"weights": np.ones((4, 3)), "shape": None, "count": 2},
    "pretrain.rbm": {
        "data": X > 0,
        "hidden": 3,
        "key": RAW,
        "k": 1,
        "persistent": False,
        "batch_size": 4,
        "learning_rate": 0.1,
        "momentum": (0.5, 0.9),
    },
    "pretrain.transfer": {"layers": [], "params": WEIGHTS, "paths": []},
    "pretrain.unroll": {"layers": []},
    "recipes.deepnorm_alpha": {"encoder_layers": 2, "decoder_layers": 2},
    "recipes.nfnet_gain": PHI,
    "recurrent.unitary_factors": {"key": RAW, "size": 4},
    "sparsity.erk": {"tree": WEIGHTS, "density": 0.1, "method": "erk"},
    "sparsity.masks": {"tree": WEIGHTS, "key": RAW, "density": 0.1},
    "ssm.dplr": {"measure": "legs", "size": 4},
    "ssm.lru_gamma": {"nu": np.zeros(3)},
    "theory.batch_norm_gradient_factor": PHI,
    "theory.chebyshev_bound": {"threshold": 2.0, "variance": 1.0},
    "theory.correlation_fixed_point": {**PHI, "q": 1.0, "weight_variance": 2.0},
    "theory.correlation_map": {**PHI, "c": 0.5, "q": 1.0, "weight_variance": 2.0},
    "theory.correlation_slope": {**PHI, "c": 0.5, "q": 1.0, "bias_variance": 0.0},
    "theory.depth_scales": {**PHI, "weight_variance": 2.0, "start": 1.0},
    "theory.edge_at": {**PHI, "weight_variance": None, "bias_variance": 0.1},
    "theory.edge_of_chaos": {**PHI, "q": 1.0},
    "theory.fixed_point": {**PHI, "weight_variance": 1.0, "start": 1.0},
    "theory.gradient_factor": {**PHI, "q": 1.0, "weight_variance": 1.0},
    "theory.jacobian_spectrum": {**PHI, "depth": 2, "q": 1.0, "weights": "gaussian"},
    "theory.phase_diagram": {**PHI, "weight_variances": [1.0, 2.0]},
    "theory.preactivation_variance": {"d": 3, "weight_variance": 1.0},
    "theory.propagate": {**PHI, "depth": 3, "variance": 1.0, "skip": 0.0, "norm": None},
    "theory.saturation_probability": {"threshold": 2.0, "variance": 1.0},
    "theory.summarize": {**PHI, "weight_variance": 1.0},
    "theory.variance_map": {**PHI, "q": 1.0, "weight_variance": 1.0},
    "theory.variance_slope": {**PHI, "q": 1.0, "weight_variance": 1.0},
}
# What makes a law whole that has no default.
NEEDED: dict[str, dict[str, Any]] = {
    "compat.lasagne.Glorot": {"initializer": jinit.compat.lasagne.Normal},
    "compat.lasagne.He": {"initializer": jinit.compat.lasagne.Normal},
    "compat.torch.constant_": {"val": 1.0},
    "compat.torch.sparse_": {"sparsity": 0.5},
    "blocks": {"base": jinit.normal, "sizes": 2},
    "centered": {"base": jinit.normal},
    "clipped": {"base": jinit.normal},
    "constant": {"value": 1.0},
    "from_array": {"value": np.ones((3, 4, 4))},
    "from_callable": {"function": lambda key, shape, dtype: jnp.zeros(shape)},
    "hyper.hyperfan_harmonic": {"fans": (4, 2)},
    "hyper.hyperfan_in": {"fans": (4, 2)},
    "hyper.hyperfan_out": {"fans": (4, 2)},
    "implicit.finer_bias": {"bound": 1.0},
    "recurrent.chrono_bias": {"max_time": 10},
    "masked": {"base": jinit.normal, "mask": np.ones(4)},
    "normalized": {"base": jinit.normal},
    "prior_bias": {"p": 0.1},
    "repeated": {"base": jinit.normal},
    "rescaled_to": {"base": jinit.normal},
    "scaled": {"base": jinit.normal},
    "sparse": {"sparsity": 0.5},
    "spiking.fluctuation_driven": {"rate": 10.0},
    "stacked": {"base": jinit.normal},
    "sparsity.sparse_fans": {"mask": np.ones((3, 4, 4))},
    "symmetric_uniform": {"bound": 1.0},
    "variance_scaling": {"scale": 1.0, "mode": "fan_in", "distribution": "normal"},
}
DRAW = {"key": RAW, "shape": (3, 4, 4), "dtype": None, "out_sharding": None}
MODULES = ("", "data", "datasets", "growth", "low_rank", "marginal", "pretrain",
           "recipes", "tasks", "theory", *FAMILIES)  # fmt: skip
_HELPERS = ("jinit._core.arguments", "jinit._core.settings")
# What makes no use of its arguments, or only of those of whoever writes a law.
LEFT = {"closes_residual", "is_kernel"}


def public() -> Iterator[tuple[str, Any]]:
    """Every public function and law by its name below `jinit`."""
    for module in MODULES:
        found = importlib.import_module(f"jinit.{module}".rstrip("."))
        for name in getattr(found, "__all__", None) or dir(found):
            thing = getattr(found, name)
            is_law = isinstance(thing, jinit.Initializer)
            if name[0] != "_" and (is_law or inspect.isfunction(thing)):
                home = thing.law.function.__module__ if is_law else thing.__module__
                again = module and thing is getattr(jinit, name, None)
                if home.startswith("jinit") and not again and home not in _HELPERS:
                    yield f"{module}.{name}".lstrip("."), thing


FUNCTIONS_OF_OURS = {name: each for name, each in public() if name not in LEFT}
LAWS = {n: x for n, x in FUNCTIONS_OF_OURS.items() if isinstance(x, jinit.Initializer)}


def right_call(name: str) -> dict[str, Any]:
    thing = FUNCTIONS_OF_OURS[name]
    if name in CALLS:
        return CALLS[name]
    if name in LAWS:
        given = dict.fromkeys(LAWS[name].law.parameters)
        return given | DRAW
    return dict.fromkeys(inspect.signature(thing).parameters)  # a recipe


def call(name: str, parameter: str, wrong: Any) -> None:
    thing, given = FUNCTIONS_OF_OURS[name], right_call(name)
    if name in LAWS:
        if parameter in DRAW and parameter != "dtype":
            thing = thing(**NEEDED.get(name, {}))
            thing(**DRAW | {parameter: wrong})
        else:
            thing(**NEEDED.get(name, {}) | {parameter: wrong})
    elif name in CALLS:
        called(name, given | {parameter: wrong})
    else:
        thing(**{parameter: wrong})


def called(name: str, given: dict[str, Any]) -> Any:
    """What a function of `CALLS` returns for arguments by name."""
    given = dict(given)
    function = FUNCTIONS_OF_OURS[name]
    parameters = inspect.signature(function).parameters.values()
    if not any(each.kind is each.VAR_POSITIONAL for each in parameters):
        return function(**given)
    first = [given.pop(each) for each in ("model", "key", "inputs") if each in given]
    return function(*first, **given)


class Reached(BaseException):
    """The call got as far as a compilation: its arguments are let pass."""


class Endless(BaseException):
    """The call did not come to an end."""


def answer(name: str, parameter: str, kind: str) -> str | None:
    """What is wrong with the answer to a wrong value; None if it is one of ours."""
    wrong = value(kind)
    try:
        signal.setitimer(signal.ITIMER_REAL, 10)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call(name, parameter, wrong)
    except Reached:
        return None
    except Endless:
        return "does not end"
    except Exception as error:
        return _fault(name, parameter, kind, error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def _fault(name: str, parameter: str, kind: str, error: Exception) -> str | None:
    text = str(error)
    law = LAWS.get(name)
    own = law.law.public_name if law else f"jinit.{name}"
    if isinstance(error, jinit.UnmatchedError) or is_theirs(error):
        return None
    if not text.startswith(f"`{own}` "):
        # A function or a law in its place says itself what it does not take.
        speaks = kind in FUNCTIONS or kind == "a law" or name in ("get", "from_config")
        return None if speaks else f"{type(error).__name__}: {text[:200]}"
    lists = text.split("\n")[0].endswith(("Got", "Got:", "for"))  # of paths
    if "\n" in text and not lists:
        return f"several lines: {text[:200]!r}"
    return f"{len(text)} letters" if len(text) > 1000 else None


def is_theirs(error: BaseException) -> bool:
    """Whether an error comes from the functions above, which are the user's."""
    last = error.__traceback__
    while last and last.tb_next:
        last = last.tb_next
    return last is not None and last.tb_frame.f_code.co_filename == __file__


@pytest.fixture(autouse=True)
def nothing_compiles(monkeypatch):
    from jax._src import compiler

    def reached(*args, **kwargs):
        raise Reached

    def endless(*args):
        raise Endless

    before = signal.signal(signal.SIGALRM, endless)
    monkeypatch.setattr(compiler, "compile_or_get_cached", reached)
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", FUNCTIONS_OF_OURS)
def test_what_is_wrong_is_refused_in_a_line_of_ours(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(each, kind) for each in right_call(name) for kind in NAMES]
    if os.environ.get("JINIT_BAD_INPUT") != "all":
        rows = rows[sum(map(ord, name)) % 11 :: 11]
    found = {row: answer(name, *row) for row in rows}
    assert not {row: fault for row, fault in found.items() if fault}


def test_every_public_function_is_called():
    assert set(CALLS) <= set(FUNCTIONS_OF_OURS)
    others = set(FUNCTIONS_OF_OURS) - set(CALLS) - set(LAWS)
    assert others == {f"recipes.{name}" for name in jinit.recipes.RECIPES}


@pytest.mark.parametrize("name", ["fans", "probe", "materialize", "theory.propagate"])
def test_unknown_and_missing_arguments_are_named(name):
    function = FUNCTIONS_OF_OURS[name]
    with pytest.raises(TypeError, match=f"`jinit.{name}` needs the arguments of"):
        function(**CALLS[name], shap=3)
    if name != "probe":
        with pytest.raises(TypeError, match="missing a required argument"):
            function()
