"""What each weight of a model gets and why, before anything is drawn."""

import contextlib
import functools
from collections.abc import Callable, Mapping
from typing import Any

from .._core import apart, at_once, is_traced, nearest, public, shown, working
from .._frameworks import is_model, read, Subject, weights_alone
from .._reading import Own, read_own, read_subject, start_of, Trace, trace_model
from .auto.choice import plan_of, Residual
from .auto.laws import Direction, Law
from .auto.sizing import predict
from .by_rules import plan_by_rules
from .own import NOTHING, Owns
from .plan import Plan, warn_of_none_used
from .rules import as_test, leaves_of, no_trace, Rules


@public()
def explain(
    model: Any,
    *inputs: Any,
    rules: Rules | None = None,
    law: Law = "truncated_normal",
    direction: Direction = "forward",
    residual: Residual = "scaled",
    mirror: bool = True,
    own: Any = "keep",
) -> Plan:
    """What `jinit.initialize` gives each parameter, and why.

    What its author started on purpose stays: the model's own initialization is read
    as a computation. Kernels, embeddings, learned positions and tokens that it draws at
    random are jinit's to choose. All else is the model's own: numbers and tables, such
    as slopes, steps, gates, a bias of −4.6 or a kernel of zeros, and what it draws for
    other parameters. Only biases drawn as PyTorch and Equinox do become 0.

    Without rules, kernels keep the second moment of the signal at 1,

        σ² = 1 / (fan_in · E x²)

    with the exact fan_in of the operation that reads the kernel, and the second moment
    of the signal x that it reads: E φ(z)² behind an activation φ, more where residual
    branches were summed or the largest of a pool was taken, less behind an average. It
    is told from the computation, for inputs of mean 0 and variance 1. A layer that
    closes one of N branches of a stream gets variance 1/N of that, so that all of them
    together add as much as was there. Recurrent kernels are orthogonal, biases 0, norm
    scales 1.

    In a long chain of layers without normalization no random law holds the scale: it
    drifts with ReLU, and with GELU and SiLU it explodes, whatever the variance. Where
    Gaussian weights would leave [½, 2] one time in three or more, `jinit.looks_linear`
    is drawn instead, though not for an odd number of units, nor for a loop over layers
    stacked in one parameter.

    Args:
        model: A model of any kind, as in `jinit.trace`; with rules also a tree of
            shapes.
        *inputs: Arrays or shapes, as the model takes them.
        rules: As in `jinit.materialize`.
        law: The distribution of kernels. "orthogonal" has the same variance.
        direction: "forward" keeps the signal, "backward" the gradient (fan_out and
            E φ′² in the place of fan_in and E φ²), "both" the mean of the two.
        residual: "scaled" as above; "zero" makes closing kernels 0, so that every
            branch starts as its skip connection.
        mirror: Whether deep chains may get `jinit.looks_linear`.
        own: What of the model's own stays: "keep", as above; "none"; or a glob, a
            condition such as `jinit.role("gate")`, or a function of a `Leaf`, for
            parameters that stay whatever they are, and no other. Rules win over "keep",
            recipes only where they name a role of their own. Arrays that are given
            beside a function stay where they are no kernels and no embeddings.

    Returns:
        A `Plan`: print it, iterate over its choices, or `.draw(key, params)`.

    Raises:
        TypeError: When the model is of no known kind, or an input no array or shape.
        UnmatchedError: When rules and parameters do not fit; see `jinit.materialize`.
        ValueError: When an option is unknown, or the inputs do not fit the model.

    Example:
        >>> import jax, jinit
        >>> apply = lambda p, x: jax.nn.relu(x @ p["w1"] + p["b1"]) @ p["w2"]
        >>> shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
        >>> params = {"b1": shape(64), "w1": shape(32, 64), "w2": shape(64, 10)}
        >>> for choice in jinit.explain(apply, params, shape(8, 32)):
        ...     print(choice.path, choice.reason, sep=": ")
        b1: bias
        w1: fan_in 32
        w2: fan_in 64, relu before it

    References:
        He, Zhang, Ren, Sun. Delving deep into rectifiers. ICCV 2015. Section 2.2.
        https://arxiv.org/abs/1502.01852
        Zhang, Dauphin, Ma. Fixup initialization. ICLR 2019.
        https://arxiv.org/abs/1901.09321
    """
    options = {
        "law": law,
        "direction": direction,
        "residual": residual,
        "mirror": mirror,
    }
    where = "jinit.explain"
    return plan_model(where, model, None, inputs, rules, options, own, predicts=True)[1]


def plan_model(
    where: str,
    model: Any,
    key: Any,
    inputs: tuple[Any, ...],
    rules: Rules | None,
    options: dict[str, Any],
    own: Any = "keep",
    predicts: bool = False,
) -> tuple[Subject, Plan]:
    """The model as a function of its weights, and what each of them gets.

    With `predicts` a plan by rules, too, says what it will make of every signal.
    """
    with apart():
        if rules is not None and not is_model(model) and not inputs:
            subject = weights_alone(where, model)
        else:
            with working("reading the model"):
                subject = read(where, model, key, inputs)
    start = start_of(subject)
    model_of = functools.cache(lambda: read_subject(where, subject, start))
    own_of = functools.cache(lambda: read_own(subject, start))
    if is_traced():  # what will be asked for is traced apart; errors have their time
        for asked in [model_of] * bool(subject.inputs) + [own_of] * (own != "none"):
            with contextlib.suppress(Exception), apart():
                asked()
    with at_once():  # a plan is made before anything is run
        reading = functools.cache(lambda: trace_model(model_of()))
        reading = reading if subject.inputs else no_trace(where)
        owns = _owns(where, own, subject, own_of, reading)
        if rules is None:
            options = {**options, "own": owns}
            plan = plan_of(where, model_of(), subject.weights, **options)
            warn_of_none_used(where, plan)
            return subject, plan
        plan = plan_by_rules(subject.weights, rules, where, reading, own=owns)
        if predicts and subject.inputs:
            warn_of_none_used(where, reading())
            plan = plan.with_predictions(predict(plan, reading(), subject.weights))
        return subject, plan


def _owns(
    where: str,
    own: Any,
    subject: Subject,
    own_of: Callable[[], Mapping[str, Own]],
    read: Callable[[], Trace],
) -> Owns:
    """What may stay of what the model itself makes."""
    if not (isinstance(own, str) or callable(own)):
        raise TypeError(
            f"`{where}` needs `own` to be 'keep', 'none', a glob or a condition. Got "
            f"{shown(own)}."
        )
    if own == "none":
        return NOTHING
    if own == "keep":
        return Owns(own_of)
    chosen = as_test(own)
    every = leaves_of(subject.weights, where, read)
    paths = {leaf.path for leaf in every if chosen(leaf)}
    if not paths:
        paths_ = [leaf.path for leaf in every]
        near = nearest(own, paths_) if isinstance(own, str) else ""
        raise ValueError(
            f"`{where}` needs `own` to match a parameter. Got {shown(own)}{near}."
        )
    found = lambda: {p: x for p, x in own_of().items() if p in paths}
    return Owns(found, asked=True)
