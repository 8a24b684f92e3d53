"""Windows that slide over arrays are views: moving averages, patches."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError

windows = np.lib.stride_tricks.sliding_window_view
X = np.linspace(0.5, 2.0, 12).reshape(3, 4)
CASES = [
    {"window_shape": (2, 2)},
    {"window_shape": 3, "axis": 1},
    {"window_shape": (2, 2), "axis": (1, -1)},
    {"window_shape": (3, 4)},
]


@pytest.mark.parametrize("given", CASES, ids=str)
def test_windows_are_differentiated(given):
    def f(x):
        shown = windows(x, **given)
        return np.sum(
            np.sin(shown) * np.arange(1.0, shown.size + 1).reshape(shown.shape)
        )

    gd.check_gradients(f, (X,))
    slope = gd.grad(f)
    np.testing.assert_allclose(gd.compile(slope)(X), slope(X), rtol=1e-13)
    both = np.stack([X, 2.0 * X])
    np.testing.assert_allclose(
        gd.vmap(slope)(both), np.stack([slope(X), slope(2.0 * X)]), rtol=1e-13
    )


def test_windows_see_what_is_written_later():
    def f(x):
        y = x * 1.0
        shown = windows(y, 2)
        y[0] = 5.0 * x[1]
        return np.sum(shown**2)

    x = np.arange(4.0)
    assert f(x) == 44.0
    for g in (gd.value_and_grad(f), gd.compile(gd.value_and_grad(f))):
        value, slope = g(x)
        assert value == 44.0
        assert slope.tolist() == [0.0, 54.0, 8.0, 6.0]


def test_writeable_windows_are_refused():
    with pytest.raises(ArgumentError, match="write one entry at several places"):
        windows(gd.node(X), (2, 2), writeable=True)
