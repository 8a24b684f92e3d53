"""Programs that random ones were reduced to, which failed once, in every mode."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from tests.programs_in_place import differences

X = np.array([[0.7, 0.4], [1.1, 0.9]])


def an_array_without_axes(d, x):
    v = np.array(x[0, 0])
    v.fill(0.8 * np.sum(x))
    w = np.array(v)
    np.put(w, [0], x[1, 1], mode="wrap")
    w.flat = w * x[0, 1]
    w[()] = np.sin(w) * v
    v.put(0, 0.3)
    return w * v * 2.0 + v


def entries_put_into_what_was_made(d, x):
    t = 1.0 * d
    rows = np.atleast_2d(t)
    rows.put([1], x[0, 0])
    t.put([0, 3], [0.5, 0.6])
    t.put([2], x[1])
    return np.sum(t**2 * x)


def a_stale_view_goes_into_numbers(d, x):
    t = d.copy()
    row = x[0]
    x *= 2.0
    t.real = row
    t[1] *= x[1]
    return np.sum(t**2)


def no_entries(d, x):
    t = d.copy()
    rows = t[None]
    np.add(rows[1:], np.sum(x), out=rows[1:])
    t[0] = x[0]
    return np.sum(t * rows)


@pytest.mark.parametrize(
    "f",
    [
        an_array_without_axes,
        entries_put_into_what_was_made,
        a_stale_view_goes_into_numbers,
        no_entries,
    ],
)
def test_programs(f):
    lifted, d = gd.lift(f), np.array([[0.5, 1.5], [2.0, 0.8]])
    gradient = gd.grad(lifted, 1)
    first = gradient(d, X)
    np.testing.assert_allclose(first, differences(lambda x: f(d, x), X), rtol=1e-6)
    second = gd.jacobian(gradient, 1)(d, X)
    np.testing.assert_allclose(
        second, differences(lambda x: gradient(d, x), X), rtol=1e-5, atol=1e-6
    )
    for executor in ("numpy", "native"):
        fast = gd.compile(gradient, executor=executor)
        np.testing.assert_allclose(fast(d, X), first)
    hessian = gd.compile(gd.jacobian(gradient, 1))
    np.testing.assert_allclose(hessian(d, X), second, atol=1e-12)
