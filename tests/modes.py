"""JAX's modes, and a call of every public function and method to be made under each.

The calls are those of the table of bad input, so that a new public function has one;
the methods of public classes stand here.
"""

import contextlib
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import AxisType

import jinit
from jinit.testing import assert_law

from . import test_bad_input as table


# What only forbids: values keep their bits.
FORBIDDING: dict[str, dict[str, Any]] = {
    "strict dtypes": {"numpy_dtype_promotion": "strict"},
    "strict ranks": {"numpy_rank_promotion": "raise"},
    "no nan": {"debug_nans": True},
    "no inf": {"debug_infs": True},
    "checks": {"enable_checks": True},
    "tracer leaks": {"check_tracer_leaks": True},
    "key reuse": {"debug_key_reuse": True},
    "no legacy keys": {"legacy_prng_key": "error"},
    "transfer guard": {"transfer_guard": "disallow"},
}
CHANGING: dict[str, dict[str, Any]] = {
    "x64": {"enable_x64": True},
    "x64, strict dtypes": {"enable_x64": True, "numpy_dtype_promotion": "strict"},
    "no jit": {"disable_jit": True},
    "threefry in one part": {"threefry_partitionable": False},
    "rbg": {"default_prng_impl": "rbg"},
    "unsafe rbg": {"default_prng_impl": "unsafe_rbg"},
    "bfloat16 products": {"default_matmul_precision": "bfloat16"},
}
# What a call may be made in.
AROUND: dict[str, tuple[AxisType] | None] = {
    "automatic mesh": (AxisType.Auto,),
    "explicit mesh": (AxisType.Explicit,),
    "under jit": None,
}
MODES = ("plain", *FORBIDDING, *CHANGING, *AROUND)
SAME_BITS = (*FORBIDDING, "automatic mesh", "explicit mesh")


@contextlib.contextmanager
def flags(**values: Any) -> Iterator[None]:
    """JAX set so for the whole process, threads included."""
    before = {name: getattr(jax.config, f"jax_{name}") for name in values}
    try:
        for name, value in values.items():
            jax.config.update(f"jax_{name}", value)
        yield
    finally:
        for name, value in before.items():
            jax.config.update(f"jax_{name}", value)


def called(mode: str, call: Callable[[], Any]) -> Any:
    """What a call returns in a mode."""
    if mode == "under jit":
        found: list[Any] = []
        jax.eval_shape(lambda: found.append(call()))
        return found[0]
    if mode in AROUND:
        mesh = jax.make_mesh((2,), ("x",), axis_types=AROUND[mode])
        with jax.set_mesh(mesh):
            return call()
    with flags(**(FORBIDDING | CHANGING).get(mode, {})):
        return call()


@contextlib.contextmanager
def users() -> Iterator[None]:
    """Where the arrays of a user come from: whatever the mode, they are there."""
    with jax.transfer_guard("allow"), jax.ensure_compile_time_eval():
        yield


def key(number: int = 0) -> jax.Array:
    with users():
        return jax.random.key(number)


def on_device(value: Any) -> Any:
    """The arrays of an argument where JAX has its own; a raw key as a typed one."""
    if value is table.RAW:
        return key()
    is_array = lambda x: (
        isinstance(x, np.ndarray) and jnp.issubdtype(x.dtype, jnp.number)
    )
    put = lambda x: jax.device_put(x) if is_array(x) else x
    plain = isinstance(value, np.ndarray | dict | list | tuple)
    return jax.tree.map(put, value) if plain else value


def energy(params: Any, x: jax.Array) -> jax.Array:
    return jnp.mean(table.apply(params, x) ** 2)


X = np.sin(np.arange(96, dtype="f") ** 2).reshape(24, 4)
W = {"a": np.cos(np.arange(16, dtype="f") ** 2).reshape(4, 4),
     "b": np.cos(np.arange(12, dtype="f") ** 3).reshape(4, 3)}  # fmt: skip
RULES = [("a", jinit.orthogonal), ("b", jinit.he_normal)]
BIASES: Any = np.zeros(4, "f"), np.zeros(3, "f")
KERNEL: Any = W["b"]
LAYER = jinit.pretrain.RBM(KERNEL, *BIASES)


def normed(params: Any, x: jax.Array) -> jax.Array:
    return x @ (params["a"] / jnp.linalg.norm(params["a"], axis=0, keepdims=True))


def of_width(width: int, key: jax.Array) -> tuple[Any, ...]:
    shapes = {"a": table.shape(4, width), "b": table.shape(width, 3)}
    return table.apply, jinit.materialize(shapes, key, RULES), optax.sgd(0.1)


def at_rate(width: int, learning_rate: Any, key: jax.Array) -> tuple[Any, ...]:
    model, params, _ = of_width(width, key)
    return model, params, optax.sgd(learning_rate)


SHORT = {"steps": 2, "params": W, "batches": (X, X), "key": table.RAW}
# In the place of arguments that are right but do little.
MORE: dict[str, dict[str, Any]] = {
    "compare": {
        "model": (table.apply, W),
        "key": table.RAW,
        "batches": [(X, X[:, :3])],
        "starts": ["initialize", "he_normal"],
        "optimizer": optax.sgd,
    },
    "coord_check": {"make": of_width},
    "transfer": {"make": at_rate},
    "pretrain.unroll": {"layers": [LAYER]},
    "explain": {"rules": None},
    "fill_missing": {"key": table.RAW, "rules": RULES},
    "gradinit": SHORT | {"batches": [(X, X)] * 2, "optimizer": "adam"},
    "initialize": {"key": table.RAW, "rules": None, "inputs": X},
    "lsuv": {"params": W, "batch": X},
    "materialize": {"key": table.RAW, "rules": RULES},
    "metainit": SHORT,
    "probe": {"params": W, "batch": X, "key": table.RAW},
    "reinit": {"key": table.RAW, "rules": RULES[:1]},
    "report": {"data": "gaussian", "depth": 2},
    "weight_norm_init": {"model": normed, "params": W, "batch": X},
    "within_layer": {"params": W, "batch": X, "directions": "pca"},
    "data.gradient_quotient": {"loss": energy, "params": W, "batch": X},
    "data.standardize": {"batches": X},
    "data.whiten": {"batches": X},
    "datasets.load": {"name": "digits"},
    "pretrain.dbn": {"data": X > 0, "widths": [3, 2]},
    "pretrain.denoising_autoencoder": {"data": X > 0, "widths": [3, 2]},
    "pretrain.rbm": {"data": X > 0, "persistent": True},
}


def of_the_table(name: str) -> Any:
    """What a public function returns: its right call, of arrays of JAX's and a key."""
    given = {**table.right_call(name), **MORE.get(name, {})}
    with users():
        given = {each: on_device(value) for each, value in given.items()}
    return table.called(name, given)


def rbm(visible: Any = "bernoulli") -> Any:
    with users():
        zeros = jnp.zeros(4, "f"), jnp.zeros(3, "f")
        return jinit.pretrain.RBM(jnp.asarray(W["b"]), *zeros, visible)


def rows(width: int = 4) -> jax.Array:
    """Rows of zeros and ones."""
    with users():
        return jax.device_put((X[:, :width] > 0).astype("f"))


def wrapped() -> Any:
    return jinit.compat.keras.wrap(jinit.he_normal, seed=0)


def unrolled() -> Any:
    return jinit.pretrain.unroll([rbm()])


def history() -> Any:
    return of_the_table("pretrain.rbm").record


METHODS: dict[str, Callable[[], Any]] = {
    "Initializer.configure": lambda: jinit.normal.configure(stddev=0.1),
    "Initializer.fans": lambda: jinit.he_normal.fans((3, 4)),
    "Initializer.mean": lambda: jinit.normal(mean=1.0).mean((3, 4)),
    "Initializer.std": lambda: jinit.orthogonal.std((3, 4)),
    "Initializer.support": lambda: jinit.uniform(0.5).support(3),
    "Initializer.marginal": lambda: (
        jinit.sparse(0.5).marginal((3, 4)).cdf(np.array(0.1))
    ),
    "Initializer.to_config": lambda: jinit.from_array(X).to_config(),
    "compat.keras.Wrapped.get_config": lambda: wrapped().get_config(),
    "data.Standardization.inverse": lambda: inverted("data.standardize"),
    "data.Whitening.inverse": lambda: inverted("data.whiten"),
    "pretrain.Autoencoder.encode": lambda: autoencoder().encode(rows()),
    "pretrain.Autoencoder.decode": lambda: autoencoder().decode(rows(3)),
    "pretrain.Autoencoder.loss": lambda: autoencoder().loss(rows(), rows()),
    "pretrain.Dense.linear": lambda: rbm().up.linear(rows()),
    "pretrain.History.plot": lambda: history().plot() and None,
    "pretrain.RBM.energy": lambda: rbm().energy(rows(), rows(3)),
    "pretrain.RBM.free_energy": lambda: rbm("gaussian").free_energy(rows()),
    "pretrain.RBM.encode": lambda: rbm().encode(rows()),
    "pretrain.RBM.decode": lambda: rbm().decode(rows(3)),
    "pretrain.RBM.sample_hidden": lambda: rbm().sample_hidden(rows(), key()),
    "pretrain.RBM.sample_visible": lambda: rbm().sample_visible(rows(3), key()),
    "pretrain.RBM.gibbs": lambda: rbm("gaussian").gibbs(rows(3), key(), 2),
    "pretrain.RBM.statistics": lambda: rbm().statistics(rows()),
    "pretrain.RBM.pseudo_likelihood": lambda: rbm().pseudo_likelihood(rows(), key()),
    "pretrain.Unrolled.encode": lambda: unrolled().encode(rows()),
    "pretrain.Unrolled.decode": lambda: unrolled().decode(rows(3)),
    "testing.assert_law": lambda: assert_law(jinit.normal, (40, 30), key()),
    "testing.assert_law of draws": lambda: assert_law(
        jinit.orthogonal(method="qr"), (4, 4), key(), draws=1000
    ),
    "theory.JacobianSpectrum.density": lambda: of_the_table(
        "theory.jacobian_spectrum"
    ).density(np.linspace(0, 2, 3)),
}
PLOTS = {
    f"theory.{kind}.plot": lambda name=name: of_the_table(name).plot() and None
    for kind, name in {
        "JacobianSpectrum": "theory.jacobian_spectrum",
        "PhaseDiagram": "theory.phase_diagram",
        "Propagation": "theory.propagate",
        "Summary": "theory.summarize",
    }.items()
}


def inverted(name: str) -> jax.Array:
    found = of_the_table(name)
    return found.inverse(found(rows()))


def autoencoder() -> Any:
    machine = rbm()
    return jinit.pretrain.Autoencoder(
        machine.weights, machine.visible_bias, machine.hidden_bias
    )


TABLE = {name: functools.partial(of_the_table, name) for name in table.CALLS}
TOOLS: Mapping[str, Callable[[], Any]] = TABLE | METHODS | PLOTS


def bits(value: Any) -> Any:
    """All numbers of a result, to be compared."""
    if isinstance(value, jax.Array | np.ndarray):
        if jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
            value = jax.random.key_data(value)
        array = np.asarray(value)
        return array.dtype.name, array.shape, array.tobytes()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = (field.name for field in dataclasses.fields(value))
        return {name: bits(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {name: bits(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [bits(each) for each in value]
    if value is None or isinstance(value, bool | int | float | complex | str):
        return repr(value)
    return type(value).__name__


def public_methods(public: Mapping[str, Any]) -> set[str]:
    """The methods of the public classes, by their names below `jinit`."""
    names: dict[Any, str] = {}
    for name, thing in public.items():
        home = getattr(thing, "__module__", "")
        if inspect.isfunction(thing) and "." in thing.__qualname__ and "jinit" in home:
            names.setdefault(thing, name.removeprefix("jinit."))
    return {*names.values()}
