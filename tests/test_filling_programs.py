"""Programs that fill and change arrays as scientists write them, in NumPy alone.

Each runs as it stands on plain arrays, on nodes by ``gd.lift``, and with ``gd.zeros``.
"""

from __future__ import annotations

import functools
import types

import numpy as np
import pytest

import chainrule as gd
from tests.programs_in_place import differences


def verlet(x):
    """Three masses on springs, by velocity Verlet's method."""
    dt, v, energies = 0.1, np.zeros(3), np.empty(8)

    def pull(x):
        f = np.zeros(3)
        stretch = x[1:] - x[:-1]
        f[:-1] += stretch + 0.2 * stretch**3
        f[1:] -= stretch + 0.2 * stretch**3
        return f

    a = pull(x)
    for n in range(8):
        v += 0.5 * dt * a
        x += dt * v
        a = pull(x)
        v += 0.5 * dt * a
        energies[n] = np.sum(v**2)
    return np.sum(energies) + np.sum(x**2)


def upwind(u):
    """Advection along a line, with inflow at its left end."""
    c = 0.3
    out = np.zeros((6, u.size))
    out[0] = u
    for n in range(5):
        out[n + 1, 1:] = out[n, 1:] - c * (out[n, 1:] - out[n, :-1])
        out[n + 1, 0] = out[n, 0]
    u[...] = out[-1]
    return np.sum(u**2) + np.sum(out[2] * out[4])


def pivoted(entries):
    """Solve by a factorisation with pivoting, in the place of the matrix."""
    n = 3
    a = entries[:9].reshape(n, n)
    b = entries[9:].copy()
    for k in range(n):
        p = k + np.argmax(np.abs(a[k:, k]))
        if p != k:
            a[[k, p]] = a[[p, k]]
            b[k], b[p] = b[p], b[k]
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
            a[i, k + 1 :] -= a[i, k] * a[k, k + 1 :]
            b[i] -= a[i, k] * b[k]
    x = np.zeros(n)
    for k in range(n - 1, -1, -1):
        x[k] = (b[k] - a[k, k + 1 :] @ x[k + 1 :]) / a[k, k]
    return np.sum(x**2) + np.prod(np.diag(a))


def householder(entries):
    """Least squares by reflections: R in the place of the matrix."""
    m, n = 4, 2
    a = entries[:8].reshape(m, n).copy()
    b = np.zeros(m)
    b[:] = entries[8:]
    for k in range(n):
        w = a[k:, k].copy()
        w[0] += np.sign(w[0]) * np.sqrt(np.sum(w**2))
        w /= np.sqrt(np.sum(w**2))
        a[k:, k:] -= 2.0 * np.outer(w, w @ a[k:, k:])
        b[k:] -= 2.0 * w * (w @ b[k:])
    x = np.empty(n)
    for k in reversed(range(n)):
        x[k] = (b[k] - np.dot(a[k, k + 1 :], x[k + 1 :])) / a[k, k]
    return np.sum(x**2) + np.sum(b[n:] ** 2)


def kalman(parameters):
    """Negative logarithm of a likelihood, with all states kept."""
    noise, drift, rate = parameters[:3]
    seen = parameters[3:]
    n = len(seen)
    mean, cov = np.zeros((n, 2)), np.zeros((n, 2, 2))
    f = np.eye(2)
    f[0, 1] = rate
    h, q = np.array([1.0, 0.0]), np.eye(2)
    q *= drift**2
    m, p, loss = np.zeros(2), np.eye(2), 0.0
    for t in range(n):
        m = f @ m
        p = f @ p @ f.T + q
        s = h @ p @ h + noise**2
        gain = p @ h / s
        r = seen[t] - h @ m
        m = m + gain * r
        p = p - np.outer(gain, h @ p)
        mean[t], cov[t] = m, p
        loss += 0.5 * (np.log(s) + r * r / s)
    return loss + np.sum(mean[:, 1] ** 2) + np.trace(cov[-1])


def aligned(scores):
    """Smoothed score of Needleman and Wunsch, by a table."""
    gap, rows, columns = 0.4, 3, 4
    s = scores.reshape(rows, columns)
    table = np.zeros((rows + 1, columns + 1))
    table[1:, 0] = -gap * np.arange(1, rows + 1)
    table[0, 1:] = -gap * np.arange(1, columns + 1)
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            choices = np.zeros(3)
            choices[0] = table[i - 1, j - 1] + s[i - 1, j - 1]
            choices[1] = table[i - 1, j] - gap
            choices[2] = table[i, j - 1] - gap
            top = np.max(choices)
            table[i, j] = top + np.log(np.sum(np.exp(choices - top)))
    return table[rows, columns]


def volumes(u):
    """Burgers' equation by finite volumes with ghost cells and limited slopes."""
    n = u.size
    cells = np.zeros(n + 4)
    for _ in range(4):
        cells[2:-2] = u
        cells[:2], cells[-2:] = cells[2], cells[-3]
        slope = np.zeros(n + 4)
        left, right = np.diff(cells)[:-1], np.diff(cells)[1:]
        same = left * right > 0
        slope[1:-1][same] = (2 * left * right)[same] / (left + right)[same]
        edge = cells + 0.5 * slope
        flux = 0.5 * edge[1:-2] ** 2
        u -= 0.1 * (flux[1:] - flux[:-1])
    return np.sum(u**3) + np.max(u)


def forward_backward(logits):
    """Posterior of a hidden Markov chain: both tables are filled."""
    moves, signs = np.exp(logits[:4].reshape(2, 2)), np.exp(logits[4:].reshape(2, 2))
    moves /= moves.sum(axis=1, keepdims=True)
    signs /= signs.sum(axis=1, keepdims=True)
    seen = [0, 1, 1, 0, 1]
    alpha, beta = np.zeros((5, 2)), np.ones((5, 2))
    alpha[0] = 0.5 * signs[:, seen[0]]
    for t in range(1, 5):
        alpha[t] = alpha[t - 1] @ moves * signs[:, seen[t]]
    for t in range(3, -1, -1):
        beta[t] = moves @ (signs[:, seen[t + 1]] * beta[t + 1])
    posterior = alpha * beta
    for row in posterior:
        row /= row.sum()
    return np.sum(posterior[1:-1, 0] ** 2) + np.log(np.sum(alpha[-1]))


RNG = np.random.default_rng(7)
PROGRAMS = {
    verlet: np.array([0.1, 1.3, 1.9]),
    upwind: np.array([1.0, 0.4, 0.7, 1.2]),
    pivoted: RNG.normal(size=12),
    householder: RNG.normal(size=12),
    kalman: np.array([0.5, 0.3, 0.8, 0.4, 0.9, 1.1, 0.7]),
    aligned: RNG.normal(size=12),
    volumes: np.array([0.2, 0.5, 0.9, 1.0, 0.6, 0.55]),
    forward_backward: RNG.normal(size=8) * 0.5,
}
every_program = pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)


OURS = {name: getattr(gd, name) for name in ("zeros", "ones", "empty")}


def with_our_zeros(f):
    """Return a program as a user writes it with ``gd.zeros``."""
    numpy_with_ours = types.SimpleNamespace(**{**vars(np), "eye": gd.numpy.eye, **OURS})
    made = types.FunctionType(f.__code__, {**globals(), "np": numpy_with_ours})
    return functools.wraps(f)(made)


@every_program
def test_values_and_derivatives(f):
    x = PROGRAMS[f]
    expected = differences(lambda x: f(x.copy()), x)
    second = differences(gd.grad(gd.lift(f)), x)
    step = np.cos(np.arange(x.size))
    for ours in (gd.lift(f), with_our_zeros(f)):
        before = x.copy()
        value, grad = gd.value_and_grad(ours)(x)
        np.testing.assert_allclose(value, f(x.copy()), rtol=1e-13)
        np.testing.assert_allclose(grad, expected, rtol=1e-6, atol=1e-8)
        dot = gd.jvp(ours, (x,), (step,))[1]
        np.testing.assert_allclose(dot, grad @ step, rtol=1e-11)
        np.testing.assert_array_equal(x, before)
        product = gd.hvp(ours, x, step)
        np.testing.assert_allclose(product, second @ step, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(gd.lift(f)(x.copy()), f(x.copy()), rtol=1e-15)


@every_program
def test_compiled(f):
    x, ours = PROGRAMS[f], gd.lift(f)
    fast, plain = gd.compile(gd.value_and_grad(ours)), gd.compile(ours)
    for point in (x, x * 1.05, x):
        value, grad = fast(point)
        expected, slopes = gd.value_and_grad(ours)(point)
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        np.testing.assert_allclose(grad, slopes, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(plain(point), expected, rtol=1e-12)
    product = gd.compile(lambda x: gd.hvp(ours, x, np.ones(x.size)))(x)
    expected = gd.hvp(ours, x, np.ones(x.size))
    np.testing.assert_allclose(product, expected, rtol=1e-8, atol=1e-9)
