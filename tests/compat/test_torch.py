"""What torch documents, and torch itself where it is installed."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import jinit
from jinit.compat import torch as compat
from jinit.testing import assert_law

from ..helpers import assert_gram, key


KERNEL = (40, 50, 3)  # (out, in, spatial): fans of 150 and 120

# Settings in torch's order, and for `KERNEL` the mean and the standard deviation.
LAWS: list[tuple[str, tuple[Any, ...], float, float]] = [
    ("uniform_", (), 0.5, 12**-0.5),
    ("uniform_", (-1.0, 3.0), 1.0, 4 / 12**0.5),
    ("normal_", (), 0.0, 1.0),
    ("normal_", (0.5, 0.1), 0.5, 0.1),
    ("trunc_normal_", (), 0.0, 0.8796256610342398),
    ("trunc_normal_", (0.0, 0.02), 0.0, 0.02),
    (
        "trunc_normal_",
        (0.5, 2.0, 0.0, 1.0),
        0.5,
        2 * float(stats.truncnorm.std(-0.25, 0.25)),
    ),
    ("xavier_uniform_", (), 0.0, math.sqrt(2 / 270)),
    ("xavier_uniform_", (2.0,), 0.0, 2 * math.sqrt(2 / 270)),
    ("xavier_normal_", (5 / 3,), 0.0, 5 / 3 * math.sqrt(2 / 270)),
    ("kaiming_uniform_", (), 0.0, math.sqrt(2 / 150)),
    ("kaiming_uniform_", (5**0.5,), 0.0, 1 / math.sqrt(3 * 150)),
    ("kaiming_uniform_", (0.0, "fan_out", "tanh"), 0.0, 5 / 3 / math.sqrt(120)),
    ("kaiming_normal_", (), 0.0, math.sqrt(2 / 150)),
    ("kaiming_normal_", (0.2, "fan_out"), 0.0, math.sqrt(2 / 1.04 / 120)),
    ("kaiming_normal_", (0.2, "fan_in", "linear"), 0.0, 150**-0.5),
    ("sparse_", (0.3,), 0.0, 0.01 * math.sqrt(0.7)),
    ("orthogonal_", (2.0,), 0.0, 2 / math.sqrt(150)),
]
GIVEN: list[tuple[str, tuple[Any, ...], tuple[int, ...]]] = [
    ("constant_", (0.3,), (2, 3)),
    ("ones_", (), (2, 3)),
    ("zeros_", (), (2, 3)),
    ("eye_", (), (3, 5)),
    ("dirac_", (), (6, 4, 3)),
    ("dirac_", (3,), (6, 4, 4, 3)),  # an even length: k // 2
    ("dirac_", (2,), (4, 3, 2, 3, 4)),
]
ids = lambda row: f"{row[0]}{row[1]}"


def law(name, settings):
    return getattr(compat, name)(*settings)


def shape_of(name):
    return KERNEL[:2] if name == "sparse_" else KERNEL


@pytest.mark.parametrize("row", LAWS, ids=ids)
def test_moments_are_those_that_torch_documents(row):
    name, settings, mean, std = row
    init = law(name, settings)
    np.testing.assert_allclose(init.mean(shape_of(name)), mean, atol=1e-12)
    np.testing.assert_allclose(init.std(shape_of(name)), std, rtol=1e-9)


# The last settings of each law: that others change what is stated, is tested above.
LAST = {row[0]: row for row in LAWS}.values()


@pytest.mark.parametrize("row", LAST, ids=ids)
def test_draws_have_the_stated_law(row):
    name, settings, *_ = row
    if name == "orthogonal_":
        w = law(name, settings)(key(), KERNEL)
        assert_gram(w.reshape(40, 150).T, 2.0)
    else:
        assert_law(law(name, settings), shape_of(name), key(1))


@pytest.mark.parametrize("row", LAWS, ids=ids)
def test_torch_draws_the_stated_law(row):
    torch = pytest.importorskip("torch")
    name, settings, *_ = row
    torch.manual_seed(0)
    shape = shape_of(name)
    theirs = getattr(torch.nn.init, name)(torch.empty(shape), *settings).numpy()
    stated = law(name, settings).marginal(shape)
    low, high = stated.support
    assert low - 1e-6 <= theirs.min() <= theirs.max() <= high + 1e-6
    x = np.sort(theirs.ravel())
    below = np.searchsorted(x, x, "right") / x.size
    distance = np.abs(below - stated.cdf(x.astype(float))).max()
    assert distance < math.sqrt(math.log(2e6) / 2 / x.size)  # Massart, α = 1e-6
    tolerance = 5 * math.sqrt((stated.kurtosis - 1) / x.size)
    assert abs(theirs.var() / stated.std**2 - 1) < tolerance


@pytest.mark.parametrize("row", GIVEN, ids=ids)
def test_what_is_not_random_is_torchs_to_the_bit(row):
    torch = pytest.importorskip("torch")
    name, settings, shape = row
    theirs = getattr(torch.nn.init, name)(torch.empty(shape), *settings)
    ours = law(name, settings)(None, shape)
    assert (np.asarray(ours) == theirs.numpy()).all()


def test_dirac_by_hand():
    w = np.asarray(compat.dirac_(2)(None, (4, 3, 4)))
    expected = np.zeros((4, 3, 4))
    expected[[0, 1, 2, 3], [0, 1, 0, 1], 2] = 1
    assert (w == expected).all()


def test_zeros_of_each_input():
    w = compat.sparse_(0.31)(key(), (10, 50))
    assert {*np.sum(np.asarray(w) == 0, axis=0).tolist()} == {4}


def test_every_name_of_torch_is_here():
    torch = pytest.importorskip("torch")
    deprecated = {name[:-1] for name in torch.nn.init.__all__ if name[-1] == "_"}
    assert {*torch.nn.init.__all__} - deprecated <= {*dir(compat)}


def test_fans_are_those_of_torch():
    assert compat.kaiming_normal_.fans(KERNEL) == (150, 120)
    assert compat.xavier_uniform_.fans((8, 4)) == (4, 8)


def test_cuts_hold_where_the_sum_is_rounded():
    w = compat.trunc_normal_(100.0, 1.0, 99.9, 100.1)(key(), (4000,))
    low, high = np.float32(99.9), np.float32(100.1)
    assert low <= jnp.min(w) <= jnp.max(w) <= high


def test_a_mean_far_from_the_cuts():
    with pytest.warns(UserWarning, match=r"trunc_normal_`.*3 `std`"):
        compat.trunc_normal_(a=3.0, b=4.0)
    with pytest.raises(ValueError, match="within 4 `std`"):
        compat.trunc_normal_(std=0.02, a=0.5, b=1.0)


def test_what_torch_refuses():
    torch: Any = compat
    refused = [
        (lambda: torch.uniform_(1.0, 0.0), "`a` of at most `b`"),
        (lambda: torch.trunc_normal_(a=2.0, b=2.0), "`a` below `b`"),
        (lambda: torch.normal_(std=-1.0), "`std` at least 0"),
        (lambda: torch.kaiming_normal_(mode="fan_avg"), "'fan_in', 'fan_out'"),
        (lambda: torch.kaiming_normal_(nonlinearity="gelu"), "one of 'linear'"),
        (lambda: torch.xavier_normal_(key(), (4,)), "two or more axes"),
        (lambda: torch.orthogonal_(key(), (4,)), "two or more axes"),
        (lambda: torch.eye_(None, (4, 4, 4)), "2 axes"),
        (lambda: torch.dirac_(None, (4, 4)), "3, 4 or 5 axes"),
        (lambda: torch.dirac_(None, (4, 4, 3), groups=3), "groups=3 for 4"),
        (lambda: torch.sparse_(0.5)(key(), (4, 4, 4)), "2 axes"),
    ]
    for call, words in refused:
        with pytest.raises(ValueError, match=rf"`jinit.compat.torch.\w+_` .*{words}"):
            call()


def test_they_have_names():
    init = compat.kaiming_uniform_(a=0.5)
    assert repr(init) == "compat.torch.kaiming_uniform_(a=0.5)"
    assert jinit.get(repr(init)) == init
    assert jinit.from_config(init.to_config()) == init
    assert jinit.get("jinit.compat.torch.ones_") is compat.ones_
