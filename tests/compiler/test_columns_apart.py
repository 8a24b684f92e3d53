"""Derivatives of what reads columns of an array: one loop adds them up."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.columns_apart import MOST

pytestmark = pytest.mark.skipif(
    not native.available(), reason="native code needs llvmlite"
)

RNG = np.random.default_rng(0)
N = 600


def determinant(m, rows, columns):
    if len(rows) == 1:
        return m[:, rows[0], columns[0]]
    total = 0.0
    for k, column in enumerate(columns):
        minor = determinant(m, rows[1:], columns[:k] + columns[k + 1 :])
        total = total + (-1) ** k * m[:, rows[0], column] * minor
    return total


def volumes(m):
    n = m.shape[-1]
    return np.sum(np.tanh(determinant(m, tuple(range(n)), tuple(range(n)))))


def with_whole(m):
    return volumes(m) + 0.5 * np.sum(m * m)


def planes(m):
    total = m[..., 0, 0]
    for i in range(9):
        total = np.sin(total + m[..., i % 3, -1] * m[..., -2, i % 2])
    return np.sum(total)


def columns_and_rows(m):
    total = np.sum(m[3] ** 2)
    for i in range(9):
        total = total + np.sum(np.cos(m[:, i % 3, 1]) * m[:, 0, i % 3])
    return total


def too_many(m):
    total = 0.0
    for i in range(MOST + 1):
        total = total + np.sum(np.sin(m[:, i, 0]) * m[:, i, 1])
    return total


@pytest.mark.parametrize("kind", ["grad", "hvp"])
@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (volumes, (3, 3)),
        (volumes, (4, 4)),
        (with_whole, (3, 3)),
        (planes, (3, 3)),
        (columns_and_rows, (3, 3)),
        (too_many, (MOST + 1, 2)),
    ],
)
def test_columns_are_added_in_the_loop_that_computes_them(f, shape, kind):
    x = RNG.normal(size=(N, *shape))
    arguments = (x,) if kind == "grad" else (x, RNG.normal(size=x.shape))
    derived = gd.grad(f) if kind == "grad" else lambda x, v: gd.hvp(f, (x,), (v,))
    fast = gd.compile(derived, executor="native")
    for sign in (1.0, -1.0):
        given = [sign * a for a in arguments]
        expected = derived(*given)
        np.testing.assert_allclose(fast(*given), expected, rtol=1e-11, atol=1e-12)
    (program,) = fast.stats()["programs"]
    assert ("unindex_all" in program["numpy_rows"]) == (f is too_many)
