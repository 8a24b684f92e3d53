"""SciPy's solvers with exact derivatives, and derivatives through them."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError

theirs = pytest.importorskip("scipy.optimize")
ours = pytest.importorskip("chainrule.scipy.optimize")

T = np.linspace(0.0, 1.0, 20)
Y = 2.0 * np.exp(-0.5 * T) + 0.01 * np.sin(37 * T)
EXACT = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def bowl(x, a):
    return np.sum((x - a) ** 2) + x[0] * x[1] + np.sum(x**4)


def decay(p, y):
    return p[0] * np.exp(-p[1] * T) - y


def curve(x, a, b):
    return a * np.exp(-b * x)


METHODS = [
    None, "BFGS", "L-BFGS-B", "CG", "Newton-CG", "trust-exact", "trust-ncg",
    "trust-krylov", "trust-constr", "SLSQP", "TNC",
]  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_given_what_it_takes(method):
    start = np.full(4, -1.0)
    found = ours.minimize(rosenbrock, start, method=method, tol=1e-9)
    np.testing.assert_allclose(found.x, 1.0, atol=2e-3)
    assert found.nfev < 400 or method == "trust-krylov"
    np.testing.assert_allclose(
        found.hess_at_x, gd.hessian(rosenbrock)(found.x), rtol=1e-12
    )


def test_methods_without_gradients_run_too():
    found = ours.minimize(rosenbrock, np.full(2, -1.0), method="Nelder-Mead")
    plain = theirs.minimize(rosenbrock, np.full(2, -1.0), method="Nelder-Mead")
    np.testing.assert_array_equal(found.x, plain.x)


def test_unknowns_may_be_containers():
    def f(p):
        return (p["a"] - 1.0) ** 2 + np.sum((p["b"] - p["a"]) ** 2)

    seen: list[dict] = []
    start = {"a": 0.0, "b": np.zeros((2, 2))}
    found = ours.minimize(f, start, callback=seen.append)
    assert found.x["a"] == pytest.approx(1.0)
    np.testing.assert_allclose(found.x["b"], np.ones((2, 2)), rtol=1e-6)
    assert set(seen[0]) == {"a", "b"}
    fit = ours.least_squares(
        lambda p: np.append(p["b"] - 1.0, p["a"]), {"a": 0.0, "b": np.zeros(3)}
    )
    np.testing.assert_allclose(fit.x["b"], np.ones(3))


def test_constraints_are_given_jacobians():
    def on_line(x):
        return x[0] + x[1] - 1.0

    by_dict = {"type": "eq", "fun": on_line}
    found = ours.minimize(
        lambda x: x @ x, np.ones(2), constraints=by_dict, method="SLSQP"
    )
    np.testing.assert_allclose(found.x, [0.5, 0.5], atol=1e-8)
    product = theirs.NonlinearConstraint(lambda x: x[0] * x[1], 1.0, 2.0)
    found = ours.minimize(
        lambda x: x @ x, np.ones(2), constraints=product, method="trust-constr"
    )
    np.testing.assert_allclose(found.x, [1.0, 1.0], atol=1e-2)


THROUGH = {
    "minimize": lambda a: ours.minimize(bowl, np.zeros(2), (a,), tol=1e-13).x,
    "closed over": lambda a: ours.minimize(
        functools.partial(bowl, a=a), np.zeros(2), tol=1e-13
    ).x,
    "bounded": lambda a: ours.minimize(
        bowl, np.full(2, 0.6), (a,), bounds=[(0.5, 2.0), (None, 3.0)], tol=1e-13
    ).x,
    "root": lambda a: ours.root(
        lambda x, a: np.stack([x[0] ** 2 - a[0], x[1] ** 3 - x[0] * a[1]]),
        np.ones(2), (a,), tol=1e-14,
    ).x,
    "fsolve": lambda a: ours.fsolve(lambda x: x**3 + x - a, np.ones(2), xtol=1e-14),
    "least_squares": lambda a: ours.least_squares(
        decay, np.ones(2), args=(Y * a[0] + a[1] * T,), **EXACT
    ).x,
    "curve_fit": lambda a: ours.curve_fit(
        curve, T, Y * a[0] + a[1] * T, sigma=1 + T, method="lm", **EXACT
    )[0],
    "fixed_point": lambda a: ours.fixed_point(
        lambda x: np.cos(x * a) * 0.5, np.full(2, 0.4), xtol=1e-14
    ),
    "brentq": lambda a: ours.brentq(lambda x: x**3 - a[0] * a[1], 0.0, 5.0, xtol=1e-14),
    "toms748": lambda a: ours.toms748(
        lambda x, b: x**3 - b, 0.0, 5.0, (a[0],), xtol=1e-14
    ),
    "newton": lambda a: ours.newton(
        lambda x, b: x**3 - b, 1.0, args=(a[0],), tol=1e-14
    ),
    "newton, many": lambda a: ours.newton(
        lambda x: x**3 - a, np.ones(2), tol=1e-14
    ),
    "root_scalar": lambda a: ours.root_scalar(
        lambda x: x**2 - a[0], x0=1.0, method="halley"
    ).root,
}  # fmt: skip


@pytest.mark.parametrize("name", THROUGH)
def test_solutions_are_differentiated(name):
    f = THROUGH[name]
    a = np.array([0.7, 1.3])
    gd.check_gradients(f, (a,), order=2, rtol=3e-4)
    plain = f(a)
    assert not isinstance(plain, gd.node)
    np.testing.assert_allclose(gd.vjp(f, a)[0], plain, rtol=1e-9)


def test_a_bound_that_does_not_push_is_a_kink():
    def f(x, a):
        return np.sum((x - a) ** 2)

    with pytest.warns(RuntimeWarning, match="unknowns .0. lie at a bound"):
        slope = gd.jacobian(
            lambda a: ours.minimize(f, np.ones(2), (a,), bounds=[(0.0, 2.0)] * 2).x
        )(np.array([0.0, 1.0]))
    assert np.isnan(slope[0, 0])


def test_fits_are_scipys_with_better_jacobians():
    p, c = ours.curve_fit(curve, T, Y)
    q, d = theirs.curve_fit(curve, T, Y)
    np.testing.assert_allclose(p, q, rtol=1e-6)
    np.testing.assert_allclose(c, d, rtol=1e-4)
    found = ours.minimize(
        lambda p: 0.5 * np.sum(decay(p, Y) ** 2) / 0.01**2, np.ones(2), method="BFGS"
    )
    assert found.standard_errors().shape == (2,)


def test_many_unknowns_have_a_sparse_jacobian():
    def residuals(x):
        return np.concatenate([x**2 - 2, 0.1 * (x[1:] - x[:-1])])

    found = ours.least_squares(residuals, np.ones(2000))
    np.testing.assert_allclose(found.x, np.sqrt(2.0), rtol=1e-9)
    assert found.jac.nnz < 6001


def test_what_is_not_ours_is_scipys():
    assert ours.linprog.__wrapped__ is theirs.linprog
    assert ours.OptimizeResult is theirs.OptimizeResult


def test_what_has_no_derivative_is_refused():
    a = gd.node(np.array([1.0, 2.0]))
    with pytest.raises(ArgumentError, match=r"gd\.value\(x0\)"):
        ours.minimize(rosenbrock, a)
    with pytest.raises(ArgumentError, match="constrained problem"):
        ours.minimize(
            bowl, np.zeros(2), (a,), method="SLSQP",
            constraints={"type": "eq", "fun": lambda x: x[0]},
        )  # fmt: skip
    with pytest.raises(ArgumentError, match="loss='huber'"):
        ours.least_squares(lambda x: x - a, np.zeros(2), loss="huber")
