"""`jax.extend.core`, loaded when it is first touched: that takes as long as jinit."""

import importlib
from typing import Any, TYPE_CHECKING


if TYPE_CHECKING:
    from jax.extend.core import (
        ClosedJaxpr,
        get_opaque_trace_state,
        Jaxpr,
        jaxpr_as_fun,
        JaxprEqn,
        jaxprs_in_params,
        Literal,
        Var,
    )

__all__ = [
    "ClosedJaxpr", "Jaxpr", "JaxprEqn", "Literal", "Var", "get_opaque_trace_state",
    "jaxpr_as_fun", "jaxprs_in_params",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    value = getattr(importlib.import_module("jax.extend.core"), name)
    globals()[name] = value
    return value
