"""Patterns of every rule: all that is not zero is in them, and few are dense."""

from __future__ import annotations

import functools
from itertools import chain

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError
from chainrule.nodes.node_class import record
from tests.helpers import RULES, as_tuple, calls_of, is_inexact

matrices = pytest.importorskip("chainrule.sparse.matrices")

CALLS = list(chain.from_iterable(map(calls_of, RULES)))
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


@functools.cache
def detected(k):
    """Return the pattern of a call, its Jacobian, and what made it dense."""
    made = function_of(CALLS[k])
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


@pytest.mark.parametrize("k", range(len(CALLS)), ids=[c.label for c in CALLS])
@pytest.mark.thinned(4)
def test_what_is_not_zero_is_in_the_pattern(k):
    found = detected(k)
    if found is None:
        pytest.skip("no array of floats to differentiate in")
    pattern, jacobian, _ = found
    outside = (jacobian != 0) & ~pattern & ~np.isnan(jacobian)
    assert not outside.any()


@pytest.mark.slow
def test_few_functions_fall_to_dense():
    names = set()
    for k in range(len(CALLS)):
        found = detected(k)
        if found is not None and found[2]:
            names.add(CALLS[k].rule.__name__)
    assert len(names) <= DENSE_ALLOWED, sorted(names)


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
