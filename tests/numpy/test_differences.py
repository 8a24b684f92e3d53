"""Differences, numerical gradients, integrals, convolution and covariance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes import node
from tests.numpy.calls import DTYPES, M, S, T, V, W, assert_agrees, table

REAL = DTYPES[:2]
PLACES = np.array([0.0, 1.0, 2.0, 3.5])
WEIGHTS = np.array([0.5, 1.2, 2.0, 0.7])

CALLS = {
    "diff": (np.diff, M),
    "diff twice": (lambda x: np.diff(x, 2), M),
    "diff not at all": (lambda x: np.diff(x, 0), M),
    "diff axis": (lambda x: np.diff(x, axis=0, prepend=1.0), M),
    "diff ends": (lambda x, p: np.diff(x, prepend=p, append=2 * p), M, M[:, :1]),
    "ediff1d": (np.ediff1d, M),
    "ediff1d ends": (lambda x: np.ediff1d(x, to_begin=x[0, 0], to_end=[1, 2]), M),
    "trapezoid": (np.trapezoid, M),
    "trapezoid x": (np.trapezoid, M, PLACES),
    "trapezoid dx": (lambda y, d: np.trapezoid(y, dx=d, axis=0), M, S),
    "trapezoid x of each lane": (lambda y, x: np.trapezoid(y, x, axis=0), M, M**2),
    "cov": (np.cov, M),
    "cov bias": (lambda x: np.cov(x, bias=True), M),
    "cov columns": (lambda x: np.cov(x, rowvar=False, ddof=0), M),
    "cov of two": (np.cov, V, V[::-1] ** 2),
    "cov of one": (np.cov, V),
    "cov counted": (lambda x: np.cov(x, fweights=[1, 2, 0, 1]), M),
    "cov weighted": (lambda x: np.cov(x, aweights=WEIGHTS), M),
    "cov weighted and counted": (
        lambda x: np.cov(x, aweights=WEIGHTS, fweights=[1, 2, 3, 1]), M
    ),
    "corrcoef": (np.corrcoef, M),
    "corrcoef columns": (lambda x: np.corrcoef(x, rowvar=False), M),
    "corrcoef of two": (np.corrcoef, M, M**2),
    "corrcoef of one": (np.corrcoef, V),
}  # fmt: skip


@table(CALLS)
def test_differences(call):
    assert_agrees(*call)


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("spacing", [(), (0.5,), (PLACES,)], ids=["one", "h", "places"])
def test_gradient(edge_order, spacing):
    def f(x):
        return np.gradient(x, *spacing, axis=-1, edge_order=edge_order)

    assert_agrees(f, M)
    assert_agrees(f, T)
    assert_agrees(lambda x: np.gradient(x, edge_order=edge_order), M)


@pytest.mark.parametrize("edge_order", [1, 2])
@pytest.mark.parametrize("places", [PLACES, np.arange(4.0)], ids=["uneven", "even"])
def test_gradient_is_differentiable_in_its_spacing(edge_order, places):
    given = {"axis": 1, "edge_order": edge_order}
    assert_agrees(lambda x, h: np.gradient(x, h, **given), M, places, dtypes=REAL)
    assert_agrees(lambda x, h: np.gradient(x, h, **given), M, S, dtypes=REAL)


def test_cov_is_differentiable_in_its_weights():
    assert_agrees(lambda x, w: np.cov(x, aweights=w), M, WEIGHTS, dtypes=DTYPES[:1])


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("f", [np.convolve, np.correlate])
def test_convolution(f, mode):
    rng = np.random.default_rng(3)
    for n, m in itertools.product((1, 2, 3, 5), (1, 2, 4)):
        a, v = rng.normal(size=n), rng.normal(size=m)
        assert_agrees(lambda a, v: f(a, v, mode), a, v, order=1 + (n == 3))


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (ShapeError, "at least one axis", lambda x: np.diff(x[0, 0])),
        (ValueError, "n >= 0", lambda x: np.diff(x, -1)),
        (np.exceptions.AxisError, "axis 2", lambda x: np.diff(x, axis=2)),
        (ValueError, "edge_order 1 or 2", lambda x: np.gradient(x, edge_order=3)),
        (ArgumentError, "one spacing", lambda x: np.gradient(x, 1.0, 2.0, 3.0)),
        (ShapeError, "4 coordinates", lambda x: np.gradient(x, W, axis=1)),
        (ShapeError, "at least 2 entries", lambda x: np.gradient(x[:1], axis=0)),
        (ShapeError, "two sequences", lambda x: np.convolve(x, x)),
        (ShapeError, "two sequences", lambda x: np.correlate(x[0], x[0, :0])),
        (ShapeError, "two axes", lambda x: np.cov(x[None])),
        (ValueError, "integer ddof", lambda x: np.cov(x, ddof=0.5)),
        (ShapeError, "aweights of shape", lambda x: np.cov(x, aweights=W)),
        (ValueError, "whole numbers", lambda x: np.cov(x, fweights=WEIGHTS)),
        (ValueError, "not negative", lambda x: np.cov(x, aweights=-WEIGHTS)),
    ],
)
def test_refusals(error, message, call):
    with pytest.raises(error, match=message):
        call(node(M))
