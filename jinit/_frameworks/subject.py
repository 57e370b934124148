"""A model as a function of its weights, its state and inputs."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._core import is_users, reason, shown


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model of any framework, taken apart into a pure function and what it reads.

    Attributes:
        apply: The function of `(weights, state, *inputs)` that gives the outputs.
        weights: The weights or their shapes, in boxes if the model puts them there.
        state: What the model reads beside them: statistics, keys, counters, caches; a
            tree of arrays or shapes.
        inputs: Arrays or shapes, as `apply` takes them.
        finish: The model's own form, given weights and the mesh, if any: what its
            `init` returns, or the module itself.
        specs: Gives the `PartitionSpec`s that the model's own annotations ask for.
        start: The weights and the state as the model itself starts them, a function of
            `(key, *inputs)`; None where no such function is known.
        held: Whether the weights are those that a module was made with.
    """

    apply: Callable[..., Any]
    weights: Any
    state: Any = ()
    inputs: tuple[Any, ...] = ()
    finish: Callable[[Any, Any], Any] = lambda weights, mesh: weights
    specs: Callable[[], Any] = lambda: None
    start: Callable[..., Any] | None = None
    held: bool = False


def _alone(run: Callable[..., Any], name: str) -> Callable[..., Any]:
    return jax.vmap(run, in_axes=None, out_axes=None, axis_name=name, axis_size=1)


def _batched(run: Callable[..., Any], name: str) -> Callable[..., Any]:
    def batch(weights: Any, state: Any, inputs: Any) -> Any:
        inputs = jax.tree.map(lambda x: jnp.broadcast_to(x, (2, *x.shape)), inputs)
        return jax.vmap(run, (None, None, 0), axis_name=name)(weights, state, inputs)

    return batch


@dataclasses.dataclass(frozen=True)
class Bound:
    """A function under the mapped axes that it asks for and that nothing binds.

    They have one entry each, as of a batch norm over several devices that is alone:
    that is how Flax's own `init` takes them.
    """

    run: Callable[..., Any]
    bind: Callable[[Callable[..., Any], str], Callable[..., Any]] = _alone

    def __call__(self, *arguments: Any) -> Any:
        """What the function gives."""
        return self._within((), arguments)

    def _within(self, axes: tuple[str, ...], arguments: tuple[Any, ...]) -> Any:
        try:
            return functools.reduce(self.bind, axes, self.run)(*arguments)
        except NameError as error:
            name = asked(error)
            if not name or name in axes:
                raise
            return self._within((*axes, name), arguments)


@dataclasses.dataclass(frozen=True)
class Computation:
    """A model's function, with errors in the words of the public function that asks.

    Attributes:
        where: That public function.
        run: The function of `(weights, state, *inputs)`.
        one_example: Whether the model takes an example and not a batch. Then the axis
            of that name is the batch.
    """

    where: str
    run: Callable[..., Any]
    one_example: bool = False

    def __call__(self, weights: Any, state: Any, *inputs: Any) -> Any:
        """The outputs."""
        with fits(self.where, inputs):
            run = lambda weights, state, inputs: self.run(weights, state, *inputs)
            bind = _batched if self.one_example else _alone
            outputs = Bound(run, bind)(weights, state, inputs)
        for leaf in jax.tree.leaves(outputs):
            self._require_array(leaf)
        return outputs

    def _require_array(self, leaf: Any) -> None:
        if not isinstance(leaf, jax.Array | np.ndarray | np.number | np.bool | Number):
            raise TypeError(
                f"`{self.where}` needs a model whose outputs are arrays, or trees of "
                f"arrays. Got a {type(leaf).__name__} among them. Return its arrays, "
                "or register its type: `jax.tree_util.register_dataclass`."
            )


def asked(error: NameError) -> str:
    """The name of the mapped axis that an error misses; "" where it speaks of none."""
    return str(error).partition("unbound axis name: ")[2].split(". ")[0]


@dataclasses.dataclass(frozen=True, eq=False)
class Structure:
    """That of a tree, as a value also where it holds what has no equality: arrays."""

    tree: Any

    def unflatten(self, leaves: Sequence[Any]) -> Any:
        """A tree of this structure."""
        return jax.tree.unflatten(self.tree, leaves)

    def __eq__(self, other: object) -> bool:
        try:
            return isinstance(other, Structure) and bool(self.tree == other.tree)
        except Exception:  # whatever the metadata makes of the question
            return False

    def __hash__(self) -> int:
        try:
            return hash(self.tree)
        except Exception:
            return 0


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Outputs:
    """Arrays, and the structure that they are to be put back into.

    An output may be an object, such as a distribution, that takes arrays but no shapes.
    """

    leaves: list[Any]
    structure: Structure = dataclasses.field(metadata={"static": True})


@dataclasses.dataclass(frozen=True)
class Flat:
    """A function with its outputs taken apart, so that their shapes can be asked."""

    apply: Callable[..., Any]

    def __call__(self, *arguments: Any) -> Outputs:
        """The outputs, apart."""
        leaves, structure = jax.tree.flatten(self.apply(*arguments))
        return Outputs(leaves, Structure(structure))


def weights_alone(where: str, weights: Any) -> Subject:
    """A subject without a computation, such as a tree of shapes."""

    def apply(weights: Any, state: Any, *inputs: Any) -> Any:
        raise ValueError(
            f"`{where}` needs a model with a computation to read. Got weights alone. "
            "Give `rules`, or a pair (apply, params)."
        )

    return Subject(apply, weights)


@dataclasses.dataclass
class fits:  # noqa: N801
    """Says of what goes wrong inside that the model and its inputs do not fit.

    What the model itself raises is passed on, and what JAX says of how it is written.
    """

    where: str
    inputs: Any
    passed: BaseException | None = None

    def __enter__(self) -> "fits":
        """Itself."""
        return self

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, looked at before JAX hides where an error comes from."""

        @functools.wraps(function, updated=())
        def looked_at(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return looked_at

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        """Turns an error of the model into one of `where`."""
        if not isinstance(error, Exception) or str(error).startswith("`jinit"):
            return
        of_jax = jax.errors.JAXTypeError | jax.errors.JAXIndexError
        if error is self.passed or is_users(error) or isinstance(error, of_jax):
            self.passed = error
            return
        if not jax.tree.leaves(self.inputs):
            raise ValueError(
                f"`{self.where}` needs the inputs of the model. Got none. Add them: "
                f"arrays or `jax.ShapeDtypeStruct`s. ({first_line(error)})"
            ) from error
        raise ValueError(
            f"`{self.where}` needs inputs that the model takes. Got "
            f"{listed(self.inputs)}: {first_line(error)}"
        ) from error


def listed(inputs: Any) -> str:
    """Inputs as a message names them: float32[8,32]."""
    each = [
        f"{x.dtype}[{','.join(map(str, x.shape))}]"
        if hasattr(x, "shape") and hasattr(x, "dtype")
        else shown(x)
        for x in jax.tree.leaves(inputs)
    ]
    return ", ".join(each) or "none"


def first_line(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {reason(error)}".strip()


def shapes(tree: Any) -> Any:
    """The tree without values; places of arrays stay where they are."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)


def once_per_shape(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which is not traced again for the same shapes."""
    return jax.jit(function, inline=True)


def blank(x: Any) -> jax.Array:
    """Zeros of a shape, or keys: to be called where nothing is left of them."""
    if is_key(x):
        return jax.random.split(jax.random.key(0), x.shape)
    return jnp.zeros(x.shape, x.dtype)


def is_key(x: Any) -> bool:
    """Whether a leaf is a PRNG key or the shape of one."""
    return hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def is_array(x: Any) -> bool:
    """Whether a leaf is an array of JAX or the shape of one."""
    return isinstance(x, jax.Array | jax.ShapeDtypeStruct)


def apart(tree: Any, chosen: Callable[[Any], bool]) -> tuple[Any, Any]:
    """The tree with the chosen leaves alone, and with the others."""
    mine = jax.tree.map(lambda x: x if chosen(x) else None, tree)
    return mine, jax.tree.map(lambda x: None if chosen(x) else x, tree)


def together(first: Any, second: Any) -> Any:
    """The tree that `apart` has split."""
    choose = lambda x, y: y if x is None else x
    return jax.tree.map(choose, first, second, is_leaf=lambda x: x is None)
