"""Older functions of SciPy for minima and fits; losses; Newton's method for systems."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError

theirs = pytest.importorskip("scipy.optimize")
ours = pytest.importorskip("chainrule.scipy.optimize")

A = np.cos(np.arange(12.0).reshape(4, 3)) + np.eye(4, 3)
B = np.array([1.0, -0.5, 2.0, 0.3])
TIGHT = {
    "fmin": {"xtol": 1e-9, "ftol": 1e-12, "disp": False},
    "fmin_powell": {"xtol": 1e-9, "ftol": 1e-12, "disp": False},
    "fmin_bfgs": {"gtol": 1e-10, "disp": False},
    "fmin_cg": {"gtol": 1e-10, "disp": False},
    "fmin_ncg": {"avextol": 1e-12, "disp": False},
    "fmin_l_bfgs_b": {"pgtol": 1e-12, "factr": 1.0},
    "fmin_tnc": {"pgtol": 1e-12, "ftol": 1e-14, "xtol": 1e-12, "messages": 0},
}
pytestmark = pytest.mark.filterwarnings("ignore::chainrule.errors.SolutionWarning")


def quartic(x, a):
    return np.sum((x - a) ** 2) + 0.25 * np.sum(x**4) + x[0] * x[1]


def first(found):
    return found[0] if isinstance(found, tuple) else found


@pytest.mark.parametrize("name", TIGHT)
def test_minima_of_older_functions(name):
    f, given = getattr(ours, name), TIGHT[name]
    a = np.array([1.0, -0.5])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = first(f(quartic, np.zeros(2), args=(a,), **given))
        expected = theirs.minimize(quartic, np.zeros(2), (a,), tol=1e-12).x
        np.testing.assert_allclose(found, expected, atol=1e-5)
        exact = gd.jacobian(lambda a: ours.minimize(quartic, found, (a,)).x)(a)
        slope = gd.jacobian(
            lambda a: first(f(quartic, np.zeros(2), args=(a,), **given))
        )
        np.testing.assert_allclose(slope(a), exact, rtol=1e-4)
        closed = gd.jacobian(
            lambda a: first(f(lambda x: quartic(x, a), np.zeros(2), **given))
        )
        np.testing.assert_allclose(closed(a), exact, rtol=1e-4)


@pytest.mark.parametrize("name", ["fmin_l_bfgs_b", "fmin_tnc"])
def test_bounds_and_functions_of_two_results(name):
    f, given, a = getattr(ours, name), TIGHT[name], np.array([1.0, 2.0])
    bounds = [(None, 0.5), (0.0, None)]

    def both(x, a):
        return np.sum((x - a) ** 2), 2 * (x - a)

    given = {"bounds": bounds, **given}
    x = f(both, np.zeros(2), args=(a,), **given)[0]
    np.testing.assert_allclose(x, [0.5, 2.0], atol=1e-6)
    J = gd.jacobian(lambda a: f(both, np.zeros(2), args=(a,), **given)[0])
    np.testing.assert_allclose(J(a), [[0, 0], [0, 1]], atol=1e-6)


def test_containers_and_results_in_full():
    def f(p):
        return (p["a"] - 1.0) ** 2 + np.sum((p["b"] - 2.0) ** 2)

    found = ours.fmin_bfgs(
        f, {"a": 0.0, "b": np.zeros(2)}, disp=False, full_output=True
    )
    np.testing.assert_allclose(found[0]["b"], 2.0, atol=1e-5)
    assert len(found) == 7


def test_leastsq_is_that_of_scipy_and_has_derivatives():
    t = np.linspace(0.0, 1.0, 8)
    y = 2.0 * np.exp(-0.5 * t) + 0.01 * np.cos(9 * t)

    def residuals(p, y):
        return p[0] * np.exp(-p[1] * t) - y

    plain, code = ours.leastsq(residuals, [1.0, 1.0], (y,))
    assert code in (1, 2, 3, 4)
    expected = theirs.leastsq(residuals, [1.0, 1.0], (y,))[0]
    np.testing.assert_allclose(plain, expected, rtol=1e-7)

    def fitted(y):
        return ours.leastsq(residuals, [1.0, 1.0], (y,), full_output=True, xtol=1e-13)[
            0
        ]

    gd.check_gradients(fitted, (y,), rtol=1e-4)
    np.testing.assert_allclose(
        gd.compile(gd.jacobian(fitted))(y), gd.jacobian(fitted)(y), rtol=1e-8
    )


def test_linear_least_squares_with_bounds():
    bounds = (np.array([-np.inf, 0.0, -np.inf]), np.array([np.inf, np.inf, 0.4]))

    def solved(a, b):
        return ours.lsq_linear(a, b, bounds, tol=1e-13).x

    np.testing.assert_array_equal(
        solved(A, B), theirs.lsq_linear(A, B, bounds, tol=1e-13).x
    )
    gd.check_gradients(solved, (A, B), rtol=1e-4)
    J = gd.jacobian(lambda b: solved(A, b))
    np.testing.assert_allclose(gd.compile(J)(B), J(B), rtol=1e-8, atol=1e-10)
    cost = gd.grad(lambda b: ours.lsq_linear(A, b, bounds, tol=1e-13).cost)(B)
    residual = A @ solved(A, B) - B
    np.testing.assert_allclose(cost, -residual, rtol=1e-6, atol=1e-8)


def test_nonnegative_least_squares():
    def solved(a, b):
        x, norm = ours.nnls(a, b)
        return np.append(x, norm)

    x, norm = theirs.nnls(A, B)
    np.testing.assert_array_equal(solved(A, B), [*x, norm])
    assert (x == 0).any()
    gd.check_gradients(solved, (A, B), rtol=1e-4)


@pytest.mark.parametrize("loss", ["soft_l1", "huber", "cauchy", "arctan", "own"])
def test_losses_are_functions_of_the_data(loss):
    t = np.linspace(0.0, 2.0, 9)
    y = 1.0 + 0.5 * t + np.where(t == 0.5, 3.0, 0.05 * np.cos(7 * t))

    def own(z):
        return np.stack([np.log1p(z), 1 / (1 + z), -1 / (1 + z) ** 2])

    def residuals(p, y):
        return p[0] + p[1] * t - y

    def fitted(y):
        settings = {"f_scale": 0.3, "xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-13}
        given = own if loss == "own" else loss
        fit = ours.least_squares(
            residuals, np.ones(2), args=(y,), loss=given, **settings
        )
        return np.append(fit.x, fit.cost)

    plain = gd.value(fitted(y))
    given = own if loss == "own" else loss
    fit = theirs.least_squares(
        residuals, np.ones(2), args=(y,), loss=given, f_scale=0.3
    )
    np.testing.assert_allclose(plain, [*fit.x, fit.cost], rtol=1e-4)
    gd.check_gradients(fitted, (y,), order=1, rtol=1e-3, atol=1e-5)


def broyden(x):
    left = np.concatenate([[0.0], x[:-1]])
    right = np.concatenate([x[1:], [0.0]])
    return (3 - 2 * x) * x - left - 2 * right + 1


@pytest.mark.parametrize("n", [6, 3000])
def test_newton_solves_large_systems(n):
    found = ours.root(broyden, -np.ones(n), method="newton")
    assert found.success
    assert np.max(np.abs(broyden(found.x))) < 1e-10
    assert found.nit < 10
    moved = ours.root(lambda x: broyden(x) - 0.1, found.x, method="newton").x
    node = gd.jvp(
        lambda a: ours.root(lambda x: broyden(x) - a, found.x, method="newton").x,
        (0.0,),
        (1.0,),
    )[1]
    np.testing.assert_allclose(moved - found.x, 0.1 * node, atol=0.02)


def test_newton_says_why_it_stops():
    found = ours.root(lambda x: x**2 + 1.0, np.ones(3) * 0.7, method="newton")
    assert not found.success
    found = ours.root(lambda x: 0.0 * x + 1.0, np.ones(3), method="newton")
    assert "singular" in found.message
    with pytest.raises(ArgumentError, match="maxiter"):
        ours.root(broyden, np.ones(3), method="newton", options={"xtol": 1.0})


UNPACKED = {
    "newton": lambda m, f, args: m.newton(f, 1.0, args=args),
    "fixed_point": lambda m, f, args: m.fixed_point(
        lambda x, a, b: np.sqrt(a / (x + b)), [1.0], args=args
    ),
    "least_squares": lambda m, f, args: m.least_squares(f, [1.0], args=args).x,
    "fmin_bfgs": lambda m, f, args: m.fmin_bfgs(_squared(f), [1.0], args=args, disp=0),
    "fmin_slsqp": lambda m, f, args: m.fmin_slsqp(
        _squared(f), [1.0], args=args, disp=0
    ),
    "fminbound": lambda m, f, args: m.fminbound(_squared(f), 0.0, 5.0, args=args),
    "direct": lambda m, f, args: m.direct(_squared(f), [(0.0, 5.0)], args=args).x,
}


def _squared(f):
    return lambda *x: np.sum(f(*x) ** 2)


@pytest.mark.parametrize("name", UNPACKED)
@pytest.mark.parametrize("kind", [tuple, list, np.array])
def test_arguments_in_a_list_are_taken_apart_where_scipy_does(name, kind):
    def cube(x, a, b):
        return a * x**3 - b

    solve, args = UNPACKED[name], kind((2.0, 3.0))
    expected = np.ravel(solve(theirs, cube, args))
    found = np.ravel(solve(ours, cube, args))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize(
    "name", ["fmin", "fmin_bfgs", "fmin_cg", "fmin_ncg", "fmin_powell", "fmin_l_bfgs_b"]
)
def test_what_else_is_told_is_a_node_or_is_left_out(name):
    def found(a):
        def f(x):
            return np.sum((x - a) ** 2) + a**3

        if name == "fmin_l_bfgs_b":
            return ours.fmin_l_bfgs_b(f, np.zeros(2))
        slope = [lambda x: 2 * (x - a)] if name == "fmin_ncg" else []
        return getattr(ours, name)(f, np.zeros(2), *slope, full_output=True, disp=0)

    for derive in (gd.grad, lambda f: gd.compile(gd.grad(f))):
        slope = derive(lambda a: found(a)[1])(1.5)
        assert slope == pytest.approx(3 * 1.5**2, rel=1e-4)
    told = found(gd.node(1.5))[2:]
    assert not any(isinstance(x, np.ndarray) for x in told)
    plain = gd.compile(found)(1.5)
    assert len(plain) == len(found(1.5))
    np.testing.assert_allclose(plain[0], 1.5, atol=1e-3)
    assert plain[1] == pytest.approx(1.5**3, rel=1e-4)


def test_roots_are_told_once():
    def cube(x, a):
        return x**3 - a

    for solve, given in ((ours.brentq, (0.0, 3.0)), (ours.newton, (1.5,))):

        def told(a, solve=solve, given=given):
            return solve(cube, *given, args=(a,), full_output=True)[1].root

        assert gd.grad(told)(8.0) == pytest.approx(1 / 12)
    found = ours.root(cube, [1.5], (gd.node(8.0),))
    assert "fjac" not in found
    with pytest.raises(AttributeError, match="is plain"):
        found.fjac  # noqa: B018
    told = ours.fsolve(cube, [1.5], (gd.node(8.0),), full_output=True)[1]
    assert set(told) == {"nfev", "fvec"}
