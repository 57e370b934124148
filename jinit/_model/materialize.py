"""A whole tree of weights, by rules or by what the model does with them."""

from typing import Any

import jax

from .._core import public, Tree
from .._reading import Trace
from .auto.choice import Residual
from .auto.laws import Direction, Law
from .by_rules import plan_by_rules
from .estimate import estimate
from .explain import plan_model
from .keys import key_for
from .plan import Plan
from .rules import no_trace, Rules
from .shardings import check_devices, places


@public()
def materialize(
    tree: Tree,
    key: Any,
    rules: Rules,
    shardings: Any = None,
    *,
    mesh: Any = None,
    trace: Trace | None = None,
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
    with `&`, `|` and `~`. In the place of the initializer, its name, a number, a
    function `(key, shape, dtype)` or a function of the `Leaf` will do.

    Each parameter's own key depends on its path alone, so that adding a layer changes
    no other. Equal parameters share one compiled program; each device makes its own
    shards only.

    Args:
        tree: Arrays or `jax.ShapeDtypeStruct`s, of any framework; boxes stay.
        key: A PRNG key; None if nothing is random.
        rules: Pairs, in order; or a recipe of `jinit.recipes`.
        shardings: One for all leaves; a tree of them; or rules `(glob, sharding)`,
            where what none matches is replicated. Each is a `jax.sharding.Sharding`, or
            a `PartitionSpec` over `mesh`. By default those of the
            `jax.ShapeDtypeStruct`s.
        mesh: The mesh of `PartitionSpec`s.
        trace: `jinit.trace` of the tree, for rules that ask for roles or fans.

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
        >>> weights = jinit.materialize(tree, jax.random.key(0), rules)
        >>> jax.tree.map(jax.numpy.shape, weights)
        {'head': {'bias': (10,), 'kernel': (64, 10)}}
        >>> jinit.materialize(tree, None, [("kernle", jinit.zeros)])
        Traceback (most recent call last):
        ...
        jinit._model.rules.UnmatchedError: `jinit.materialize` needs every parameter ...
    """
    where = "jinit.materialize"
    key = key_for(where, key, tree)
    read = no_trace(where) if trace is None else lambda: trace
    plan = plan_by_rules(tree, rules, where, read)
    found = places(tree, shardings, mesh, where)
    return _draw(plan, key, tree, found, where)


@public()
def initialize(
    model: Any,
    key: Any,
    *inputs: Any,
    rules: Rules | None = None,
    law: Law = "truncated_normal",
    direction: Direction = "forward",
    residual: Residual = "scaled",
    mirror: bool = True,
    own: Any = "keep",
    mesh: Any = None,
    shardings: Any = None,
) -> Any:
    """Initial weights for a model of any framework, without a forward pass.

        params = jinit.initialize(model, key, x)

    Without rules, kernels and embeddings are what the computation asks for, and all
    else is what the model itself starts it with, to the bit of its own initialization
    from this key; `jinit.explain` says what that is and why. What is no weight
    (averages, random streams) is what the model itself makes it, from these weights and
    the inputs, with 0 where an input is a shape; in Equinox, that is all but
    floating-point `jax.Array`s: NumPy's stay as they are.

    Args:
        model: A model of any kind, as in `jinit.trace`. A constructor is not run but
            for shapes. A Keras model is built if it is not.
        key: A PRNG key, or an `nnx.Rngs`; None if nothing is random.
        *inputs: Arrays or `jax.ShapeDtypeStruct`s, as the model takes them. Without
            them rules can not ask for roles and fans, and linen modules have no shapes.
        rules: As in `jinit.materialize`; patterns see linen's `params/Dense_0/kernel`,
            elsewhere the path of the attribute.
        law: As in `jinit.explain`.
        direction: As in `jinit.explain`.
        residual: As in `jinit.explain`.
        mirror: As in `jinit.explain`.
        own: As in `jinit.explain`.
        mesh: Where the weights go: as the model's own annotations say (linen's
            `with_partitioning`, or `with_logical_partitioning` within
            `logical_axis_rules`; NNX's `with_partitioning`), or `shardings`.
        shardings: As in `jinit.materialize`.

    Returns:
        What the framework itself would return: linen's variables (boxes kept), an NNX
        or Equinox module (with its state, if it has one), Haiku's params (with its
        state, if it has one), the Keras model with new values, or params.

    Raises:
        TypeError: When the model is of no known kind, an input no array or shape, or
            `key` no key.
        UnmatchedError: When rules and parameters do not fit; see `jinit.materialize`.
        ValueError: When an option is unknown, or the inputs do not fit the model.

    Example:
        >>> import flax.linen as nn, jax, jax.numpy as jnp, jinit
        >>> model = nn.Sequential([nn.Dense(64), nn.relu, nn.Dense(10)])
        >>> x = jax.ShapeDtypeStruct((8, 32), "float32")
        >>> print(jinit.explain(model, x))
        parameter               shape  law             E x²  E z²  why
        params/layers_0/kernel  32×64  lecun_normal()  1     1     fan_in 32
        params/layers_0/bias    64     zeros()                     the model's own: ...
        params/layers_2/kernel  64×10  he_normal()     0.5   1     fan_in 64, relu ...
        params/layers_2/bias    10     zeros()                     the model's own: ...
        >>> variables = jinit.initialize(model, jax.random.key(0), x)
        >>> model.apply(variables, jnp.ones((8, 32))).shape
        (8, 10)
    """
    where = "jinit.initialize"
    key = key_for(where, key, model)
    options = {
        "law": law,
        "direction": direction,
        "residual": residual,
        "mirror": mirror,
    }
    subject, plan = plan_model(where, model, key, inputs, rules, options, own)
    plan.warn_of_doubts(where)
    if mesh is not None and shardings is None:
        shardings = subject.specs()
    found = places(subject.weights, shardings, mesh, where)
    return subject.finish(_draw(plan, key, subject.weights, found, where), mesh)


def _draw(
    plan: Plan, key: jax.Array | None, tree: Any, found: list[Any] | None, where: str
) -> Any:
    plan.require_key(where, key)
    check_devices(found, where)
    every = [None] * len(plan) if found is None else found
    estimate(tree, shardings=jax.tree.unflatten(jax.tree.structure(tree), every))
    return plan.draw(key, tree, found)
