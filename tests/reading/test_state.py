"""State, which is no parameter: it counts as what its author starts it with."""

import haiku as hk
import jax
import jax.numpy as jnp
import pytest
from flax import linen as nn, nnx

import jinit


X = jax.ShapeDtypeStruct((8, 64), "float32")
RAMP = jnp.arange(64.0)
ENERGY = float((RAMP**2).mean())


class Linen(nn.Module):
    @nn.compact
    def __call__(self, x):
        ramp = self.variable("tables", "ramp", lambda: RAMP)
        return nn.Dense(4, name="out")(x * ramp.value)


class Plain(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.ramp = RAMP
        self.out = nnx.Linear(64, 4, rngs=rngs)

    def __call__(self, x):
        return self.out(x * self.ramp)


class Variable(Plain):
    def __init__(self, rngs: nnx.Rngs):
        super().__init__(rngs)
        self.ramp = nnx.Variable(RAMP)

    def __call__(self, x):
        return self.out(x * self.ramp[...])


def _haiku(x):
    ramp = hk.get_state("ramp", (64,), init=lambda shape, dtype: RAMP.astype(dtype))
    return hk.Linear(4, name="out")(x * ramp)


class Drawn(nn.Module):
    """What is looked up in a book that is drawn, of entries of variance 9."""

    @nn.compact
    def __call__(self, x):
        draw = lambda: 3 * jax.random.normal(self.make_rng("params"), (128, 64))
        book = self.variable("codes", "book", draw).value
        nearest = ((x[:, None] - book) ** 2).sum(-1).argmin(-1)
        return nn.Dense(4, name="out")(book[nearest])


class Averages(nn.Module):
    """Statistics that are made of data are no constants: their start is."""

    @nn.compact
    def __call__(self, x):
        norm = nn.BatchNorm(use_running_average=True, use_bias=False, epsilon=0.0)
        return nn.Dense(4, name="out")(2 * norm(x))


MODELS = {
    "linen": (Linen(), ENERGY),
    "nnx": (Plain, ENERGY),
    "nnx variable": (Variable, ENERGY),
    "haiku": (hk.transform_with_state(_haiku), ENERGY),
    "drawn": (Drawn(), 9.0),
    "averages": (Averages(), 4.0),
}


@pytest.mark.parametrize("name", MODELS)
def test_state_counts_as_what_it_starts_with(name):
    model, energy = MODELS[name]
    plan = jinit.explain(model, X)
    (out,) = (
        choice for choice in plan if choice.path.endswith(("out/kernel", "out/w"))
    )
    assert out.reads == pytest.approx(energy, rel=0.1)
    assert not out.doubt


def test_state_that_is_made_of_data_stays_unknown():
    class Centered(nn.Module):
        @nn.compact
        def __call__(self, x):
            mean = self.variable("seen", "mean", lambda: x.mean(0))
            return nn.Dense(4)(x - mean.value)

    (kernel, _) = sorted(
        jinit.explain(Centered(), X), key=lambda choice: -len(choice.shape)
    )
    assert kernel.reads == pytest.approx(1.0)


def test_few_entries_that_are_drawn_count_as_their_law_and_not_as_one_draw():
    class Stepped(nn.Module):
        @nn.compact
        def __call__(self, x):
            draw = lambda key, shape: jax.random.uniform(key, shape) ** 4
            step = self.param("log_step", draw, (4,))
            return nn.Dense(4, name="out")(x * jnp.repeat(step, 16))

    plan = {choice.path: choice for choice in jinit.explain(Stepped(), X)}
    assert "own: drawn" in plan["params/log_step"].reason
    assert plan["params/out/kernel"].reads == pytest.approx(1 / 9, rel=0.3)
