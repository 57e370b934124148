"""Laws right about one weight and wrong about several or about keys: all are caught."""

import jax
import jax.numpy as jnp
import pytest

import jinit
from jinit import marginal
from jinit.testing import assert_law

from .helpers import key
from .test_mutants import MUTANTS, normal, orthogonal_without_sign_fix, states


@states()
def rows_that_follow_each_other(key, shape, dtype, /):
    step = lambda last, z: (0.5 * last + 0.75**0.5 * z,) * 2
    z = normal(key, shape, dtype)
    return jax.lax.scan(step, z[0], z)[1]


@states()
def columns_that_follow_each_other(key, shape, dtype, /):
    z = normal(key, (*shape[:-1], shape[-1] + 1), dtype)
    return (z[..., 1:] + 0.2 * z[..., :-1]) / 1.04**0.5


@states()
def columns_with_a_part_in_common(key, shape, dtype, /):
    key_own, key_common = jax.random.split(key)
    common = normal(key_common, shape[-1:], dtype)
    return 0.98**0.5 * normal(key_own, shape, dtype) + 0.02**0.5 * common[None]


@states()
def a_part_of_rank_one(key, shape, dtype, /):
    key_own, key_signs, key_common = jax.random.split(key, 3)
    signs = jax.random.rademacher(key_signs, (shape[0], 1), dtype)
    common = normal(key_common, shape[1:], dtype)
    return 0.98**0.5 * normal(key_own, shape, dtype) + 0.02**0.5 * signs * common


@states()
def rows_that_follow_another_somewhere(key, shape, dtype, /):
    key_first, key_own, key_order = jax.random.split(key, 3)
    first = normal(key_first, (shape[0] // 2, shape[1]), dtype)
    rho = 0.5 * jnp.where(jnp.arange(len(first)) % 2, 1, -1)[:, None]
    second = rho * first + 0.75**0.5 * normal(key_own, first.shape, dtype)
    return jax.random.permutation(key_order, jnp.concatenate([first, second]))


@states()
def a_kurtosis_of_3_15(key, shape, dtype, /):
    key_weights, key_places = jax.random.split(key)
    variance = 1 + 0.22 * jax.random.rademacher(key_places, shape, dtype)
    return normal(key_weights, shape, dtype) * jnp.sqrt(variance)


@states()
def antithetic_rows(key, shape, dtype, /):
    half = normal(key, (shape[0] // 2, shape[1]), dtype)
    return jnp.concatenate([half, -half])


@states()
def antithetic_columns(key, shape, dtype, /):
    half = normal(key, (shape[0], shape[1] // 2), dtype)
    return jnp.concatenate([half, -half], 1)


@states()
def halves_of_one_size(key, shape, dtype, /):
    key_half, key_signs = jax.random.split(key)
    half = normal(key_half, (shape[0] // 2, shape[1]), dtype)
    signs = jax.random.rademacher(key_signs, half.shape, dtype)
    return jnp.concatenate([half, signs * half])


@states()
def sorted_columns(key, shape, dtype, /):
    return jnp.sort(normal(key, shape, dtype), 0)


@states()
def one_row_used_twice(key, shape, dtype, /):
    w = normal(key, shape, dtype)
    return w.at[7].set(w[3])


@states()
def one_weight_in_a_hundred_used_twice(key, shape, dtype, /):
    key_weights, key_places = jax.random.split(key)
    w = normal(key_weights, shape, dtype)
    again = jnp.roll(w.ravel(), 12347).reshape(shape)
    return jnp.where(jax.random.uniform(key_places, shape) < 0.01, again, w)


@states()
def a_pool_of_weights(key, shape, dtype, /):
    key_pool, key_places = jax.random.split(key)
    return jax.random.choice(key_places, normal(key_pool, (50_000,), dtype), shape)


@states()
def one_weight_in_a_thousand_three_times_as_large(key, shape, dtype, /):
    key_weights, key_places = jax.random.split(key)
    large = jax.random.uniform(key_places, shape) < 0.001
    return normal(key_weights, shape, dtype) * jnp.where(large, 3, 1) / 1.008**0.5


@states()
def no_tails(key, shape, dtype, /):
    w = normal(key, shape, dtype)
    return jnp.where(jnp.abs(w) > 3.5, jnp.sign(w) * 3.5, w)


@states()
def tails_of_twenty_degrees_of_freedom(key, shape, dtype, /):
    return jax.random.t(key, 20.0, shape, dtype) * 0.9**0.5


@states()
def signs_of_which_51_percent_are_positive(key, shape, dtype, /):
    key_size, key_sign = jax.random.split(key)
    sign = jnp.where(jax.random.uniform(key_sign, shape) < 0.51, 1, -1)
    return sign * jnp.abs(normal(key_size, shape, dtype))


@states()
def keys_folded_to_8_bits(key, shape, dtype, /):
    return normal(jax.random.key(jax.random.bits(key, (), "uint8")), shape, dtype)


@states()
def half_of_the_key(key, shape, dtype, /):
    return normal(jax.random.key(jax.random.key_data(key)[-1]), shape, dtype)


@states()
def the_lowest_bit_of_the_key_ignored(key, shape, dtype, /):
    words = jax.random.key_data(key) & jnp.uint32(0xFFFFFFFE)
    return normal(jax.random.wrap_key_data(words), shape, dtype)


@jinit.law(marginal=lambda shape: marginal.coordinate(shape[0], 1.0))
def mostly_rotations(key, shape, dtype, /):
    key_matrix, key_sign = jax.random.split(key)
    Q = jinit.special_orthogonal(key_matrix, shape, dtype)
    mirrored = jax.random.uniform(key_sign) < 0.3
    return Q.at[:, 0].multiply(jnp.where(mirrored, -1, 1))


SHAPE = (300, 1000)
DEPENDENT = [
    (rows_that_follow_each_other, "values of neighbors along axis 0"),
    (columns_that_follow_each_other, "values of neighbors along axis 1"),
    (columns_with_a_part_in_common, "values of .* along axis 0|sums of values"),
    (a_part_of_rank_one, "singular value|products of the rows"),
    (rows_that_follow_another_somewhere, "singular values|products of the rows"),
    (a_kurtosis_of_3_15, "moment of degree|distance"),
    (antithetic_rows, "used twice"),
    (antithetic_columns, "used twice"),
    (halves_of_one_size, "used twice|repeated values"),
    (sorted_columns, "along axis 0"),
    (one_row_used_twice, "1 of 300 slices along axis 0"),
    (one_weight_in_a_hundred_used_twice, "repeated values"),
    (a_pool_of_weights, "repeated values|such weights|distance|as 1 "),
    (one_weight_in_a_thousand_three_times_as_large, "from the mean"),
    (no_tails, "such weights"),
    (tails_of_twenty_degrees_of_freedom, "from the mean|distance"),
    (signs_of_which_51_percent_are_positive, "its mean as 0"),
    (keys_folded_to_8_bits, "of 65 keys"),
    (half_of_the_key, "of 65 keys"),
    (the_lowest_bit_of_the_key_ignored, "of 65 keys"),
]


def test_there_are_thirty():
    assert len({mutant for mutant, *_ in [*MUTANTS, *DEPENDENT]}) >= 30


@pytest.mark.parametrize(("mutant", "reason"), DEPENDENT)
def test_assert_law_catches(mutant, reason):
    with pytest.raises(AssertionError, match=reason):
        assert_law(mutant, SHAPE, key())


@pytest.mark.parametrize("shape", [(16, 16), (24, 16)])
def test_haar_without_its_signs_is_caught(shape):
    assert_law(jinit.orthogonal(method="qr"), shape, key(1), draws=1000)
    with pytest.raises(AssertionError, match=r"tr Q|its mean"):
        assert_law(orthogonal_without_sign_fix, shape, key(1), draws=1000)


def test_singular_values_that_are_only_nearly_equal_are_caught():
    @jinit.law(marginal=orthogonal_without_sign_fix.law.marginal)
    def nearly_orthogonal(key, shape, dtype, /):
        return jinit.orthogonal(method="qr")(key, shape, dtype) + 1e-2 / shape[0]

    with pytest.raises(AssertionError, match="singular values that are all equal"):
        assert_law(nearly_orthogonal, (8, 8), key(3), draws=1000)


def test_determinants_of_one_sign_more_often_are_caught():
    assert_law(jinit.special_orthogonal, (4, 4), key(2), draws=1000)
    with pytest.raises(AssertionError, match="determinants of either sign"):
        assert_law(mostly_rotations, (4, 4), key(2), draws=1000)
