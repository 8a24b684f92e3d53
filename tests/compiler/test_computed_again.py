"""Cheap rows are computed again by the loops that read them, instead of stored."""

import numpy as np
import optree
import pytest

import chainrule as gd
from chainrule.compiler.native.fusion import Fused, fused
from tests.compiler.test_fusion import N, arrays, assert_close, on_tape, program_of

RNG = np.random.default_rng(5)


def nests(f, *args):
    """Return what each loop stores, and its operations; its results are NumPy's."""
    program = program_of(f, *args)
    for scale in (1.0, 0.7):
        moved = [scale * x for x in args]
        assert_close(on_tape(program)(*moved), f(*moved))
    rows = fused(program, floats=True).rows
    plans = [row.function.nest.plan for row in rows if isinstance(row.function, Fused)]
    return [(len(p.results), [s.name for s in p.steps]) for p in plans]


def logsumexp(x):
    top = np.max(x)
    return top + np.log(np.sum(np.exp(x - top)))


def softmax(x, y):
    return gd.grad(logsumexp)(x), y


def test_a_softmax_stores_its_exponentials_and_what_is_asked_for():
    found = nests(softmax, *arrays(2))
    assert [stored for stored, _ in found] == [1, 0, 1]
    assert sum(names.count("exp") for _, names in found) == 1


def centred(x, y):
    z = x - 1.5
    return z / np.sum(z * z), y


def test_a_difference_is_computed_again():
    (first, _), (second, names) = nests(centred, *arrays(2))
    assert (first, second) == (0, 1)
    assert "subtract" in names


CONSTANTS = RNG.normal(size=N)


def test_an_array_that_is_constant_is_read_again():
    def f(x, y):
        z = 2.0 * CONSTANTS + np.sum(x)
        return z / np.sum(z * z), y

    (first, _), (second, names) = nests(f, *arrays(2))
    assert (first, second) == (0, 1)
    assert "add" in names


def of_two_arrays(x, y):
    z = x - y
    return z / np.sum(z * z), y


def of_roots(x, y):
    z = np.sqrt(np.abs(x))
    return z / np.sum(z * z), y


def asked_for(x, y):
    z = x - 1.5
    return z / np.sum(z * z), z, y


def read_by_others(x, y):
    z = x - 1.5
    return z / np.sum(z * z), np.sort(z), y


def long(x, y):
    z = ((x - 1.5) * 2.0 + 1.0) * 0.5 - 0.25
    return z / np.sum(z * z), y


@pytest.mark.parametrize(
    "f", [of_two_arrays, of_roots, asked_for, read_by_others, long]
)
def test_what_needs_more_is_stored(f):
    assert nests(f, *arrays(2))[0][0] == 1


def test_what_is_cheap_of_what_is_stored_is_computed_of_that():
    def f(x, y):
        e = np.exp(x)
        z = 2.0 * e
        total = np.sum(z)
        return z / total + e / total, y

    (first, _), (second, names) = nests(f, *arrays(2))
    assert (first, second) == (1, 1)
    assert "exp" not in names


def test_a_carry_that_is_read_again_is_that_of_the_step():
    def f(x, y):
        def step(c, _):
            z = c - 1.5 * y
            return z / np.sqrt(np.sum(z * z)) + 0.5 * c, None

        return np.sum(gd.scan(step, x, None, 4)[0] * y)

    x, y = arrays(2)
    for g in (f, gd.value_and_grad(f, (0, 1))):
        fast = gd.compile(g, executor="native")
        for scale in (1.0, 0.7):
            pairs = zip(
                optree.tree_leaves(fast(scale * x, y)),
                optree.tree_leaves(g(scale * x, y)),
                strict=True,
            )
            for found, expected in pairs:
                np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13)
