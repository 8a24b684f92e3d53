"""Derivatives through solvers, by the equation that the solution satisfies."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, ShapeError


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
        gd.implicit(lambda a: {"x": a}, lambda x, a: x - a)(1.0)
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
