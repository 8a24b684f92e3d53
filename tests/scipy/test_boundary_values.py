"""Boundary value problems: SciPy's solver, and derivatives through it."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError

theirs = pytest.importorskip("scipy.integrate")
ours = importlib.import_module("chainrule.scipy.integrate")
X = np.linspace(0.0, 1.0, 5)


def slope_of(f, x, h=1e-2):
    return (f(x - 2 * h) - 8 * f(x - h) + 8 * f(x + h) - f(x + 2 * h)) / (12 * h)


def bratu(c, end=0.0, x=X, **options):
    """Return y'' + c exp(y) = 0 with y(0) = 0 and y(1) = end."""

    def fun(x, y):
        return np.stack([y[1], -c * np.exp(y[0])])

    def bc(ya, yb):
        return np.stack([ya[0], yb[0] - end])

    return ours.solve_bvp(fun, bc, x, np.zeros((2, 5)), **options)


def waves(k2):
    """Return y'' + (p**2 + k2 x) y = 0, whose eigenvalue p is solved for."""

    def fun(x, y, p):
        return np.stack([y[1], -(p[0] ** 2 + k2 * x) * y[0]])

    def bc(ya, yb, p):
        return np.stack([ya[0], yb[0], ya[1] - p[0]])

    y = np.zeros((2, 5))
    y[0, 1], y[0, 3] = 1, -1
    return ours.solve_bvp(fun, bc, X, y, p=[6.0], tol=1e-6)


def test_plain_arguments_give_what_scipy_gives_with_exact_jacobians():
    def fun(x, y):
        return np.stack([y[1], -np.exp(y[0])])

    def bc(ya, yb):
        return np.stack([ya[0], yb[0]])

    def fun_jac(x, y):
        zero, one = np.zeros_like(x), np.ones_like(x)
        return np.array([[zero, one], [-np.exp(y[0]), zero]])

    def bc_jac(ya, yb):
        first, none = np.array([[1.0, 0.0], [0.0, 0.0]]), np.zeros((2, 2))
        return first, np.array([[0.0, 0.0], [1.0, 0.0]]) + none

    call = (fun, bc, X, np.zeros((2, 5)))
    known = theirs.solve_bvp(*call, fun_jac=fun_jac, bc_jac=bc_jac)
    for found in (
        ours.solve_bvp(*call),
        ours.solve_bvp(*call, fun_jac=fun_jac, bc_jac=bc_jac),
    ):
        np.testing.assert_array_equal(found.y, known.y)
        np.testing.assert_array_equal(found.sol(X), known.sol(X))

    def foreign(x, y):
        return np.array([[float(v) for v in y[1]], [0.0 * float(v) - 1 for v in y[0]]])

    found = ours.solve_bvp(foreign, bc, X, np.zeros((2, 5)))
    known = theirs.solve_bvp(foreign, bc, X, np.zeros((2, 5)))
    np.testing.assert_array_equal(found.y, known.y)


def test_derivatives_in_what_is_closed_over():
    def middle(c, end):
        found = bratu(c, end, tol=1e-8)
        return found.sol(0.5)[0] + found.y[1, 0] + found.yp[1, -1]

    for i in (0, 1):
        args = [1.0, 0.3]

        def along(v, i=i, args=args):
            return middle(*args[:i], v, *args[i + 1 :])

        assert gd.grad(along)(args[i]) == pytest.approx(slope_of(along, args[i]))
        second = gd.grad(gd.grad(along))(args[i])
        assert second == pytest.approx(slope_of(gd.grad(along), args[i]))
        assert gd.jvp(along, (args[i],), (2.0,))[1] == pytest.approx(
            2.0 * gd.grad(along)(args[i])
        )


def test_derivatives_of_a_closed_form():
    def load(q, length):
        def fun(x, y):
            return np.stack([y[1], 0.0 * y[0] - q])

        def bc(ya, yb):
            return np.stack([ya[0], yb[0]])

        found = ours.solve_bvp(fun, bc, length * X, np.zeros((2, 5)))
        return found.sol(0.25 * length)[0]

    def known(q, length):
        return q * 0.25 * 0.75 * length**2 / 2

    np.testing.assert_allclose(
        gd.hessian(load, (0, 1))(3.0, 2.0), gd.hessian(known, (0, 1))(3.0, 2.0)
    )
    np.testing.assert_allclose(
        gd.grad(load, (0, 1))(3.0, 2.0), gd.grad(known, (0, 1))(3.0, 2.0)
    )


def test_parameters_that_are_solved_for():
    def eigenvalue(k2):
        return waves(k2).p[0]

    assert eigenvalue(0.0) == pytest.approx(2 * np.pi, rel=1e-4)
    # first-order perturbation: 2 p dp = -mean of x sin(p x)**2, which is 1 / 2
    slope = -0.5 / (4 * np.pi)
    assert gd.grad(eigenvalue)(0.0) == pytest.approx(slope, rel=1e-3)
    assert gd.grad(eigenvalue)(0.3) == pytest.approx(
        slope_of(eigenvalue, 0.3), rel=1e-5
    )


def test_compiled_and_mapped():
    def middle(c):
        return bratu(c).sol(0.5)[0]

    slope = gd.grad(middle)
    fast = gd.compile(slope)
    for c in (1.0, 0.5, 1.5):
        assert fast(c) == pytest.approx(slope(c), rel=1e-9)
    assert gd.compile(gd.grad(slope))(1.0) == pytest.approx(gd.grad(slope)(1.0))
    both = gd.vmap(slope)(np.array([1.0, 0.5]))
    np.testing.assert_allclose(both, [slope(1.0), slope(0.5)], rtol=1e-9)


def test_refusals_and_warnings():
    with pytest.raises(ArgumentError, match="singular term"):
        bratu(gd.node(1.0), S=np.zeros((2, 2)))
    with pytest.raises(ArgumentError, match="in its options"):
        bratu(1.0, tol=gd.node(1e-3))
    with pytest.warns(gd.errors.SolutionWarning, match="found no solution"):
        bratu(gd.node(1.0), tol=1e-9, max_nodes=6)
