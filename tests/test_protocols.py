"""NumPy's protocols: ufuncs, other functions, escapes, object arrays."""

from __future__ import annotations

import math
import struct
import warnings

import numpy as np
import pytest
import scipy.special

import chainrule as gd
from chainrule import node
from chainrule.errors import ArgumentError, EscapeError, MissingRuleError
from tests.helpers import assert_close, differences


def check(f, point, *, rtol=1e-8):
    """Hold the gradient of ``sum(f(x))`` to differences, and the value to NumPy's."""
    point = np.asarray(point, dtype=float)
    x = node(point)
    z = f(x)
    assert isinstance(z, node)
    np.testing.assert_allclose(z.value, f(point), rtol=1e-14)
    assert z.shape == np.shape(f(point))
    np.sum(z).backward()
    for i in np.ndindex(point.shape):
        d = np.zeros(point.shape)
        d[i] = 1.0
        slope = differences(lambda t, d=d: [np.sum(f(point + t * d))])[0]
        assert_close(x.grad[i] if point.shape else x.grad, slope, rtol, scale=1.0)


# -------------------------------------------------------------------------- ufuncs


@pytest.mark.parametrize(
    "f",
    [
        np.add.reduce,
        lambda x: np.add.reduce(x, axis=1),
        lambda x: np.add.reduce(x, axis=(0, 1)),
        lambda x: np.add.reduce(x, axis=None, keepdims=True),
        lambda x: np.add.reduce(x, where=np.array([True, False, True])),
        lambda x: np.add.reduce(x, initial=5.0),
        np.multiply.reduce,
        np.maximum.reduce,
        lambda x: np.minimum.reduce(x, axis=1),
        lambda x: np.logaddexp.reduce(x, axis=1),
        np.logaddexp.accumulate,
        np.add.accumulate,
        lambda x: np.add.accumulate(x, axis=1),
        np.multiply.accumulate,
        lambda x: np.multiply.outer(x, [1.0, 2.0]),
        lambda x: np.multiply.outer([1.0, 2.0], x),
        lambda x: np.multiply.outer(x[0], x[1]),
        lambda x: np.add.outer(x[0], x[1]) ** 2,
        lambda x: np.subtract.outer(x[0], x[1]) ** 2,
        lambda x: np.divide.outer(x[0], x[1]),
    ],
)
def test_ufunc_methods(f):
    check(f, [[0.7, 1.3, 0.4], [1.9, 0.2, 1.1]])


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x: np.hypot.reduceat(x, [0, 1]), "np.hypot.reduceat"),
        (np.hypot.accumulate, "np.hypot.accumulate"),
        (np.hypot.reduce, "np.hypot.reduce"),
        (np.frompyfunc(abs, 1, 1), "abs (vectorized) has"),
        (
            lambda x: scipy.special.chndtridf(2.0, 0.5, x),
            "scipy.special.chndtridf cannot .* np.sum(w * ",
        ),
    ],
)
def test_what_has_no_rule_is_named(f, name):
    with pytest.raises(MissingRuleError) as caught:
        f(node([1.0, 2.0]))
    for part in name.split(" .* "):
        assert part in str(caught.value)


def test_ufunc_where():
    mask = np.array([True, False, True])
    x = node([1.0, -2.0, 4.0])
    z = np.log(x, where=mask)
    np.testing.assert_allclose(z.value, [0.0, 0.0, math.log(4.0)])
    z.backward(np.ones(3))
    np.testing.assert_array_equal(x.grad, [1.0, 0.0, 0.25])
    y = node(np.ones((2, 1)))
    w = np.multiply(x, y, where=mask)
    assert w.shape == (2, 3)
    w.backward(np.ones((2, 3)))
    np.testing.assert_array_equal(y.grad, [[5.0], [5.0]])
    np.testing.assert_array_equal(np.exp(x, where=True).value, np.exp(x.value))
    np.testing.assert_array_equal(
        np.add(1.0, x, where=x > 0).value, np.where(mask, 1 + x.value, 0.0)
    )


def test_ufunc_keywords_are_never_swallowed():
    x = node([1.0, 2.0])
    np.exp(x, dtype=None, casting="same_kind", subok=True)
    for given in ({"dtype": np.float32}, {"casting": "unsafe"}, {"order": "F"},
                  {"signature": "d->d"}):  # fmt: skip
        name = next(iter(given))
        with pytest.raises(ArgumentError, match=f"keyword {name}="):
            np.exp(x, **given)
    with pytest.raises(TypeError):
        np.exp(x, no_such_keyword=1)


def test_functions_with_unknown_keywords():
    x = node([1.0, 2.0])
    with pytest.raises(TypeError):
        np.sum(x, no_such_keyword=1)
    with pytest.raises(TypeError):
        gd.sin(x, no_such_keyword=1)


# ---------------------------------------------------------------------------- dtypes


def test_promotion_is_numpys():
    single, double = np.float32(2.0), np.float64(2.0)
    assert (node(single) * 2.0).dtype == np.float32
    assert (node(single) * 2).dtype == np.float32
    assert (node(single) * double).dtype == np.float64
    assert (node(2.0) * single).dtype == np.float32
    assert (single * node(2.0)).dtype == np.float32
    assert (node(np.ones(2, np.float32)) * 2.0).dtype == np.float32
    assert (node(np.ones(2, np.float32)) * np.ones(2)).dtype == np.float64
    assert (node(np.ones(2, np.float32)) + np.arange(2)).dtype == np.float64
    assert np.sin(node(single)).dtype == np.float32
    assert (node(single) ** 2).dtype == np.float32
    assert (node(single) * 1j).dtype == np.complex64


def test_float32_gradients_stay_float32():
    x = node(np.float32(2.0))
    y = node(3.0)
    z = np.exp(x * y) / y
    assert z.dtype == np.float32
    z.backward()
    assert x.grad.dtype == np.float32
    assert type(y.grad) is float
    v = node(np.ones(3, np.float32))
    np.sum(np.sin(v) * np.arange(3.0)).backward()
    assert v.grad.dtype == np.float32


def test_numpy_scalars_and_zero_dimensional_arrays():
    for value in (np.float64(2.0), np.array(2.0)):
        x = node(value)
        z = np.exp(x) * np.float64(3.0) + x**2
        np.testing.assert_allclose(z.value, 3 * math.exp(2.0) + 4.0)
        z.backward()
        np.testing.assert_allclose(x.grad, 3 * math.exp(2.0) + 4.0)
        assert np.shape(x.grad) == ()


def test_integer_and_boolean_constants():
    x = node([1.0, 2.0, 3.0])
    check(lambda x: x * np.arange(3) + np.array([True, False, True]), x.value)
    check(lambda x: np.where(np.array([1, 0, 2]), x, x**2), x.value)


# --------------------------------------------------------------------------- escapes

X, V, A = node(2.0), node([1.0, 2.0, 3.0]), np.zeros(3)


def assign(index, value):
    A[index] = value


ESCAPES = {
    "float(x)": lambda: float(X),
    "int(x)": lambda: int(X),
    "complex(x)": lambda: complex(X),
    "math.sin(x)": lambda: math.sin(X),
    "math.fsum": lambda: math.fsum([X, X]),
    "list[x]": lambda: [1, 2, 3][X],
    "range(x)": lambda: range(X),
    "v[x]": lambda: V[X],
    "v[[x]]": lambda: V[[X, 1]],
    "v[x:]": lambda: V[X:],
    "%f": lambda: "%f" % X,  # noqa: UP031
    "asarray": lambda: np.asarray(X, dtype=float),
    "asarray of array": lambda: np.asarray(V, dtype=np.float32),
    "array of list": lambda: np.array([X, X], dtype=float),
    "array of arrays": lambda: np.array([V, V], dtype=float),
    "float64(x)": lambda: np.float64(X),
    "a[0] = x": lambda: assign(0, X),
    "a[:] = v": lambda: assign(slice(None), V),
    "a[...] = x": lambda: assign(..., X),
    "a[mask] = v": lambda: assign(np.array([True, True, True]), V),
    "a[0] = v[0]": lambda: assign(0, V[0]),
    "fill": lambda: A.fill(X),
    "fromiter": lambda: np.fromiter([X, X], dtype=float),
    "v[0] = 1": lambda: V.__setitem__(0, 1.0),
    "out=": lambda: np.add(V, 1.0, out=A),
    "out= of node": lambda: np.add(A, 1.0, out=V),
    "out= of a function": lambda: np.sum(V, axis=0, out=A[0]),
    "out= of a constant": lambda: np.floor(V, out=A),
    "reduce(out=)": lambda: np.add.reduce(V, out=A[0]),
    "np.add.at a node": lambda: np.add.at(V, [0], 1.0),
    "np.add.at an array": lambda: np.add.at(A, [0, 1, 2], V),
    "a += v": lambda: A.__iadd__(V),
}


@pytest.mark.parametrize("name", ESCAPES)
def test_escapes(name):
    with pytest.raises((EscapeError, ValueError, IndexError)) as caught:
        ESCAPES[name]()
    error = caught.value
    if not isinstance(error, EscapeError):
        # NumPy turns what float(x) raises into an error of its own; ours is its cause.
        error = error.__cause__
    assert isinstance(error, EscapeError)
    message = str(error)
    remedies = ("gd.value(x)", "np.where(mask, new, x)", "Leave out= away",
                "gd.zeros(n)", "Write a = a +")  # fmt: skip
    assert any(r in message for r in remedies), message
    np.testing.assert_array_equal(A, 0.0)


@pytest.mark.parametrize(
    "f",
    [lambda: memoryview(V), lambda: bytes(X), lambda: struct.pack("d", X),
     lambda: np.frombuffer(V), lambda: "".join([X]),
     lambda: np.full(3, X, dtype=float)],
)  # fmt: skip
def test_other_escapes_raise_too(f):
    with pytest.raises((TypeError, ValueError, struct.error)):
        f()


def test_locally_constant_functions_are_plain():
    assert round(node(2.6)) == 3
    assert round(node(2.64), 1) == 2.6
    assert math.floor(node(2.6)) == 2
    assert math.ceil(node(2.6)) == 3
    assert math.trunc(node(-2.6)) == -2
    for f in (np.floor, np.sign, np.isnan, np.shape, np.ndim, np.size):
        plainly = f(V.value - 0.5)
        found = f(V - 0.5)
        assert not isinstance(found, node)
        np.testing.assert_array_equal(found, plainly)


# --------------------------------------------------------------------- object arrays


@pytest.mark.parametrize("made", [np.asarray, np.array, lambda v: np.array(list(v))])
def test_object_arrays_hold_nodes(made):
    x = node([1.0, 2.0, 3.0])
    a = made(x)
    assert a.dtype == object
    assert a.shape == (3,)
    assert all(isinstance(v, node) for v in a)
    z = np.sum(a * a[::-1])
    z.backward()
    np.testing.assert_array_equal(x.grad, [6.0, 4.0, 2.0])


def test_object_array_of_a_number():
    x = node(2.0)
    a = np.asarray(x)
    assert a.shape == ()
    assert a[()] is x
    pair = np.array([x, 3 * x])
    (pair[0] * pair[1]).backward()
    assert x.grad == 12.0


@pytest.mark.parametrize(
    "f",
    [np.sin, np.cos, np.tan, np.exp, np.log, np.sqrt, np.arctan, np.tanh, np.square,
     np.cbrt, np.log1p, np.expm1, abs, np.negative, np.reciprocal,
     lambda a: np.hypot(a, 2.0), lambda a: np.arctan2(a, a + 1.0), lambda a: a**2,
     lambda a: np.maximum(a, 0.9), lambda a: np.dot(a, a), np.sum, np.prod,
     lambda a: a @ np.array([1.0, 2.0, 3.0]), np.cumsum, lambda a: a.reshape(3, 1) / a],
)  # fmt: skip
def test_numpy_works_on_object_arrays(f):
    value = np.array([0.3, 0.8, 1.7])
    x, y = node(value), node(value)
    z, w = f(np.asarray(x)), f(y)
    stacked = np.sum(z)
    np.testing.assert_allclose(stacked.value, np.sum(w.value), rtol=1e-14)
    stacked.backward()
    np.sum(w).backward()
    np.testing.assert_allclose(x.grad, y.grad, rtol=1e-13)


def test_our_functions_take_object_arrays_and_lists_back():
    x = node([1.0, 2.0])
    for given in (np.asarray(x), list(x), tuple(x), [x[0], x[1]]):
        x.grad = 0.0
        z = gd.sin(given)
        assert isinstance(z, node)
        assert z.shape == (2,)
        np.sum(z).backward()
        np.testing.assert_allclose(x.grad, np.cos([1.0, 2.0]))
    table = gd.multiply([[x[0], 2.0], [3.0, x[1]]], 2.0)
    np.testing.assert_array_equal(table.value, [[2.0, 4.0], [6.0, 4.0]])
    x.grad = 0.0
    (np.asarray(x) * x).backward([1.0, 1.0])
    np.testing.assert_array_equal(x.grad, [2.0, 4.0])


def test_large_object_arrays_warn():
    with pytest.warns(RuntimeWarning, match="object array of 1000 nodes is slow"):
        np.asarray(node(np.zeros(1000)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.asarray(node(np.zeros(999)))


def test_rounding_of_object_arrays_is_locally_constant():
    a = np.array([node(1.4), node(2.7)])
    np.testing.assert_array_equal(np.rint(a).astype(float), [1.0, 3.0])
    np.testing.assert_array_equal(np.round(a).astype(float), [1.0, 3.0])
    np.testing.assert_array_equal(np.floor(a).astype(float), [1.0, 2.0])


def test_full_of_a_node_holds_it():
    x = node(2.0)
    a = np.full(3, x)
    assert a.dtype == object
    np.prod(a).backward()
    assert x.grad == 12.0


def test_a_number_has_no_length_and_says_so_as_an_error_of_either_kind():
    def scaled(x):
        return x * (10.0 if hasattr(x, "__len__") else 1.0)

    for f in (scaled, gd.compile(scaled)):
        assert gd.grad(f)(2.0) == 1.0
        assert gd.grad(lambda x, f=f: np.sum(f(x)))(np.ones(2)).tolist() == [10.0, 10.0]
    assert len(gd.node(np.ones((3, 2)))) == 3
    for error in (TypeError, AttributeError):
        with pytest.raises(error, match="holds a number has no len"):
            len(gd.node(2.0))
