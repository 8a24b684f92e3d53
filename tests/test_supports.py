"""Structural zeros are strong at every order, in both sweeps; computed ones are not."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule import node, operations
from chainrule.rules.namespace import plain
from chainrule.rules.supports import have_nan, supported, with_support
from chainrule.sweeps.order import collect
from chainrule.sweeps.sweep import forward_sweep, reverse_sweep
from chainrule.values.vertices import raw

INF, NAN = np.inf, np.nan
ROOTS = [0.0, 4.0]


def two_branches(x):
    u = x**2
    return np.where(x > 1, u, 0.0) + np.where(x > 1, 0.0, 3.0 * u)


def two_slices(x):
    u = np.sqrt(x)[1:]
    return np.sum(u[:1]) + np.sum(3.0 * u[1:])


# name: (function, point, first derivative, second derivative), of sum(function(x))
STRUCTURAL = {
    "where": (lambda x: np.where(x > 0, np.log(x), 0.0), 0.0, 0.0, 0.0),
    "where other side": (lambda x: np.where(x <= 0, 3.0 * x, np.log(x)), 0.0, 3.0, 0.0),
    "where of arrays": (
        lambda x: np.where(x > 0, np.sqrt(x), x**2), ROOTS, [0.0, 0.25], [2.0, -1 / 32]
    ),
    "where in where": (
        lambda x: np.where(x > 0, np.where(x > 1, 1 / x, np.log(x)), 0.0),
        [0.0, 4.0], [0.0, -1 / 16], [0.0, 2 / 64],
    ),
    "two branches of one value": (two_branches, [1.0, 4.0], [6.0, 8.0], [6.0, 2.0]),
    "two slices of one value": (
        two_slices, [0.0, 4.0, 4.0], [0.0, 0.25, 0.75], [0.0, -1 / 32, -3 / 32]
    ),
    "after where": (
        lambda x: np.exp(2.0 * np.where(x > 0, np.sqrt(x), 0.0)),
        [0.0, 4.0], [0.0, 0.5 * np.exp(4.0)], [0.0, np.exp(4.0) * (0.25 - 1 / 16)],
    ),
    "slice": (lambda x: np.sqrt(x)[1:], ROOTS, [0.0, 0.25], [0.0, -1 / 32]),
    "item": (lambda x: np.log(x)[1], ROOTS, [0.0, 0.25], [0.0, -1 / 16]),
    "integer array": (
        lambda x: np.sqrt(x)[np.array([1, 1])], ROOTS, [0.0, 0.5], [0.0, -1 / 16]
    ),
    "mask": (lambda x: np.sqrt(x)[x > 0], ROOTS, [0.0, 0.25], [0.0, -1 / 32]),
    "slice after work": (
        lambda x: (2.0 * np.reshape(np.sqrt(x), (2, 1)).T)[0, 1:],
        ROOTS, [0.0, 0.5], [0.0, -1 / 16],
    ),
    "concatenate": (
        lambda x: np.concatenate([np.log(x), x])[1:], ROOTS, [1.0, 1.25], [0.0, -1 / 16]
    ),
    "stack": (lambda x: np.stack([np.log(x), x])[1], ROOTS, [1.0, 1.0], [0.0, 0.0]),
    "maximum": (lambda x: np.maximum(np.log(x), -1.0 + 0 * x), 0.0, 0.0, 0.0),
    "maximum constant": (lambda x: np.maximum(np.log(x), -1.0), 0.0, 0.0, 0.0),
    "maximum of arrays": (
        lambda x: np.maximum(-np.sqrt(x), x - 1.0), ROOTS, [-INF, 1.0], [INF, 0.0]
    ),
    "minimum": (lambda x: np.minimum(1 / x, 5.0), 0.0, 0.0, 0.0),
    "clip": (
        lambda x: np.clip(np.log(x), -1.0, 1.0), [0.0, 1.0], [0.0, 1.0], [0.0, -1.0]
    ),
    "max": (lambda x: np.max(-1 / x), [0.0, 4.0], [0.0, 1 / 16], [0.0, -2 / 64]),
    "ufunc where": (
        lambda x: np.log(x, where=np.array([False, True])),
        ROOTS, [0.0, 0.25], [0.0, -1 / 16],
    ),
    "sum where": (
        lambda x: np.sum(np.log(x), where=np.array([False, True])),
        ROOTS, [0.0, 0.25], [0.0, -1 / 16],
    ),
    "matrix with inf": (
        lambda x: (np.array([[INF, NAN], [2.0, 3.0]]) @ x**2)[1],
        [1.0, 2.0], [4.0, 12.0], [4.0, 6.0],
    ),
    "product with inf": (
        lambda x: (x**2 * np.array([INF, 3.0]))[1], [1.0, 2.0], [0.0, 12.0], [0.0, 6.0]
    ),
    "einsum": (
        lambda x: np.einsum("ij,j->i", np.array([[INF, NAN], [2.0, 3.0]]), x**2)[1],
        [1.0, 2.0], [4.0, 12.0], [4.0, 6.0],
    ),
    "triangle": (
        lambda x: np.tril(np.log(np.stack([x, x])), -1), [1.0, 0.0], [1.0, 0.0],
        [-1.0, 0.0],
    ),
}  # fmt: skip


def first_and_second(f, point, mode):
    """Return the first derivative of ``sum(f(x))``, recorded, and the second of it."""
    x = node(np.array(point))
    z = np.sum(f(x))
    if mode == "reverse":
        order = collect([z]).order
        bars = reverse_sweep(operations, order, {z: supported(1.0)}, [x])
        first = bars[x].value if x in bars else np.zeros(x.shape)
        if not isinstance(first, node):
            return first, np.zeros(x.shape)
        np.sum(first).backward()
        return first.value, x.grad
    firsts, seconds = np.zeros(x.shape), np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        d = np.zeros(x.shape)
        d[i] = 1.0
        z_dot = tangent(f, x, supported(node(d), with_support(d).support), operations)
        if z_dot is None:
            continue
        firsts[i] = raw(z_dot.value)
        x.grad = 0.0
        if isinstance(z_dot.value, node):
            z_dot.value.backward()
            seconds = seconds + x.grad
    return firsts, seconds


def tangent(f, x, x_dot, xp):
    z = np.sum(f(x))
    return forward_sweep(xp, collect([z]).order, {x: x_dot}).get(z)


@pytest.mark.parametrize("mode", ["reverse", "forward"])
@pytest.mark.parametrize("name", STRUCTURAL)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_structural_zeros(name, mode):
    f, point, first, second = STRUCTURAL[name]
    if mode == "forward" and name == "maximum of arrays":
        return
    found = first_and_second(f, point, mode)
    np.testing.assert_allclose(found[0], first, rtol=1e-14)
    np.testing.assert_allclose(found[1], second, rtol=1e-14)


@pytest.mark.parametrize("name", STRUCTURAL)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_structural_zeros_in_backward_and_plain_sweeps(name):
    f, point, first, _ = STRUCTURAL[name]
    x = node(np.array(point))
    np.sum(f(x)).backward()
    np.testing.assert_allclose(x.grad * np.ones(x.shape), first, rtol=1e-14)
    for i in np.ndindex(x.shape):
        d = np.zeros(x.shape)
        d[i] = 1.0
        z_dot = tangent(f, x, with_support(d), plain)
        slope = 0.0 if z_dot is None else z_dot.value
        np.testing.assert_allclose(slope, np.asarray(first)[i], rtol=1e-14)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_structural_zeros_of_float_leaves():
    x = node(0.0)
    z = np.where(x > 0, np.log(x), 2.0 * x)
    z.backward()
    assert x.grad == 2.0
    z = np.stack([np.sqrt(x), 3.0 * x])[1]
    z.backward()
    assert x.grad == 5.0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_zeros_of_a_seed_are_structural():
    x = node([0.0, 4.0])
    np.sqrt(x).backward([0.0, 1.0])
    np.testing.assert_array_equal(x.grad, [0.0, 0.25])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kind", [float, np.atleast_1d], ids=["float", "array"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sqrt(x) ** 2,
        lambda x: np.log(x) * 0.0,
        lambda x: np.sqrt(x) * (x > 0),
        lambda x: (1 / x) * x,
    ],
    ids=["sqrt(x)**2", "log(x)*0", "sqrt(x)*(x>0)", "1/x*x"],
)
def test_computed_zeros_are_not_strong(f, kind):
    x = node(kind(0.0))
    np.sum(f(x)).backward()
    assert np.isnan(x.grad).all()


def test_a_computed_zero_keeps_its_second_derivative():
    for point in (0.0, np.zeros(2)):
        first, second = first_and_second(lambda x: np.sin(x) ** 2, point, "reverse")
        np.testing.assert_array_equal(first, np.zeros_like(point))
        np.testing.assert_array_equal(second, np.full_like(point, 2.0))
        _, second = first_and_second(lambda x: np.sin(x) ** 2, point, "forward")
        np.testing.assert_array_equal(second, np.full_like(point, 2.0))


def test_imaginary_parts_keep_their_support():
    def f(z):
        one = np.ones(1)
        both = [np.concatenate([one, z[:1]]), np.concatenate([one, z[1:]])]
        return np.sum(np.imag(both[0] * both[1]))

    gd.check_gradients(f, (np.array([1.0 + 1.0j, 2.0 - 0.5j]),), order=2)


PARTS = {
    "none": [None, 1.0, np.ones(3)],
    "huge": [1e300, np.array([1e300, -np.inf]), -np.inf],
    "complex": [np.array([1.0, complex(np.inf, -np.inf)]), np.inf],
}


@pytest.mark.parametrize("nan", [np.nan, np.float64("nan"), np.array([[1.0, np.nan]])],
                         ids=["float", "float64", "array"])  # fmt: skip
@pytest.mark.parametrize("name", PARTS)
def test_one_look_for_a_nan_in_several(name, nan):
    parts = PARTS[name]
    with np.errstate(all="ignore"):
        assert not have_nan(parts)
        for i in range(len(parts) + 1):
            assert have_nan([*parts[:i], nan, *parts[i:]])


@pytest.mark.parametrize("x", [2.0, np.float64(2.0), np.float32([[1.0], [2.0]]),
                               np.arange(3.0)])  # fmt: skip
def test_what_is_repeated_in_plain_sweeps(x):
    z = plain.broadcast_to(x, (2, 3))
    assert z.dtype == np.asarray(x).dtype
    np.testing.assert_array_equal(z, np.broadcast_to(x, (2, 3)), strict=True)
    with pytest.raises(ValueError, match="dimensions"):
        plain.broadcast_to(np.ones((1, 2, 3)), (2, 3))
