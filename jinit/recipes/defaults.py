"""What frameworks give by default, and rules for every architecture."""

import math

from .._core import Initializer
from .._model import is_kernel, Leaf, role, Rule, traced
from .._model.auto import per_gate
from .._reading import Row, Trace
from .._schemes import (
    fan_in_uniform,
    glorot_uniform,
    normal,
    orthogonal,
    symmetric_uniform,
    zeros,
)
from .leaves import cell_of, kernel_of, published_fans
from .recipe import recipe, rules


@recipe
def torch_default() -> tuple[Rule, ...]:
    """PyTorch's default: kernels and biases U(±1/√fan_in), embeddings N(0, 1).

    A bias takes the fan_in of the kernel whose product it is added to, as the
    computation shows. All of a recurrent cell takes 1/√units. Of a transposed
    convolution with a stride, k² · out counts as the fan_in. Queries, keys and values
    of an attention of width d in a residual branch are Glorot uniform as one kernel
    (d, 3 d), fused or not; all of its biases are 0.

    Assumes no optimizer or norm in particular.

    Returns:
        A recipe; norm scales are 1 and offsets 0.

    References:
        PyTorch: torch.nn.Linear, _ConvNd, RNNBase, Embedding and MultiheadAttention,
        `reset_parameters`.
    """
    return rules(
        (is_kernel(), torch_kernel),
        (role("bias"), torch_bias),
    )


@recipe
def keras_default() -> tuple[Rule, ...]:
    """Keras's default: Glorot uniform, recurrent kernels orthogonal, biases 0.

        embeddings U(±0.05)

    The forget gate's bias of an LSTM is 0 as well, where Keras has 1.

    Assumes no optimizer or norm in particular.

    Returns:
        A recipe; norm scales are 1.

    References:
        Keras: the defaults of Dense, Conv, EinsumDense, Embedding and recurrent cells.
    """

    def recurrent(leaf: Leaf) -> Initializer:
        return per_gate(leaf.row) or orthogonal

    return rules(
        (role("recurrent kernel"), recurrent),
        (is_kernel(), traced(glorot_uniform)),
        (role("embedding"), symmetric_uniform(bound=0.05)),
    )


@recipe
def spectral() -> tuple[Rule, ...]:
    """The spectral condition: ‖W‖₂ = √(fan_out / fan_in), so that features learn.

        σ = √(fan_out / fan_in) / (√fan_in + √fan_out)

    Assumes learning rates in proportion to fan_out/fan_in (SGD) or 1/fan_in (Adam).

    Returns:
        A recipe; embeddings are N(0, 1), biases 0 and norm scales 1.

    References:
        Yang, Simon, Bernstein. A spectral condition for feature learning. 2023.
        Condition 1 and section 5. https://arxiv.org/abs/2310.17813
    """

    def kernel(leaf: Leaf) -> Initializer:
        n_in, n_out = leaf.row.fan_in or 1.0, leaf.row.fan_out or 1.0
        total = math.sqrt(n_in) + math.sqrt(n_out)
        return normal(stddev=math.sqrt(n_out / n_in) / total)

    return rules((is_kernel(), kernel))


def torch_kernel(leaf: Leaf) -> Initializer:
    """What PyTorch gives a kernel."""
    row, fan_in = leaf.row, _torch_fan(leaf.row, leaf.trace)
    if row.attention and not row.closes_residual and row.fan_in:
        return glorot_uniform(fans=(row.fan_in, 3 * row.fan_in))
    return traced(fan_in_uniform)(leaf)(fans=(fan_in, row.fan_out))


def torch_bias(leaf: Leaf) -> Initializer:
    """What PyTorch gives a bias."""
    row = kernel_of(leaf)
    fan_in = _torch_fan(row, leaf.trace) if row and not row.attention else None
    return symmetric_uniform(bound=1 / math.sqrt(fan_in)) if fan_in else zeros


def _torch_fan(row: Row, trace: Trace) -> float | None:
    """What PyTorch counts as the fan_in of a kernel."""
    if cell := cell_of(row, trace):
        return cell.fan_in  # the units
    n_in, n_out = published_fans(row)
    is_transposed = row.fan_in is not None and row.fan_in < n_in
    return n_out if is_transposed else row.fan_in
