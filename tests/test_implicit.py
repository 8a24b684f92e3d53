"""Derivatives through solvers, by the equation that the solution satisfies."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, ShapeError, SolutionWarning


def newton(f, x, steps=40):
    """Solve f(x) = 0 with plain numbers."""
    for _ in range(steps):
        j, r = np.atleast_2d(gd.jacobian(f)(x)), np.atleast_1d(f(x))
        x = x - np.reshape(np.linalg.solve(j, r), np.shape(x))
    return x


def square_root(a):
    return newton(lambda x: x**2 - a, 1.0)


def pair(x, p):
    return np.stack([x[0] ** 2 + p["a"] * x[1] - 1.0, x[1] ** 3 - p["b"][0] * x[0]])


def solved_pair(p):
    return newton(lambda x: pair(x, p), np.array([0.5, 0.5]))


P = {"a": 0.7, "b": np.array([0.3])}


def test_a_root_has_the_derivatives_of_its_formula():
    root = gd.implicit(square_root, lambda x, a: x**2 - a)
    order, expected = root, [2.0, 0.25, -0.03125, 3 / 256]
    for value in expected:
        assert order(4.0) == pytest.approx(value, rel=1e-12)
        order = gd.grad(order)
    assert gd.jvp(root, (4.0,), (1.0,)) == pytest.approx((2.0, 0.25))


def test_arguments_may_be_containers():
    solution = gd.implicit(solved_pair, pair)
    gd.check_gradients(solution, (P,), order=2)
    np.testing.assert_allclose(pair(solution(P), P), 0.0, atol=1e-12)


def test_nodes_from_outside_are_arguments_too():
    def f(t):
        def equation(x):
            return x**3 + t * x - 1.0

        def solve():
            plain = gd.value(t)
            return newton(lambda x: x**3 + plain * x - 1.0, 0.5)

        return gd.implicit(solve, equation)() ** 2

    gd.check_gradients(f, (0.8,), order=3)


def test_an_optimum_and_a_fixed_point():
    matrix = np.array([[2.0, 0.3], [0.3, 1.0]])

    def objective(x, theta):
        return 0.5 * x @ matrix @ x + np.sum(theta * np.sin(x))

    def stationary(x, theta):
        return gd.grad(objective)(x, theta)

    def minimum(theta):
        return newton(lambda x: stationary(x, theta), np.zeros(2))

    gd.check_gradients(
        gd.implicit(minimum, stationary), (np.array([0.4, 0.2]),), order=2
    )

    def kepler(mean, e):
        x = mean
        for _ in range(200):
            x = mean + e * np.sin(x)
        return x

    fixed = gd.implicit(kepler, lambda x, mean, e: x - mean - e * np.sin(x))
    gd.check_gradients(fixed, (0.7, 0.3), order=2)


def test_the_solver_runs_once_and_the_matrix_is_made_once():
    calls = []

    def solve(p):
        calls.append(1)
        return solved_pair(p)

    made = []

    def linear(matrix, b):
        made.append(matrix)
        return np.linalg.solve(matrix, b)

    jacobian = gd.jacobian(
        gd.implicit(solve, pair, linear_solve=linear), mode="reverse"
    )
    jacobian(P)
    assert len(calls) == 1
    assert len({id(m.base if m.base is not None else m) for m in made}) == 1


def test_compiled_the_solver_is_called_and_its_derivative_is_not():
    root = gd.implicit(square_root, lambda x, a: x**2 - a)

    def f(a):
        return root(np.sum(a * a)) * a[0]

    fast = gd.compile(gd.value_and_grad(f))
    for a in (np.array([1.0, 2.0]), np.array([3.0, 0.5])):
        value, grad = gd.value_and_grad(f)(a)
        compiled, slope = fast(a)
        assert compiled == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(slope, grad, rtol=1e-10)


def test_mapped_it_solves_each_example():
    root = gd.implicit(square_root, lambda x, a: x**2 - a)
    a = np.array([1.0, 4.0, 9.0])
    np.testing.assert_allclose(gd.vmap(gd.grad(root))(a), 0.5 / np.sqrt(a), rtol=1e-10)


def test_without_nodes_it_is_the_solver():
    assert gd.implicit(square_root, lambda x, a: x**2 - a)(9.0) == pytest.approx(3.0)


def test_bad_input_is_refused():
    with pytest.raises(ArgumentError, match="as residual; received float"):
        gd.implicit(square_root, 2.0)
    with pytest.raises(ArgumentError, match=r"result\.x"):
        gd.implicit(lambda a: "solved", lambda x, a: x - a)(1.0)
    with pytest.raises(ArgumentError, match="linear_solve= is one of 'dense'"):
        gd.implicit(square_root, cubic, linear_solve="gauss")
    with pytest.raises(ShapeError, match="an equation for each unknown"):
        gd.grad(gd.implicit(lambda a: [a, a], lambda x, a: [x[0] - a]))(1.0)
    with pytest.raises(ShapeError, match="as many equations"):
        gd.grad(gd.implicit(lambda a: 1.0, lambda x, a: np.stack([x, a])))(1.0)
    with pytest.raises(np.linalg.LinAlgError):
        gd.grad(gd.implicit(lambda a: 0.0, lambda x, a: x**2 - a))(0.0)


def test_a_solver_may_return_one_array_again_and_again():
    buffer = np.zeros(2)

    def solve(a):
        buffer[:] = np.sqrt(a)
        return buffer

    root = gd.implicit(solve, lambda x, a: x**2 - a)
    found = gd.jacobian(lambda a: root(a) * root(2 * a))(np.array([4.0, 9.0]))
    np.testing.assert_allclose(found, np.sqrt(2) * np.eye(2))


# ------------------------------------------------------------- how systems are solved


def cubic(x, a):
    """A symmetric positive Jacobian, so that each way of solving fits."""
    coupling = 0.3 * a[0] * (np.roll(x, 1) + np.roll(x, -1))
    return x**3 + 2 * x + coupling - a[1] * np.arange(1.0, 7.0)


SHIFTS = np.roll(np.eye(6), 1, axis=0) + np.roll(np.eye(6), -1, axis=0)


def solved_cubic(a):
    x = np.ones(6)
    for _ in range(20):
        matrix = np.diag(3 * x**2 + 2) + 0.3 * a[0] * SHIFTS
        x = x - np.linalg.solve(matrix, cubic(x, a))
    return x


A = np.array([0.4, 1.2])
HOWS = ["dense", "sparse", "gmres", "bicgstab", "cg", "minres"]


def differences(f, a, h=1e-4):
    """Return derivatives by differences of fourth order."""
    columns = [
        (8 * (f(a + e) - f(a - e)) - f(a + 2 * e) + f(a - 2 * e)) / (12 * h)
        for e in h * np.eye(a.size)
    ]
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("how", HOWS)
def test_each_way_of_solving_systems(how):
    if how != "dense":
        pytest.importorskip("scipy")
    root = gd.implicit(solved_cubic, cubic, linear_solve=how)
    expected = differences(solved_cubic, A)
    for mode in ("reverse", "forward"):
        found = gd.jacobian(root, mode=mode)(A)
        np.testing.assert_allclose(found, expected, rtol=1e-9)

    def f(a):
        return np.sum(root(a) ** 2)

    expected = differences(gd.grad(f), A)
    np.testing.assert_allclose(gd.hessian(f)(A), expected, rtol=1e-8)
    np.testing.assert_allclose(gd.hvp(f, A, A), expected @ A, rtol=1e-8)
    fast = gd.compile(gd.hessian(f))
    np.testing.assert_allclose(fast(A), expected, rtol=1e-8)
    np.testing.assert_allclose(fast(1.1 * A), gd.hessian(f)(1.1 * A), rtol=1e-9)


@pytest.mark.parametrize("how", HOWS)
def test_closures_over_nodes_and_every_way(how):
    if how != "dense":
        pytest.importorskip("scipy")

    def f(a):
        plain = gd.value(a)
        solution = gd.implicit(
            lambda: solved_cubic(plain), lambda x: cubic(x, a), linear_solve=how
        )()
        return np.sum(solution**2)

    np.testing.assert_allclose(gd.hessian(f)(A), differences(gd.grad(f), A), rtol=1e-8)


def test_a_function_that_solves_is_given_an_operator():
    linalg = pytest.importorskip("scipy.sparse.linalg")
    seen = []

    def solve(operator, b):
        seen.append(operator)
        return linalg.gmres(operator, b, rtol=1e-13)[0]

    root = gd.implicit(solved_cubic, cubic, linear_solve=solve, matrix_free=True)
    np.testing.assert_allclose(
        gd.jacobian(root)(A), differences(solved_cubic, A), rtol=1e-9
    )
    assert all(isinstance(x, linalg.LinearOperator) for x in seen)


def test_one_factorisation_serves_sweeps_of_every_order(monkeypatch):
    linalg = pytest.importorskip("scipy.linalg")
    made = []
    theirs = linalg.get_lapack_funcs

    def counted(names, arrays):
        made.append(names)
        return theirs(names, arrays)

    monkeypatch.setattr(linalg, "get_lapack_funcs", counted)
    root = gd.implicit(solved_cubic, cubic)
    gd.hessian(lambda a: np.sum(root(a) ** 3))(A)
    assert len(made) == 1


def test_many_unknowns_are_solved_by_sparse_factors():
    sp = pytest.importorskip("scipy.sparse.linalg")

    def equation(x, k):
        p = np.concatenate([np.zeros(1), x, np.zeros(1)])
        return x**3 + 2 * x - k * (p[2:] + p[:-2]) - 1.0

    def solve(k):
        x = np.full(3000, 0.4)
        matrix = gd.sparse.jacobian(lambda x: equation(x, k))
        for _ in range(9):
            x = x - sp.spsolve(matrix(x).tocsc(), equation(x, k))
        return x

    root = gd.implicit(solve, equation)

    def f(k):
        return np.sum(root(k))

    h = 1e-3
    stencil = np.array([f(0.5 + i * h) for i in (-2, -1, 1, 2)])
    slope = stencil @ [1, -8, 8, -1] / (12 * h)
    assert gd.grad(f)(0.5) == pytest.approx(slope, rel=1e-9)
    assert gd.compile(gd.grad(f))(0.5) == pytest.approx(slope, rel=1e-9)
    assert gd.grad(gd.grad(f))(0.5) == pytest.approx(
        (stencil[2] - 2 * f(0.5) + stencil[1]) / h**2, rel=1e-4
    )


def test_many_unknowns_that_all_meet_are_solved_by_dense_factors():
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(520, 520)) / 520 + 3 * np.eye(520)
    solution = gd.implicit(
        lambda a: np.linalg.solve(matrix, a), lambda x, a: matrix @ x - a
    )
    expected = np.linalg.solve(matrix.T, np.ones(520))
    found = gd.grad(lambda a: np.sum(solution(a)))(np.ones(520))
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("how", ["gmres", "bicgstab"])
def test_single_precision_is_solved_to_what_it_has(how):
    pytest.importorskip("scipy")
    rng = np.random.default_rng(0)
    matrix = (0.1 * rng.normal(size=(40, 40)) + 3 * np.eye(40)).astype(np.float32)
    solution = gd.implicit(
        lambda a: np.linalg.solve(matrix, a),
        lambda x, a: matrix @ x - a,
        linear_solve=how,
    )
    found = gd.grad(lambda a: np.sum(solution(a)))(np.ones(40, np.float32))
    assert found.dtype == np.float32
    expected = np.linalg.solve(matrix.T.astype(float), np.ones(40))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_a_solution_may_be_a_container():
    def split(x):
        return {"u": x[:2], "v": [x[2], np.reshape(x[3:], (1, 3))], "steps": 40}

    def equation(x, a):
        first, rest = x["v"]
        whole = np.concatenate([x["u"], np.reshape(first, (1,)), rest[0]])
        return {k: v for k, v in split(cubic(whole, a)).items() if k != "steps"}

    root = gd.implicit(lambda a: split(solved_cubic(a)), equation)
    assert root(A)["steps"] == 40

    def f(a):
        x = root(a)
        return np.sum(x["u"] ** 2) + x["v"][0] ** 3 + np.sum(x["v"][1])

    gd.check_gradients(f, (A,), order=2)
    np.testing.assert_allclose(
        gd.compile(gd.hessian(f))(A), gd.hessian(f)(A), rtol=1e-9
    )


def test_solutions_that_are_empty_or_nan():
    empty = gd.implicit(lambda a: np.zeros(0), lambda x, a: x * a)
    assert gd.grad(lambda a: np.sum(empty(a)) + a)(2.0) == 1.0
    nowhere = gd.implicit(lambda a: np.array([np.nan, 1.0]), lambda x, a: x**2 - a)
    assert np.isnan(gd.grad(lambda a: np.sum(nowhere(a)))(1.0))


def test_what_does_not_solve_its_equation_warns():
    root = gd.implicit(lambda a: 1.5, lambda x, a: x**2 - a)
    with pytest.warns(SolutionWarning, match="Let the solver run longer"):
        gd.grad(root)(4.0)


def test_krylov_methods_that_stop_warn():
    pytest.importorskip("scipy")
    matrix = np.random.default_rng(0).normal(size=(8, 8))
    with pytest.warns(SolutionWarning, match="cg stopped before"):
        gd.linear_solve(matrix, np.ones(8), linear_solve="cg")


@pytest.mark.parametrize("steps", [1, 2])
def test_newton_steps_on_nodes_are_exact_to_a_limited_order(steps):
    """The derivative of order 2**steps - 1 is exact, and the next one is not."""

    def by_steps(a):
        x = np.sqrt(gd.value(a))  # the solution, a constant
        for _ in range(steps):
            x = x - (x * x - a) / (2 * x)
        return x

    root = gd.implicit(np.sqrt, lambda x, a: x * x - a)
    exact, found = root, by_steps
    for order in range(1, 2**steps + 1):
        exact, found = gd.grad(exact), gd.grad(found)
        agrees = found(2.0) == pytest.approx(exact(2.0), rel=1e-9)
        assert agrees == (order < 2**steps)


# -------------------------------------------------------------------- linear systems


def test_a_linear_system_by_its_function():
    rng = np.random.default_rng(0)
    matrix, b = rng.normal(size=(3, 3)), rng.normal(size=3)

    def f(matrix, b):
        return np.sum(gd.linear_solve(lambda v: matrix @ v, b) ** 2)

    def dense(matrix, b):
        return np.sum(np.linalg.solve(matrix, b) ** 2)

    gd.check_gradients(f, (matrix, b), order=2)
    for argnum in (0, 1):
        np.testing.assert_allclose(
            gd.hessian(f, argnum)(matrix, b),
            gd.hessian(dense, argnum)(matrix, b),
            rtol=1e-9,
        )
    fast = gd.compile(gd.grad(f))
    for scale in (1.0, 2.0):
        np.testing.assert_allclose(
            fast(scale * matrix, b), gd.grad(dense)(scale * matrix, b), rtol=1e-9
        )


def test_a_linear_system_of_containers():
    matrix = np.array([[2.0, 1.0], [0.0, 3.0]])

    def f(b, scale):
        x = gd.linear_solve(
            lambda t: {"a": matrix @ t["a"], "c": t["c"] * scale}, {"a": b, "c": 6}
        )
        return np.sum(x["a"]) * x["c"]

    assert f(np.array([3.0, 3.0]), 2.0) == pytest.approx(6.0)
    gd.check_gradients(f, (np.array([3.0, 3.0]), 2.0), order=2)


def test_a_residual_may_be_a_list_of_equations():
    root = gd.implicit(
        lambda a: np.array([np.sqrt(a), a]), lambda x, a: [x[0] ** 2 - a, x[1] - a]
    )
    np.testing.assert_allclose(gd.jacobian(root)(4.0), [0.25, 1.0])


def test_a_complex_number_that_is_found_has_real_and_imaginary_parts():
    root = gd.implicit(
        lambda a: (a * (1 + 2j)) ** 0.5, lambda z, a: z**2 - a * (1 + 2j)
    )
    slope = (1 + 2j) ** 0.5 / 2
    assert gd.grad(lambda a: np.imag(root(a)))(1.0) == pytest.approx(slope.imag)
    assert gd.grad(lambda a: np.real(root(a)))(1.0) == pytest.approx(slope.real)


class Pair:
    """Holds a thing twice."""

    def __init__(self, x):
        self.first = self.second = x


def test_what_is_shared_is_looked_into_once():
    held = 2.0
    for _ in range(60):
        held = Pair(held)

    def factor():
        x = held
        while isinstance(x, Pair):
            x = x.second
        return x

    double = gd.implicit(lambda a: 2.0 * a, lambda x, a: x - a * factor())
    assert gd.grad(lambda a: double(a) ** 2)(3.0) == 24.0
