"""NumPy's functions that write into arrays, and ``out=``: NumPy is the oracle."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import EscapeError
from tests.programs_in_place import differences

X = np.array([0.4, 0.73, 1.1, 1.3])
WRITES = """\
np.sin(x, out=y); y *= x
np.add(y[1:], y[:-1], out=y[1:])
np.multiply(x, 3.0, out=y, where=x > 1)
np.cumsum(y, out=y)
np.sum(np.outer(x, x), axis=0, out=y)
np.dot(np.outer(x, y), x, out=y)
np.add.accumulate(y, out=y)
np.exp([0.0, 1, 2, 3], out=y[:]); y *= x
np.einsum("ij,j->i", np.outer(x, y), x, out=y)
y.cumsum(out=y)
np.take(y, [3, 2, 1, 0], out=y)
np.concatenate([x[:2], y[2:]], out=y)
np.mean(np.outer(x, y), 0, None, y)
np.clip(y, 0.2, 1.5, out=y)
np.stack([x[0], x[1], y[2], y[3]], out=y)
x.sum(out=y[:1].reshape(()))
np.add.outer(x[:2], y[:2], out=y.reshape(2, 2))
np.matmul(np.outer(x, x), y, out=y)
np.add.at(y, [0, 0, 1], x[1:]); np.subtract.at(y, [1, 1], 2.0 * x[0])
np.multiply.at(y, [0, 2, 0, -2], x); np.negative.at(y, [0, 0, 0, 1])
np.put(y, [0, -1, 0], x[:2])
np.put(y, [5, 9], x[1::2], mode="wrap")
np.place(y, x > 0.5, x[0] * x[:2])
np.putmask(y, x > 0.5, x**3)
np.copyto(y, x * y, where=x < 1)
np.fill_diagonal(m, x[:2] * 2)
np.put_along_axis(m, np.array([[0], [1], [2], [1]]), x[:, None] * 5, 1)
np.put_along_axis(m, np.array([3, 1]), x[:2] ** 2, None)
m.T.flat[::5] = x[:3]
y.sort(); y[::-1].sort()
m.sort(axis=0)
y.partition(2)
y.put([1], x[2])
w = y[1:]; w.fill(x[0])"""


def program(statement):
    names = {"np": np}
    lines = ["def f(x):", "y = x * x", "m = np.outer(y, x)", *statement.split("; ")]
    lines += ["return np.sum(y**2 * WEIGHTS) + np.sum(m**2 * m[0])"]
    names["WEIGHTS"] = np.arange(1.0, 5.0)
    exec("\n    ".join(lines), names)
    return names["f"]


@pytest.mark.parametrize("statement", WRITES.split("\n"))
def test_as_numpy(statement):
    f = program(statement)
    value, grad = gd.value_and_grad(f)(X)
    np.testing.assert_allclose(value, f(X.copy()), rtol=1e-13)
    np.testing.assert_allclose(grad, differences(f, X), rtol=1e-6, atol=1e-7)
    second = gd.hvp(f, X, np.ones(4))
    expected = differences(gd.grad(f), X) @ np.ones(4)
    np.testing.assert_allclose(second, expected, rtol=1e-5, atol=1e-5)
    fast = gd.compile(gd.value_and_grad(f))
    for _ in range(2):
        np.testing.assert_allclose(fast(X)[0], value, rtol=1e-12)
        np.testing.assert_allclose(fast(X)[1], grad, rtol=1e-10)


@pytest.mark.parametrize(
    "write",
    [
        lambda y: np.add(y, 1j, out=y),
        lambda y: np.add(y, np.ones((2, 4)), out=y),
        lambda y: np.sum(y, out=y),
        lambda y: np.add.at(y, [9], 1.0),
        lambda y: np.put(y, [9], 1.0),
        lambda y: np.copyto(y, 1j * np.ones(4)),
        lambda y: y.fill([1.0, 2.0]),
    ],
)
def test_what_numpy_refuses_is_refused(write):
    with pytest.raises((TypeError, ValueError, IndexError)) as plain:
        write(X.copy())
    with pytest.raises(plain.type):
        gd.grad(lambda x: [write(x), np.sum(x)][1])(X)


def test_plain_arrays_take_no_nodes():
    for write in (lambda x: np.exp(x, out=np.zeros(4)), lambda x: np.put(X, [0], x)):
        with pytest.raises(EscapeError):
            gd.grad(write)(X)


@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum])
def test_extremes_at_an_index_share_ties_equally(ufunc):
    def f(x, y):
        z = x * 1.0
        ufunc.at(z, [0, 0, 2, 2, -1], y)
        return np.sum(z * np.array([1.0, 2.0, 3.0]))

    sign = 1.0 if ufunc is np.maximum else -1.0
    x, y = np.array([1.0, 1.0, -9.0]), np.array([1.0, 1.0, 2.0, 0.0, 2.0])
    x_grad, y_grad = gd.grad(f, (0, 1))(sign * x, sign * y)
    np.testing.assert_allclose(x_grad, [1 / 3, 2.0, 0.0], rtol=1e-15)
    np.testing.assert_allclose(y_grad, [1 / 3, 1 / 3, 1.5, 0.0, 1.5], rtol=1e-15)
    _, tangent = gd.jvp(f, (sign * x, sign * y), (x, y))
    np.testing.assert_allclose(tangent, x_grad @ x + y_grad @ y, rtol=1e-14)
