"""What loops, branches and maps close over is, in sweeps, what it was when they ran."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import StaleValueError
from chainrule.transforms import as_called

X = np.linspace(0.2, 1.0, 5)
XS = np.array([1.0, 2.0, 3.0])


def bound_anew_by_a_loop(x):
    z = x * 1.0
    for k in range(1, 4):
        z, _ = gd.scan(lambda c, s: (np.sin(c * k) * s, None), z, XS)  # noqa: B023
    return np.sum(z)


def branches_in_a_loop(x):
    z = x * 1.0
    for k in range(1, 4):
        z = gd.cond(z[0] > -9.0, lambda c: np.sin(c * k), lambda c: c, z)  # noqa: B023
    return np.sum(z)


def rebound(x):
    b = x * 2.0
    z, _ = gd.scan(lambda c, s: (np.sin(c * b) * s, None), x * 1.0, XS)
    b = b * 5.0
    return np.sum(z * b)


def written(x):
    b = x * 2.0
    z, _ = gd.scan(lambda c, s: (np.sin(c * b) * s, None), x * 1.0, XS)
    b[1:] *= 5.0
    return np.sum(z * b)


def written_constants(x):
    b = np.arange(5.0) + 0.1
    z, _ = gd.scan(lambda c, s: (np.sin(c * b) * s, None), x * 1.0, XS)
    b[1:] *= 5.0
    return np.sum(z * b)


def written_through_a_view(x):
    b = x * 2.0
    v = b[1:]
    z, _ = gd.scan(lambda c, s: (c * np.sum(v) * s, None), x * 1.0, XS)
    b[2:4] *= 5.0
    return np.sum(z * b) * np.sum(v)


def after_a_branch(x):
    b = x * 2.0
    z = gd.cond(x[0] > -9.0, lambda c: np.sin(c * b), lambda c: c, x * 1.0)
    b[1:] *= 5.0
    return np.sum(z * b)


def after_a_counted_loop(x):
    b = x * 2.0
    _, z = gd.while_loop(
        lambda s: s[0] < 3, lambda s: (s[0] + 1, np.sin(s[1] * b)), (0, x * 1.0)
    )
    b[1:] *= 5.0
    return np.sum(z * b)


def after_a_map(x):
    b = x * 2.0
    z = gd.vmap(lambda c: np.sin(c * b))(np.stack([x, x * 2.0]))
    b[1:] *= 5.0
    return np.sum(z * b)


def in_helpers(x):
    rates = [x * 2.0, x * 3.0]

    def rate(i):
        return rates[i][0]

    def step(c, s):
        return np.sin(c * rate(0)) * rate(1), None

    z, _ = gd.scan(step, x * 1.0, XS)
    rates[0][0] = 7.0
    rates[1] = x * 0.0
    return np.sum(z * rates[0])


class Model:
    def __init__(self, weights):
        self.weights = weights

    def step(self, c, s):
        return np.sin(c * self.weights) * s, None


def methods(x):
    model = Model(x * 2.0)
    z, _ = gd.scan(model.step, x * 1.0, XS)
    model.weights[1:] *= 3.0
    model.weights = model.weights * 2.0
    return np.sum(z * model.weights)


def inner_branches_and_loops(x):
    def step(c, s):
        b = c * 2.0
        z = gd.cond(c[0] > -9.0, lambda u: u * b, lambda u: u, c)
        z, _ = gd.scan(lambda u, t: (np.sin(u * b) + t, None), z, XS[:2])
        b[1] = z[0]
        return z * b * s, None

    return np.sum(gd.scan(step, x * 1.0, XS * 0.3)[0])


def derivatives_inside(x):
    z = x * 1.0
    for k in range(1, 3):
        inner = gd.grad(lambda c: np.sum(np.sin(c * k)))  # noqa: B023
        z, _ = gd.scan(lambda c, s: (inner(c) * s, None), z, XS)  # noqa: B023
    return np.sum(z)


PROGRAMS = [
    bound_anew_by_a_loop,
    branches_in_a_loop,
    rebound,
    written,
    written_constants,
    written_through_a_view,
    after_a_branch,
    after_a_counted_loop,
    after_a_map,
    in_helpers,
    methods,
    inner_branches_and_loops,
    derivatives_inside,
]


@pytest.mark.parametrize("f", PROGRAMS, ids=[f.__name__ for f in PROGRAMS])
def test_compiled_derivatives_are_those_of_the_run(f):
    seed = np.cos(np.arange(5.0))
    transforms = [
        gd.grad(f),
        lambda x: gd.jvp(f, (x,), (seed,))[1],
        gd.grad(lambda x: gd.grad(f)(x) @ seed),
    ]
    for slow in transforms:
        fast = gd.compile(slow, executor="numpy")
        for x in (X, X[::-1] * 0.7):
            np.testing.assert_allclose(fast(x), slow(x), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("writes", [False, True])
def test_a_large_array_is_not_copied(monkeypatch, writes):
    """If it was written before the sweep, that is said."""
    monkeypatch.setattr(as_called, "COPIED", 8)
    b = np.arange(10.0)[::2]

    def f(x):
        z, _ = gd.scan(lambda c, s: (np.sin(c * b) * s, None), x * 1.0, XS)
        if writes:
            b[1] += 1.0
        return np.sum(z)

    fast = gd.compile(gd.grad(f), executor="numpy")
    if writes:
        with pytest.raises(StaleValueError, match="Pass the array as an argument"):
            fast(X)
    else:
        np.testing.assert_allclose(fast(X), gd.grad(f)(X))


def test_a_branch_returns_an_array_of_its_own():
    """Compiled it is one in any case."""

    def f(x):
        b = x * 2.0
        c = gd.cond(np.sum(x) > 0.0, lambda u: u, lambda u: u * 2.0, b)
        d = gd.cond(np.sum(x) > 0.0, lambda u: u[1:], lambda u: u[1:], b)
        b[2] = 7.0
        c[0] = 3.0
        d[1] *= 2.0
        return np.sum(b) * np.sum(c) * np.sum(d)

    for g in (f, gd.grad(f)):
        np.testing.assert_allclose(gd.compile(g)(X), g(X), rtol=1e-12)
    assert f(X) == np.sum(gd.value(f(gd.node(X))))


def test_a_branch_may_write_nodes_into_a_copy():
    def f(x):
        def written(y, i):
            y = np.copy(y)
            y[i] = y[i - 1] + x[i] * x[0]
            return y

        def step(y, i):
            return gd.cond(x[i] > 0.5, written, lambda y, i: y, y, i), None

        return np.sum(gd.scan(step, x * 0.0, np.arange(1, 5))[0] ** 2)

    for g in (f, gd.grad(f), gd.hessian(f)):
        for executor in ("numpy", "native"):
            np.testing.assert_allclose(gd.compile(g, executor=executor)(X), g(X))
