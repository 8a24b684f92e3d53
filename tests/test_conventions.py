"""First derivatives that are a choice at a point: the second one is true there, or nan.

A local derivative that is chosen, as the norm's 0 at 0, is no limit, so it has no
derivative of its own. Piecewise linear functions keep 0.
"""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.rules import elementwise
from tests.helpers import RULES

LA = np.linalg
ZERO, ONES = np.zeros(3), np.ones(3)
ROWS = np.array([[0.0, 0.0], [3.0, 4.0]])

# name: (function, point, its Hessian if that exists)
KINKS = {
    "norm": (LA.norm, ZERO, None),
    "norm**2": (lambda x: LA.norm(x) ** 2, ZERO, 2 * np.eye(3)),
    "norm**2 of rows": (lambda x: np.sum(LA.norm(x, axis=1) ** 2), ROWS, 2 * np.eye(4)),
    "frobenius**2": (lambda x: LA.norm(x) ** 2, np.zeros((2, 2)), 2 * np.eye(4)),
    "norm 4": (lambda x: LA.norm(x, 4) ** 4, ZERO, np.zeros((3, 3))),
    "norm 3": (lambda x: LA.norm(x, 3) ** 2, ZERO, None),
    "norm 1.5 at a zero entry": (lambda x: LA.norm(x, 1.5), np.array([0.0, 1.0]), None),
    "hypot**2": (lambda x: np.sum(np.hypot(x, 0.0) ** 2), ZERO, 2 * np.eye(3)),
    "hypot of both": (lambda x: np.hypot(x[0], x[1]) ** 2, ZERO[:2], 2 * np.eye(2)),
    "std**2": (lambda x: np.std(x) ** 2, ONES, 2 / 3 * (np.eye(3) - 1 / 3)),
    "std of one": (lambda x: np.std(x[:1]) ** 2, ONES, np.zeros((3, 3))),
    "nanstd**2": (lambda x: np.nanstd(x) ** 2, ONES, 2 / 3 * (np.eye(3) - 1 / 3)),
    "std with ddof": (lambda x: np.std(x, ddof=1) ** 2, ONES, np.eye(3) - 1 / 3),
    "complex abs**2": (
        lambda x: np.sum(np.abs(x * (1 + 1j)) ** 2), ZERO, 4 * np.eye(3)
    ),
    "x**y at y = 1": (lambda v: v[0] ** v[1], np.array([0.0, 1.0]), None),
    "x**y at y = 2": (
        lambda v: v[0] ** v[1], np.array([0.0, 2.0]), [[2.0, 0.0], [0.0, 0.0]]
    ),
    "x**y at 0, 0": (lambda v: v[0] ** v[1], ZERO[:2], None),
    "a ridge": (
        lambda x: np.sum((x - 1) ** 2) + 3 * LA.norm(x) ** 2, ZERO, 8 * np.eye(3)
    ),
}  # fmt: skip


def pushed(f):
    """Return the gradient of ``f``, put together of tangents."""

    def gradient(x):
        units = np.eye(x.size).reshape(x.size, *x.shape)
        return np.stack([gd.jvp(f, (x,), (u,))[1] for u in units])

    return gradient


def products(f):
    def hessian(x):
        units = np.eye(x.size).reshape(x.size, *x.shape)
        return np.stack([np.ravel(gd.hvp(f, x, u)) for u in units])

    return hessian


SECOND = {
    "reverse over reverse": gd.hessian,
    "forward over reverse": lambda f: gd.jacobian(gd.grad(f), mode="forward"),
    "reverse over forward": lambda f: gd.jacobian(pushed(f)),
    "forward over forward": lambda f: gd.jacobian(pushed(f), mode="forward"),
    "products": products,
    "compiled": lambda f: gd.compile(gd.hessian(f)),
    "compiled products": lambda f: products(gd.compile(f)),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("name", KINKS)
def test_second_derivatives_are_true_or_nan(name, second):
    f, point, expected = KINKS[name]
    H = np.asarray(SECOND[second](f)(point)).reshape(point.size, point.size)
    if expected is None:
        assert not np.isfinite(H).all()
        return
    there = np.isfinite(H)
    np.testing.assert_allclose(H[there], np.asarray(expected)[there], atol=1e-12)


def test_the_hessian_of_a_norm_at_0_is_nan():
    assert np.isnan(gd.hessian(LA.norm)(ZERO)).all()
    assert np.isnan(gd.hessian(np.std)(ONES)).all()


def test_untaken_branches_stay_0():
    def f(x):
        return np.sum(np.where(x > 0, np.hypot(x, 0.0) ** 2, x**2))

    for second in SECOND.values():
        H = np.reshape(second(f)(ZERO), (3, 3))
        np.testing.assert_array_equal(H, 2 * np.eye(3))


PIECEWISE_LINEAR = {
    "absolute_grad", "fabs_grad", "copysign_grad", "maximum_grad", "minimum_grad",
    "fmax_grad", "fmin_grad", "clip_grad", "heaviside_grad", "mantissa_grad",
}  # fmt: skip
POINTS = [
    (r, operands)
    for r in RULES
    if issubclass(r, elementwise) and r.__name__ not in PIECEWISE_LINEAR
    for operands, _ in r.conventions
    if np.isfinite(operands).all()
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("r", "operands"), POINTS, ids=[f"{r.__name__}{x}" for r, x in POINTS]
)
def test_second_derivatives_at_conventions_are_limits_or_nan(r, operands):
    """The second derivative of z**2 on both sides of the point, and at it."""
    moving = [i for i in r.parts if r.operand_names[i] not in r.refused]

    def square(*x):
        return gd.operations.square(gd.operations.apply(r, x, {}))

    for i in moving:
        second = gd.grad(gd.grad(square, i), i)
        got = second(*operands)
        sides = []
        for step in (1e-6, -1e-6):
            x = list(operands)
            x[i] += step
            sides.append(second(*x))
        if np.isfinite(got) and np.isfinite(sides).all():
            assert np.allclose(got, sides, rtol=1e-3, atol=1e-3), (i, got, sides)


CUTS = [complex(a, b) for a in (-2.5, -1.4, 0.4, 1.4) for b in (0.0, -0.0)]
CUTS += [complex(a, b) for b in (-2.5, -1.4, 0.4, 1.4) for a in (0.0, -0.0)]
OF_BRANCHES = [
    np.arcsin,
    np.arccos,
    np.arctan,
    np.arcsinh,
    np.arccosh,
    np.arctanh,
    np.sqrt,
    np.log,
    np.log1p,
    lambda z: z**0.3,
]


@pytest.mark.parametrize("f", OF_BRANCHES)
@pytest.mark.parametrize("z", CUTS)
def test_derivatives_on_a_cut_are_those_of_its_side(f, z):
    """On which side of a cut a number is, a zero tells by its sign."""
    tiny = 1e-9
    if z.imag == 0:
        beside = complex(z.real, np.copysign(tiny, z.imag))
    else:
        beside = complex(np.copysign(tiny, z.real), z.imag)
    derivative = gd.elementwise_grad(f)
    expected = derivative(np.array([beside]))
    for run in (derivative, gd.compile(derivative)):
        found = run(np.array([z]))
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
