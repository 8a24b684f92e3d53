"""Solvers of ``np.array([1.0, x])``, which is an array of objects where x is a node."""

import numpy as np
import pytest

import chainrule as gd

sp = pytest.importorskip("scipy.sparse")
optimize = pytest.importorskip("chainrule.scipy.optimize")
integrate = pytest.importorskip("chainrule.scipy.integrate")
linalg = pytest.importorskip("chainrule.scipy.sparse.linalg")

ONES, ZEROS = np.ones(2), np.zeros(2)
SYMMETRIC = np.array([[2.0, 1.0], [1.0, 3.0]])


def pair(a):
    return np.array([1.0, a])


def solved_in_parts(a):
    def product(u):
        return {"p": 3.0 * u["p"] + u["q"][0], "q": 3.0 * u["q"] + u["p"]}

    return gd.linear_solve(product, {"p": 1.0, "q": pair(a)})["q"]


def nearest(a):
    b = pair(a)
    return optimize.minimize(lambda x: np.sum(b * (x - b) ** 2), ZEROS, tol=1e-12).x


SOLVERS = {
    "linear_solve": lambda a: gd.linear_solve(lambda u: SYMMETRIC @ u, pair(a)),
    "parts": solved_in_parts,
    "matrix": lambda a: gd.linear_solve(np.array([[a, 1.0], [2.0, 5.0]]), ONES),
    "implicit": lambda a: gd.implicit(np.sqrt, lambda x, b: x * x - b)(pair(a)),
    "minimize": nearest,
    "root": lambda a: (
        optimize.root(lambda x, b: x**3 - b, ONES, (pair(a),), tol=1e-13).x
    ),
    "least_squares": lambda a: (
        optimize.least_squares(lambda x, b: (x - b) * b, ZEROS, args=(pair(a),)).x
    ),
    "data": lambda a: optimize.curve_fit(
        lambda t, p: p * t, np.array([1.0, 2.0]), pair(a)
    )[0],
    "errors": lambda a: optimize.curve_fit(
        lambda t, p: p * t, ONES, pair(3.0), sigma=pair(a)
    )[0],
    "cg": lambda a: linalg.cg(np.array([[2.0, 1.0], [1.0, a]]), ONES, rtol=1e-13)[0],
    "solve_ivp": lambda a: integrate.solve_ivp(
        lambda t, y, b: -b * y,
        (0.0, 1.0),
        ONES,
        args=(pair(a),),
        method="DOP853",
        rtol=1e-8,
    ).y[:, -1],
    "quad": lambda a: integrate.quad(lambda x, b: b @ b * x, 0.0, 1.0, (pair(a),))[0],
    "propagate": lambda a: gd.propagate(np.prod, pair(a), np.eye(2)).covariance,
    "covariance": lambda a: (
        gd.propagate(np.prod, ONES, np.array([[a, 0.0], [0.0, 1.0]])).covariance
    ),
}


@pytest.mark.parametrize("name", SOLVERS)
def test_solvers_take_entries_one_by_one(name):
    def f(a):
        return np.sum(SOLVERS[name](a))

    expected = (f(1.3 + 1e-3) - f(1.3 - 1e-3)) / 2e-3
    assert gd.grad(f)(1.3) == pytest.approx(expected, rel=2e-3)
    assert gd.compile(f)(1.3) == pytest.approx(f(1.3))
    assert gd.compile(gd.grad(f))(1.3) == pytest.approx(gd.grad(f)(1.3))
    assert gd.jvp(f, (1.3,), (1.0,))[1] == pytest.approx(gd.grad(f)(1.3))
