"""Undoing broadcasting, normalising axes, describing values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import broadcastable_shapes, mutually_broadcastable_shapes

from chainrule import node
from chainrule.values.shapes import (
    describe,
    dtype_of,
    is_complex,
    kept_shape,
    normalize_axes,
    reduced_axes,
    shape_of,
    shares_places,
    unbroadcast,
)


@given(mutually_broadcastable_shapes(num_shapes=1, base_shape=(2, 3, 4)))
def test_unbroadcast_is_the_transpose_of_broadcasting(shapes):
    (target,), result = shapes
    rng = np.random.default_rng(0)
    x, z_grad = rng.normal(size=target), rng.normal(size=result)
    x_grad = unbroadcast(np, z_grad, target)
    assert np.shape(x_grad) == target
    np.testing.assert_allclose(
        np.sum(x_grad * x), np.sum(z_grad * np.broadcast_to(x, result)), rtol=1e-12
    )


@given(broadcastable_shapes(shape=(3, 1, 2), max_dims=3))
def test_unbroadcast_to_a_larger_shape_repeats(shape):
    target = np.broadcast_shapes(shape, (3, 1, 2))
    x = np.random.default_rng(1).normal(size=shape)
    np.testing.assert_array_equal(
        unbroadcast(np, x, target), np.broadcast_to(x, target)
    )


def test_unbroadcast_leaves_alone_what_fits():
    x = np.ones((2, 3))
    assert unbroadcast(np, x, (2, 3)) is x
    assert unbroadcast(np, 2.0, ()) == 2.0
    np.testing.assert_array_equal(unbroadcast(np, np.ones((0, 3)), (3,)), np.zeros(3))


@pytest.mark.parametrize(
    ("shape", "target", "axes"),
    [
        ((4, 2, 3), (1, 3), (0, 1)),
        ((4, 2, 3), (4, 2, 3), ()),
        ((4, 2, 3), (), (0, 1, 2)),
        ((4, 1), (1, 1), (0,)),
        ((0, 3), (1, 3), (0,)),
    ],
)
def test_reduced_axes(shape, target, axes):
    assert reduced_axes(shape, target) == axes
    summed = np.sum(np.ones(shape), axis=axes).reshape(target)
    assert summed.shape == target


@given(st.integers(1, 4), st.data())
def test_axes_are_numpys(ndim, data):
    shape = tuple(range(2, 2 + ndim))
    axes = st.integers(-ndim, ndim - 1)
    axis = data.draw(st.one_of(st.none(), axes, axes.map(lambda a: (a,))))
    expected = np.sum(np.ones(shape), axis=axis, keepdims=True).shape
    assert kept_shape(shape, axis) == expected
    normal = normalize_axes(axis, ndim)
    assert all(0 <= a < ndim for a in normal)
    assert np.sum(np.ones(shape), axis=normal, keepdims=True).shape == expected


def test_axes_of_a_number():
    assert normalize_axes(None, 0) == ()
    assert normalize_axes(-1, 0) == ()
    assert kept_shape((), None) == ()


@pytest.mark.parametrize(
    ("x", "shape", "dtype"),
    [
        (2.0, (), "f8"),
        (2, (), "i8"),
        (1j, (), "c16"),
        (np.float32(1), (), "f4"),
        (np.ones((2, 1), np.complex64), (2, 1), "c8"),
        (node([[1.0, 2.0]]), (1, 2), "f8"),
        (node(3), (), "f8"),
        ([1.0, 2.0], (2,), "f8"),
    ],
)
def test_shape_and_dtype_of_anything(x, shape, dtype):
    assert shape_of(x) == shape
    assert dtype_of(x) == np.dtype(dtype)
    assert is_complex(x) == (dtype[0] == "c")


@pytest.mark.parametrize(
    ("x", "text"),
    [
        ("two", "str 'two'"),
        (b"two", "bytes b'two'"),
        (True, "bool True"),
        (3, "int 3"),
        (2.5, "float 2.5"),
        (1j, "complex 1j"),
        (np.float32(1), "float32 of shape () and dtype float32"),
        (np.ones((2, 3)), "ndarray of shape (2, 3) and dtype float64"),
        (node([1.0]), "node of shape (1,) and dtype float64"),
        (None, "NoneType"),
        ([1.0], "list"),
    ],
)
def test_describe(x, text):
    assert describe(x) == text


def test_an_array_without_entries_has_no_two_in_one_place():
    x = np.zeros((2, 3))
    assert shares_places(np.broadcast_to(x, (4, 2, 3)))
    assert not shares_places(x[::-1].T)
    for empty in (x[:0], x[:, :0], x[:0, None, ::-1], np.zeros((0, 0, 2))[..., ::-1]):
        assert not shares_places(empty)
