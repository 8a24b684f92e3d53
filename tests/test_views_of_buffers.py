"""Arrays that took plain or traced numbers before a node, and views of their views."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import EscapeError, ReadOnlyError
from chainrule.values.same_views import way_to

RNG = np.random.default_rng(11)
A, D = RNG.uniform(0.5, 1.5, (2, 4))
BANDS = RNG.uniform(0.5, 1.0, (4, 4)) + np.array([[0.0], [3.0], [0.0], [0.0]])
MATRIX = RNG.standard_normal((3, 3)) + 4.0 * np.eye(3)
EXECUTORS = ("native", "numpy")


def thomas(a, b, c, d):
    n = len(b)
    upper, right, x = np.zeros(n), np.zeros(n), np.zeros(n)
    upper[0] = c[0] / b[0]
    right[0] = d[0] / b[0]
    for i in range(1, n):
        pivot = b[i] - a[i] * upper[i - 1]
        upper[i] = c[i] / pivot
        right[i] = (d[i] - a[i] * right[i - 1]) / pivot
    x[-1] = right[-1]
    for i in range(n - 2, -1, -1):
        x[i] = right[i] - upper[i] * x[i + 1]
    return np.sum(x**2)


def lu(a, d):
    n = len(a)
    lower, upper, y, x = np.eye(n), np.zeros((n, n)), np.zeros(n), np.zeros(n)
    upper[0] = d
    for k in range(n):
        upper[k, k:] = a[k, k:] - lower[k, :k] @ upper[:k, k:]
        below = a[k + 1 :, k] - lower[k + 1 :, :k] @ upper[:k, k]
        lower[k + 1 :, k] = below / upper[k, k]
    for i in range(n):
        y[i] = d[i] - lower[i, :i] @ y[:i]
    for i in reversed(range(n)):
        x[i] = (y[i] - upper[i, i + 1 :] @ x[i + 1 :]) / upper[i, i]
    return np.sum(np.sin(x))


def rows_and_aliases(a, d):
    m = np.zeros((3, 4))
    row, same = m[0], m
    row[:] = d
    second, rest = m[1], m[1:]
    rest[0, 1:] = d[1:]
    m[2] = a * second[1]
    rest *= 2.0
    row += a
    same[0, 0] += a[0] * m[2, 1]
    for r in m:
        r *= d[0]
    return np.sum(m * m * rest[1] + second)


def other_shapes(a, d):
    m = np.zeros((3, 4))
    flat, turned = m.reshape(-1), m.T
    m[0] = d
    flat[5] = d[2]
    m[1, 2] = a[0] * d[1]
    turned[3] = a[:3] * d[:3]
    flat[7:] *= a[2]
    return np.sum(m**2 * flat[3])


def views_between(a, d):
    m, c = np.zeros((3, 4)), np.zeros(4)
    m[0] = d
    c[:] = d * d
    flat, turned, column = m.reshape(-1), np.swapaxes(m, 0, 1), m[:, 1:, None]
    tail = m.ravel()[8:]
    c[c > 0.9] *= a[c > 0.9]
    m[1].fill(a[0])
    flat[3:6] *= a[1]
    turned[2] += a[1:]
    column[0, 0] = d[1] * a[3]
    tail[::-1] += c
    return np.sum(m**2 * c) + np.sum(turned[0]) + np.sum(column * column)


def functions_that_write(a, d):
    c = np.zeros(4)
    np.multiply(d, 2.0, out=c)
    v = c[1:]
    np.add(c, a, out=c)
    np.add.at(v, [0, 0, 1], a[:3])
    np.copyto(c[2:], a[:2] * c[:2])
    c.flat[0] = a[3]
    c.real = c * a
    np.put(c, [1], a[0] * d[2])
    return np.sum(c * c) + np.sum(v)


def swapped(a, d):
    c = np.zeros(4)
    c[0], c[1] = d[0], d[1]
    first, part = c[0], c[1:3]
    c[0], c[1] = c[1] * a[0], c[0] * a[1]
    part[1] = first * a[2]
    return np.sum(c * c) + first


def of_no_axes(a, d):
    c = np.zeros(())
    c[()] = d[0]
    same = c[...]
    c += a[0] * c
    same *= a[1]
    return c * c + same


def used_before_it_changes(a, d):
    c = np.zeros(4)
    c[:] = d * 2.0
    product, ours, dot = a * c, np.multiply(c, a), np.dot(a, c)
    c[0] = d[1] * 7.0
    return np.sum(product) * np.sum(c) + np.prod(ours) + dot


def views_of_views(a, d):
    c = np.zeros(4)
    v = c[1:][0:]
    c[1] = a[1]
    np.add.at(v, [0, 0, 1], a[:3])
    v[[0, 1]] += a[1:3]
    v.sort()
    np.copyto(v, v * a[1:])
    w = v[::-1]
    w[:2] *= d[:2]
    v.flat[0] = a[0] * v[1]
    np.add(v, a[1:], out=v)
    w[0] += a[3]
    return np.sum(c * c * d)


def parts_of_other_shapes(a, d):
    m = np.zeros((4, 6))
    part = m.reshape(2, 12)[1:, 2:9:3]
    back, turned = m.T[::-2, 1:3], m.ravel()[3:]
    m[2] = a[0]
    part *= a[1:]
    tail = turned[1:]
    tail[:4] = a * d
    back += a[:2]
    part[:, 0].fill(a[3])
    return np.sum(m**2) + np.sum(tail * turned[:-1])


CASES = [
    (thomas, tuple(BANDS)),
    (lu, (MATRIX, D[:3])),
    *(
        (f, (A, D))
        for f in (
            rows_and_aliases,
            other_shapes,
            views_between,
            functions_that_write,
            swapped,
            of_no_axes,
            used_before_it_changes,
            views_of_views,
            parts_of_other_shapes,
        )
    ),
]


@pytest.mark.parametrize(("f", "args"), CASES, ids=lambda x: getattr(x, "__name__", ""))
def test_one_argument_is_differentiated(f, args):
    """The array takes the other arguments, which are traced, before a node."""
    lifted = gd.lift(f)
    for k, x in enumerate(args):
        along = RNG.standard_normal(x.shape)

        def of_one(t, *rest, k=k, along=along):
            others = [*rest[:k], t, *rest[k:]]
            return lifted(*others)

        rest = [v for i, v in enumerate(args) if i != k]
        h = 1e-6 * along
        slope = (of_one(x + h, *rest) - of_one(x - h, *rest)) / 2e-6
        wanted = gd.grad(of_one)(x, *rest)
        np.testing.assert_allclose(np.sum(wanted * along), slope, rtol=1e-5, atol=1e-7)

        def second(t, *rest, along=along, of_one=of_one):
            return np.sum(along * gd.grad(of_one)(t, *rest))

        def tangent(t, *rest, along=along, of_one=of_one):
            return gd.jvp(lambda t: of_one(t, *rest), (t,), (along,))[1]

        curve = gd.grad(second)(x, *rest)
        compiled = gd.compile(gd.grad(of_one), executor=EXECUTORS[k % 2])
        for _ in range(2):
            np.testing.assert_allclose(compiled(x, *rest), wanted, atol=1e-12)
        got = gd.compile(gd.grad(second), executor="numpy")(x, *rest)
        np.testing.assert_allclose(got, curve, rtol=1e-9, atol=1e-11)
        got = gd.compile(tangent)(x, *rest)
        np.testing.assert_allclose(got, np.sum(wanted * along))


def test_a_view_that_cannot_follow_raises():
    @gd.lift
    def f(a, d):
        m = np.zeros(4)
        m[:2] = d
        windows = np.lib.stride_tricks.sliding_window_view(m, 2)
        m[2:] = a
        return np.sum(windows)

    x = np.ones(2)
    np.testing.assert_allclose(gd.grad(f)(x, x), [2.0, 1.0])
    with pytest.raises(EscapeError, match="Take it again"):
        gd.compile(gd.grad(f))(x, x)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_repeated_entries_follow_when_a_node_comes(executor):
    @gd.lift
    def f(x, e):
        y = e * 2.0
        rows = np.broadcast_to(y, (2, 4))
        first = np.broadcast_to(y[:1], (3, 1))
        y[0] = x[1] ** 2
        return np.sum(rows * rows * np.arange(8.0).reshape(2, 4)) + np.sum(first)

    wanted = gd.value_and_grad(f)(A, D)
    np.testing.assert_allclose(wanted[0], f(A, D))
    fast = gd.compile(gd.value_and_grad(f), executor=executor)
    for _ in range(2):
        for found, expected in zip(fast(A, D), wanted, strict=True):
            np.testing.assert_allclose(found, expected)


def test_repeated_entries_are_read_and_not_written():
    x = gd.node(A)
    y = gd.zeros(4)
    rows, diagonal = np.broadcast_to(y, (2, 4)), np.diagonal(y.reshape(2, 2))
    y[:] = x
    np.testing.assert_allclose(gd.value(rows), np.stack([A, A]))
    np.testing.assert_allclose(gd.value(diagonal), A[::3])
    for view in (rows, diagonal):
        with pytest.raises(ReadOnlyError, match="view"):
            view[0] = x[0]


@pytest.mark.parametrize("order", "CF")
def test_a_view_is_found_by_its_memory(order):
    base = np.arange(120.0).reshape((4, 5, 6), order=order)
    copy = np.copy(base, order="K")
    dense = base.T if order == "F" else base
    views = [
        base,
        base[1],
        base[1, 2],
        base[..., ::2],
        base[::-1, 1:4, -1],
        base[1, 2, 3, ...],
        base[1:2, None, :, 3],
        base.transpose(1, 2, 0)[2:, ::-3],
        base.swapaxes(0, 2)[3:4, :, 1:],
        dense.reshape(-1)[7:60:3],
        dense.reshape(2, 60)[:, 5:50:9],
        dense.reshape(8, 15)[::3, 2:9].T,
        np.broadcast_to(base, (2, *base.shape)),
        np.broadcast_to(base[1, :, None, 2:3], (2, 5, 3, 7)).T,
    ]
    for view in views:
        way = way_to(view, base)
        assert way is not None
        found = way.of(copy)
        np.testing.assert_array_equal(found, view)
        assert np.shares_memory(found, copy)
        assert found.shape == view.shape
    windows = np.lib.stride_tricks.sliding_window_view(base, 2, axis=1)
    assert way_to(windows, base) is None
