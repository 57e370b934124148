"""A whole tree of weights, by rules or by what the model does with them."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeAlias

import jax

from .._core.draw import check_key
from .._core.progress import working
from .._frameworks.subject import read_subject, Subject
from .._reading.trace import Trace, trace as read_trace
from .auto.choice import explain
from .plan import Plan
from .rules import no_trace, plan_by_rules, Rules
from .shardings import check_devices, estimate, places


Reading: TypeAlias = Callable[[], contextlib.AbstractContextManager]


def materialize(
    tree: Any,
    rules: Rules,
    key: jax.Array | None,
    shardings: Any = None,
    *,
    mesh: Any = None,
    trace: Trace | None = None,
    dry_run: bool = False,
) -> Any:
    """Weights for a tree of shapes, each by the first rule that matches its path.

    A rule is a pair of a pattern and an initializer:

        rules = [
            ("c_proj/kernel", jinit.normal(stddev=0.02 / math.sqrt(2 * layers))),
            ("kernel", jinit.normal(stddev=0.02)),
            ("**", jinit.zeros),
        ]

    A pattern is a glob over `/` paths that may match the end of a path alone (`*` stays
    within a name, `**` spans any number of them), or a condition: `jinit.role("bias")`,
    `jinit.closes_residual()`, `jinit.path("mlp/**")`, any function of a `Leaf`, joined
    with `&`, `|` and `~`. In the place of the initializer, a number, a function
    `(key, shape, dtype)` or a function of the `Leaf` will do.

    Each parameter's own key depends on its path alone, so that adding a layer changes
    no other. Equal parameters share one compiled program; each device makes its own
    shards only.

    Args:
        tree: Arrays or `jax.ShapeDtypeStruct`s, of any framework; boxes stay.
        rules: Pairs, in order; or a recipe of `jinit.recipes`.
        key: A PRNG key; None if nothing is random.
        shardings: One for all leaves; a tree of them; or rules `(glob, sharding)`,
            where what none matches is replicated. Each is a `jax.sharding.Sharding`, or
            a `PartitionSpec` over `mesh`. By default those of the
            `jax.ShapeDtypeStruct`s.
        mesh: The mesh of `PartitionSpec`s.
        trace: `jinit.trace` of the tree, for rules that ask for roles or fans.
        dry_run: Whether to return the `Plan` only, which prints what goes where.

    Returns:
        Weights of the structure, shapes and dtypes of `tree`.

    Raises:
        UnmatchedError: When a parameter matches no rule, or a rule no parameter; it
            lists all of them, each with the nearest candidate.
        ValueError: When a sharding does not fit, the weights do not fit the device, or
            the mesh to draw on is abstract.
        TypeError: When a rule is none, or a leaf no array.

    Example:
        >>> import jax, jinit
        >>> shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
        >>> tree = {"head": {"kernel": shape(64, 10), "bias": shape(10)}}
        >>> rules = [("head/kernel", jinit.lecun_normal), ("bias", 0.0)]
        >>> weights = jinit.materialize(tree, rules, jax.random.key(0))
        >>> jax.tree.map(jax.numpy.shape, weights)
        {'head': {'bias': (10,), 'kernel': (64, 10)}}
        >>> jinit.materialize(tree, [("kernle", jinit.zeros)], None)
        Traceback (most recent call last):
        ...
        jinit._model.rules.UnmatchedError: `jinit.materialize` needs every parameter ...
    """
    where = "jinit.materialize"
    read = no_trace(where) if trace is None else lambda: trace
    plan = plan_by_rules(tree, rules, where, read)
    found = places(tree, shardings, mesh, where)
    return plan if dry_run else _draw(plan, key, tree, found, where)


def initialize(
    model: Any,
    key: jax.Array | None,
    *inputs: Any,
    rules: Rules | None = None,
    mesh: Any = None,
    shardings: Any = None,
    dry_run: bool = False,
) -> Any:
    """Initial weights for a model of any framework, without a forward pass.

        params = jinit.initialize(model, key, x)

    Without rules, `jinit.auto` reads what the computation does with each parameter.
    What is no parameter (averages, random streams) is what the model itself makes it,
    from these weights and the inputs, with 0 where an input is a shape; in Equinox,
    that is all but floating-point `jax.Array`s: NumPy's stay as they are.

    Args:
        model: A linen module; an NNX or Equinox module, or its constructor, a function
            of `rngs` or `key` that is not run but for shapes; a pair `(apply, params)`,
            whose params may be shapes; or an object with `init` and `apply`.
        key: A PRNG key; None if nothing is random, or to plan only.
        *inputs: Arrays or `jax.ShapeDtypeStruct`s, as the model takes them. Without
            them rules can not ask for roles and fans, and linen modules have no shapes.
        rules: As in `jinit.materialize`; patterns see linen's `params/Dense_0/kernel`,
            elsewhere the path of the attribute.
        mesh: Where the weights go: as the model's own annotations say (linen's
            `with_partitioning`, or `with_logical_partitioning` within
            `logical_axis_rules`; NNX's `with_partitioning`), or `shardings`.
        shardings: As in `jinit.materialize`.
        dry_run: Whether to return the `Plan` only, which prints what goes where.

    Returns:
        What the framework itself would return: linen's variables (boxes kept), an NNX
        or Equinox module, or params.

    Raises:
        TypeError: When the model is of no known kind, an input no array or shape, or
            `key` no key.
        UnmatchedError: When rules and parameters do not fit; see `jinit.materialize`.
        ValueError: When the input does not fit the model.

    Example:
        >>> import flax.linen as nn, jax, jax.numpy as jnp, jinit
        >>> model = nn.Sequential([nn.Dense(64), nn.relu, nn.Dense(10)])
        >>> x = jax.ShapeDtypeStruct((8, 32), "float32")
        >>> print(jinit.initialize(model, None, x, dry_run=True))
        parameter               shape  law             why
        params/layers_0/kernel  32×64  lecun_normal()  fan_in 32
        params/layers_0/bias    64     zeros()         bias
        params/layers_2/kernel  64×10  he_normal()     fan_in 64, relu before it
        params/layers_2/bias    10     zeros()         bias
        >>> variables = jinit.initialize(model, jax.random.key(0), x)
        >>> model.apply(variables, jnp.ones((8, 32))).shape
        (8, 10)
    """
    where = "jinit.initialize"
    with working("reading the model"):
        subject, plan = plan_model(model, key, inputs, rules, where)
    if mesh is not None and shardings is None:
        shardings = subject.specs()
    found = places(subject.weights, shardings, mesh, where)
    if dry_run:
        return plan
    return subject.finish(_draw(plan, key, subject.weights, found, where), mesh)


def plan_model(
    model: Any,
    key: jax.Array | None,
    inputs: tuple[Any, ...],
    rules: Rules | None,
    where: str,
    reading: Reading = contextlib.nullcontext,
) -> tuple[Subject, Plan]:
    """The model as a function of weights, and what each of them gets.

    Whatever the model itself does is done within a context `reading()`.
    """
    _check_inputs(inputs, where)
    key = jax.random.key(0) if key is None else check_key(where, key)
    with reading():
        subject = read_subject(model, key, inputs)
    if subject is None:
        raise TypeError(
            f"`{where}` needs a linen, NNX or Equinox module, its constructor with "
            "`rngs` or `key`, an (apply, params) pair, or an object with init and "
            f"apply. Got {type(model).__name__}."
        )
    if subject.apply is not None:
        apply = _within(reading, subject.apply)
        subject = dataclasses.replace(subject, apply=apply)
    if rules is None:
        return subject, explain(_apply(subject, where), subject.weights, *inputs)
    read = _reader(subject, inputs, where)
    return subject, plan_by_rules(subject.weights, rules, where, read)


def _check_inputs(inputs: tuple[Any, ...], where: str) -> None:
    for x in jax.tree.leaves(inputs, is_leaf=_is_sizes):
        if _is_sizes(x):
            raise TypeError(
                f"`{where}` needs shapes with a dtype. Got {x}. Write "
                f"`jax.ShapeDtypeStruct({x}, 'float32')`."
            )
        if isinstance(x, bool | str):
            raise TypeError(
                f"`{where}` needs inputs to be arrays or shapes. Got {x!r}. Leave "
                "flags such as `train` out: they are set as in training."
            )


def _is_sizes(x: Any) -> bool:
    return isinstance(x, tuple) and bool(x) and all(type(n) is int for n in x)


def _within(reading: Reading, apply: Callable[..., Any]) -> Callable[..., Any]:
    def run(*arguments: Any) -> Any:
        with reading():
            return apply(*arguments)

    return run


def _apply(subject: Subject, where: str) -> Callable[..., Any]:
    if subject.apply is None:
        raise ValueError(
            f"`{where}` needs a model with a computation to read. Got a constructor of "
            "weights alone. Give `rules`, or a pair (apply, params)."
        )
    return subject.apply


def _reader(subject: Subject, inputs: Any, where: str) -> Callable[[], Trace]:
    if subject.apply is None or not inputs:
        return no_trace(where)
    apply = subject.apply
    return functools.cache(lambda: read_trace(apply, subject.weights, *inputs))


def _draw(
    plan: Plan, key: jax.Array | None, tree: Any, found: list[Any] | None, where: str
) -> Any:
    check_devices(found, where)
    every = [None] * len(plan) if found is None else found
    estimate(tree, jax.tree.unflatten(jax.tree.structure(tree), every))
    return plan.draw(key, tree, found)
