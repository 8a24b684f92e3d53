"""A branch, or a loop that may take no step, protects from errors for other values."""

from __future__ import annotations

import math

import numpy as np
import pytest

import chainrule as gd
from tests.compiler.comparing import follows

EYE, SINGULAR = np.eye(3) * 2.0 + 0.1, np.ones((3, 3))
SYMMETRIC = EYE @ EYE.T


def quotient(n, m):
    return gd.cond(m > 0, lambda n: n // m, lambda n: n, n)


def closed_over(n, m):
    return gd.cond(m > 0, lambda: n % m + n // m, lambda: n)


def shifted(n, m):
    return gd.cond(m >= 0, lambda: n << m, lambda: n >> -m)


def power(n, m):
    return gd.cond(m >= 0, lambda n, m: n * 2.0**m, lambda n, m: n / 2.0**-m, n, m)


def nested(n, m):
    return gd.cond(
        m > 0,
        lambda: gd.cond(n // m > 2, lambda: n // m, lambda: n % m),
        lambda: gd.cond(n > 0, lambda: -n, lambda: n // (m - 1)),
    )


@pytest.mark.parametrize("executor", ["auto", "numpy"])
@pytest.mark.parametrize("f", [quotient, closed_over, nested, shifted, power])
def test_whole_numbers(f, executor):
    points = [(7, 0), (7, 2), (-5, 0), (9, 4), (7, -3), (-7, -2), (1, 0)]
    for first in range(3):
        follows(f, *points[first:], *points, executor=executor)


def inverse(a):
    return gd.cond(np.abs(np.linalg.det(a)) > 1e-9, np.linalg.inv, lambda a: a * 0.0, a)


def inverse_of_outside(a):
    def inverted():
        return np.linalg.solve(a, np.linalg.inv(a + 0.0)[:, 0])

    return gd.cond(np.abs(np.linalg.det(a)) > 1e-9, inverted, lambda: a[0])


def root(a):
    lowest = np.trace(a) - 5.0
    return gd.cond(lowest > 0, np.linalg.cholesky, lambda a: a, a)


def entry(x):
    place = np.argmax(x)
    return gd.cond(place < 2, lambda: x[:2].ravel()[place], lambda: x[0] * 2.0)


PROTECTED = {
    "inverse": (inverse, [SINGULAR, EYE, EYE + 1.0, SINGULAR]),
    "inverse of what is outside": (inverse_of_outside, [SINGULAR, EYE, SINGULAR]),
    "cholesky": (root, [-SYMMETRIC, SYMMETRIC, -SYMMETRIC]),
    "index": (entry, [np.arange(4.0), -np.arange(4.0), np.array([1.0, 5.0, 2.0, 0.0])]),
}
TRANSFORMS = {
    "value": lambda f: f,
    "grad": lambda f: gd.grad(lambda x: np.sum(f(x) ** 2)),
    "hessian": lambda f: gd.hessian(lambda x: np.sum(f(x) ** 2)),
    "jvp": lambda f: lambda x: gd.jvp(f, (x,), (np.cos(x),)),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS)
@pytest.mark.parametrize(("f", "points"), PROTECTED.values(), ids=PROTECTED)
def test_errors_of_numpy(f, points, transform):
    g = transform(f)
    for calls in (points, points[::-1], points[1:]):
        fast = follows(g, *((x,) for x in calls), rtol=1e-9, scale=1.0)
        assert fast.stats()["retraces"] == 0


@pytest.mark.parametrize(("f", "points"), PROTECTED.values(), ids=PROTECTED)
def test_in_the_bodies_of_loops_and_maps(f, points):
    xs = np.stack([points[0], *points])

    def scanned(xs):
        return gd.scan(lambda c, x: (c + np.sum(f(x)), f(x)), 0.0, xs)

    def looped(x):
        def step(carry):
            return carry[0] - 1.0, carry[1] + f(x)

        return gd.while_loop(lambda c: c[0] > 0, step, (2.0, f(x)))[1]

    for g in (scanned, gd.grad(lambda xs: scanned(xs)[0]), gd.vmap(f),
              gd.vmap(TRANSFORMS["grad"](f))):  # fmt: skip
        follows(g, (xs,), (xs[::-1],), rtol=1e-9)
    for g in (looped, TRANSFORMS["grad"](looped)):
        follows(g, *((x,) for x in points), rtol=1e-9)


def test_a_loop_of_no_steps():
    def steps(n, m):
        def step(carry):
            return carry[0] // m, carry[1] + n // m

        return gd.while_loop(lambda carry: carry[0] * m > m, step, (n, 0))

    follows(steps, (8, 0), (8, 2), (27, 3), (5, 0))


def test_a_loop_that_ends_where_the_condition_holds_only():
    def doubled(x):
        return gd.while_loop(lambda y: y < 10.0, lambda y: y * 2.0, x)

    def f(x):
        return gd.cond(x > 0, doubled, lambda x: x * 3.0, x)

    def of_outside(x):
        return gd.cond(x > 0, lambda: doubled(x) * x, lambda: x * 3.0)

    for g in (f, of_outside, gd.grad(f), gd.grad(of_outside), gd.hessian(of_outside)):
        follows(g, (-1.0,), (3.0,), (0.0,), (0.7,))
        follows(g, (3.0,), (-1.0,))


def test_a_custom_operation():
    safe = gd.custom_operation(math.sqrt, lambda g, z, x: (g / (2.0 * z),))

    def f(x):
        return gd.cond(x > 0, lambda x: safe(x) * x, lambda x: 3.0 * x, x)

    for g in (f, gd.grad(f)):
        follows(g, (-1.0,), (4.0,), (-2.0,), (1.0,))


def test_an_error_that_no_condition_protects_from_is_raised():
    with pytest.raises(np.linalg.LinAlgError):
        gd.compile(np.linalg.inv)(SINGULAR)
    always = gd.compile(lambda a: gd.cond(a[0, 0] > 0, np.linalg.inv, lambda a: a, a))
    with pytest.raises(np.linalg.LinAlgError):
        always(SINGULAR)
    np.testing.assert_allclose(always(EYE), np.linalg.inv(EYE))
    with pytest.raises(ZeroDivisionError):
        gd.compile(lambda n, m: gd.cond(n > 0, lambda: n // m, lambda: n))(2, 0)
    with pytest.raises(ValueError, match="must have"):
        gd.compile(
            lambda a: gd.cond(a[0] > 0, lambda a: np.concatenate([a, a[:, None]]),
                              lambda a: a, a)
        )(np.ones(3))  # fmt: skip
