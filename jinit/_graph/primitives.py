"""The primitives of JAX, a row each: what a computation does at each of its steps.

All that jinit knows of a primitive stands in its row. What it does to the size of a
signal is its rule, of the same name in `samples`. One without a row has no traits.
"""

import dataclasses
import functools

from . import bodies, places
from .bodies import Call, Link, Loop
from .samples import rule_of
from .traits import Kind, Traits


_ALL, _FIRST, _BUT_FIRST, _TWO = slice(None), slice(1), slice(1, None), slice(2)
_SCATTERED = slice(0, 3, 2)  # the operand and the updates, with the indices between
_entries = functools.partial(Traits, elementwise=True, places=places.same)
_linear = functools.partial(Traits, linear=_ALL)


def _each(names: str, traits: Traits) -> dict[str, Traits]:
    return dict.fromkeys(names.split(), traits)


UNKNOWN = Traits()
LINKS = {
    Link.ENTER: _linear(Kind.MOVE, places=places.same),
    Link.UNSTACK: _linear(Kind.PART, places=places.unstacked),
    # In what a loop starts with: a sweep over linear operations goes around once.
    Link.CARRY: Traits(linear=_FIRST, places=places.same),
    Link.SHARD: _linear(Kind.MOVE, places=places.same),
    Link.LEAVE: _linear(Kind.MOVE, places=places.same),
    Link.STACK: _linear(Kind.MOVE),
    Link.EITHER: _linear(Kind.CHOICE, places=places.same),
}
_ROWS = {
    # Functions of each entry.
    **_each(
        "abs acos acosh and asin asinh atan atan2 atanh bessel_i0e bessel_i1e cbrt "
        "ceil clamp clz cos cosh digamma erf erf_inv erfc exp2 expm1 floor ge gt "
        "igamma igammac is_finite le lgamma log log1p log2 logistic lt max min ne "
        "nextafter not one_minus_square or polygamma polynomial population_count "
        "regularized_incomplete_beta rem round shift_left shift_right_arithmetic "
        "shift_right_logical sign sin sinh tan tanh xor zeta",
        _entries(),
    ),
    **_each("add add_any sub", _entries(Kind.SUM, linear=_ALL)),
    "div": _entries(Kind.QUOTIENT, linear=_FIRST),
    "eq": _entries(Kind.EQUALITY),
    "exp": _entries(Kind.EXPONENTIAL),
    **_each("integer_pow square", _entries(Kind.POWER)),
    "mul": _entries(Kind.PRODUCT, linear=_ALL),
    **_each("name neg stop_gradient", _entries(Kind.KEEP, linear=_ALL)),
    **_each("pow rsqrt sqrt", _entries(Kind.ROOT)),
    "reduce_precision": _entries(Kind.KEEP),
    # Complex numbers and their parts.
    "complex": _linear(Kind.COMPLEX, places=places.same),
    "conj": _linear(Kind.KEEP, places=places.same),
    **_each("fft imag real", _linear()),
    # The same entries, elsewhere.
    **_each("all_gather all_to_all ppermute", _linear(Kind.PART)),
    "broadcast_in_dim": _linear(Kind.SPREAD, places=places.spread),
    "concatenate": _linear(Kind.JOIN, places=places.same),
    **_each("convert_element_type copy", _entries(Kind.MOVE, linear=_ALL)),
    "dynamic_slice": Traits(Kind.PART, False, _FIRST, _FIRST, places.part),
    "dynamic_update_slice": Traits(Kind.CHOICE, False, _TWO, _TWO),
    "gather": Traits(Kind.PART, False, _FIRST, _FIRST, places.gathered),
    **_each("device_put optimization_barrier pvary", Traits(Kind.ALIAS)),
    **_each("pad rev", _linear(Kind.PART, places=places.same)),
    **_each("psum psum_invariant", _linear(Kind.DEVICES)),
    **_each("reduced_vary_cast vary_unreduced_cast", Traits(Kind.ALIAS)),
    "reshape": _linear(Kind.MOVE, places=places.reshaped),
    "scatter": Traits(Kind.CHOICE, False, _SCATTERED, _SCATTERED),
    "select_n": _entries(Kind.CHOICE, data=_BUT_FIRST, linear=_BUT_FIRST),
    "sharding_constraint": _linear(Kind.MOVE, places=places.same),
    **_each("slice split", _linear(Kind.PART, places=places.part)),
    "squeeze": _linear(Kind.MOVE, places=places.squeezed),
    "stack": _linear(Kind.JOIN, places=places.stacked),
    "tile": _linear(Kind.SPREAD),
    "transpose": _linear(Kind.MOVE, places=places.permuted),
    "unstack": _linear(Kind.PART, places=places.unstacked),
    # One number of many.
    "cumsum": _linear(),
    **_each(
        "reduce reduce_and reduce_min reduce_or reduce_prod reduce_window "
        "reduce_window_min reduce_xor",
        Traits(Kind.REDUCTION),
    ),
    **_each("reduce_max reduce_window_max", Traits(Kind.REDUCTION, pools=True)),
    "reduce_scatter": _linear(Kind.REDUCTION),
    "reduce_sum": _linear(Kind.TOTAL, pools=True),
    "reduce_window_sum": _linear(Kind.REDUCTION, pools=True),
    **_each(
        "scatter-add scatter-sub",
        Traits(data=_SCATTERED, linear=_SCATTERED, pools=True),
    ),
    # Products that sum.
    **_each("conv_general_dilated dot_general", _linear(Kind.LAYER)),
    "ragged_dot_general": Traits(Kind.LAYER, data=_TWO, linear=_TWO),
    # What runs a jaxpr.
    **_each("call closed_call", Traits(unrolls=Call("call_jaxpr"))),
    **_each("checkpoint composite jit remat2", Traits(unrolls=Call("jaxpr"))),
    "cond": Traits(unrolls=Loop(bodies.cond)),
    **_each(
        "custom_jvp_call custom_vjp_call", Traits(unrolls=Call("call_jaxpr", rule=True))
    ),
    "custom_vmap_call": Traits(unrolls=Call("call")),
    "scan": Traits(unrolls=Loop(bodies.scan, scans=True)),
    "shard_map": Traits(unrolls=Loop(bodies.shard_map)),
    "while": Traits(unrolls=Loop(bodies.while_loop)),
    # What carries a signal in no way that is read: ranks, factorizations, chance.
    **_each(
        "approx_top_k argmax argmin axis_index bitcast_convert_type cholesky "
        "cumlogsumexp cummax cummin cumprod eigh householder_product iota lu pmax pmin "
        "qr random_bits random_clone random_fold_in random_gamma random_seed "
        "random_split "
        "random_unwrap random_wrap rng_bit_generator scatter-max scatter-min "
        "scatter-mul select_and_gather_add select_and_scatter_add sort svd "
        "threefry2x32 top_k triangular_solve",
        UNKNOWN,
    ),
}


PRIMITIVES = {
    name: dataclasses.replace(row, rule=rule_of(name)) for name, row in _ROWS.items()
}


def traits(kind: str | Link) -> Traits:
    """What is known of a primitive, by its name, or of a link."""
    return LINKS[kind] if isinstance(kind, Link) else PRIMITIVES.get(kind, UNKNOWN)
