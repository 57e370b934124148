"""Every refusal names the function that the user called."""

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import pytest

import jinit
from jinit import theory


WRONG: dict[str, tuple[Any, str]] = {
    "an unknown name": ("rellu", "Got 'rellu'"),
    "no activation": (None, "Got None"),
    "what JAX can not trace": (lambda x: float(x), "can trace"),
    "two outputs": (lambda x: jnp.stack([x, x]), "one real number"),
    "what is infinite": (lambda x: jnp.exp(x**2), "finite|few kinks"),
    "what is not a number": (lambda x: jnp.sqrt(x), "finite|few kinks"),
}

THEORY: dict[str, Any] = {
    "batch_norm_gradient_factor": theory.batch_norm_gradient_factor,
    "correlation_fixed_point": lambda f: theory.correlation_fixed_point(f, 1.0, 1.5),
    "correlation_map": lambda f: theory.correlation_map(f, 0.5, 1.0),
    "correlation_slope": lambda f: theory.correlation_slope(f, 0.5, 1.0),
    "depth_scales": lambda f: theory.depth_scales(f, 1.5),
    "edge_at": lambda f: theory.edge_at(f, bias_variance=0.1),
    "edge_of_chaos": lambda f: theory.edge_of_chaos(f, 1.0),
    "fixed_point": lambda f: theory.fixed_point(f, 1.5),
    "gradient_factor": lambda f: theory.gradient_factor(f, 1.0),
    "jacobian_spectrum": lambda f: theory.jacobian_spectrum(f, 10),
    "phase_diagram": lambda f: theory.phase_diagram(f),
    "propagate": lambda f: theory.propagate(f, 3),
    "summarize": theory.summarize,
    "variance_map": lambda f: theory.variance_map(f, 1.0),
    "variance_slope": lambda f: theory.variance_slope(f, 1.0),
}

CALLS: dict[str, Any] = {f"jinit.theory.{name}": call for name, call in THEORY.items()}
CALLS |= {
    "jinit.gain": jinit.gain,
    "jinit.gaussian_moments": jinit.gaussian_moments,
}


def laws_with_a_gain():
    for name, init in vars(jinit).items():
        is_law = isinstance(init, jinit.Initializer) and init.law.name == name
        if is_law and "activation" in str(init.law.hints.get("gain", "")):
            yield name, init


LAWS = dict(laws_with_a_gain())


def test_all_of_theory_that_takes_an_activation_is_here():
    takes = {
        name
        for name, thing in vars(theory).items()
        if inspect.isfunction(thing)
        and "activation" in inspect.signature(thing).parameters
    }
    assert takes == set(THEORY)


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", CALLS)
def test_a_wrong_activation_is_refused_by_the_function_called(name, wrong):
    activation, reason = WRONG[wrong]
    if name.endswith("phase_diagram") and wrong.startswith("what is"):
        pytest.skip("a phase diagram is drawn of what is finite at some variance")
    with pytest.raises((TypeError, ValueError), match=reason) as refused:
        CALLS[name](activation)
    assert str(refused.value).startswith(f"`{name}` needs")


@pytest.mark.parametrize("wrong", ["an unknown name", "two outputs"])
@pytest.mark.parametrize("name", LAWS)
def test_a_wrong_gain_is_refused_by_the_law(name, wrong):
    activation, reason = WRONG[wrong]
    with pytest.raises(ValueError, match=reason) as refused:
        LAWS[name](gain=activation)
    assert str(refused.value).startswith(f"`jinit.{name}` needs")
    if wrong == "an unknown name":
        assert "`gain`" in str(refused.value)


@pytest.mark.parametrize("name", ["scaled", "get", "from_config"])
def test_an_unknown_initializer_is_refused_by_the_function_called(name):
    spec = {"name": "he_nrmal"}
    with pytest.raises(ValueError, match="Did you mean 'he_normal'") as refused:
        getattr(jinit, name)(spec)
    assert str(refused.value).startswith(f"`jinit.{name}` needs")


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: theory.depth_scales("relu", -1.0), "depth_scales"),
        (lambda: theory.depth_scales("relu", 2.0, start=0.0), "depth_scales"),
        (lambda: theory.summarize("relu", -1.0), "summarize"),
        (lambda: theory.edge_at("step", bias_variance=0.1), "edge_at"),
        (lambda: theory.edge_at(jax.nn.relu, weight_variance=9.0), "edge_at"),
        (lambda: theory.correlation_map("relu", 2.0, 1.0), "correlation_map"),
    ],
)
def test_a_wrong_number_is_refused_by_the_function_called(call, name):
    with pytest.raises((TypeError, ValueError)) as refused:
        call()
    assert str(refused.value).startswith(f"`jinit.theory.{name}` needs")
