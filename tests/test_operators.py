"""The operators on nodes, numbers and arrays, on either side."""

from __future__ import annotations

import numpy as np
import pytest

from chainrule import node
from tests.helpers import assert_close

BINARY = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "%": lambda a, b: a % b,
}
OTHERS = {
    "int": 3,
    "float": 1.7,
    "bool": True,
    "float64": np.float64(1.7),
    "float32": np.float32(1.5),
    "int64": np.int64(3),
    "0-d": np.array(1.7),
    "array": np.array([1.25, 0.5, 2.5]),
    "int array": np.array([1, 2, 3]),
    "list": [1.25, 0.5, 2.5],
}


@pytest.mark.parametrize("sign", BINARY)
@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("value", [2.3, np.float64(2.3), np.array([2.3, 0.7, 1.9])],
                         ids=["float", "float64", "array"])  # fmt: skip
@pytest.mark.parametrize("reflected", [False, True], ids=["x?c", "c?x"])
def test_operators(sign, kind, value, reflected):
    f, c = BINARY[sign], OTHERS[kind]

    def call(x):
        return f(c, x) if reflected else f(x, c)

    def plainly(x):
        given = np.asarray(c)[()] if type(c) is list else c
        return f(given, x) if reflected else f(x, given)

    x = node(value)
    z = call(x)
    assert isinstance(z, node)
    single = z.dtype == np.float32
    np.testing.assert_allclose(z.value, plainly(value), rtol=1e-6 if single else 1e-15)
    z.backward(np.ones(z.shape) if z.shape else 1.0)
    h, constant = 1e-6, np.asarray(c, dtype=float)
    ends = [
        f(constant, v) if reflected else f(v, constant) for v in (value + h, value - h)
    ]
    slope = (ends[0] - ends[1]) / (2 * h)
    slope = np.sum(slope) if np.shape(value) == () else np.broadcast_to(slope, 3)
    assert_close(
        x.grad,
        slope,
        1e-5 if single else 1e-8,
        scale=np.max(np.abs(plainly(value))) * 10,
    )


@pytest.mark.parametrize("value", [2.3, np.array([2.3, -0.7])], ids=["float", "array"])
def test_unary_operators(value):
    for f, slope in [
        (lambda x: -x, -1.0), (lambda x: +x, 1.0), (abs, np.sign(value)),
    ]:  # fmt: skip
        x = node(value)
        z = f(x)
        np.testing.assert_array_equal(z.value, f(value))
        z.backward(np.ones(z.shape) if z.shape else 1.0)
        np.testing.assert_array_equal(x.grad, slope * np.ones_like(value))


def test_matmul_and_its_reflected_form():
    a, b = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0, 6.0])
    x = node(b)
    z = a @ x
    np.testing.assert_array_equal(z.value, a @ b)
    z.backward(np.array([1.0, 10.0]))
    np.testing.assert_array_equal(x.grad, a.T @ [1.0, 10.0])
    m = node(a)
    (b @ m).backward(np.ones(2))
    np.testing.assert_array_equal(m.grad, np.outer(b, np.ones(2)))
    assert isinstance([1.0, 2.0] @ x, node)


def test_floor_division_is_locally_constant():
    x = node(7.5)
    assert x // 2 == 3.0
    assert not isinstance(x // 2, node)
    assert 20 // x == 2.0
    quotient, remainder = divmod(x, 2.0)
    assert quotient == 3.0
    remainder.backward()
    assert (remainder.value, x.grad) == (1.5, 1.0)
    np.testing.assert_array_equal(divmod(10.0, node([3.0, 4.0]))[0], [3.0, 2.0])


def test_comparisons_are_plain():
    x, v = node(2.0), node([1.0, 3.0])
    assert (x < 3) is np.True_ or (x < 3) is True
    assert x <= 2
    assert x > 1
    assert np.float64(1) < x
    assert x >= np.float64(2)
    np.testing.assert_array_equal(v > x, [False, True])
    np.testing.assert_array_equal(np.array([5.0, 0.0]) > v, [True, False])
    assert (v > x).dtype == bool
    assert max(x, 1.0) is x
    assert bool(x)
    assert not node(0.0)


def test_builtin_sum():
    xs = [node(float(i)) for i in range(5)]
    z = sum(x * x for x in xs)
    z.backward()
    assert [x.grad for x in xs] == [0.0, 2.0, 4.0, 6.0, 8.0]
