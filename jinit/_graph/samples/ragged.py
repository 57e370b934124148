"""Products of rows, or of terms, that lie in groups: `lax.ragged_dot_general`."""

import math

from .call import Call
from .products import contract, Factor
from .value import Samples


def ragged_dot(call: Call) -> Samples:
    """As of groups of one size. Of kernels that differ by group, each row meets one.

    Terms in groups are summed by group: the first axis of the result.
    """
    a, b, sizes = (tuple(kind.shape) for kind in call.inputs)
    numbers = call.params["ragged_dot_dimension_numbers"]
    (sums_a, sums_b), (same_a, same_b) = (
        [tuple(map(int, axes)) for axes in pair]
        for pair in numbers.dot_dimension_numbers
    )
    gone = {*sums_b, *same_b, *map(int, numbers.rhs_group_dimensions)}
    free_a = [k for k in range(len(a)) if k not in (*sums_a, *same_a)]
    free_b = [k for k in range(len(b)) if k not in gone]
    by_a, by_b = [*same_a, *free_a], [*same_b, *[None] * len(free_a), *free_b]
    by_a += [None] * len(free_b)
    count = math.prod(a[k] for k in sums_a)
    (ragged,) = map(int, numbers.lhs_ragged_dimensions)
    if ragged in sums_a:
        by_a, by_b = [ragged, *by_a], [sums_b[sums_a.index(ragged)], *by_b]
        count /= max(sizes[-1], 1)
    return contract(
        Factor(call.operands[0], sums_a, tuple(by_a)),
        Factor(call.operands[1], sums_b, tuple(by_b)),
        count,
        call.source,
    )
