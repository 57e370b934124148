"""One front for parametrizations: hyperparameters that hold at every size."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from ..._core import choose, Counts, NonNegative, public, Tree
from ..._reading import Source, Trace
from .growth import growths
from .logits import Attention, attentions
from .optimizers import named_paths
from .parameters import Parameter, read_parameters
from .parametrizations import Name, Parametrization, PARAMETRIZATIONS
from .record import Mup
from .scaling import Form
from .width import Request


@public()
def mup(
    base: Tree,
    target: Tree,
    rule: Name = "mup",
    *,
    form: Form | None = None,
    alpha: NonNegative | None = None,
    depth: Counts | None = None,
    batch: Counts | None = None,
    duration: Counts | None = None,
) -> Mup:
    """Maximal update parametrization and its kin: what is tuned small holds at scale.

    Every axis is finite or infinite: it grows with the width if its size differs
    between a small model, the base, and the target. Relative to the base, with n the
    growth of fan_in (of fan_out for inputs, biases and norms), muP is

                        input, vector   hidden      output, router
        σ               1               1/√n        1/n
        Adam            1               1/n         1/n
        SGD             n               1           1/n
        weight decay    1               n           n

    where a hidden kernel whose fans grow differently has n_out/n_in for SGD, and the
    weight decay is one that the learning rate multiplies. At the base all factors are 1
    and nothing differs by a bit from what the user has.

        scales = jinit.mup(base, target, "completep")
        params = jinit.materialize(target, key, scales.rules(rules))
        optimizer = scales.optimizer(optax.adamw, 1e-3, weight_decay=0.1)
        apply = scales.forward(model.apply)

    With L the growth of the depth, the parametrizations are

        mup           as above
        depth_mup     branches times L^(−1/2), Adam in them L^(−1/2)
        completep     branches times L^(−α), Adam L^(α−1), epsilon n^(−1) L^(−α); α = 1
        completedp    with epsilon 1/n in embeddings, too; over batch size B and
                      duration D: Adam √(B/D), decay √(B/D), epsilon √(D/B), 1 − β B/D
        umup          weights N(0, 1), kernels times 1/√fan_in, the head 1/fan_in
        spectral      ‖W‖₂ as √(fan_out / fan_in), by its exact constants
        modula        W = √(fan_out / fan_in) Q, Q orthogonal; embeddings of length √d
        ntk           σ 1, multiplier 1/√n, Adam 1/√n: features do not move
        mean_field    of one hidden layer: σ 1, the head times 1/n, SGD n
        standard      σ 1/√n, one learning rate

    Of traces, more is told than of shapes: attention heads, experts, routers, tied
    tables, recurrent and depthwise kernels, scanned layers, and the depth. Attention
    logits should go as 1/d_head: where d_head grows and the model has 1/√d_head, the
    result says so with the place, and `Mup.forward` applies the factor, and that of a
    tied table, to the model's computation. A head that starts at 0 is the better
    choice: what a random one adds to the outputs still falls as 1/√n.

    Args:
        base: The small model: arrays, `jax.ShapeDtypeStruct`s or a `jinit.trace`. Of
            shapes alone, the last axis counts as out and the one before it as in, but
            for a `weight`, which Equinox and PyTorch store the other way round.
        target: The model, of the same structure; it may have more layers where both are
            traces.
        rule: The parametrization.
        form: Where the factors are: "init" in the deviations, as above; "multiplier" in
            the forward pass as the publications have them, for heads that start at 0 or
            are tied; "symmetric", of muP alone: inputs have the multiplier √n, outputs
            1/√n, and SGD one learning rate for all. They train alike. In the latter
            two, put `Mup.forward` around the model's `apply`. By default "init", but
            "multiplier" for umup, modula, ntk and mean_field.
        alpha: The exponent α of depth, from 1/2 to 1; by default that of the rule.
        depth: The residual layers (base, target), where the traces do not show them: of
            a base that has the structure of the target.
        batch: The batch sizes (base, target), for completedp.
        duration: The examples or tokens seen in training (base, target), for
            completedp.

    Returns:
        A `Mup`: print it, iterate over it, or use its `rules`, `optimizer`, `forward`,
        `learning_rates`, `epsilons`, `weight_decays` and `multipliers`.

    Raises:
        ValueError: When paths or ranks differ, a shape does not say which of its axes
            are inputs (the error lists all such paths; a trace says it), or a setting
            is none of the rule's.

    Example:
        >>> import jax, jinit
        >>> shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
        >>> model = lambda n: {"a": shape(9, n), "b": shape(n, n), "c": shape(n, 5)}
        >>> print(jinit.mup(model(16), model(64)))
        parameter  shape          class   n_in  n_out   std  forward  Adam  decay   SGD
        a          9×16 → 9×64    input      1      4     1        1     1      1     4
        b          16×16 → 64×64  hidden     4      4   0.5        1  0.25      4     1
        c          16×5 → 64×5    output     4      1  0.25        1  0.25      4  0.25

    References:
        Yang, Hu, Babuschkin, Sidor, Liu, Farhi, Ryder, Pachocki, Chen, Gao. Tensor
        Programs V: tuning large neural networks via zero-shot hyperparameter transfer.
        2022. Tables 3, 8 and 9. https://arxiv.org/abs/2203.03466
        Yang, Yu, Zhu, Hayou. Tensor Programs VI: feature learning in infinite-depth
        neural networks. ICLR 2024. https://arxiv.org/abs/2310.02244
        Dey, Zhang, Noci, Li, Bordelon, Bergsma, Pehlevan, Hanin, Hestness. Don't be
        lazy: CompleteP enables compute-efficient deep transformers. NeurIPS 2025.
        Table 1. https://arxiv.org/abs/2505.01618
        Mlodozeniec et al. Completed hyperparameter transfer across modules, width,
        depth, batch and duration. 2025. https://arxiv.org/abs/2512.22382
        Blake et al. u-μP: the unit-scaled maximal update parametrization. 2024. Table 2
        and Appendix G. https://arxiv.org/abs/2407.17465
        Yang, Simon, Bernstein. A spectral condition for feature learning. 2023.
        https://arxiv.org/abs/2310.17813
        Large et al. Scalable optimization in the modular norm. NeurIPS 2024.
        https://arxiv.org/abs/2405.14813
        Jacot, Gabriel, Hongler. Neural tangent kernel. NeurIPS 2018.
        https://arxiv.org/abs/1806.07572
        Chizat, Bach. On the global convergence of gradient descent for
        over-parameterized models using optimal transport. NeurIPS 2018.
        https://arxiv.org/abs/1805.09545
    """
    choose("jinit.mup", "rule", rule, PARAMETRIZATIONS)
    kind = PARAMETRIZATIONS[rule]
    before, after = read_parameters(base, "base"), read_parameters(target, "target")
    exponent = _alpha(rule, kind, alpha, depth)
    if kind.absolute or exponent is not None:
        _require_trace("target", rule, after)
        _require_ends(rule, target)
    if exponent is not None and depth is None:
        _require_trace("base", rule, before)
    request = Request(
        name=rule,
        own=kind,
        form=_form(rule, kind, form),
        alpha=exponent,
        depth=None if depth is None else _growth("depth", depth),
        batch=_time(rule, "batch", batch),
        duration=_time(rule, "duration", duration),
    )
    widths = tuple(
        request.width(small, after[path], (n_in, n_out))
        for path, (small, n_in, n_out) in growths(before, after).items()
    )
    if rule == "mean_field":
        _require_shallow([width.path for width in widths if width.kind == "hidden"])
    return Mup(
        rule=rule,
        widths=widths,
        attentions=_attentions(base, target, kind),
        momentum=request.batch / request.duration,
        paths=_nested(after) if isinstance(target, Trace) else named_paths(target),
        base=base if isinstance(base, Trace) else None,
        parameters=after,
    )


def _form(rule: str, kind: Parametrization, form: Form | None) -> Form:
    if form is None:
        return kind.form
    choose("jinit.mup", "form", form, get_args(Form))
    if form == "symmetric" and (kind.table or kind.absolute):
        raise ValueError(
            f"`jinit.mup` needs `form` to be 'init' or 'multiplier' for {rule!r}. Got "
            "'symmetric', which is a table of muP."
        )
    return form


def _alpha(
    rule: str, kind: Parametrization, alpha: float | None, depth: Sequence[int] | None
) -> float | None:
    if kind.alpha is None and (alpha is not None or depth is not None):
        given = f"`alpha` {alpha}" if depth is None else f"`depth` {tuple(depth)}"
        raise ValueError(
            f"`jinit.mup` needs a rule that speaks of depth. Got {given} for {rule!r}. "
            "Use 'depth_mup', 'completep' or 'completedp'."
        )
    return kind.alpha if alpha is None else alpha


def _time(rule: str, what: str, sizes: Sequence[int] | None) -> float:
    if sizes is None:
        return 1.0
    if rule != "completedp":
        raise ValueError(
            f"`jinit.mup` needs the rule 'completedp' for `{what}`. Got {tuple(sizes)} "
            f"for {rule!r}."
        )
    return _growth(what, sizes)


def _growth(what: str, sizes: Sequence[int]) -> float:
    if len(sizes) != 2:
        raise ValueError(
            f"`jinit.mup` needs `{what}` to be two: that of the base and of the "
            f"target. Got {tuple(sizes)}."
        )
    base, target = sizes
    return target / base


def _require_trace(what: str, rule: str, found: Mapping[str, Parameter]) -> None:
    if any(parameter.row is None for parameter in found.values()):
        raise ValueError(
            f"`jinit.mup` needs `{what}` to be a trace for {rule!r}, which asks what "
            "each parameter is for. Got a tree. Give "
            "`jinit.trace(apply, params, *inputs)`."
        )


def _require_ends(rule: str, trace: Trace) -> None:
    """Refuses residual branches that no parameter scales where they end."""
    if not isinstance(trace.source, Source):
        return
    model, uses = trace.source.model, trace.source.uses.values()
    flow = model.flow
    norms = [use.op for each in uses for use in each if use.role == "norm scale"]
    ended = {*flow.ending.values(), *(flow.closed_by(op.outputs[0]) for op in norms)}
    free = [closing for closing in flow.closings.values() if closing not in ended]
    if free:
        near = {model.layers[i].path for closing in free for i in closing.layers}
        raise ValueError(
            f"`jinit.mup` needs branches that end in a kernel, or a norm with a scale, "
            f"for {rule!r}. Got one of {', '.join(sorted(near))} that does not. Give "
            "its norm a scale, or multiply the branch in the model and use 'mup'."
        )


def _require_shallow(hidden: Sequence[str]) -> None:
    if hidden:
        raise ValueError(
            "`jinit.mup` needs a network of one hidden layer for 'mean_field'; deeper "
            f"ones vanish under it. Got the hidden kernels {', '.join(hidden)}. Use "
            "'mup', its limit for deep networks."
        )


def _attentions(base: Any, target: Any, kind: Parametrization) -> tuple[Attention, ...]:
    traces = [each for each in (base, target) if isinstance(each, Trace)]
    models = [t.source.model for t in traces if isinstance(t.source, Source)]
    if len(models) < 2 or kind.table:
        return ()
    return attentions(*models, absolute=kind.absolute)


def _nested(paths: Iterable[str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in paths:
        *parts, last = path.split("/")
        place = functools.reduce(lambda at, name: at.setdefault(name, {}), parts, tree)
        place[last] = path
    return tree
