"""Entries that are carried through a recording are those of the dense matrix."""

from __future__ import annotations

import numpy as np
import optree
import pytest

import chainrule as gd
from chainrule.sparse import entries

pytest.importorskip("scipy.sparse")

N = 24
X = np.random.default_rng(3).uniform(0.3, 1.7, N)
CORNERS = np.array([np.random.default_rng(i).permutation(N)[:3] for i in range(30)])
EDGES = CORNERS[:, :2] % 8
ORDER = np.random.default_rng(5).permutation(N)


def upwind(u):
    before, after = np.roll(u, 1), np.roll(u, -1)
    return np.where(u > 1.0, u * (u - before), u * (after - u))


def nine_points(u):
    p = np.pad(u.reshape(4, 6), 1, mode="wrap")
    parts = [(i + 2 * j) * np.sin(p[i : i + 4, j : j + 6]) for i, j in np.ndindex(3, 3)]
    return sum(parts[1:], parts[0]).ravel()


def at_the_edges(u):
    p = np.pad(u, 2, mode="edge")
    return p[4:] * p[:-4] + np.exp(p[2:-2])


def fluxes(u):
    q = (u[1:] + u[:-1]) / 2
    f = np.concatenate([[0.0], q * q / 2, [0.0]])
    return f[1:] - f[:-1]


def elements(u):
    a, b, c = (u[CORNERS[:, i]] for i in range(3))
    out = gd.zeros(N)
    np.add.at(out, CORNERS[:, 0], (a - b) * (b - c) + a * c * c)
    np.add.at(out, CORNERS[:, 1], a * b)
    return out


def power_flow(v):
    volts, angles = v[:12], v[12:]
    i, j = CORNERS[:, 0] % 12, CORNERS[:, 1] % 12
    apart = angles[i] - angles[j]
    flows = volts[i] * volts[j] * (0.3 * np.cos(apart) + np.sin(apart))
    return np.bincount(i, weights=flows, minlength=12)


def collocation(z):
    x, u = z[:12].reshape(6, 2), z[12:18]
    f = np.stack([x[:, 1], u - np.sin(x[:, 0])], axis=1)
    defects = x[1:] - x[:-1] - 0.05 * (f[1:] + f[:-1])
    return np.concatenate([defects.ravel(), x[0] - 1.0, x[-1]])


def springs(u):
    x = u.reshape(8, 3)
    d = x[EDGES[:, 0]] - x[EDGES[:, 1]]
    length = np.sqrt(np.sum(d * d, axis=-1) + 0.1)
    force = (length - 1.0)[:, None] * d / length[:, None]
    out = gd.zeros((8, 3))
    np.add.at(out, EDGES[:, 0], force)
    np.add.at(out, EDGES[:, 1], -force)
    return out.ravel()


def wood(u):
    a, b, c, d = u[:-2:2], u[1:-2:2], u[2::2], u[3::2]
    ends = 90 * (c * c - d) ** 2 + (b + d - 2) ** 2 + (b - d) ** 2 / 10
    return np.sum(100 * (a * a - b) ** 2 + (a - 1) ** 2 + (1 - c) ** 2 + ends)


def softmax(u):
    e = np.exp(u.reshape(8, 3))
    return (e / np.sum(e, axis=1, keepdims=True)).ravel()


def written(u):
    y = np.zeros_like(u)
    y[1:] = u[:-1] * 2
    y[::2] *= 3
    y[3] = u[5]
    return y * u


CARRIED = [
    upwind,
    nine_points,
    at_the_edges,
    fluxes,
    elements,
    power_flow,
    collocation,
    springs,
    softmax,
    written,
    lambda u: np.diff(u, 2) * u[1:-1],
    lambda u: np.mean(u.reshape(6, 4) ** 2, axis=1) * u[:6],
    lambda u: np.repeat(u[:8], 3) * u - np.tile(u[:4], 6),
    lambda u: np.clip(u, 0.5, 1.2) * np.maximum(u, u[::-1]),
    lambda u: u[ORDER] * u + (u.reshape(4, 6).T ** 2).ravel(),
    lambda u: np.triu(u[:16].reshape(4, 4)).ravel() * 2,
    lambda u: (u[:4, None] * u[None, 4:8], {"a": u[5] * u[6], "b": np.sin(u)}),
    lambda u: 3 * u - np.roll(u, 1),
    lambda u: np.arange(12.0).reshape(3, 4) @ u[:4],
    lambda u: np.exp(np.arange(5.0)[:, None] * u[3:6]) @ u[:3] + u[6],
    lambda u: np.sin(u[:3] @ u[3:15].reshape(3, 4)) * u[4:8],
    lambda u: u[:12].reshape(3, 4) @ (u[12:].reshape(4, 3) * u[:3]),
    lambda u: np.tanh(u.reshape(2, 3, 4) @ np.eye(4)[:, ::2]) @ u[:2],
    lambda u: np.stack([u[:4] @ u[4:8], u[0]]),
    gd.grad(lambda v: np.sum(v[1:] ** 3 * v[:-1])),
    lambda u: u,
]
NOT_CARRIED = [
    lambda u: np.dot(np.arange(12.0).reshape(3, 4), u[:4]),
    lambda u: np.cumsum(u) ** 2,
    lambda u: np.prod(u.reshape(8, 3), axis=1),
    lambda u: gd.scan(lambda c, t: (t, c * t), 0.0, u)[1],
    lambda u: np.fft.ifft(u * np.fft.fft(u)).real,
]
HESSIANS = [
    *(lambda u, f=f: np.sum(np.sqrt(1 + f(u) ** 2)) for f in CARRIED[:9:2]),
    lambda u: np.sum((u[1:] - u[:-1] ** 2) ** 2),
    lambda u: np.sum(u**3) * u[0],
    lambda u: (
        np.sum(u) - np.sum(np.log(9 - u * u)) - np.sum(np.log(9 - u[1:] - u[:-1]))
    ),
    wood,
    lambda u: np.sum(np.where(u > 1, u**3, np.sin(u) * u[::-1])),
]


@pytest.fixture
def whatever_it_costs(monkeypatch):
    """Carry entries also where that takes more than products."""
    plain = entries.Carrier.__init__
    monkeypatch.setattr(entries.Carrier, "__init__", lambda c, _: plain(c, np.inf))


def same(found, dense):
    pairs = zip(optree.tree_leaves(found), optree.tree_leaves(dense), strict=True)
    for sparse, full in pairs:
        full = np.reshape(full, sparse.shape)
        near = 1e-11 if full.dtype == np.float64 else 3e-4
        np.testing.assert_allclose(sparse.toarray(), full, rtol=near, atol=near)


@pytest.mark.usefixtures("whatever_it_costs")
@pytest.mark.parametrize("f", CARRIED)
def test_carried_jacobians_are_the_dense_ones(f):
    J = gd.sparse.jacobian(f)
    for x in (X, X[::-1] * 1.2):
        same(J(x), gd.jacobian(f)(x))
        assert J.carried


@pytest.mark.usefixtures("whatever_it_costs")
@pytest.mark.parametrize("f", [at_the_edges, collocation, softmax])
def test_single_precision(f):
    J, x = gd.sparse.jacobian(f), X.astype(np.float32)
    same(J(x), gd.jacobian(f)(x))

    assert J(x).dtype == np.float32


@pytest.mark.usefixtures("whatever_it_costs")
@pytest.mark.parametrize("f", HESSIANS)
def test_carried_hessians_are_the_dense_ones(f):
    H = gd.sparse.hessian(f)
    for x in (X, X[::-1] * 1.2):
        found = H(x)
        same(found, gd.hessian(f)(x))
        assert H.carried
        assert (found.toarray() == found.toarray().T).all()


@pytest.mark.parametrize("f", NOT_CARRIED)
def test_what_is_not_carried_is_made_of_products(f):
    J = gd.sparse.jacobian(f)
    same(J(X), gd.jacobian(f)(X))
    assert not J.carried


def test_products_where_they_take_less():
    def f(u):
        total = 0.0
        for i in range(1, N):
            total = total + np.exp(u[i] * u[i - 1]) * u[i]
        return total

    H, J = gd.sparse.hessian(f), gd.sparse.jacobian(fluxes, mode="forward")
    same(H(X), gd.hessian(f)(X))
    same(J(X), gd.jacobian(fluxes)(X))
    assert not H.carried
    assert not J.carried


def test_another_path_is_carried_too():
    def f(x):
        return x[1:] * x[:-1] if x[0] > 1 else x**2

    J = gd.sparse.jacobian(f)
    for x in (X / X[0] * 2, X / X[0] / 2, X / X[0] * 3):
        same(J(x), gd.jacobian(f)(x))
        assert J.carried


def test_what_is_left_out_is_not_multiplied():
    def f(x):
        return np.where(x > 0, np.log(np.where(x > -1, x, 1.0)), x[::-1]) * x

    J = gd.sparse.jacobian(f)
    for x in (X, X - X[3], X - 1.0):
        with np.errstate(all="ignore"):
            same(J(x), gd.jacobian(f)(x))


def test_constant_entries_are_the_callers_own():
    J = gd.sparse.jacobian(lambda x: 3 * x - np.roll(x, 1))
    first = J(X)
    first.data[:] = 0.0
    same(J(X), 3 * np.eye(N) - np.roll(np.eye(N), 1, axis=0))


@pytest.mark.usefixtures("whatever_it_costs")
def test_what_a_hessian_leaves_out_is_not_multiplied():
    def f(x):
        roots = np.sqrt(np.where(x > -1, x, 1.0))
        return np.sum(np.where(x > 0, roots, x[::-1]) * x[ORDER])

    H = gd.sparse.hessian(f)
    for x in (X, X - X[3], X - 1.0):
        with np.errstate(all="ignore"):
            same(H(x), gd.hessian(f)(x))
    assert H.carried


def test_a_gradient_is_not_computed_to_be_checked():
    H = gd.sparse.hessian(lambda u: np.sum(np.exp(u[1:] * u[:-1]) * u[1:]))
    H(X)
    (state,) = H._states.values()
    program = state._run.kept.latest.program
    assert not {x.shape for x in program.checks} & {X.shape}


def sums_of_pairs(u):
    return np.sum((u**2).reshape(N // 2, 2), axis=1)


MASK = np.arange(N // 2) % 3 > 0


@pytest.mark.parametrize(
    "f",
    [
        lambda u: sums_of_pairs(u) * MASK + sums_of_pairs(u) * (u[::2] > 1.0),
        lambda u: u[1::2] - sums_of_pairs(u) * MASK,
        lambda u: -(sums_of_pairs(u) * MASK.astype(np.uint8)),
        lambda u: sums_of_pairs(u) * np.arange(N // 2) - sums_of_pairs(u) * MASK,
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_truth_values_and_whole_numbers_are_factors_of_sums(f, dtype):
    J, u = gd.sparse.jacobian(f), X.astype(dtype)
    np.testing.assert_allclose(J(u).toarray(), gd.jacobian(f)(u), rtol=1e-5)
