"""Searches in sorted numbers, in machine code, find NumPy's places."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm
from chainrule.compiler.native.searched import FEWEST, Searched

pytestmark = pytest.mark.skipif(not llvm.available(), reason="needs llvmlite")
RNG = np.random.default_rng(8)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("count", [2, 3, 8, 100, 999, 4097])
def test_places_are_numpys(count, side):
    knots = np.sort(np.round(RNG.uniform(0.0, 10.0, count), 2))
    others = [np.nan, np.inf, -np.inf, 0.0, -0.0]
    x = np.concatenate([RNG.uniform(-1.0, 11.0, 701), knots[:300], others])
    search = Searched(count, side)
    ends = knots.copy()
    ends[0], ends[-1] = -np.inf, np.inf
    unknown = np.append(knots[1:], np.nan)
    for k in (knots, ends, unknown, np.zeros(count)):
        assert np.array_equal(search(k, x), np.searchsorted(k, x, side))
    assert search(knots, x[:700].reshape(7, 100)).shape == (7, 100)


def on_lines(x, values, knots):
    return np.sum(np.interp(x, knots, values) ** 2)


def in_bins(x, values, knots):
    k = np.clip(np.searchsorted(knots, x) - 1, 0, len(knots) - 2)
    return np.sum(values[k] * x * np.digitize(x, knots))


@pytest.mark.parametrize("f", [on_lines, in_bins])
@pytest.mark.parametrize("size", [FEWEST - 1, 5 * FEWEST + 3])
def test_interpolation_and_bins_in_native_code(f, size):
    knots = np.sort(RNG.uniform(0.0, 1.0, 40))
    x, values = RNG.uniform(-0.1, 1.1, size), RNG.standard_normal(40)
    slope = gd.value_and_grad(f, (0, 1))
    fast = gd.compile(slope, executor="native")
    for given in (x, x[::-1], np.repeat(knots[3], size)):
        value, (by_x, by_values) = fast(given, values, knots)
        expected, (of_x, of_values) = slope(given, values, knots)
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        np.testing.assert_allclose(by_x, of_x, rtol=1e-12)
        np.testing.assert_allclose(by_values, of_values, rtol=1e-11, atol=1e-12)
    assert fast.stats()["programs"][0]["executor"] == "native code"


def test_a_sorter_and_other_numbers_are_left_to_numpy():
    knots = RNG.uniform(0.0, 1.0, 30)
    order = np.argsort(knots)
    x = RNG.uniform(0.0, 1.0, 3000)
    fast = gd.compile(
        lambda x: (
            np.searchsorted(knots, x, sorter=order) * x,
            np.searchsorted(np.arange(9), x * 9.0) * x,
        ),
        executor="native",
    )
    first, second = fast(x)
    assert np.array_equal(first, np.searchsorted(knots, x, sorter=order) * x)
    assert np.array_equal(second, np.searchsorted(np.arange(9), x * 9.0) * x)
