"""A model with weights and a batch: what the functions that look at data take."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax

from .._core import require_entries
from .calls import asks_for, is_a
from .reader import as_key, bind, holds_weights, read
from .subject import asked, Computation, fits, Flat, is_key, listed, Subject


@dataclasses.dataclass(frozen=True)
class Given:
    """What stands behind the model in a call: `(params, key, batch)`.

    Attributes:
        params: The weights; None where the model holds them.
        key: The key; None where none was given.
        batch: The data.
    """

    params: Any
    key: Any
    batch: Any


def given(where: str, model: Any, *arguments: Any) -> Given:
    """What is given behind the model: `(params, key, batch)`, or fewer.

    Params are left out where the model holds its weights, and the key where nothing is
    drawn. A key is told from the others wherever it stands.
    """
    keys = [x for x in arguments if _is_key(x)]
    others = [x for x in arguments if x is not None and not _is_key(x)]
    if not keys and (len(others) == 3 or _has_old_key(model, others)):
        keys = [others.pop(-2)]
    if len(keys) > 1 or not others:
        got = "several keys" if len(keys) > 1 else "none"
        raise TypeError(
            f"`{where}` needs one key at most and a batch, behind the model and its "
            f"params. Got {got}."
        )
    *params, batch = others
    if not params and not holds_weights(model) and asks_for(model) is None:
        raise TypeError(
            f"`{where}` needs params and a batch behind a model that holds no weights. "
            f"Got {type(batch).__name__} alone. Add what is missing."
        )
    key = as_key(where, keys[0]) if keys else None
    return Given(params[0] if params else None, key, batch)


def with_batch(where: str, model: Any, params: Any, key: Any, batch: Any) -> Subject:
    """The model with its weights as a function of `(weights, state, *inputs)`.

    A batch is the model's one input; a tuple where it does not take it so is its
    inputs. An Equinox module, which takes one example, is mapped over the rows.
    """
    subject = bind(where, model, params, key)
    require_entries(where, "params", subject.weights)
    if isinstance(subject.apply, Computation) and subject.apply.one_example:
        subject = dataclasses.replace(subject, apply=Mapped(subject.apply))
    subject = dataclasses.replace(subject, inputs=(batch,))
    if isinstance(batch, tuple) and len(batch) > 1:
        apart, fault = dataclasses.replace(subject, inputs=batch), _fault(subject)
        if fault and (str(fault).startswith("`jinit") or not _fault(apart)):
            return apart
    return subject


def inputs_of(where: str, model: Any, batch: Any) -> tuple[Any, ...]:
    """The inputs by which `read` knows a model, from a batch; a tuple is several.

    Of a batch for an Equinox module they are the first row, as shapes.
    """
    inputs = batch if isinstance(batch, tuple) else (batch,)
    apply = read(where, model, None, inputs).apply
    if not (isinstance(apply, Computation) and apply.one_example):
        return inputs
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), inputs)


def again(subject: Subject, batch: Any) -> Subject:
    """The same with another batch, taken as the first was."""
    inputs = batch if len(subject.inputs) > 1 else (batch,)
    return dataclasses.replace(subject, inputs=inputs)


@dataclasses.dataclass(frozen=True)
class Mapped:
    """A function of one example as one of a batch, each row with keys of its own."""

    one: Computation

    def __call__(self, weights: Any, state: Any, *inputs: Any) -> Any:
        """The outputs, rows first."""
        rows = self._rows(inputs)
        keys = jax.tree.map(lambda x: _split(x, rows) if is_key(x) else None, state)
        rest = jax.tree.map(lambda x: None if is_key(x) else x, state)

        def run(keys: Any, inputs: Any) -> Any:
            own = jax.tree.map(
                lambda x, key: x if key is None else key,
                rest, keys, is_leaf=lambda x: x is None,
            )  # fmt: skip
            return self.one.run(weights, own, *inputs)

        with fits(self.one.where, inputs):
            return self._named(run, keys, inputs)

    def _rows(self, inputs: Any) -> int:
        lengths = {x.shape[0] if x.ndim else None for x in jax.tree.leaves(inputs)}
        rows = lengths.pop() if len(lengths) == 1 else None
        if rows is None:
            raise ValueError(
                f"`{self.one.where}` needs a batch of what the model takes one of: "
                "arrays with an axis of examples in front, as long in all of them. Got "
                f"{listed(inputs)}."
            )
        return rows

    def _named(self, run: Any, *arguments: Any, name: str | None = None) -> Any:
        # A batch norm asks for the batch by the name of its axis.
        try:
            return jax.vmap(run, axis_name=name)(*arguments)
        except NameError as error:
            if name or not asked(error):
                raise
            return self._named(run, *arguments, name=asked(error))


def _split(key: jax.Array, rows: int) -> jax.Array:
    split = lambda key: jax.random.split(key, rows)
    for _ in key.shape:
        split = jax.vmap(split, out_axes=1)
    return split(key)


def _fault(subject: Subject) -> Exception | None:
    """What goes wrong with the inputs, if anything does."""
    arguments = subject.weights, subject.state, *subject.inputs
    try:
        jax.eval_shape(Flat(subject.apply), *arguments)
    except Exception as error:
        return error
    return None


def _has_old_key(model: Any, others: Sequence[Any]) -> bool:
    """Whether there is an array where only a key of numbers may stand."""
    return len(others) == 2 and holds_weights(model) and hasattr(others[0], "shape")


def _is_key(x: Any) -> bool:
    return is_a(x, "flax.nnx", "Rngs") or is_key(x)
