"""A computation with some of its results multiplied, and nothing else of it changed."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, gensym, Jaxpr, JaxprEqn, Var

from .jaxpr import has_rule


class OpaqueError(Exception):
    """A derivative rule would not know of a factor in the call that it is for."""


def multiplied(jaxpr: ClosedJaxpr, factors: Mapping[JaxprEqn, float]) -> ClosedJaxpr:
    """The computation with the one result of each equation times its factor.

    Loops, branches, calls and rematerialization stay as they are around them.

    Raises:
        OpaqueError: Where one is in a call with a derivative rule of its own.
    """
    return _closed(jaxpr, factors)


def _closed(jaxpr: Any, factors: Mapping[JaxprEqn, float]) -> Any:
    made = _open(jaxpr.jaxpr, factors)
    return jaxpr if made is jaxpr.jaxpr else jaxpr.replace(jaxpr=made)


def _open(jaxpr: Jaxpr, factors: Mapping[JaxprEqn, float]) -> Jaxpr:
    made = [_rewritten(each, factors) for each in jaxpr.eqns]
    if all(new == [old] for new, old in zip(made, jaxpr.eqns, strict=True)):
        return jaxpr
    return jaxpr.replace(eqns=[each for several in made for each in several])


def _rewritten(old: JaxprEqn, factors: Mapping[JaxprEqn, float]) -> list[JaxprEqn]:
    if old in factors:
        return _product(old, factors[old])
    params = {name: _setting(value, factors) for name, value in old.params.items()}
    if all(params[name] is value for name, value in old.params.items()):
        return [old]
    if has_rule(old):
        raise OpaqueError
    return [old.replace(params=params)]


def _setting(value: Any, factors: Mapping[JaxprEqn, float]) -> Any:
    """A setting of an equation, with what it runs rewritten."""
    match value:
        case ClosedJaxpr():
            return _closed(value, factors)
        case Jaxpr():
            return _open(value, factors)
        case tuple():  # the branches of a choice
            made = tuple(_setting(each, factors) for each in value)
            same = all(x is y for x, y in zip(made, value, strict=True))
            return value if same else made
    return value


def _product(old: JaxprEqn, factor: float) -> list[JaxprEqn]:
    """The equation under another name, and its product under the old one."""
    (result,) = old.outvars
    kind: Any = result.aval
    times = lambda x: x * np.asarray(factor, kind.dtype)
    made = jax.make_jaxpr(times)(jax.ShapeDtypeStruct(kind.shape, kind.dtype)).jaxpr
    plain = gensym()(kind)
    names = {made.invars[0]: plain, made.outvars[0]: result}
    renamed = lambda atoms: [
        names.get(each, each) if isinstance(each, Var) else each for each in atoms
    ]
    products = [
        each.replace(invars=renamed(each.invars), outvars=renamed(each.outvars))
        for each in made.eqns
    ]
    return [old.replace(outvars=[plain]), *products]
