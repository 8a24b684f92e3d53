"""Patterns of every rule: all that is not zero is in them, and few are dense."""

from __future__ import annotations

import importlib
from itertools import chain

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError
from chainrule.nodes.node_class import record
from chainrule.rules import elementwise, linear, multilinear
from tests.helpers import OF_SCIPY, RULES, as_tuple, calls_of, is_inexact

matrices = pytest.importorskip("chainrule.sparse.matrices")

CALLS = list(chain.from_iterable(map(calls_of, RULES)))
ALL = list(dict.fromkeys([*RULES, *OF_SCIPY]))
DENSE_ALLOWED = 10


def function_of(call):
    """Return a call as a function of its first differentiable operand, and that."""
    values = call.draw()
    moving = [i for i in call.moving(values) if np.ndim(values[i])]
    if not moving:
        return None
    i = moving[0]

    def f(x):
        operands = list(values)
        operands[i] = x
        z = as_tuple(record(call.rule, operands, call.parameters))
        return next(v for v in z if is_inexact(gd.value(v)) or not isinstance(v, int))

    return f, values[i]


def detected(call):
    """Return the pattern of a call, its Jacobian, and what made it dense."""
    made = function_of(call)
    if made is None or not made[1].size or made[1].dtype.kind != "f":
        return None
    f, x = made
    found = matrices.State(matrices.SparseDerivative(f), [x], {})
    with np.errstate(all="ignore"):
        try:
            matrix, because, _ = found.found([x], {})
        except ArgumentError:
            return None  # a number of another class, or a nan
        jacobian = np.asarray(gd.jacobian(f)(x))
    matrix = matrix.toarray()
    return matrix, jacobian.reshape(matrix.shape), because


def outside(found):
    """Tell where a Jacobian is not zero, and its pattern is."""
    pattern, jacobian, _ = found
    noise = 1e-14 * np.nanmax(abs(jacobian), initial=0.0)
    return (abs(jacobian) > noise) & ~pattern


@pytest.mark.parametrize("k", range(len(CALLS)), ids=[c.label for c in CALLS])
@pytest.mark.thinned(4)
def test_what_is_not_zero_is_in_the_pattern(k):
    found = detected(CALLS[k])
    if found is None:
        pytest.skip("no array of floats to differentiate in")
    assert not outside(found).any()


OF_STRUCTURE = (elementwise, linear, multilinear)


@pytest.mark.slow
def test_few_functions_fall_to_dense_and_none_of_a_known_structure():
    dense, full = set(), set()
    for call in chain.from_iterable(map(calls_of, ALL)):
        found = detected(call)
        if found is None:
            continue
        assert not outside(found).any(), call.label
        pattern, jacobian, because = found
        if because:
            dense.add(call.rule.__name__)
        is_sparse = 0 < np.count_nonzero(jacobian) <= pattern.size // 2
        if is_sparse and pattern.all() and issubclass(call.rule, OF_STRUCTURE):
            full.add(call.label)
    assert len(dense) <= DENSE_ALLOWED, sorted(dense)
    assert not full


UNEVEN = np.concatenate([np.zeros(9, int), np.random.default_rng(2).integers(0, 9, 51)])
DECLARED = {
    "convolve": lambda x: np.convolve(x, np.ones(40))[: x.size],
    "a short kernel": lambda x: np.convolve(x[:7], np.ones(3), "same"),
    "a product of x": lambda x: np.convolve(x, x[:2]),
    "a diagonal": lambda x: np.einsum("ii->i", x[:36].reshape(6, 6)),
    "letters left out": lambda x: np.einsum(
        "ij,jk", x.reshape(2, 30), np.ones((30, 2))
    ),
    "dots": lambda x: np.einsum(
        "...ij,...j->...i", x.reshape(5, 4, 3), x[:15].reshape(5, 3)
    ),
    "dots in one": lambda x: np.einsum("i...,i->...i", x.reshape(4, 5, 3), x[:4]),
    "a sum of some": lambda x: np.sum(
        x.reshape(3, 20), axis=1, where=np.arange(20) % 2 == np.arange(3)[:, None] % 2
    ),
    "one of all beside constants": lambda x: np.concatenate([np.ones(3), x[:4] * x[0]]),
    "cumsum": np.cumsum,
    "cumsum of all axes": lambda x: np.cumsum(x.reshape(6, 10)),
    "cumsum of rows": lambda x: np.cumsum(x.reshape(12, 5), axis=1),
    "cumprod of columns": lambda x: np.cumprod(x.reshape(6, 10), axis=0),
    "accumulate": lambda x: np.add.accumulate(x.reshape(6, 10), axis=-1),
    "several results": lambda x: np.concatenate(
        [np.ravel(p) for p in np.linalg.eigh(x[:8].reshape(2, 2, 2) + 3 * np.eye(2))]
    ),
    "one of several results": lambda x: np.linalg.svd(
        x[:24].reshape(2, 3, 2, 2), compute_uv=False
    ),
    "correlate1d": lambda x: of_scipy("ndimage").correlate1d(x, [1.0, 2.0, 1.0]),
    "correlate": lambda x: of_scipy("ndimage").correlate(
        x.reshape(6, 10), np.ones((3, 3)), mode="wrap"
    ),
    "uniform_filter": lambda x: of_scipy("ndimage").uniform_filter(x.reshape(6, 10), 3),
    "median_filter": lambda x: of_scipy("ndimage").median_filter(x, 5),
    "oaconvolve": lambda x: of_scipy("signal").oaconvolve(x, np.ones(3), "same"),
    "interp": lambda x: np.interp(
        np.linspace(-0.1, 0.99, 17), np.linspace(0, 1, 60), x
    ),
    "meshgrid": lambda x: np.concatenate(
        [np.ravel(z) for z in np.meshgrid(x[:9], x[9:20])]
    ),
    "reduceat": lambda x: np.add.reduceat(x**2, [0, 7, 7, 31]),
    "median": lambda x: np.median(x.reshape(20, 3), axis=1),
    "a mask of constants": lambda x: np.where(np.arange(60) % 3 == 0, x, np.flip(x)),
    "a product with zeros": lambda x: np.roll(x, 1) * np.tile([0.0, 1.0], 30) + x,
    "rows in a list": lambda x: np.concatenate([[np.sum(x[:3]), x[7]], x[:2] ** 2]),
    "matrices on each other": lambda x: np.concatenate(
        [x.reshape(20, 3), np.ones((2, 3)), x.reshape(20, 3)[:4] ** 2]
    ),
    "another order": lambda x: np.reshape(x, (6, 10), "F") ** 2 + x.reshape(6, 10),
    "by columns": lambda x: np.ravel(x.reshape(6, 10), "F") * x,
    "sums of planes": lambda x: np.sum(x.reshape(3, 5, 4) ** 2, axis=(0, 2)),
    "reduced": lambda x: np.add.reduce(x.reshape(20, 3) ** 2),
    "parts of what all have": lambda x: (x * 0.5 + np.sum(x[:3]))[10:20:2],
    "uneven sums": lambda x: np.bincount(UNEVEN, x**2 * np.roll(x, 1), 40),
    "uneven sums of what all have": lambda x: np.bincount(
        UNEVEN, x[0] * np.ones(60), 9
    ),
    "put between": gd.grad(lambda x: np.sum(x[3:30:3] ** 2 * x[:9]) * x[-1]),
    "upfirdn": lambda x: of_scipy("signal").upfirdn(np.ones(5), x, 2, 3),
}


def of_scipy(part):
    """Return a part of SciPy's namespace that takes nodes."""
    return importlib.import_module(f"chainrule.scipy.{part}")


@pytest.mark.parametrize("name", DECLARED)
def test_patterns_have_what_is_not_zero_and_little_else(name):
    f, x = DECLARED[name], np.random.default_rng(1).normal(size=60)
    J = gd.sparse.jacobian(f)
    found = J(x)
    jacobian = gd.jacobian(f)(x).reshape(found.shape)
    np.testing.assert_allclose(found.toarray(), jacobian, rtol=1e-9, atol=1e-12)
    assert J.dense_because == []
    moved = gd.jacobian(f)(x[::-1].copy()).reshape(found.shape)
    expected = np.count_nonzero((jacobian != 0) | (moved != 0))
    of_any = ("filter", "several", "median")
    assert found.nnz <= (3 if any(map(name.count, of_any)) else 1) * expected


MOVING = {
    "a place that is computed": lambda x: np.take(x, np.argsort(x)[2:4]) ** 2,
    "a distance that is computed": lambda x: np.roll(x, np.argmax(x)),
    "axes by default": lambda x: np.fft.fft2(x.reshape(2, 3)).real,
    "all axes": lambda x: np.fft.fftn(x.reshape(2, 3)).imag,
    "constants in a list": lambda x: np.concatenate([x, [100.0, np.inf]]),
    "whole numbers": lambda x: np.column_stack([x, np.arange(6) * 100]),
    "a padded constant": lambda x: np.pad(x, 1, constant_values=(3.0, 1e300)),
    "an array of numbers": lambda x: np.array([[x[0], 100.0], [np.nan, x[1]]]),
    "an inserted constant": lambda x: np.insert(x, 2, -7.0),
}


@pytest.mark.parametrize("name", MOVING)
def test_moved_entries_are_told_from_constants_and_places(name):
    f, x = MOVING[name], np.array([0.3, -1.2, 0.8, 2.0, -0.4, 1.1])
    expected = gd.jacobian(f)(x).reshape(-1, 6)
    found = gd.sparse.jacobian(f)(x).toarray()
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_sparse_matrix_keeps_its_pattern():
    sp = pytest.importorskip("scipy.sparse")
    a = sp.random_array((6, 9), density=0.3, rng=1).tocsr()
    found = gd.sparse.sparsity(lambda x: np.exp(a @ x) @ a, np.ones(9))
    np.testing.assert_array_equal(found.toarray(), (a.T @ a).toarray() != 0)


def test_constants_are_in_no_pattern():
    pattern = gd.sparse.sparsity(lambda x: np.append(x, [1.0, 2.0]), np.ones(3))
    assert pattern.nnz == 3


def test_a_zero_of_one_point_is_no_zero_of_the_pattern():
    J = gd.sparse.jacobian(lambda x: x[::-1] * np.sign(x - 1.0))
    x = np.array([1.0, 2.0, 0.5])
    assert gd.sparse.sparsity(np.floor, x).nnz == 0
    assert J(x).nnz == 3
    np.testing.assert_array_equal(J(x).toarray()[0], [0.0, 0.0, 0.0])


def by_masks(x):
    """Return what several masks pick, compute of it, and write."""
    m, y = x < 0, x * 1.0
    y[m] = np.exp(x[m]) * np.roll(x, 3)[m]
    y[~m] *= np.roll(x, 1)[~m]
    y[x > 1.0] = 2.0
    y[:3] = np.ones(3)
    return np.roll(y, 1) * y


def by_rows(x):
    u = x.reshape(20, 3)
    m, y = u[:, 0] < 0, u * 1.0
    y[m] = np.roll(u, 1, axis=1)[m] * u[m]
    return y


def by_other_masks(x):
    y, picked = x * 1.0, x[x < 0]
    y[x < 0] = picked[::-1] * np.sum(picked)
    return y


@pytest.mark.parametrize("f", [by_masks, by_rows, by_other_masks])
def test_masks_have_the_patterns_of_all_their_values(f):
    J = gd.sparse.jacobian(f)
    H = gd.sparse.hessian(lambda x: np.sum(f(x) ** 2))
    for seed in range(4):
        x = np.random.default_rng(seed).normal(size=60)
        expected = gd.jacobian(f)(x).reshape(60, 60)
        np.testing.assert_allclose(J(x).toarray(), expected, atol=1e-12)
        second = gd.hessian(lambda x: np.sum(f(x) ** 2))(x)
        np.testing.assert_allclose(H(x).toarray(), second, rtol=1e-9, atol=1e-9)
    if f is not by_other_masks:
        assert J(x).nnz <= 360


def test_what_is_picked_by_a_mask_is_no_constant():
    x = np.random.default_rng(0).normal(size=30)
    for f in (
        lambda x: np.sum(x[x > 0] ** 2) * x,
        lambda x: np.dot(x[x > 0], x[x > 0]) + x,
        lambda x: np.concatenate([x[x > 0], x[x <= 0] ** 2]),
        lambda x: np.sort(x[x > 0])[:3],
        lambda x: gd.scan(lambda c, v: (c + v**2, c), 0.0, x[x > 0])[0],
    ):
        expected = np.reshape(gd.jacobian(f)(x), (-1, 30))
        np.testing.assert_allclose(gd.sparse.jacobian(f)(x).toarray(), expected)


CONDS = {
    "closed over": lambda x: gd.cond(
        x[0] > 0, lambda: x * 2, lambda: np.roll(x, 1) ** 2
    ),
    "arguments": lambda x: gd.cond(
        np.sum(x) > 0, lambda u, v: u * v, lambda u, v: u, x, x[::-1]
    ),
    "two results": lambda x: np.concatenate(
        gd.cond(x[0] > 0, lambda u: (u[:6] ** 2, u[6:]), lambda u: (u[6:], X[:6]), x)
    ),
    "constants": lambda x: gd.cond(x[0] > 0, lambda: x * 1.0, lambda: X),
    "in a branch": lambda x: gd.cond(
        x[0] > 0, lambda: gd.cond(x[1] > 0, lambda: x**2, lambda: -x), lambda: x[::-1]
    ),
    "around a loop": lambda x: gd.cond(
        x[0] > 0, lambda: gd.scan(lambda c, v: (v, c * v), 0.5, x)[1], lambda: x
    ),
}
X = np.random.default_rng(0).normal(size=12)


@pytest.mark.parametrize("name", CONDS)
def test_conds_have_the_patterns_of_both_branches(name):
    f = CONDS[name]
    J = gd.sparse.jacobian(f)
    H = gd.sparse.hessian(lambda x: np.sum(f(x) ** 2))
    for x in (X, -X, np.abs(X), X[::-1].copy()):
        np.testing.assert_allclose(J(x).toarray(), gd.jacobian(f)(x))
        second = gd.hessian(lambda x: np.sum(f(x) ** 2))(x)
        np.testing.assert_allclose(H(x).toarray(), second)
    assert not J.dense_because
    assert not H.dense_because
    assert J.pattern.nnz <= 24
