"""Left operands of other libraries: they give way to nodes, or nodes say what to do."""

from __future__ import annotations

import operator
from fractions import Fraction

import numpy as np
import pytest
import scipy.special

import chainrule as gd
from chainrule import node

X = np.array([0.7, 1.3])
OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow,
    operator.mod,
]  # fmt: skip


def check(f, x):
    """Hold both sweeps, to second order, to differences of plain calls."""
    gd.check_gradients(f, (np.asarray(x),))


# ------------------------------------------------------------------------------ pandas


@pytest.mark.parametrize("f", OPERATORS)
@pytest.mark.parametrize("kind", ["Series", "Index", "DataFrame"])
def test_pandas_gives_way(f, kind):
    pandas = pytest.importorskip("pandas")
    data = [[1.5, 2.5], [0.5, 4.0]] if kind == "DataFrame" else [1.5, 2.5]
    left = getattr(pandas, kind)(data)
    found = f(left, node(X))
    assert type(found) is node
    np.testing.assert_array_equal(found.value, f(np.array(data), X))
    check(lambda x: f(left, x), X)
    check(lambda x: f(x, left), X)
    check(lambda x: f(left, x[0]), X)


def test_pandas_compares_with_values():
    pandas = pytest.importorskip("pandas")
    series = pandas.Series([0.5, 1.0])
    for f in (operator.lt, operator.ge, operator.eq):
        np.testing.assert_array_equal(f(series, node(X)), f(series.to_numpy(), X))
    check(lambda x: (series < x) * x, X)


# ------------------------------------------------------------------------- fractions


@pytest.mark.parametrize("f", OPERATORS)
def test_fractions_are_numbers(f):
    half = Fraction(1, 2)
    for left, right in ((half, node(1.5)), (node(1.5), half)):
        found = f(left, right)
        assert found.value == f(*map(float, map(gd.value, (left, right))))
    check(lambda x: f(half, x), 1.3)
    check(lambda x: f(x, half), 1.3)
    np.testing.assert_array_equal(f(node(X), half).value, f(X, 0.5))
    assert gd.grad(lambda x: x * half)(3.0) == 0.5


# -------------------------------------------------------------------------------- SciPy


@pytest.mark.parametrize("name", ["log1p", "expm1", "cbrt", "exp2", "i0"])
def test_scipy_functions_that_numpy_has_too(name):
    f = getattr(scipy.special, name)
    check(f, X)
    np.testing.assert_allclose(f(node(X)).value, f(X), rtol=1e-14)
    np.testing.assert_allclose(
        gd.compile(gd.grad(f))(0.7), gd.grad(getattr(np, name))(0.7), rtol=1e-14
    )
