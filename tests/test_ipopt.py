"""Ipopt is given exact derivatives; what it finds has the form of the first guess."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, ShapeError, SolutionWarning

sopt = pytest.importorskip("scipy.optimize")
sp = pytest.importorskip("scipy.sparse")


def hock_schittkowski_71(x):
    return x[0] * x[3] * np.sum(x[:3]) + x[2]


PRODUCT = sopt.NonlinearConstraint(np.prod, 25.0, np.inf)
ON_SPHERE = {"type": "eq", "fun": lambda x: x @ x - 40.0}
START = np.array([1.0, 5.0, 5.0, 1.0])
SOLUTION = [1.0, 4.7429996, 3.8211500, 1.3794083]


def pulled(x, a):
    return np.sum((x - a) ** 2 + 0.1 * x**4) + 0.3 * x[0] * x[1]


def test_without_ipopt_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cyipopt", None)
    with pytest.raises(ArgumentError, match=r"chainrule\[ipopt\]"):
        gd.ipopt.problem(hock_schittkowski_71)


@pytest.fixture
def ipopt():
    pytest.importorskip("cyipopt")
    return gd.ipopt


def test_the_solution_and_its_multipliers(ipopt):
    found = ipopt.problem(
        hock_schittkowski_71, [PRODUCT, ON_SPHERE], bounds=(1.0, 5.0)
    ).solve(START)
    assert found.success
    assert found.nit < 12
    np.testing.assert_allclose(found.x, SOLUTION, rtol=1e-6)
    assert found.constr[0] == pytest.approx(25.0)
    assert found.constr[1] == pytest.approx(0.0, abs=1e-6)
    slope = gd.grad(hock_schittkowski_71)(found.x)
    slope = slope + found.multipliers[0] * gd.grad(np.prod)(found.x)
    slope = slope + found.multipliers[1] * 2 * found.x
    slope = slope - found.lower_multipliers + found.upper_multipliers
    np.testing.assert_allclose(slope, 0.0, atol=1e-6)
    assert found.lower_multipliers[0] > 1.0


@pytest.mark.parametrize(
    "bounds",
    [
        [(1.0, 5.0)] * 4,
        [(1.0, None)] * 4,
        (np.ones(4), None),
        (1.0, [5.0, None, 5.0, 5.0]),
        sopt.Bounds(1.0, np.full(4, 5.0)),
    ],
)
def test_bounds_have_several_forms(ipopt, bounds):
    problem = ipopt.problem(hock_schittkowski_71, [PRODUCT, ON_SPHERE], bounds=bounds)
    np.testing.assert_allclose(problem.solve(START).x, SOLUTION, rtol=1e-6)


def test_a_problem_without_limits(ipopt):
    found = ipopt.problem(lambda x: np.sum((x - 2.0) ** 4)).solve(np.zeros(3))
    np.testing.assert_allclose(found.x, 2.0, atol=1e-2)
    assert found.constr == []
    number = ipopt.problem(lambda x: (x - 3.0) ** 2).solve(1.0)
    assert number.x == pytest.approx(3.0)


def test_functions_that_are_linear_or_constant(ipopt):
    weights = np.array([1.0, 2.0, 3.0])
    linear = ipopt.problem(
        lambda x: weights @ x,
        sopt.LinearConstraint(np.ones((1, 3)), 1, 1),
        bounds=(0, None),
    )
    np.testing.assert_allclose(linear.solve(np.ones(3)).x, [1, 0, 0], atol=1e-6)
    constant = sopt.NonlinearConstraint(lambda x: np.ones(2), 0.0, 2.0)
    found = ipopt.problem(lambda x: np.sum(x**2), constant).solve(np.ones(3))
    np.testing.assert_allclose(found.x, 0.0, atol=1e-6)
    empty = sopt.NonlinearConstraint(lambda x: x[:0], 0.0, 2.0)
    found = ipopt.problem(lambda x: np.sum(x) ** 2 + x @ x, empty).solve(np.ones(3))
    assert found.constr[0].shape == (0,)


@dataclasses.dataclass
class Plan:
    amounts: np.ndarray
    share: float


def test_unknowns_bounds_and_multipliers_are_containers(ipopt):
    def cost(plan, target):
        return np.sum((plan.amounts - target) ** 2) + (plan.share - 1.0) ** 2

    def total(plan, target):
        return np.sum(plan.amounts) * plan.share

    problem = ipopt.problem(
        cost,
        sopt.NonlinearConstraint(total, -np.inf, 2.0),
        bounds=(Plan(np.zeros(2), 0.25), Plan(np.full(2, 3.0), 0.5)),
    )
    shown = []
    found = problem.solve(
        Plan(np.ones((3, 2)), 0.3), 1.0, callback=lambda s: shown.append(s.x.share)
    )
    assert found.x.amounts.shape == (3, 2)
    assert found.x.share * found.x.amounts.sum() == pytest.approx(2.0, abs=1e-6)
    assert found.upper_multipliers.amounts.shape == (3, 2)
    assert shown[-1] == pytest.approx(found.x.share, abs=1e-4)
    other = problem.solve(found.x, (0.9,), warm=found)
    again = problem.solve(Plan(np.ones((3, 2)), 0.3), (0.9,))
    np.testing.assert_allclose(other.x.amounts, again.x.amounts, rtol=1e-6)
    assert other.nit < again.nit


def test_many_unknowns_have_sparse_matrices(ipopt):
    size = 2000

    def f(x):
        return np.sum((x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    def together(x):
        return x[2:] * x[:-2] - 0.5

    problem = ipopt.problem(
        f,
        [
            sopt.NonlinearConstraint(together, -np.inf, 0.0),
            sopt.LinearConstraint(sp.eye_array(1, size), 0.0, 0.4),
        ],
    )
    found = problem.solve(np.full(size, 0.5))
    assert found.success
    assert found.nit < 40
    known = next(iter(problem._known.values()))
    assert known.jacobian.pattern.nnz == 2 * (size - 2) + 1
    assert known.hessian.pattern.nnz <= 5 * size
    assert known.hessian.sweeps < 10


def test_a_hessian_that_is_left_out(ipopt):
    problem = ipopt.problem(
        hock_schittkowski_71, [PRODUCT, ON_SPHERE], bounds=(1.0, 5.0)
    )
    found = problem.solve(START, hessian_approximation="limited-memory", max_iter=50)
    np.testing.assert_allclose(found.x, SOLUTION, rtol=1e-5)
    assert not next(iter(problem._known.values())).hessian._states


def test_a_pattern_that_grows_on_the_way(ipopt):
    def f(x):
        near = np.sum((x - 3.0) ** 2)
        return near + 0.1 * x[0] * x[1] if x[0] > 1.5 else near

    found = ipopt.problem(f).solve(np.zeros(3))
    np.testing.assert_allclose(found.x, [3 / 1.05, 3 / 1.05, 3.0], rtol=1e-4)


def test_what_goes_wrong_is_told(ipopt):
    calls = []

    def failing(x):
        calls.append(x)
        if len(calls) > 1:
            raise KeyError("inside")
        return np.sum(x**2)

    with pytest.raises(KeyError, match="inside"):
        ipopt.problem(failing).solve(np.ones(2))
    with pytest.raises(ArgumentError, match="returned NoneType"):
        ipopt.problem(lambda x: None).solve(np.ones(2))
    with pytest.raises(ArgumentError, match="minimises a number"):
        ipopt.problem(lambda x: x).solve(np.ones(2))
    with pytest.raises(ArgumentError, match="a constraint is"):
        ipopt.problem(np.sum, [np.prod])
    for bounds in (1.0, (1.0, np.ones(3)), (0.0, 1.0, 2.0)):
        with pytest.raises((ArgumentError, ShapeError), match="bound"):
            ipopt.problem(np.sum, bounds=bounds).solve(np.ones(2))
    limit = sopt.NonlinearConstraint(np.sum, np.ones(3), 9.0)
    with pytest.raises(ShapeError, match=r"shapes \[\(3,\)\], and what they limit"):
        ipopt.problem(np.sum, limit).solve(np.ones(2))
    with pytest.raises(ArgumentError, match="no option 'speed' that may be 3"):
        ipopt.problem(lambda x: np.sum(x**2)).solve(np.ones(2), speed=3)
    infeasible = ipopt.problem(
        lambda x: np.sum(x**2), {"type": "eq", "fun": lambda x: np.sum(x**2) + 1.0}
    ).solve(np.ones(2))
    assert not infeasible.success
    assert "infeasib" in infeasible.message

    def stop(step):
        raise StopIteration

    stopped = ipopt.problem(lambda x: np.sum(x**4)).solve(np.ones(2), callback=stop)
    assert stopped.nit == 0
    assert not stopped.success


def limits_of(a):
    """Return constraints and bounds of three unknowns, some of which are active."""
    return [
        sopt.NonlinearConstraint(lambda x, *_: x @ x, 0.0, 1.2 * a),
        {"type": "eq", "fun": lambda x, *args: x[0] - 0.5 * x[1]},
        sopt.LinearConstraint(np.ones((1, 3)), -9.0, 9.0),
    ], (0.0, np.array([9.0, 9.0, 0.6]))


@pytest.mark.parametrize("reads", ["args", "closures", "bounds", "containers"])
def test_solutions_are_differentiated_in_what_they_read(ipopt, reads):
    def solved(a):
        x0, options = np.full(3, 0.3), {"tol": 1e-11}
        constraints, bounds = limits_of(a if reads == "closures" else 1.3)
        if reads == "args":
            problem = ipopt.problem(pulled, constraints, bounds=bounds)
            return problem.solve(x0, (a,), **options).x
        if reads == "closures":
            problem = ipopt.problem(lambda x: pulled(x, a), constraints, bounds=bounds)
            return problem.solve(x0, **options).x
        if reads == "bounds":
            high = np.array([9.0, 9.0, 0.0]) + np.array([0.0, 0.0, 0.4]) * a
            problem = ipopt.problem(lambda x: pulled(x, 1.3), bounds=(x0 * 0, high))
            return problem.solve(x0, **options).x
        problem = ipopt.problem(
            lambda p, a: pulled(p["x"], a) + (p["y"] - a) ** 2,
            {"type": "ineq", "fun": lambda p, a: 1.1 - p["y"]},
        )
        found = problem.solve({"x": x0, "y": 0.5}, (a,), **options).x
        return np.append(found["x"], found["y"])

    slope = gd.jacobian(solved)(1.3)
    h = 1e-3
    moved = [gd.value(solved(1.3 + k * h)) for k in (-2, -1, 1, 2)]
    expected = np.array([1, -8, 8, -1]) / (12 * h) @ np.stack(moved)
    np.testing.assert_allclose(slope, expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(gd.jacobian(solved, mode="forward")(1.3), slope)
    slopes = [gd.jacobian(solved)(1.3 + k * h) for k in (-2, -1, 1, 2)]
    second = np.array([1, -8, 8, -1]) / (12 * h) @ np.stack(slopes)
    found = gd.jacobian(gd.jacobian(solved))(1.3)
    np.testing.assert_allclose(found, second, rtol=1e-5, atol=1e-6)
    fast, slopes = gd.compile(solved), gd.compile(gd.jacobian(solved))
    for a in (1.3, 1.3, 1.25):
        np.testing.assert_allclose(fast(a), gd.value(solved(a)), rtol=1e-8)
        np.testing.assert_allclose(slopes(a), gd.jacobian(solved)(a), rtol=1e-6)


def test_a_bound_of_ipopts_that_does_not_push_is_a_kink(ipopt):
    def solved(p):
        matrix = np.array([[2.0, 0.5, 0.0], [0.5, 2.0, 0.0], [0.0, 0.0, 4.0]])
        problem = ipopt.problem(
            lambda x, p: 0.5 * x @ (matrix @ x) - p @ x, bounds=(0.0, 3.0)
        )
        return problem.solve(np.full(3, 0.2), (p,)).x

    with pytest.warns(SolutionWarning, match="unknowns .0. lie at a bound"):
        slope = gd.jacobian(solved)(np.array([0.5, 2.0, 2.0]))
    assert np.isnan(slope[:2, :2]).all()
    np.testing.assert_allclose(slope[2], [0.0, 0.0, 0.25], atol=1e-12)
    assert not slope[:2, 2].any()


def test_a_kink_of_the_function_itself_has_no_derivative(ipopt):
    below = sopt.NonlinearConstraint(lambda x: x[0] + x[1], -np.inf, 5.0)

    def solved(a):
        def bent(x):
            return np.sum(np.abs(x - a) + 0.1 * (x - 1.0) ** 2)

        return ipopt.problem(bent, [below]).solve(np.zeros(2), tol=1e-10).x[0]

    with pytest.warns(SolutionWarning, match="a kink of the function"):
        assert np.isnan(gd.grad(solved)(0.3))


def test_a_row_of_ipopt_starts_and_goes_on_where_the_call_says(ipopt):
    problem = ipopt.problem(lambda x, a: np.sum((x**2 - a) ** 2), bounds=(-9.0, 9.0))

    @gd.compile
    def solved(x0, a):
        first = problem.solve(x0, (a,), tol=1e-10)
        later = problem.solve(first.x, (1.01 * a,), warm=first, tol=1e-10)
        return first.x, later.x, first.nit, later.nit, first.success

    for sign in (1.0, -1.0, 1.0):
        first, later, count, fewer, done = solved(np.full(2, 2.0 * sign), 1.44)
        np.testing.assert_allclose(first, 1.2 * sign, rtol=1e-6)
        np.testing.assert_allclose(later, sign * np.sqrt(1.01 * 1.44), rtol=1e-6)
        assert fewer < count
        assert done


def test_multipliers_are_nodes_where_the_solution_is_one(ipopt):
    limit = sopt.NonlinearConstraint(lambda x, a: x @ x - a[0], -np.inf, 0.2)
    problem = ipopt.problem(pulled, limit, bounds=(0.0, 0.9))

    def pushes(a):
        found = problem.solve(np.full(3, 0.5), (a,), tol=1e-11)
        bounds = found.lower_multipliers, found.upper_multipliers
        return np.concatenate([np.ravel(found.multipliers[0]), *bounds])

    def slopes(a):
        return gd.jacobian(pushes)(a) @ np.ones(3)

    a, step = np.array([0.8, 3.0, -1.0]), 1e-3
    assert np.flatnonzero(np.abs(pushes(a)) > 1e-3).tolist() == [0, 3, 5]
    for f, derivative in (
        (pushes, slopes(a)),
        (slopes, gd.jvp(slopes, (a,), (a**0,))[1]),
    ):
        at = [f(a + k * step) for k in (-2, -1, 1, 2)]
        numeric = (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * step)
        np.testing.assert_allclose(derivative, numeric, atol=1e-6)
    found = problem.solve(np.full(3, 0.5), (gd.node(a),))
    warm = problem.solve(gd.value(found.x), (a,), warm=found)
    assert warm.nit < found.nit
