"""What solvers compile: kept from solve to solve, and holding nobody's data."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import chainrule as gd

optimize = pytest.importorskip("chainrule.scipy.optimize")
kept = pytest.importorskip("chainrule.solving.kept")
problems = pytest.importorskip("chainrule.scipy.optimize.problems")

T = np.linspace(0.0, 2.0, 30)


@pytest.fixture
def compilations(monkeypatch):
    """Compile in the second call of each function, and list what was compiled."""
    made = []

    def compiled(f):
        made.append(f)
        return gd.compile(f)

    monkeypatch.setattr(kept, "LATER", 0.0)
    monkeypatch.setattr(kept, "compiled", compiled)
    kept._kept.clear()
    return made


def curve(t, a, b):
    return a * np.exp(-b * t)


def fitted(p):
    return optimize.curve_fit(curve, T, curve(T, *p))[0]


def nearest(p):
    residuals = lambda x, p=p: np.concatenate([x - p, 0.1 * x])  # noqa: E731
    return optimize.least_squares(residuals, np.zeros(2)).x * 1.01


def lowest(p):
    return optimize.minimize(lambda x: np.sum((x - p) ** 4), np.zeros(2), tol=1e-14).x


def rooted(p):
    return optimize.root(lambda x: x**3 + x - p**3 - p, np.ones(2)).x


def zero(p):
    x = [optimize.root_scalar(lambda x, a=a: x**3 - a**3, x0=1.0).root for a in p]
    return np.array(x)


@pytest.mark.parametrize("solve", [fitted, nearest, lowest, rooted, zero])
def test_later_solves_run_what_was_compiled(solve, compilations):
    points = [np.array([2.0, 0.5]), np.array([1.5, 0.7]), np.array([1.0, 1.2])]
    for k, p in enumerate(points):
        tolerance = 1e-3 if solve is lowest else 1e-6
        np.testing.assert_allclose(solve(p), p, rtol=tolerance)
        if k == 0:
            count = len(compilations)
    assert count
    assert len(compilations) == count


def test_a_short_solve_compiles_nothing(monkeypatch):
    def refused(f):
        raise AssertionError(f)

    kept._kept.clear()
    monkeypatch.setattr(kept, "LATER", 1e3)
    monkeypatch.setattr(kept, "compiled", refused)
    for solve in (fitted, nearest, rooted):
        np.testing.assert_allclose(solve(np.array([1.5, 0.7])), [1.5, 0.7], rtol=1e-6)


def test_what_may_change_unseen_is_read_anew(compilations):
    state = {"a": [3]}

    class Reads:
        level = state

        def __call__(self, x):
            return np.sum((x - self.level["a"][0]) ** 2)

    f = Reads()
    for a in (3, 5):
        state["a"][0] = a
        np.testing.assert_allclose(optimize.minimize(f, np.zeros(2)).x, a, rtol=1e-5)


def test_other_shapes_and_forms_are_other_functions(compilations):
    def f(x, w):
        return sum(np.sum(w * (v - 1.0) ** 2) for v in np.atleast_1d(*x.values()))

    for size in (2, 3):
        x0 = {"a": np.zeros(size), "b": 0.5}
        found = optimize.minimize(f, x0, (np.ones(1),), tol=1e-10).x
        np.testing.assert_allclose(found["a"], np.ones(size), rtol=1e-4)
        assert np.shape(found["b"]) == ()


def test_no_data_is_held(compilations):
    data = np.linspace(0.0, 1.0, 50)
    freed = weakref.ref(data)

    def solve(data):
        f = lambda x: np.sum((x[0] * data - 2.0 * data) ** 2)  # noqa: E731
        optimize.minimize(f, np.ones(1))
        optimize.least_squares(lambda x: x[0] * data - data, np.ones(1))
        optimize.curve_fit(lambda t, a: a * t, data, data)

    solve(data)
    del data
    gc.collect()
    assert freed() is None


def test_zeros_of_a_matrix_stay_in_the_pattern():
    n = 300
    band = np.eye(n) * 2 + np.eye(n, k=1)
    found = optimize.least_squares(lambda x: band @ x + x**3 - 1.0, np.zeros(n))
    assert found.jac.nnz == 2 * n - 1
    for _ in range(2):
        same = optimize.least_squares(lambda x: band @ x + x**3 - 1.0, np.zeros(n))
        np.testing.assert_allclose(same.x, found.x, rtol=1e-12)  # another executor


@pytest.mark.parametrize("order", [1, 2])
def test_nodes_in_closures_are_taken_out_of_what_is_compiled(order, compilations):
    def solution(a):
        f = lambda x: np.sum((x - a) ** 2) + np.sum(x**4) / 4  # noqa: E731
        return np.sum(optimize.minimize(f, np.zeros(2), tol=1e-12).x)

    gd.check_gradients(solution, (np.array([0.5, 1.0]),), order=order, rtol=1e-4)


def test_a_node_that_does_not_matter_gives_a_plain_result():
    def f(a):
        found = optimize.minimize(lambda x: np.sum((x - 1.0) ** 2) + 0 * len(a), X0)
        assert not isinstance(found.x, gd.node)
        return np.sum(a)

    X0 = np.zeros(2)
    gd.grad(f)(np.ones(2))


def test_lifted_functions_and_objects_that_hold_themselves():
    def residuals(u, a):
        z = np.zeros(3)
        z[:] = u - a
        return z

    lifted = gd.lift(residuals)
    slope = gd.jacobian(
        lambda a: optimize.least_squares(lifted, np.zeros(3), args=(a,)).x
    )
    np.testing.assert_allclose(slope(1.5), 1.0)

    class Ring:
        def __init__(self):
            self.all, self.middle = [self], 2.0

        def distance(self, x):
            return np.sum((x - self.all[0].middle) ** 2)

    ring = Ring()
    for middle in (2.0, 3.0):
        ring.middle = middle
        found = optimize.minimize(ring.distance, np.zeros(2))
        np.testing.assert_allclose(found.x, middle, rtol=1e-6)


def test_what_cannot_be_compiled_is_called_as_it_is(compilations):
    calls = 0

    def number(x):
        nonlocal calls
        calls += 1
        total = 0.0
        for v in x:  # which a trace refuses
            total += (float(v) - 1.5) ** 2
        return total

    for start in range(3):
        found = optimize.minimize(number, [3.0 + start, 4.0], method="COBYLA")
        np.testing.assert_allclose(found.x, [1.5, 1.5], atol=1e-3)
    assert calls > 60
    assert compilations


@pytest.mark.parametrize("method", ["L-BFGS-B", "trust-exact", "trust-constr"])
def test_code_that_takes_plain_numbers_only_is_called_as_it_is(method, compilations):
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(0)
    data, rows, columns = rng.random(200), np.repeat(range(50), 4), np.arange(200) % 40

    def f(w):
        scores = sparse.csr_array((data, (rows, columns)), (50, 40)) @ w
        return np.sum((scores - 1.0) ** 2) + 0.1 * np.sum(w * w)

    found = optimize.minimize(f, np.zeros(40), method=method)
    np.testing.assert_allclose(gd.grad(f)(found.x), 0.0, atol=1e-2)


def test_errors_of_the_function_itself_are_raised(compilations):
    calls = []

    def f(x):
        calls.append(None)
        if len(calls) > 3:
            raise KeyError("mine")
        return np.sum((x - 1.0) ** 4)

    with pytest.raises(KeyError, match="mine"):
        optimize.minimize(f, np.zeros(2), tol=1e-14)


# ------------------------------------------------------------------- tall Jacobians


def decaying(p, t):
    return np.exp(-np.outer(t, p[2:4])) @ p[:2] + p[4]


def broken(p, t):
    return np.where(t < 4.0, p[0] + p[1] * t, p[2] * t**2 + p[3] * p[4])


def summed(p, t):
    return np.cumsum(np.sin(p[0] * t) + p[1:] @ np.ones(4) / t.size)


def split(p, t):
    if p[0] > 1.5:
        return decaying(p, t)
    return broken(p, t)


@pytest.mark.parametrize("curve", [decaying, broken, summed, split])
def test_tall_jacobians_are_those_of_the_function(curve, monkeypatch):
    monkeypatch.setattr(kept, "LATER", 0.0)
    data, again = np.linspace(0.0, 9.0, 5_000), np.linspace(1.0, 7.0, 5_000)
    points = [np.array([1.0, 0.4, 0.3, 0.8, 0.2]), np.array([2.0, 0.7, 0.5, 0.1, 0.9])]
    for t in (data, again, data):
        problem = problems.Problem(curve, problems.Unknowns(points[0]), (t,))
        for p in points * 3:
            expected = gd.jacobian(lambda p, t=t: curve(p, t))(p)
            found = problem.jacobian(p)
            assert found.shape == (5_000, 5)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_compiled_minima_of_integrals_are_differentiated():
    integrate = pytest.importorskip("chainrule.scipy.integrate")

    def slope(a):
        def apart(b):
            return integrate.quad(lambda x: (np.sin(x) - a * b * x) ** 2, 0.0, 1.0)[0]

        return optimize.minimize_scalar(apart).x

    expected = -slope(1.0) / 1.3**2
    assert gd.grad(slope)(1.3) == pytest.approx(expected, rel=1e-6)
    assert gd.compile(gd.grad(slope))(1.3) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", ["bisect", "brenth", "brentq", "ridder", "toms748"])
def test_compiled_root_finders_tell_how_they_ended(name):
    def found(a):
        f = lambda x: x**3 - a  # noqa: E731
        z, told = getattr(optimize, name)(f, 0.0, 3.0, full_output=True)
        return z, told.root, told.converged, told.iterations

    z, root, converged, turns = gd.compile(found)(1.3)
    expected = found(1.3)
    assert z == root == pytest.approx(expected[0])
    assert converged
    assert turns == pytest.approx(expected[3], abs=1)
    slope = gd.grad(lambda a: found(a)[1])
    assert gd.compile(slope)(1.3) == pytest.approx(slope(1.3))
