"""What timm's source says, and timm itself where it is installed."""

import importlib.util
import math
import pathlib
from typing import Any

import numpy as np
import pytest
from scipy import stats

import jinit
from jinit.compat import timm as compat, torch
from jinit.testing import assert_law

from ..helpers import assert_same_bits, key


KERNEL = (40, 50, 3)  # (out, in, spatial): fans of 150 and 120
CUT = 0.87962566103423978
TIGHT = 2 * float(stats.truncnorm.std(-0.1, 0.1))

# Settings in timm's order, and for `KERNEL` the mean and the standard deviation.
LAWS: list[tuple[str, tuple[Any, ...], float, float]] = [
    ("trunc_normal_", (), 0.0, CUT),
    ("trunc_normal_", (0.0, 0.02), 0.0, 0.02),
    ("trunc_normal_", (3.0, 1.0, 1.0, 5.0), 3.0, CUT),
    ("trunc_normal_tf_", (), 0.0, CUT),
    ("trunc_normal_tf_", (0.5, 0.02), 0.5, 0.02 * CUT),
    ("trunc_normal_tf_", (0.0, 2.0, -0.1, 0.1), 0.0, TIGHT),
    ("variance_scaling_", (), 0.0, 150**-0.5),
    ("variance_scaling_", (2.0, "fan_out", "uniform"), 0.0, math.sqrt(2 / 120)),
    ("variance_scaling_", (0.5, "fan_avg", "truncated_normal"), 0.0, 270**-0.5),
    ("lecun_normal_", (), 0.0, 150**-0.5),
]
ids = lambda row: f"{row[0]}{row[1]}"


def law(name, settings):
    return getattr(compat, name)(*settings)


@pytest.mark.parametrize("row", LAWS, ids=ids)
def test_moments_are_those_of_timm(row):
    name, settings, mean, std = row
    init = law(name, settings)
    np.testing.assert_allclose(init.mean(KERNEL), mean, atol=1e-12)
    np.testing.assert_allclose(init.std(KERNEL), std, rtol=1e-6)


# The last settings of each law: that others change what is stated, is tested above.
LAST = {row[0]: row for row in LAWS}.values()


@pytest.mark.parametrize("row", LAST, ids=ids)
def test_draws_have_the_stated_law(row):
    name, settings, *_ = row
    assert_law(law(name, settings), KERNEL, key(1))


def peer() -> Any:
    """The file of timm alone: the package asks for torchvision too."""
    package = importlib.util.find_spec("timm")
    if package is None or package.origin is None:
        pytest.skip("timm is not installed")
    path = pathlib.Path(package.origin).parent / "layers" / "weight_init.py"
    spec: Any = importlib.util.spec_from_file_location("weight_init", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("row", LAWS, ids=ids)
def test_timm_draws_the_stated_law(row):
    torch, name, settings = pytest.importorskip("torch"), row[0], row[1]
    torch.manual_seed(0)
    w = torch.empty(KERNEL)
    getattr(peer(), name)(w, *settings)
    stated = law(name, settings).marginal(KERNEL)
    x = np.sort(w.numpy().ravel())
    low, high = stated.support
    assert low - 1e-6 <= x[0] <= x[-1] <= high + 1e-6
    distance = np.abs(np.arange(1, x.size + 1) / x.size - stated.cdf(x.astype(float)))
    assert distance.max() < math.sqrt(math.log(2e6) / 2 / x.size)  # Massart, α = 1e-6


def test_bounds_are_absolute_or_in_standard_deviations():
    assert compat.trunc_normal_(std=0.02, a=-0.04, b=0.04).support((5,)) == (
        -0.04,
        0.04,
    )
    assert compat.trunc_normal_tf_(std=0.02).support((5,)) == (-0.04, 0.04)
    assert_same_bits(
        compat.trunc_normal_(std=0.5)(key(), (50,)),
        torch.trunc_normal_(std=0.5)(key(), (50,)),
    )
    assert_same_bits(
        compat.trunc_normal_tf_(std=0.5)(key(), (50,)),
        jinit.truncated_normal(0.5)(key(), (50,)),
    )


def test_what_is_refused():
    timm: Any = compat
    for call, words in [
        (lambda: timm.trunc_normal_tf_(a=2.0, b=2.0), "`a` below `b`"),
        (lambda: timm.trunc_normal_(a=2.0, b=-2.0), "`a` below `b`"),
        (lambda: timm.variance_scaling_(mode="fan_geo_avg"), "'fan_avg'"),
        (lambda: timm.variance_scaling_(key(), (4,)), "two or more axes"),
        (lambda: timm.lecun_normal_(key(), (4,)), "two or more axes"),
    ]:
        with pytest.raises(ValueError, match=rf"`jinit.compat.timm.\w+_` .*{words}"):
            call()
