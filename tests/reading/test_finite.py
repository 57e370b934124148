import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jinit._reading.finite import first_not_finite
from jinit._reading.model import read_model


X = np.ones((2, 3), np.float32)
EYE = np.eye(3, dtype=np.float32)
MASK = np.tri(2, 3) > 0


def _scanned(reverse=False):
    def apply(p, x):
        step = lambda h, w: (jnp.sqrt(jnp.log(h @ w)) + 1, None)
        return jax.lax.scan(step, x, p["stack"], reverse=reverse)[0] @ p["w"]

    return apply


def _masked(p, x):
    scores = jnp.where(MASK, x @ p["w"], -jnp.inf) + jnp.where(MASK, 0, -jnp.inf)
    return jnp.log(jax.nn.softmax(scores) @ p["u"] - 2)


def _looped(p, x):
    again = lambda i, h: jnp.log(h @ p["w"] - 1)
    return jax.lax.fori_loop(0, jnp.asarray(3) + x[0, 0].astype(int), again, x)


@pytest.mark.parametrize(
    ("apply", "place"),
    [
        (lambda p, x: x @ p["w"], None),
        (lambda p, x: jnp.log(x @ p["w"] - 2) @ p["u"], "`log`, after w"),
        (lambda p, x: x @ (1e38 * p["w"]) @ (1e38 * p["u"]), "u"),
        # -1 in the first step, before any root; inf in the last, before its logarithm
        (_scanned(), "`log`, after stack"),
        (_scanned(reverse=True), "stack"),
        (_masked, "`log`, after u"),
        (lambda p, x: x @ p["w"] / (x - x), "`div`, after w"),
        (_looped, "`while`, after w"),
    ],
)
def test_the_operation_that_runs_first_is_named(apply, place):
    stack = np.stack([-EYE, EYE, np.full_like(EYE, 3e38)])
    params = {"stack": stack, "u": EYE, "w": EYE}
    assert first_not_finite(read_model(apply, params, X), params, X) == place
