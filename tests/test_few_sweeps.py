"""Large Jacobians and Hessians of few entries: equal to those of all sweeps."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.transforms import compressed, matrices

N = 36
X = np.linspace(0.4, 1.6, N)
B = np.triu(np.tril(np.cos(np.arange(N * N).reshape(N, N)), 1), -2)


@pytest.fixture
def few(monkeypatch):
    """Have few sweeps taken where they do, and count how often they did."""
    for name in ("TRACED", "EAGER", "FEWEST"):
        monkeypatch.setattr(compressed, name, 1)
    found = []

    def counted(*args, **given):
        blocks = compressed.blocks_by_few_sweeps(*args, **given)
        found.append(blocks is not None)
        return blocks

    monkeypatch.setattr(matrices, "blocks_by_few_sweeps", counted)
    return found


def all_sweeps(monkeypatch, f, *args):
    with monkeypatch.context() as m:
        m.setattr(matrices, "blocks_by_few_sweeps", lambda *_, **__: None)
        return f(*args)


def five_points(x):
    u = np.pad(x.reshape(6, 6), 1)
    rest = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2]
    return np.ravel(rest - 4 * u[1:-1, 1:-1] + np.exp(u[1:-1, 1:-1]))


JACOBIANS = {
    "banded": lambda x: x[2:] * x[:-2] - np.sin(x[1:-1]),
    "banded matrix": lambda x: np.tanh(B @ x),
    "five points": five_points,
    "blocks": lambda x: np.sum(x.reshape(12, 3) ** 2, axis=1) * x[:12],
    "arrow": lambda x: np.concatenate([[np.sum(np.sin(x))], x[1:] ** 2 * x[0]]),
    "Kronecker": lambda x: np.kron(np.eye(6), np.ones((1, 6))) @ np.exp(x),
    "single": lambda x: (x[1:] * x[:-1]).astype(np.float32),
    "where": lambda x: np.where(x > 1.0, np.sqrt(np.abs(x - X[20])), x**3),
    "chained": lambda x: np.diff(np.roll(x, 5)[::-1] ** 3) / x[1:],
    "scalars": lambda x: [x[0] * x[1], x[2:] ** 2],
    "containers": lambda x: {"a": x[:9] * x[9:18], "b": (np.exp(x), 3)},
}


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse"])
@pytest.mark.parametrize("f", JACOBIANS.values(), ids=JACOBIANS)
def test_jacobians_are_those_of_all_sweeps(f, mode, few, monkeypatch):
    J = gd.jacobian(f, mode=mode)
    expected = all_sweeps(monkeypatch, J, X)
    same(J(X), expected)
    same(gd.compile(J)(X), expected)
    fast = gd.compile(J)
    fast(X)
    same(fast(X + 0.25), all_sweeps(monkeypatch, J, X + 0.25))
    if mode == "auto":
        assert all(few)


def same(found, expected):
    expected, structure = gd.values.containers.flatten(expected)
    found, arranged = gd.values.containers.flatten(found)
    assert arranged == structure
    for a, b in zip(found, expected, strict=True):
        assert type(a) is type(b)
        if b is not None:
            assert a.dtype == b.dtype
            tolerance = 1e-6 if b.dtype == np.float32 else 1e-13
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


HESSIANS = {
    "Rosenbrock": lambda x: np.sum(
        100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2
    ),
    "arrow": lambda x: np.sum(x[0] * x**3) + np.sum(np.cos(x)),
    "five points": lambda x: np.sum(five_points(x) * x),
    "pairs": lambda x: np.sum(np.exp(x[:18] * x[18:])),
}


@pytest.mark.parametrize("f", HESSIANS.values(), ids=HESSIANS)
def test_hessians_are_those_of_all_sweeps(f, few, monkeypatch):
    H = gd.hessian(f)
    expected = all_sweeps(monkeypatch, H, X)
    found = H(X)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_allclose(gd.compile(H)(X), expected, rtol=1e-12, atol=1e-12)
    assert few[0]


def test_several_arguments_have_their_blocks(few, monkeypatch):
    def f(x, p):
        return p["a"] * x[:9] + p["b"] * x[9:18], np.sum(p["c"]) * x

    J = gd.jacobian(f, (0, 1))
    p = {"a": X[:9], "b": 2.0, "c": np.array([1.0, 3.0])}
    same(J(X, p), all_sweeps(monkeypatch, J, X, p))
    assert few[0]


def test_derivatives_of_few_sweeps(few, monkeypatch):
    def f(x):
        return x[1:] ** 3 * x[:-1]

    def third(x):
        return np.sum(gd.jacobian(f)(x) * B[:-1]) + np.sum(gd.hessian(np.prod)(x[:3]))

    for run in (third, gd.compile(third)):
        found = gd.grad(run)(X)
        expected = all_sweeps(monkeypatch, gd.grad(third), X)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    found = gd.jvp(gd.jacobian(f), (X,), (np.ones(N),))[1]
    expected = all_sweeps(
        monkeypatch, lambda: gd.jvp(gd.jacobian(f), (X,), (1 + 0 * X,))
    )
    np.testing.assert_allclose(found, expected[1], rtol=1e-12)
    mapped = gd.vmap(gd.jacobian(f))
    points = np.stack([X, X + 1])
    expected = np.stack([all_sweeps(monkeypatch, gd.jacobian(f), x) for x in points])
    np.testing.assert_allclose(mapped(points), expected, rtol=1e-13)
    np.testing.assert_allclose(gd.compile(mapped)(points), expected, rtol=1e-13)


def test_full_matrices_take_all_sweeps(few, monkeypatch):
    full = np.cos(np.arange(N * N).reshape(N, N))
    for f in (lambda x: np.tanh(full @ x), lambda x: np.cumsum(x) * np.sum(x)):
        for J in (gd.jacobian(f), gd.hessian(lambda x, f=f: np.sum(f(x) ** 2))):
            expected = all_sweeps(monkeypatch, J, X)
            np.testing.assert_allclose(J(X), expected, rtol=1e-12, atol=1e-13)
            np.testing.assert_allclose(
                gd.compile(J)(X), expected, rtol=1e-11, atol=1e-12
            )
    assert not any(few)


def test_a_derivative_that_needs_numbers_takes_all_sweeps(few):
    def pullback(z_grad, z, x):
        return (np.array([float(g) * 3 for g in z_grad]),)

    f = gd.custom_operation(lambda x: 3 * x, pullback)
    np.testing.assert_array_equal(gd.jacobian(f)(X), 3 * np.eye(N))
    assert not any(few)


def test_infinite_derivatives_stay_where_they_are(few, monkeypatch):
    def f(x):
        return np.sqrt(x)[1:] + x[:-1]

    x = X.copy()
    x[7] = 0.0
    with np.errstate(all="ignore"):
        found, expected = gd.jacobian(f)(x), all_sweeps(monkeypatch, gd.jacobian(f), x)
        compiled = gd.compile(gd.jacobian(f))(x)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(compiled, expected)
    assert np.isinf(found).sum() == 1
    assert few[0]
