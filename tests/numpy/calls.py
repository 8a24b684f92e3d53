"""A NumPy function on nodes against itself on arrays, and its derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.nodes import node
from chainrule.values.vertices import raw

DTYPES = (np.float64, np.float32, np.complex128)
MASK = np.array([[True, False, True, True], [False, False, True, True], [True] * 4])


def rng():
    return np.random.default_rng(20)


def distinct(*shape):
    """Return values at least 0.3 apart, none of them near zero, in random order."""
    n = int(np.prod(shape))
    values = 0.4 * (np.arange(n) - n / 2 + 0.5) + rng().uniform(-0.05, 0.05, n)
    return rng().permutation(values).reshape(shape)


V, W, S = distinct(5), distinct(3), np.array(0.7)
M, T = distinct(3, 4), distinct(2, 3, 4)


def flat(z):
    """Return the results in nested lists and tuples, one after another."""
    return [v for p in z for v in flat(p)] if isinstance(z, list | tuple) else [z]


def in_dtype(x, dtype):
    x = np.asarray(x)
    turned = 0.3j * x[::-1] if dtype is np.complex128 and x.ndim else 0
    return x.astype(dtype) + turned


def assert_agrees(f, *arrays, dtypes=DTYPES, tolerance=1e-13, order=2):
    """Compare values, shapes and dtypes with NumPy's, and check the derivatives."""
    for dtype in dtypes:
        given = [in_dtype(x, dtype) for x in arrays]
        expected, actual = flat(f(*given)), flat(f(*map(node, given)))
        assert len(actual) == len(expected)
        for a, e in zip(actual, expected, strict=True):
            assert isinstance(a, node)
            assert (a.shape, a.dtype) == (np.shape(e), np.asarray(e).dtype)
            rtol = 1e-5 if dtype is np.float32 else tolerance
            np.testing.assert_allclose(raw(a), e, rtol=rtol, atol=rtol)
        if dtype is not np.float32:
            gd.check_gradients(f, tuple(given), order=order)


def table(calls):
    """Return a parametrisation over a table of calls, by name."""
    return pytest.mark.parametrize("call", calls.values(), ids=list(calls))
