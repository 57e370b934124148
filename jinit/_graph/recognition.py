"""The name of an element-wise function, told from its values."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from .._activations import activation_function, GATES
from .._core import Formula, formula_of, ours, program_of
from .elementwise import Activation


# Known functions, the most frequent first: what `recognize` can name.
NAMES = (
    "identity",
    "relu",
    "tanh",
    "sigmoid",
    "gelu",
    "gelu_exact",
    "silu",
    "leaky_relu",
    "elu",
    "selu",
    "softplus",
    "mish",
    "relu6",
    "hard_tanh",
    "hard_sigmoid",
    "hard_swish",
    "softsign",
    "log_sigmoid",
    "squared_relu",
    "abs",
    "erf",
    "arctan",
    "sin",
    "cos",
)
_GRID = np.linspace(-8.0, 8.0, 101, dtype=np.float32)


class Known(NamedTuple):
    """A function known by name: `scale` times the activation of that name."""

    name: str
    scale: float


def recognize(activation: Callable[[Any], Any]) -> Known | None:
    """The known activation of which this is a positive multiple, or None.

    Example:
        >>> import jax.numpy as jnp
        >>> from jinit._graph.recognition import recognize
        >>> recognize(lambda x: jnp.where(x > 0, 2 * x, 0))
        Known(name='relu', scale=2.0)
    """
    if isinstance(activation, Activation) and _only_moves(activation):
        return Known("identity", 1.0)  # most are, and to trace them takes a while
    # The constants of a function traced in bfloat16 have three digits.
    slack = max(1e-5, getattr(activation, "precision", 0.0))
    formula, numbers = formula_of(activation, _GRID)
    if formula.has_equals and all(isinstance(x, np.ndarray) for x in numbers):
        values = (_Number(x.dtype, x.shape, x.tobytes()) for x in numbers)
        return _named_once(formula, tuple(values), slack)
    return _named(formula, numbers, slack)


@dataclasses.dataclass(frozen=True)
class Told:
    """What a pickle keeps of an activation: its name, up to a factor, if it has one."""

    name: str
    scale: float = 1.0

    def __call__(self, z: Any) -> Any:
        """φ(z), entry by entry."""
        if not self.name:
            raise ValueError(
                "`Row.activation` needs the computation that it was read from. Got a "
                "pickle, which keeps functions that have a name. Trace the model again."
            )
        return self.scale * activation_function(self.name)(z)


def told(activation: "Activation | Told | None") -> Told | None:
    """What a pickle keeps of an activation."""
    if not isinstance(activation, Activation):
        return activation
    known = recognize(activation) if len(activation.sources) == 1 else None
    return Told(*known) if known else Told("")


def label(
    activation: Activation | None, factors: Sequence[Activation | None] = ()
) -> str | None:
    """The name of an activation, or of a gated pair of these factors."""
    if activation is None:
        return None
    if len(activation.sources) == 1:
        known = recognize(activation)
        return known.name if known else "other"
    names = {label(factor) for factor in factors}
    gates = [name for name, phi in GATES.items() if {phi, "identity"} == names]
    return gates[0] if gates else "other"


def _only_moves(activation: Activation) -> bool:
    return all(op.traits.moves for op in activation.ops)


class _Number(NamedTuple):
    """An array as a value."""

    dtype: np.dtype
    shape: tuple[int, ...]
    data: bytes


@functools.lru_cache(maxsize=256)
def _named_once(
    formula: Formula, numbers: tuple[_Number, ...], slack: float
) -> Known | None:
    # The layers of a model tend to share one activation: it is compared once.
    arrays = [np.frombuffer(x.data, x.dtype).reshape(x.shape) for x in numbers]
    return _named(formula, arrays, slack)


def _named(formula: Formula, numbers: Sequence[Any], slack: float) -> Known | None:
    with ours():
        (values,) = jax.device_get(program_of(formula)(_GRID, *numbers))
    found = (_compare(values, name, slack) for name in NAMES)
    return next(filter(None, found), None)


@functools.cache
def _known_values(name: str) -> np.ndarray:
    return np.asarray(jax.jit(activation_function(name))(jax.device_put(_GRID)))


def _compare(values: np.ndarray, name: str, slack: float) -> Known | None:
    known = _known_values(name)
    largest = np.argmax(np.abs(known))
    scale = float(values[largest] / known[largest])
    if scale > 0 and np.allclose(values / scale, known, rtol=slack, atol=slack):
        return Known(name, 1.0 if abs(scale - 1) < slack else scale)
    return None
