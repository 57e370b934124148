"""The law of a single weight: moments, support and distribution function.

An initializer states this without sampling; `jinit.testing.assert_law` holds it to it.
"""

from ._core.marginal import (
    coordinate as coordinate,
    Marginal as Marginal,
    normal as normal,
    sparse as sparse,
    truncated_normal as truncated_normal,
    truncated_std as truncated_std,
    two_points as two_points,
    uniform as uniform,
    values as values,
)
