"""SciPy's solvers with exact derivatives, and derivatives through them."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, ChainruleError, EscapeError, SolutionWarning

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
    np.testing.assert_allclose(found.hess, gd.hessian(rosenbrock)(found.x), rtol=1e-12)


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
    "minimize_scalar": lambda a: ours.minimize_scalar(
        lambda x: x**4 - a[0] * x + a[1] * x**2, tol=1e-13
    ).x,
    "minimize_scalar, bounded": lambda a: ours.minimize_scalar(
        lambda x: (x - 3.0) ** 2, bounds=(0.0, a[0] + a[1]), method="bounded",
        options={"xatol": 1e-10},
    ).x,
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


@pytest.mark.parametrize("name", THROUGH)
def test_compiled_the_solver_runs_in_each_call(name):
    f = THROUGH[name]
    fast, slope = gd.compile(f), gd.compile(gd.jacobian(f))
    for a in (np.array([0.7, 1.3]), np.array([0.75, 1.2])):
        np.testing.assert_allclose(fast(a), f(a), rtol=1e-9)
        np.testing.assert_allclose(slope(a), gd.jacobian(f)(a), rtol=1e-7, atol=1e-10)
    assert slope.stats()["retraces"] == 0


def test_a_bound_that_does_not_push_is_a_kink():
    def f(x, a):
        return np.sum((x - a) ** 2)

    with pytest.warns(SolutionWarning, match="unknowns .0. lie at a bound"):
        slope = gd.jacobian(
            lambda a: ours.minimize(f, np.ones(2), (a,), bounds=[(0.0, 2.0)] * 2).x
        )(np.array([0.0, 1.0]))
    assert np.isnan(slope[0, 0])
    np.testing.assert_allclose(slope[1], [0.0, 1.0], atol=1e-12)


BLOCKS = np.array([[2, 0.5, 0, 0], [0.5, 2, 0, 0], [0, 0, 3, 0.2], [0, 0, 0.2, 3]])


def at_a_kink(method):
    """Return a minimum whose first unknown lies at a bound that does not push it."""

    def f(x, p):
        return 0.5 * x @ (BLOCKS @ x) - p @ x + 0.1 * x[2] ** 3

    bounds = None if method is None else [(0.0, 3.0)] * 4
    constraints = {"type": "ineq", "fun": lambda x: x[0]} if method is None else ()
    pushes = BLOCKS @ np.array([0.0, 1.0, 0.5, 0.7]) + np.array([0, 0, 0.075, 0])

    def solved(p):
        return ours.minimize(
            f, np.full(4, 0.2), (p,), method, bounds=bounds, constraints=constraints
        ).x

    return solved, pushes


@pytest.mark.filterwarnings("ignore::chainrule.errors.SolutionWarning")
@pytest.mark.parametrize(
    "method",
    ["L-BFGS-B", "TNC", "SLSQP", "trust-constr", "Nelder-Mead", "Powell", None],
)
def test_a_kink_makes_nan_of_what_meets_it_alone(method):
    solved, p = at_a_kink(method)
    inner = np.linalg.inv(BLOCKS[2:, 2:] + np.diag([0.3, 0.0]))
    for slope in (gd.jacobian(solved), gd.jacobian(solved, mode="forward")):
        found = slope(p)
        assert np.isnan(found[:2, :2]).all()
        np.testing.assert_allclose(found[2:, :2], 0.0, atol=1e-12)
        np.testing.assert_allclose(found[:2, 2:], 0.0, atol=1e-12)
        np.testing.assert_allclose(found[2:, 2:], inner, rtol=1e-3)


@pytest.mark.filterwarnings("ignore::chainrule.errors.SolutionWarning")
def test_a_kink_is_the_same_compiled_and_at_second_order():
    solved, p = at_a_kink("L-BFGS-B")
    expected = gd.jacobian(solved)(p)
    np.testing.assert_allclose(gd.compile(gd.jacobian(solved))(p), expected)
    stacked = gd.vmap(gd.jacobian(solved))(np.stack([p, p]))
    np.testing.assert_allclose(stacked, np.stack([expected, expected]))
    second = gd.hessian(lambda p: solved(p)[2])(p)
    slope = expected[2, 2:]
    curved = -0.6 * np.outer(slope, slope) * slope[0]
    np.testing.assert_allclose(second[2:, 2:], curved, rtol=1e-5)
    np.testing.assert_allclose(second[:2], 0.0, atol=1e-12)


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


def differences(g, a, h=1e-5):
    steps = h * np.eye(a.size)
    return np.stack([(g(a + e) - g(a - e)) / (2 * h) for e in steps], axis=-1)


PAIR = np.array([1.0, 2.0])


def coupled(x, a):
    return np.sum((x - a) ** 2) + 0.1 * np.sum(x**4) + 0.5 * x[0] * x[1]


def cubic(x, a):
    return x**3 - a[0] * x - a[1]


def slope(x, a):
    return 3 * x**2 - a[0]


def curvature(x, a):
    return 6 * x + 0 * a[0]


def both(x, a):
    return cubic(x, a), slope(x, a)


@pytest.mark.parametrize(
    "solved",
    [
        lambda a: ours.root_scalar(cubic, (a,), x0=3.0, fprime=slope).root,
        lambda a: ours.root_scalar(both, (a,), x0=3.0, fprime=True).root,
        lambda a: (
            ours.root_scalar(
                cubic, (a,), "halley", x0=3.0, fprime=slope, fprime2=curvature
            ).root
        ),
        lambda a: ours.newton(cubic, 3.0, slope, (a,), fprime2=curvature),
        lambda a: ours.newton(cubic, 3.0, args=(a,), full_output=True)[0],
        lambda a: ours.brentq(cubic, 1.0, 4.0, (a,), 1e-12),
    ],
)
def test_given_slopes_take_the_arguments_and_may_be_of_nodes(solved):
    root = solved(PAIR)
    expected = np.array([root, 1.0]) / slope(root, PAIR)
    found = np.ravel(gd.jacobian(solved)(PAIR))
    np.testing.assert_allclose(found, np.ravel(expected), rtol=1e-5)


def test_an_array_of_roots_with_all_that_is_known_of_them():
    def solved(a):
        return ours.newton(
            lambda x, a: x**2 - a, [1.0, 1.0], args=(a,), full_output=True
        ).root

    expected = np.diag(0.5 / np.sqrt(PAIR))
    np.testing.assert_allclose(gd.jacobian(solved)(PAIR), expected, rtol=1e-6)


def test_derivatives_that_are_given_by_users_may_be_of_nodes():
    def equations(x, a):
        return np.stack([x[0] ** 2 - a[0], x[1] - x[0] * a[1]])

    def matrix(x, a):
        return np.array([[2 * x[0], 0.0], [-a[1], 1.0]])

    def together(x, a):
        return equations(x, a), matrix(x, a)

    start = np.ones(2)
    expected = [[0.5, 0.0], [1.0, 1.0]]
    for solved in (
        lambda a: ours.root(equations, start, (a,), jac=matrix).x,
        lambda a: ours.root(together, start, (a,), jac=True).x,
        lambda a: ours.fsolve(equations, start, (a,), matrix),
        lambda a: ours.fsolve(equations, start, (a,), col_deriv=True),
    ):
        np.testing.assert_allclose(gd.jacobian(solved)(PAIR), expected, atol=1e-7)


@pytest.mark.parametrize("name", ["bisect", "brenth", "brentq", "ridder", "toms748"])
def test_scipys_own_root_finders_refuse_a_node_by_name(name):
    a = gd.node(2.0)
    with pytest.raises(EscapeError, match=rf"chainrule\.scipy\.optimize\.{name}\("):
        getattr(theirs, name)(lambda x: x**3 - a, 0.0, 5.0)
    assert np.isnan(np.log(gd.node(2.0)) * np.nan)  # which isnan is still asked


def test_an_array_of_roots_in_a_trace():
    def solved(a):
        return ours.newton(lambda x: x**3 - a, np.ones(2), full_output=True).root

    fast = gd.compile(gd.jacobian(solved))
    np.testing.assert_allclose(fast(PAIR), gd.jacobian(solved)(PAIR), rtol=1e-9)


def test_unknowns_in_a_matrix():
    def solved(a):
        return ours.root(lambda x: x**2 - a, np.ones((2, 2))).x

    a = np.array([[1.0, 4.0], [9.0, 16.0]])
    found = gd.jacobian(solved)(a).reshape(4, 4)
    np.testing.assert_allclose(found, np.diag(0.5 / np.sqrt(a.ravel())), atol=1e-8)


def gradient_of_coupled(x, a):
    return 2 * (x - a) + 0.4 * x**3 + 0.5 * x[::-1]


def test_minima_with_gradients_of_users():
    def value_and_gradient(x, a):
        return coupled(x, a), gradient_of_coupled(x, a)

    def solved(f, jac):
        return lambda a: ours.minimize(f, np.zeros(2), (a,), jac=jac, tol=1e-12).x

    expected = gd.jacobian(solved(coupled, None))(PAIR)
    for f, jac in ((coupled, gradient_of_coupled), (value_and_gradient, True)):
        np.testing.assert_allclose(gd.jacobian(solved(f, jac))(PAIR), expected, 1e-6)


def test_the_least_value_is_a_node_too():
    def least(a):
        return ours.minimize(coupled, np.zeros(2), (a,), tol=1e-12).fun

    np.testing.assert_allclose(gd.grad(least)(PAIR), differences(least, PAIR), 1e-5)


@pytest.mark.parametrize("method", ["trust-constr", "L-BFGS-B", "TNC", "SLSQP"])
def test_a_bound_holds_what_stops_before_it(method):
    bounds = [(0, 0.6), (None, None)]

    def solved(a):
        start = np.full(2, 0.3)
        return ours.minimize(coupled, start, (a,), method, bounds=bounds, tol=1e-9).x

    x = solved(PAIR)
    expected = np.diag([0.0, 2 / (2 + 1.2 * x[1] ** 2)])
    np.testing.assert_allclose(gd.jacobian(solved)(PAIR), expected, atol=1e-3)


@pytest.mark.parametrize("method", ["trf", "dogbox"])
def test_fits_at_a_bound(method):
    t = np.linspace(0, 1, 8)
    y = 2 * np.exp(-0.5 * t) + 0.1 * np.sin(9 * t)

    def residuals(p, y):
        return p[0] * np.exp(-p[1] * t) - y

    def fit(y):
        return ours.least_squares(
            residuals,
            np.ones(2),
            kwargs={"y": y},
            bounds=(0, [1.5, 9]),
            method=method,
            xtol=1e-12,
            ftol=1e-12,
            gtol=1e-12,
        )

    def solved(y):
        return fit(y).x

    found = gd.jacobian(solved)(y)
    np.testing.assert_allclose(found, differences(solved, y), atol=1e-5)
    cost = gd.grad(lambda y: fit(y).cost)(y)
    np.testing.assert_allclose(cost, differences(lambda y: fit(y).cost, y), atol=1e-5)


# -------------------------------------------------------------------- constraints


def in_plane(x, b):
    return x[0] + 2 * x[1] - b


def bowl_of_three(x, a):
    return np.sum((x - np.array([a[0], a[1], 1.0])) ** 2) + x[0] * x[1]


EXACTLY = {"gtol": 1e-10, "xtol": 1e-12, "barrier_tol": 1e-10}
CONSTRAINED = {
    "bounds of nodes": lambda a: ours.minimize(
        bowl, np.full(2, 0.6), (a,), bounds=[(0.8 * a[0], 2.0), (None, 3.0)], tol=1e-13
    ).x,
    "bounds alone": lambda a: ours.minimize(
        bowl, np.zeros(2), (PAIR,), bounds=[(None, 0.5 * a[0]), (1.2 * a[1], None)],
        tol=1e-13,
    ).x,
    "a bound of a constraint": lambda a: ours.minimize(
        bowl, np.ones(2), (PAIR,), method="SLSQP", tol=1e-14,
        constraints=theirs.NonlinearConstraint(lambda x: x[0] ** 2 + x[1], a[0], a[0]),
    ).x,
    "equality": lambda a: ours.minimize(
        bowl, np.full(2, 0.6), (a,), method="SLSQP", tol=1e-14,
        constraints={"type": "eq", "fun": in_plane, "args": (a[0],)},
    ).x,
    "one of two": lambda a: ours.minimize(
        bowl, np.full(2, 0.1), (a,), method="SLSQP", tol=1e-14,
        constraints=[
            {"type": "ineq", "fun": lambda x: 0.3 * a[0] - x[0] ** 2 - x[1]},
            {"type": "ineq", "fun": lambda x: 10 - x[0]},
        ],
    ).x,
    "none active": lambda a: ours.minimize(
        bowl, np.full(2, 0.1), (a,), method="SLSQP", tol=1e-15,
        constraints={"type": "ineq", "fun": lambda x: 10 - x[0] ** 2 - a[0]},
    ).x,
    "interior": lambda a: ours.minimize(
        bowl, np.full(2, 0.1), (a,), method="trust-constr", options=EXACTLY,
        constraints=theirs.NonlinearConstraint(
            lambda x: np.stack([x[0] ** 2 + x[1] * a[1], x[0] - x[1]]),
            -np.inf, [0.3, 5.0],
        ),
    ).x,
    "a plane and a bound": lambda a: ours.minimize(
        bowl_of_three, np.full(3, 0.1), (a,), method="SLSQP", tol=1e-14,
        bounds=[(None, None), (0.2, None), (None, None)],
        constraints=theirs.LinearConstraint([[1.0, 1.0, 1.0]], -np.inf, 0.9),
    ).x,
    "a plane that moves": lambda a: ours.minimize(
        bowl, np.full(2, 0.6), (a,), method="SLSQP", tol=1e-16,
        constraints=theirs.LinearConstraint(
            np.stack([np.ones(2), a]), [-9.0, 0.0], np.stack([9.0, 0.3 * a[0]])
        ),
    ).x,
    "a plane of containers": lambda a: ours.minimize(
        lambda p: bowl(np.append(p["u"], p["v"]), a), {"u": 0.1, "v": np.zeros(1)},
        method="SLSQP", tol=1e-14,
        constraints=theirs.LinearConstraint([[1.0, 2.0]], 0.5 * a[1], 0.5 * a[1]),
    ).x["v"],
    "containers": lambda a: ours.minimize(
        lambda p: (p["u"] - a[0]) ** 2 + np.sum((p["v"] - a[1]) ** 2), {
            "u": 0.0, "v": np.zeros(1)
        }, method="SLSQP", tol=1e-14,
        constraints={"type": "eq", "fun": lambda p: p["u"] + p["v"] ** 3 - a[1]},
    ).x["v"],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:delta_grad:UserWarning")
@pytest.mark.parametrize("name", CONSTRAINED)
def test_what_is_active_stays_active(name):
    f, a = CONSTRAINED[name], np.array([0.7, 1.3])
    expected = differences(f, a, 1e-4)
    for mode in ("reverse", "forward"):
        found = gd.jacobian(f, mode=mode)(a)
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def total(a):
        return np.sum(np.sin(f(a)))

    second = gd.hessian(total)(a)
    expected = differences(gd.grad(total), a, 1e-4)
    np.testing.assert_allclose(second, expected, atol=1e-5)
    fast = gd.compile(gd.hessian(total))
    np.testing.assert_allclose(fast(a), second, rtol=1e-9)
    assert not np.allclose(fast(1.05 * a), second, rtol=1e-9)


def test_multipliers_are_those_of_the_closed_form():
    """The least norm on a line: x = b n / |n|**2."""
    normal = np.array([1.0, 2.0, 2.0])

    def nearest(b):
        return ours.minimize(
            lambda x: 0.5 * x @ x, np.zeros(3), method="SLSQP",
            constraints={"type": "eq", "fun": lambda x: normal @ x - b},
        ).x  # fmt: skip

    np.testing.assert_allclose(gd.jacobian(nearest)(3.0), normal / 9.0, rtol=1e-9)


def half_distance(x, a):
    return 0.5 * np.sum((x - a) ** 2)


@pytest.mark.parametrize("method", ["SLSQP", "trust-constr"])
def test_a_constraint_that_does_not_push_is_a_kink(method):
    def solved(a):
        return ours.minimize(
            half_distance, np.array([0.3, 0.4]), (a,), method, tol=1e-10,
            constraints={"type": "ineq", "fun": lambda x: 2 - x[0] - x[1]},
        ).x  # fmt: skip

    with pytest.warns(SolutionWarning, match="constraints .0. lie at a bound"):
        assert np.isnan(gd.jacobian(solved)(np.ones(2))).all()
    assert np.isfinite(gd.jacobian(solved)(np.array([1.0, 1.5]))).all()


def test_constraints_that_depend_on_each_other_have_no_multipliers():
    same = [
        {"type": "eq", "fun": lambda x: x[0] + x[1] - 1.0},
        {"type": "ineq", "fun": lambda x: 1.0 - x[0] - x[1]},
    ]

    def solved(a):
        return ours.minimize(
            half_distance, np.zeros(2), (a,), "SLSQP", constraints=same
        ).x

    with pytest.warns(SolutionWarning, match="depend on each other"):
        assert np.isnan(gd.jacobian(solved)(np.ones(2))).all()


def test_a_minimum_that_is_none_warns():
    def solved(a):
        found = ours.minimize(
            lambda x: rosenbrock(x) + a * x[0], np.full(3, -1.0), options={"maxiter": 2}
        )
        return found.x

    with pytest.warns(SolutionWarning, match="Newton step"):
        gd.jacobian(solved)(1.0)
    with pytest.warns(SolutionWarning, match="has not converged"):
        gd.compile(gd.jacobian(solved))(1.0)


def test_fits_with_bounds_that_are_nodes():
    def solved(b):
        return ours.least_squares(decay, np.ones(2), args=(Y,), bounds=(0, [b, 9.0])).x

    slope = gd.jacobian(solved)(1.5)
    assert slope[0] == pytest.approx(1.0)
    expected = (solved(1.5 + 1e-4) - solved(1.5 - 1e-4)) / 2e-4
    np.testing.assert_allclose(slope, expected, rtol=1e-4)


def test_in_a_trace_the_solver_sees_plain_numbers_and_control_flow_of_python():
    seen = []

    def f(x, a):
        seen.append(type(x))
        return (x[0] - a) ** 2 if a > 1 else (x[0] + a) ** 2

    fast = gd.compile(lambda a: ours.minimize(f, np.zeros(1), (a,), "Nelder-Mead").x)
    assert fast(2.0)[0] == pytest.approx(2.0, abs=1e-3)
    assert fast(0.5)[0] == pytest.approx(-0.5, abs=1e-3)


def lowest(f, *how):
    return lambda a: ours.minimize(lambda x: f(x, a), np.zeros(1), method=how[0]).x[0]


@pytest.mark.parametrize("method", ["Nelder-Mead", "BFGS"])
@pytest.mark.parametrize("is_compiled", [False, True])
def test_minima_at_kinks_of_the_function_itself_have_no_derivative(method, is_compiled):
    def bent(x, a):
        return np.sum(np.abs(x - a) + 0.1 * (x - 1.0) ** 2)

    slope = gd.grad(lowest(bent, method))
    with pytest.warns(SolutionWarning, match="a kink of the function"):
        assert np.isnan((gd.compile(slope) if is_compiled else slope)(0.3))

    def flat(x, a):
        return np.sum(np.abs(x - a))

    slope = gd.grad(lowest(flat, "Nelder-Mead"))
    with pytest.warns(SolutionWarning, match="a kink of the function"):
        assert np.isnan((gd.compile(slope) if is_compiled else slope)(0.3))


@pytest.mark.filterwarnings("ignore::chainrule.errors.SolutionWarning")
def test_kinks_have_no_derivatives_of_higher_order():
    def shrunk(p):
        return ours.minimize(
            lambda x: 0.5 * np.sum((x - p[0]) ** 2) + p[1] * np.sum(np.abs(x)),
            np.full(1, 0.3),
            method="Nelder-Mead",
            options={"xatol": 1e-11, "fatol": 1e-15},
        ).x[0]

    slope, curve = gd.compile(gd.grad(shrunk)), gd.compile(gd.hessian(shrunk))
    for p, smooth in (([2.0, 0.5], True), ([0.3, 0.5], False), ([-2.0, 0.5], True)):
        at = np.array(p)
        side = np.sign(p[0])
        expected = np.array([1.0, -side]) if smooth else np.full(2, np.nan)
        np.testing.assert_allclose(slope(at), expected, atol=1e-9)
        bent = np.zeros((2, 2)) if smooth else np.full((2, 2), np.nan)
        np.testing.assert_allclose(curve(at), bent, atol=1e-9)
        np.testing.assert_allclose(gd.hessian(shrunk)(at), bent, atol=1e-9)

    solved, p = at_a_kink("L-BFGS-B")
    second = gd.hessian(lambda p: solved(p)[1])(p)
    assert np.isnan(second[:2]).all()
    assert not second[2:].any()
    inside = gd.compile(gd.hessian(lambda p: solved(p)[1]))
    inside(p + np.array([0.3, 0.0, 0.0, 0.0]))
    assert inside.stats()["nan_reruns"] == 0


def test_a_kink_under_constraints_has_no_derivative():
    def solved(a):
        condition = {"type": "ineq", "fun": lambda x: 2.0 - x[0] - x[1]}
        return ours.minimize(
            lambda x: np.sum(np.abs(x - a)) + 0.1 * np.sum((x - 1.0) ** 2),
            np.zeros(2),
            method="SLSQP",
            constraints=condition,
        ).x[0]

    with pytest.warns(SolutionWarning, match="a kink of the function"):
        assert np.isnan(gd.grad(solved)(0.3))


STEPS = {
    "sign": lambda x, a: np.sign(x - a),
    "where": lambda x, a: np.where(x > a, 1.0, -1.0),
    "branch": lambda x, a: 1.0 if x > a else -1.0,
    "floor": lambda x, a: np.floor(10 * (x - a)) + 0.5,
}
SOLVED = {
    "bisect": lambda f, *args: ours.bisect(f, 0.0, 1.0, args),
    "root_scalar": lambda f, *args: ours.root_scalar(f, args, bracket=(0.0, 1.0)).root,
    "implicit": lambda f, *args: gd.implicit(lambda *_: 0.3, f)(*args),
    "minimize": lambda f, *args: (
        ours.minimize_scalar(
            lambda x, *args: f(x, *args) * 1.0, bounds=(0.0, 1.0), args=args
        ).x
    ),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", SOLVED)
def test_piecewise_constant_functions_have_no_silent_derivative(name, step):
    f, solve = STEPS[step], SOLVED[name]
    for slope in (
        gd.grad(lambda a: solve(f, a) * 1.0),
        gd.grad(lambda a: solve(lambda x: f(x, a)) * 1.0),
        lambda a: gd.jvp(lambda a: solve(f, a) * 1.0, (a,), (1.0,)),
        lambda a: gd.jvp(lambda a: solve(lambda x: f(x, a)) * 1.0, (a,), (1.0,)),
    ):
        for each in (slope, gd.compile(slope)):
            with pytest.raises((ChainruleError, np.linalg.LinAlgError)):
                each(0.3)


@pytest.mark.parametrize("name", SOLVED)
def test_what_a_solution_does_not_depend_on_has_a_derivative_of_zero(name):
    solve = SOLVED[name]

    def smooth(x, a):
        return (x - 0.3) ** 2 if name == "minimize" else x - 0.3

    def rounded(x, a):
        return smooth(x, a) + 0.0 * np.floor(a)

    def added(x, a):
        return smooth(x, a) + (a * a if name == "minimize" else 0.0)

    def unused(x, a):
        return 1.0 + 0.0 * np.sign(x - 0.3) if name == "minimize" else smooth(x, a)

    for f in (smooth, rounded, added, unused):
        for slope in (
            gd.grad(lambda a, f=f: solve(f, a) * 1.0),
            gd.grad(lambda a, f=f: solve(lambda x: f(x, a)) * 1.0),
        ):
            assert slope(0.7) == 0.0
            assert gd.compile(slope)(0.7) == 0.0


def test_a_root_that_is_left_where_its_function_branches_is_followed():
    def solved(a):
        return ours.root_scalar(
            lambda x: x - a if x > 0.25 else x - 0.5, bracket=(0.0, 1.0)
        ).root

    assert gd.grad(solved)(0.6) == 1.0


def test_a_bound_that_does_not_push_is_a_kink_where_others_follow():
    from chainrule.scipy.optimize.problems import Problem
    from chainrule.scipy.optimize.stationary import FREE, WEAK_LOW, activity
    from chainrule.scipy.optimize.unknowns import Unknowns

    matrix = np.array([[1.0, 0.2], [0.1, 1.0], [0.3, 0.4]])
    b = matrix @ np.array([0.0, 1.0])

    def half_squares(x):
        return 0.5 * np.sum((matrix @ x - b) ** 2)

    problem = Problem(half_squares, Unknowns(np.ones(2)), ())
    hessian = matrix.T @ matrix
    x = np.array([6.5e-6, 1.0 - 6.5e-6 * hessian[0, 1] / hessian[1, 1]])
    with pytest.warns(SolutionWarning, match="does not push"):
        found = activity(problem, x, np.zeros(2), np.full(2, 9.0))
    assert found.held.tolist() == [WEAK_LOW, FREE]


@pytest.mark.parametrize("solver", ["root", "fsolve", "least_squares"])
def test_residuals_may_be_containers(solver):
    def residuals(x, p):
        return {"one": x["a"] ** 3 + x["b"][0] - p, "two": x["b"] - x["a"] ** 2}

    def solve(p):
        start = {"a": 1.0, "b": np.ones(1)}
        if solver == "fsolve":
            return ours.fsolve(residuals, start, (p,), xtol=1e-13)["a"]
        return getattr(ours, solver)(residuals, start, args=(p,)).x["a"]

    a = solve(2.0)
    assert a**3 + a**2 == pytest.approx(2.0)
    assert gd.grad(solve)(2.0) == pytest.approx(1 / (3 * a**2 + 2 * a), rel=1e-6)
