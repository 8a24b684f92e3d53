"""Arrays that lifted code makes of arguments, and fills with nodes, also compiled."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import AssignedError
from tests.programs_on_copies import PROGRAMS, layouts

gnp = gd.numpy
D = np.array([1.5, 0.5, 2.0, 1.0])
X = np.array([0.3, 0.8, 1.1, 0.6])


def slope(f, args, k, along, h):
    """Return the derivative along a direction, by differences."""
    ends = [[*args[:k], args[k] + d * along, *args[k + 1 :]] for d in (h, -h)]
    after, before = (f(*(np.copy(x) for x in end)) for end in ends)
    return (after - before) / (2 * h)


def assert_right(f, args, k, *, second):
    """Compare derivatives by one argument, compiled and not, with differences."""
    lifted, x = gd.lift(f), args[k]
    along = np.cos(np.arange(x.size)).reshape(x.shape)
    first = gd.grad(lifted, k)
    wanted, unchanged = first(*args), [np.copy(x) for x in args]
    by_differences = slope(f, args, k, along, 1e-6)
    np.testing.assert_allclose(np.sum(wanted * along), by_differences, 2e-5, 1e-7)
    compiled = gd.compile(first, executor="native" if x.ndim == 1 else "numpy")
    for g in (compiled, compiled, gd.grad(gd.compile(lifted), k)):
        np.testing.assert_allclose(g(*args), wanted, rtol=1e-9, atol=1e-11)
    if second:

        def product(*args):
            return np.sum(along * first(*args))

        def tangent(*args):
            def of_one(t):
                return lifted(*args[:k], t, *args[k + 1 :])

            return gd.jvp(of_one, (args[k],), (along,))[1]

        curve = gd.grad(product, k)(*args)
        by_differences = slope(product, args, k, along, 1e-5)
        np.testing.assert_allclose(np.sum(curve * along), by_differences, 1e-4, 1e-6)
        for g in (product, tangent):
            got = gd.compile(gd.grad(g, k), executor="numpy")(*args)
            np.testing.assert_allclose(got, curve, rtol=1e-8, atol=1e-9)
    for x, before in zip(args, unchanged, strict=True):
        np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize(
    ("f", "args"), PROGRAMS, ids=lambda x: getattr(x, "__name__", "")
)
def test_programs_that_fill_copies(f, args):
    for k in range(len(args)):
        assert_right(f, args, k, second=k == 1)


@pytest.mark.parametrize("name", ["by columns", "with gaps", "backwards"])
def test_arguments_lie_in_memory_as_they_do(name):
    for f, args in PROGRAMS[::3]:
        assert_right(f, [dict(layouts(x))[name] for x in args], 1, second=False)


WAYS = {
    "copy": lambda d: d.copy(),
    "a function's copy": np.copy,
    "a copied part": lambda d: d[1:].copy(),
    "Python's copy": lambda d: copy.deepcopy(copy.copy(d)),
    "flatten": lambda d: d.flatten(),
    "astype": lambda d: d.astype(float),
    "a product": lambda d: 2 * d,
    "of a number and zeros": lambda d: d[0] * np.zeros(4) + d,
    "operators": lambda d: -d + abs(d) ** 2 / 3,
    "a function": lambda d: np.maximum(d, 0.7),
    "an index": lambda d: d[[2, 0, 1]],
    "a mask": lambda d: d[d > 0.7],
    "joined": lambda d: np.concatenate([d, d[:2]]),
    "stacked": lambda d: np.stack([d, d])[0],
    "a list of entries": lambda d: np.array([d[1], d[0], 3.0]),
    "a turned copy": lambda d: d.reshape(2, 2).T.copy()[0],
    "a view of a sum": lambda d: (d + 1).reshape(2, 2).T[1],
    "a part of a transform": lambda d: np.fft.fft(d).real,
    "the part of a copy": lambda d: np.real(np.fft.fft(d)).copy(),
    "a repeated copy": lambda d: np.broadcast_to(d, (2, 4)).copy()[1],
    "a range": lambda d: np.linspace(0.0, d[0], 4),
    "full": lambda d: np.full(4, d[2]),
    "sorted": np.sort,
    "chosen": lambda d: np.where(d > 0.7, d, 0.5),
    "selected": lambda d: np.select([d > 0.7], [d], 0.5),
    "a product of two": lambda d: np.kron(d, d),
    "a system's solution": lambda d: np.linalg.solve(np.diag(d), d),
}


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.parametrize("layout", ["by rows", "backwards"])
def test_what_is_made_of_an_argument_takes_nodes(name, layout):
    make = WAYS[name]

    @gd.lift
    def f(d, x):
        y = make(d)
        y[0] = x[0] * y[1]
        y[1:] *= x[1]
        return np.sum(y**2)

    d = dict(layouts(D))[layout]
    h = 1e-6 * np.array([1.0, -1.0, 0.0, 0.0])
    by_differences = (f(d, X + h) - f(d, X - h)) / 2e-6
    gradient = gd.grad(f, 1)
    np.testing.assert_allclose(gradient(d, X) @ h * 1e6, by_differences, rtol=1e-7)
    fast = gd.compile(gradient)
    for v in (d, 1.01 * d):
        np.testing.assert_allclose(fast(v, X), gradient(v, X))


MADE_BY_OURS = {
    "array": gnp.array,
    "copy": gnp.copy,
    "full": lambda d: gnp.full(4, d[1]),
    "gd.full": lambda d: gd.full(4, d[1]),
    "full_like": lambda d: gnp.full_like(d, d[1]),
    "a copy of zeros": lambda d: (gd.zeros(4).__iadd__(d)).copy(),
    "a range": lambda d: gnp.linspace(0.0, d[0], 4),
}


@pytest.mark.parametrize("name", MADE_BY_OURS)
def test_what_our_functions_make_of_an_argument_takes_nodes(name):
    def f(d, x):
        y = MADE_BY_OURS[name](d)
        y[0] = x[0] * y[1]
        y *= x
        return np.sum(y**2)

    wanted = gd.grad(f, 1)(D, X)
    for g in (gd.compile(gd.grad(f, 1)), gd.grad(gd.compile(f), 1)):
        np.testing.assert_allclose(g(D, X), wanted)
    mapped = gd.vmap(gd.grad(f, 1))
    np.testing.assert_allclose(mapped(np.stack([D, D]), np.stack([X, X]))[1], wanted)


def test_arguments_themselves_refuse_nodes():
    def written(d, x):
        d[1:][0] = x[0]
        return np.sum(d)

    def shown(d, x):
        np.trim_zeros(d)[0] = x[0]
        return np.sum(d)

    for f in (written, shown):
        for g in (gd.grad(gd.lift(f), 1), gd.compile(gd.grad(gd.lift(f), 1))):
            with pytest.raises(AssignedError, match=r"y\.copy\(\)"):
                g(D, X)


def test_numbers_go_into_arguments_and_their_views():
    @gd.lift
    def f(d, x):
        d = d.reshape(2, 2)
        d[0] += d[1]
        d.T[1] *= 2.0
        y = d.copy()
        d[0, 0] = 7.0
        y[1] *= x[:2]
        return np.sum(y**2) * d[0, 0]

    wanted = gd.grad(f, 1)(D.copy(), X)
    np.testing.assert_allclose(gd.compile(gd.grad(f, 1))(D, X), wanted)
    assert D[0] == 1.5


def test_bodies_of_loops_copy_what_they_are_given():
    @gd.lift
    def step(c, d):
        y = 2 * d
        y[0] = c * y[1]
        return np.sum(y) * 0.3, y

    def f(x, rows):
        c, ys = gd.scan(step, x, rows)
        return c + np.sum(ys**2)

    rows = np.arange(6.0).reshape(3, 2)
    wanted = gd.grad(f)(0.4, rows)
    difference = (f(0.4 + 1e-6, rows) - f(0.4 - 1e-6, rows)) / 2e-6
    np.testing.assert_allclose(wanted, difference, rtol=1e-7)
    np.testing.assert_allclose(gd.compile(gd.grad(f))(0.4, rows), wanted)
