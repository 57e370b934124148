"""Maximal update parametrization: hyperparameters that hold at every width."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from ..._core import choose, Counts, public, Tree
from ..._reading import Trace
from ..rules import no_trace
from .growth import growths, Parameter, read_parameters
from .record import Mup, named_paths
from .scaling import Form
from .width import Request


@public()
def mup(
    base: Tree,
    target: Tree,
    *,
    form: Form = "init",
    depth: Counts | None = None,
) -> Mup:
    """Maximal update parametrization: what is tuned at one width holds at all.

    Every axis is finite or infinite: it grows with the width if its size differs
    between a narrow model, the base, and the target. Relative to the base, with n the
    growth of fan_in (of fan_out for inputs, biases and norms),

                        input, vector   hidden      output
        σ               1               1/√n        1/n
        Adam            1               1/n         1/n
        SGD             n               1           1/n

    where a hidden kernel whose fans grow differently has n_out/n_in for SGD. At the
    base width all factors are 1 and nothing differs from the standard parametrization.

        scales = jinit.mup(base, target)
        params = jinit.materialize(target, key, scales.rules(rules))
        optimizer = scales.optimizer(optax.adam, 1e-3)

    Two things are the model's own: attention logits need the factor 1/d_head in place
    of 1/√d_head, and an embedding that is tied to the head needs its logits divided by
    the growth of the width (the note says by how much). A head that starts at 0 is the
    better choice: what a random one adds to the outputs still falls as 1/√n.

    Args:
        base: The narrow model: arrays, `jax.ShapeDtypeStruct`s or a `jinit.trace`. Of
            shapes alone, the last axis counts as out and the one before it as in, but
            for a `weight`, which Equinox and PyTorch store the other way round.
        target: The model, of the same structure.
        form: Where the factors are: "init" as above; "multiplier", where the output's
            σ is not changed and its forward multiplier is 1/n, for heads that start at
            0 or are tied; "symmetric", where inputs have the multiplier √n and outputs
            1/√n, and SGD has one learning rate for all. They train alike. In the latter
            two, put `Mup.forward` around the model's `apply`.
        depth: The residual layers (base, target), for depth-muP: with L their ratio,
            what closes a branch is multiplied by 1/√L, and kernels and biases of
            branches have 1/√L of Adam's learning rate. It needs a trace. The base has
            the structure, and so the depth, of the target; this only counts.

    Returns:
        A `Mup`: print it, iterate over it, or use its `rules`, `optimizer`,
        `learning_rates`, `labels`, `multipliers` and `forward`.

    Raises:
        ValueError: When paths or ranks differ, or a shape does not say which of its
            axes are inputs: the error lists all such paths. A trace says it.

    Example:
        >>> import jax, jinit
        >>> shape = lambda *n: jax.ShapeDtypeStruct(n, "float32")
        >>> model = lambda n: {"a": shape(32, n), "b": shape(n, n), "c": shape(n, 10)}
        >>> print(jinit.mup(model(64), model(256)))
        parameter  shape            class   n_in  n_out   std  forward  Adam   SGD  note
        a          32×64 → 32×256   input      1      4     1        1     1     4
        b          64×64 → 256×256  hidden     4      4   0.5        1  0.25     1
        c          64×10 → 256×10   output     4      1  0.25        1  0.25  0.25

    References:
        Yang, Hu, Babuschkin, Sidor, Liu, Farhi, Ryder, Pachocki, Chen, Gao. Tensor
        Programs V: tuning large neural networks via zero-shot hyperparameter transfer.
        2022. Tables 3, 8 and 9. https://arxiv.org/abs/2203.03466
        Yang, Yu, Zhu, Hayou. Tensor Programs VI: feature learning in infinite-depth
        neural networks. ICLR 2024. https://arxiv.org/abs/2310.02244
    """
    choose("jinit.mup", "form", form, get_args(Form))
    before, after = read_parameters(base, "base"), read_parameters(target, "target")
    ratio = 1.0 if depth is None else _depth(depth, after)
    request = Request(form, ratio, after)
    widths = tuple(
        request.width(before[path], grown)
        for path, grown in growths(before, after).items()
    )
    paths = _nested(after) if isinstance(target, Trace) else named_paths(target)
    read = (lambda: base) if isinstance(base, Trace) else no_trace("jinit.mup")
    return Mup(widths, paths, read)


def _depth(depth: Sequence[int], after: Mapping[str, Parameter]) -> float:
    if len(depth) != 2:
        raise ValueError(f"`jinit.mup` needs `depth` to be two. Got {depth}.")
    base, target = depth
    if any(parameter.row is None for parameter in after.values()):
        raise ValueError(
            f"`jinit.mup` needs `target` to be a trace for `depth`. Got {depth} with "
            "a tree. Give `jinit.trace(apply, params, *inputs)`: it knows the branches."
        )
    return target / base


def _nested(paths: Iterable[str]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path in paths:
        *parts, last = path.split("/")
        place = functools.reduce(lambda at, name: at.setdefault(name, {}), parts, tree)
        place[last] = path
    return tree
