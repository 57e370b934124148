"""What its author started on purpose stays: each kind, in the frameworks it is in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import jinit
from jinit._core.trees import named_leaves


KEY = jax.random.key(3)
X = jax.ShapeDtypeStruct((4, 6, 16), "float32")


def reasons(plan) -> dict[str, str]:
    return {choice.path.removeprefix("params/"): choice.reason for choice in plan}


class Mixture(nn.Module):
    """Each kind of start that an author chooses, in one small module."""

    @nn.compact
    def __call__(self, x):
        constant = nn.initializers.constant
        width = x.shape[-1]
        table = lambda _, shape: jnp.sin(
            jnp.arange(shape[0])[:, None] * 10.0 ** -jnp.linspace(0, 4, shape[1])
        )
        x = nn.Dense(width, name="first")(x) + self.param("table", table, x.shape[1:])
        x = nn.PReLU(negative_slope_init=0.25, name="prelu")(x)
        rates = lambda _, shape: jnp.log(jnp.broadcast_to(jnp.arange(1.0, 5), shape))
        steps = lambda key, shape: jnp.log(
            jax.random.uniform(key, shape, minval=1e-3, maxval=0.1)
        )
        decay = -jnp.exp(self.param("A_log", rates, (width, 4)))
        step = jax.nn.softplus(
            nn.Dense(width, use_bias=False, name="dt")(x)
            + self.param("dt_bias", steps, (width,))
        )
        h = x * jnp.exp(step[..., None] * decay).sum(-1)
        x = x + self.param("scale", constant(1e-5), (width,)) * nn.Dense(width)(h)
        x = x + self.param("rezero", constant(0.0), ()) * nn.Dense(width)(x)
        x = x + nn.Dense(width, kernel_init=nn.initializers.zeros, name="shut")(x)
        heat = jnp.exp(self.param("logit_scale", constant(np.log(1 / 0.07)), ()))
        classes = nn.Dense(3, bias_init=constant(-4.6), name="classes")(x)
        return heat * classes, self.param("log_std", constant(-0.5), (2,))


OWN = {
    "table": "a table",
    "prelu/negative_slope": "0.25",
    "A_log": "a table",
    "dt_bias": "drawn",
    "scale": "1e-05",
    "rezero": "zeros",
    "shut/kernel": "zeros, so that its branch starts closed",
    "logit_scale": "2.65926",
    "classes/bias": "-4.6",
    "log_std": "-0.5",
}


def test_the_plan_says_what_the_model_itself_starts_with():
    found = reasons(jinit.explain(Mixture(), X))
    assert {path: found[path] for path in OWN} == {
        path: f"the model's own: {text}" for path, text in OWN.items()
    }
    for path in ("first/kernel", "dt/kernel", "classes/kernel"):
        assert "own" not in found[path]


def test_what_stays_is_what_init_makes_of_the_same_key_to_the_bit():
    drawn = named_leaves(jinit.initialize(Mixture(), KEY, X))
    own = named_leaves(Mixture().init(KEY, jnp.zeros(X.shape)))
    for path in OWN:
        path = f"params/{path}"
        assert np.array_equal(drawn[path], own[path]), path
    assert not np.array_equal(*(each["params/first/kernel"] for each in (drawn, own)))


def test_none_keeps_nothing_and_a_selector_what_it_matches():
    nothing = reasons(jinit.explain(Mixture(), X, own="none"))
    assert not any("own" in reason for reason in nothing.values())
    for own in ("A_log", jinit.path("A_log"), lambda leaf: leaf.shape == (16, 4)):
        chosen = reasons(jinit.explain(Mixture(), X, own=own))
        assert chosen.pop("A_log") == "the model's own: a table"
        # What kernels read is another signal then.
        laws = {p: why.partition(", reads")[0] for p, why in chosen.items()}
        assert all(nothing[path].startswith(law) for path, law in laws.items())
    with pytest.raises(
        ValueError, match=r"`own` to match a parameter. Got 'A_lag'.*'.*A_log'"
    ):
        jinit.explain(Mixture(), X, own="A_lag")
    with pytest.raises(TypeError, match=r"'keep', 'none', a condition[.] Got 3"):
        jinit.explain(Mixture(), X, own=3)
