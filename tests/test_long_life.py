"""A long life: what is new costs little, and nothing that is a user's is kept."""

import concurrent.futures
import functools
import gc
import importlib
import subprocess
import sys
import threading
import weakref
from inspect import signature
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from jax.extend.core import Primitive

import jinit
from jinit import data, theory
from jinit._core import programs

from .helpers import assert_same_bits, compiled_for, key


X = np.asarray(jax.random.normal(key(), (32, 6)))


def perceptron():
    """A function of its own, its weights, a batch, and what it closes over."""
    scale = jnp.linspace(0.5, 1.5, 6)

    def apply(params, x):
        for w in params:
            x = jnp.tanh(x @ w) * scale
        return x

    weights = [jax.random.normal(key(i), (6, 6)) / 2 for i in range(2)]
    return apply, weights, jnp.asarray(X), scale


def squares(apply):
    return lambda params, x: (apply(params, x) ** 2).mean()


def shapes(tree):
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)


SMALL = jax.ShapeDtypeStruct((6, 6), "float32")
TOOLS: dict[str, Any] = {
    "initialize": lambda f, w, x: jinit.initialize((f, shapes(w)), key(), x),
    "explain": lambda f, w, x: str(jinit.explain((f, w), x)),
    "trace": lambda f, w, x: str(jinit.trace(f, w, x)),
    "probe": lambda f, w, x: str(jinit.probe(f, w, x)),
    "probe, of a loss": lambda f, w, x: jinit.probe(
        f, w, x, loss=lambda y: ((y - jnp.sin(x)) ** 2).mean()
    ),
    "lsuv": lambda f, w, x: jinit.lsuv(f, w, key(), x),
    "weight_norm_init": lambda f, w, x: jinit.weight_norm_init(f, w, key(), x),
    "within_layer": lambda f, w, x: jinit.within_layer(f, w, key(), x, rounds=1),
    "metainit": lambda f, w, x: jinit.metainit(squares(f), w, [x, x], steps=2),
    "gradient_quotient": lambda f, w, x: data.gradient_quotient(squares(f), w, x),
    "materialize": lambda f, w, x: jinit.materialize(
        {"w": SMALL}, key(), [("w", lambda key, shape, dtype: 2 * f(w, x)[:6])]
    ),
    "from_callable": lambda f, w, x: jinit.from_callable(
        lambda key, shape, dtype: jax.random.normal(key, shape, dtype) + f(w, x)[0, 0]
    )(key(), (3, 2)),
    "callback": lambda f, w, x: jinit.from_callable(
        lambda key, shape, dtype: jax.pure_callback(
            lambda: np.asarray(x) + len(w), jax.ShapeDtypeStruct(shape, dtype)
        )
    )(key(), x.shape),
    "under jit": lambda f, w, x: jax.jit(
        jinit.from_callable(lambda key, shape, dtype: f(w, x)), static_argnums=1
    )(key(), x.shape),
    "constant": lambda f, w, x: jinit.constant(f(w, x))(None, x.shape),
    "gain": lambda f, w, x: jinit.he_normal(
        gain=lambda z: jnp.tanh(z) * (1 + x[0, 0] ** 2) + f(w, x)[0, 0] ** 2
    )(key(), (4, 4)),
    "fixed_point": lambda f, w, x: theory.fixed_point(
        lambda z: jnp.tanh(z) * w[0][0, 0] + x[0, 0] ** 2, 1.5
    ),
}


@pytest.mark.parametrize("name", TOOLS)
def test_nothing_is_kept_of_what_a_tool_was_given(name):
    f, weights, x, scale = perceptron()
    refs = [weakref.ref(each) for each in (f, *weights, x, scale)]
    TOOLS[name](f, weights, x)
    del f, weights, x, scale
    gc.collect()
    kept = [ref() for ref in refs if ref() is not None]
    assert not kept, f"{len(kept)} of {len(refs)} are kept: {kept}"


def test_new_numbers_compile_nothing():
    laws = [
        lambda a: jinit.normal(a),
        lambda a: jinit.normal(a, mean=2 * a),
        lambda a: jinit.truncated_normal(a, lower=-a, upper=1 + a),
        lambda a: jinit.uniform_range(-a, a),
        lambda a: jinit.he_normal(gain=a),
        lambda a: jinit.orthogonal(a, method="qr"),
        lambda a: jinit.constant(a),
        lambda a: jinit.lecun_normal(gain=lambda x: jnp.tanh(a * x)),
        lambda a: jinit.from_callable(
            lambda key, shape, dtype: a * jax.random.normal(key, shape, dtype)
        ),
    ]
    root = key()
    draw = lambda a: [law(a)(root, (5, 4)) for law in laws]
    draw(1.25)
    again = []
    assert compiled_for(lambda: again.extend(draw(1.75))) == 0
    for law, w in zip(laws[:7], again, strict=False):
        assert_same_bits(jax.jit(lambda k, law=law: law(1.75)(k, (5, 4)))(key()), w)


class Linen(linen.Module):
    @linen.compact
    def __call__(self, x):
        x = linen.BatchNorm(use_running_average=False)(linen.Dense(5)(x))
        return linen.Dense(3)(jnp.tanh(x))


class Module(nnx.Module):
    def __init__(self, rngs):
        self.first = nnx.Linear(6, 5, rngs=rngs)
        self.last = nnx.Linear(5, 3, rngs=rngs)

    def __call__(self, x):
        return self.last(nnx.tanh(self.first(x)))


def work_with_models():
    f, weights, x, _ = perceptron()
    jinit.probe(f, weights, x, loss=lambda y: jax.nn.logsumexp(y).sum())
    jinit.lsuv(f, weights, key(), x)
    jinit.metainit(squares(f), weights, [x, x], steps=2)
    jinit.initialize(Linen(), key(), x)
    jinit.initialize(lambda rngs: Module(rngs), key(), x)
    jinit.probe(Module(nnx.Rngs(0)), batch=x)


def test_equal_models_share_their_programs_and_add_nothing():
    work_with_models()
    work_with_models()
    gc.collect()
    arrays = len(jax.live_arrays())
    assert compiled_for(lambda: [work_with_models() for _ in range(3)]) == 0
    gc.collect()
    assert len(jax.live_arrays()) <= arrays


def test_fifty_draws_by_functions_keep_one_program():
    kept = programs._kept_program.cache_info
    draw = lambda i: jinit.materialize(
        {"w": SMALL}, key(), [("w", lambda k, s, d: i + jax.random.uniform(k, s, d))]
    )
    draw(0)
    before = kept().currsize
    assert compiled_for(lambda: [draw(i) for i in range(50)]) == 0
    assert kept().currsize == before <= programs.KEPT


def test_what_is_kept_is_bounded():
    module = importlib.import_module("jinit._core.compiled")
    for cache in (programs._kept_program, module._part_of_small, module._inline):
        assert cache.cache_info().maxsize


def test_every_cache_is_bounded_or_has_few_keys():
    modules = [each for name, each in [*sys.modules.items()] if name[:5] == "jinit"]
    caches = {x for each in modules for x in vars(each).values() if _is_cache(x)}
    endless = [x for x in caches if x.cache_parameters()["maxsize"] is None]
    few = {"name", "bits"}  # of activations, and of a quantized number
    assert len(caches) > 20
    assert not [x for x in endless if not few.issuperset(signature(x).parameters)]


def _is_cache(x):
    return callable(getattr(x, "cache_parameters", None)) and "jinit" in x.__module__


def test_of_many_shapes_the_last_programs_are_kept(monkeypatch):
    few = functools.lru_cache(maxsize=2)(programs._program)
    monkeypatch.setattr(programs, "_kept_program", few)
    live = jax.devices()[0].client.live_executables
    jinit.constant(0.25)(None, (3,))
    gc.collect()
    before = len(live())
    for n in range(4, 10):
        jinit.constant(0.25)(None, (n,))
    gc.collect()
    assert len(live()) <= before + 1


def test_of_many_shapes_a_users_law_keeps_the_last(monkeypatch):
    monkeypatch.setattr(importlib.import_module("jinit._core.compiled"), "KEPT", 2)
    init = jinit.from_callable(lambda key, shape, dtype: jnp.full(shape, 0.5, dtype))
    for n in range(3, 7):
        assert init(key(), (n,)).tolist() == [0.5] * n
    assert [what[2][0] for what in init._parts] == [(5,), (6,)]


def test_clear_caches_frees_programs_and_not_the_values():
    root = key()
    w = jinit.normal(0.3)(root, (7, 3))
    jax.clear_caches()
    assert compiled_for(lambda: jinit.normal(0.3)(root, (7, 3))) == 1
    assert_same_bits(jinit.normal(0.3)(root, (7, 3)), w)


def test_different_computations_do_not_share():
    first = lambda a: jinit.from_callable(
        lambda key, shape, dtype: jnp.full(shape, a, dtype)
    )
    arrays = [np.arange(6.0), np.arange(6.0) + 1, np.arange(3.0)]
    drawn = [first(a)(key(), (len(a),)) for a in arrays]
    for a, w in zip(arrays, drawn, strict=True):
        assert w.tolist() == a.tolist()
    apply = lambda act: lambda params, x: act(x @ params[0]) @ params[1]
    _, weights, x, _ = perceptron()
    steep, flat = (_with_slope(s) for s in (1.0, 0.0))
    probes = [jinit.probe(apply(act), weights, x) for act in (steep, flat, steep)]
    sizes = [probe.layers[0].gradient_std or 0.0 for probe in probes]
    assert sizes[0] == sizes[2] > sizes[1] == 0


def _with_slope(slope):
    """The same function each time, with a derivative of its own."""

    @jax.custom_jvp
    def act(x):
        return x

    act.defjvp(lambda primals, tangents: (primals[0], slope * tangents[0]))
    return act


def _text(function, *arguments):
    """What tells a function and its derivatives from all others."""
    return programs.detached(jax.make_jaxpr(function)(*arguments))[1]


@pytest.mark.parametrize("slope", [1.0, 2.0])
def test_derivatives_of_a_user_are_shared_by_nobody(slope):
    signs, guided = jax.custom_vjp(jnp.sign), jax.custom_jvp(jax.nn.relu)
    signs.defvjp(lambda x: (jnp.sign(x), None), lambda _, g: (slope * g,))
    guided.defjvps(lambda tangent, y, x: slope * tangent)
    solve = lambda f, x: x - f(x)
    users = [
        _with_slope(slope),
        signs,
        guided,
        lambda x: jax.jit(signs)(x),
        jax.custom_gradient(lambda x: (x, lambda g: slope * g)),
        lambda x: jax.lax.custom_root(
            lambda y: y - x, x, solve, lambda g, y: slope * y / g(1.0)
        ),
    ]
    for function in users:
        with pytest.raises(programs.NotSharedError):
            _text(function, 1.5)


@pytest.mark.parametrize(
    "function", [jax.nn.relu, jax.nn.softmax, jax.scipy.special.logit, jnp.sinc]
)
def test_derivatives_of_jax_are_shared_by_all(function):
    x = jnp.linspace(0.1, 0.9, 5)
    assert _text(lambda x: function(x), x) == _text(lambda y: function(y), x)


def test_whatever_changes_a_result_tells_computations_apart():
    full = lambda number: _text(lambda: jnp.full(3, number))
    assert full(1.0) == full(1.0) != full(np.float32(1))  # one is weakly typed

    def bits(partitionable):
        with jax.threefry_partitionable(partitionable):
            return jax.random.bits(jax.random.key(0), (4,))

    assert _text(lambda: bits(True)) != _text(lambda: bits(False))
    one, other = (Primitive("mine") for _ in range(2))
    for primitive in (one, other):
        primitive.def_abstract_eval(lambda x: x)
    assert _text(one.bind, 1.0) == _text(one.bind, 1.0) != _text(other.bind, 1.0)


def test_a_function_that_calls_python_runs_each_time_it_is_asked():
    def noise(scale):
        call = lambda: np.float32(scale)
        read = lambda: jax.pure_callback(call, jax.ShapeDtypeStruct((), "float32"))
        return jinit.from_callable(lambda key, shape, dtype: jnp.full(shape, read()))

    assert [float(noise(s)(key(), ())) for s in (1, 2)] == [1, 2]


def test_sixteen_threads_draw_and_read_what_one_does():
    jax.clear_caches()
    gate = threading.Barrier(16)

    def work(i):
        gate.wait()
        f, weights, x, _ = perceptron()
        w = jinit.normal(0.1 + i % 4)(key(), (6, 5))
        return w, jinit.probe(f, weights, x).layers[1].std

    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        drawn = [*threads.map(work, range(16))]
    for i, (w, std) in enumerate(drawn):
        assert_same_bits(w, jinit.normal(0.1 + i % 4)(key(), (6, 5)))
        assert std == drawn[0][1]


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("stop", [StoppedError, KeyboardInterrupt])
def test_what_stops_in_the_middle_leaves_nothing_behind(stop):
    def broken(key, shape, dtype):
        raise stop

    _, weights, x, _ = perceptron()
    tools = [
        lambda f: jinit.from_callable(f)(key(), (3, 3)),
        lambda f: jinit.materialize({"w": SMALL}, key(), [("w", f)]),
        lambda f: jinit.probe(lambda params, x: f(0, 0, 0), weights, x),
        lambda f: jinit.gain(lambda x: f(0, 0, 0)),
    ]
    for tool in tools:
        # What a model raises is told as its misfit, and a gain's as not traceable.
        with pytest.raises((stop, ValueError, TypeError)):
            tool(broken)
    w = jinit.normal(1.0)(key(), (3, 3))
    assert_same_bits(w, jinit.normal(stddev=1)(key(), (3, 3)))
    ref = weakref.ref(broken)
    del broken
    gc.collect()
    assert ref() is None


PROCESSES = """if True:
    import multiprocessing, sys

    import jax, jinit

    def draw(number):
        w = jinit.normal(0.1 * number)(jax.random.key(number), (3, 4))
        return jax.device_get(w).tobytes()

    if __name__ == "__main__":
        mine = [draw(number) for number in range(1, 3)]
        for how in ("spawn", "forkserver"):
            with multiprocessing.get_context(how).Pool(1) as pool:
                assert pool.map(draw, range(1, 3)) == mine, how
        print("same bits")
"""


def test_other_processes_draw_the_same(tmp_path):
    script = tmp_path / "draws.py"
    script.write_text(PROCESSES)
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=240
    )
    assert done.stdout == "same bits\n", done.stderr
