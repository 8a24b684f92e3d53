"""Which functions return an array, a view of it or a copy: as NumPy's do."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd

gnp = gd.numpy
X = np.arange(1.0, 7.0).reshape(2, 3)
LAYOUTS = {
    "by rows": X,
    "by columns": np.asfortranarray(X),
    "with gaps": np.repeat(X, 2, axis=1)[:, ::2],
}
FUNCTIONS = {
    "array": lambda np, x: np.array(x),
    "array by columns": lambda np, x: np.array(x, order="F"),
    "array of more axes": lambda np, x: np.array(x, ndmin=3),
    "copy": lambda np, x: np.copy(x),
    "asarray": lambda np, x: np.asarray(x),
    "asarray by columns": lambda np, x: np.asarray(x, order="F"),
    "asanyarray": lambda np, x: np.asanyarray(x),
    "a copy": lambda np, x: np.asarray(x, copy=True),
    "ascontiguousarray": lambda np, x: np.ascontiguousarray(x),
    "ascontiguousarray turned": lambda np, x: np.ascontiguousarray(x.T),
    "asfortranarray": lambda np, x: np.asfortranarray(x),
    "asfortranarray turned": lambda np, x: np.asfortranarray(x.T),
    "require": lambda np, x: np.require(x, requirements="F"),
    "require both": lambda np, x: np.require(x.T, requirements=["C", "WRITEABLE"]),
    "astype": lambda np, x: x.astype(float, order="F", copy=False),
    "astype turned": lambda np, x: x.T.astype(float, order="C", copy=False),
    "a view": lambda np, x: x.view(),
    "a view of its dtype": lambda np, x: x.view(float),
    "flatten": lambda np, x: x.flatten("F"),
    "ravel by columns": lambda np, x: x.ravel("F"),
    "ravel of a diagonal": lambda np, x: x[:, :2].diagonal().ravel(),
    "ravel of rows": lambda np, x: np.broadcast_to(x, (2, 2, 3)).ravel(),
    "real_if_close": lambda np, x: np.real_if_close(x),
    "nan_to_num": lambda np, x: np.nan_to_num(x, copy=False),
    "matrix transpose": lambda np, x: x.mT,
    "trim_zeros": lambda np, x: np.trim_zeros(x[0]),
    "unstack": lambda np, x: np.unstack(x)[1],
}


def written(xp, make, x):
    """Write into an array and into what a function makes of it."""
    y = make(xp, x)
    y[(0,) * y.ndim] = 50.0
    x[0, 1], x[1, 1] = 20.0, 30.0
    return np.sum(x) + 7.0 * np.sum(y)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_copy_is_one_where_numpys_is(name, layout):
    make, x = FUNCTIONS[name], LAYOUTS[layout]
    expected = written(np, make, x if layout == "with gaps" else x.copy("K"))

    def f(x):
        return written(gnp, make, x)

    LAYOUTS["with gaps"][...] = X
    assert gd.value_and_grad(f)(x)[0] == expected
    assert gd.compile(f)(x) == expected
    assert gd.compile(gd.value_and_grad(f))(x)[0] == expected
    np.testing.assert_array_equal(x, X)


def numbers_as_arrays(xp, x):
    """Arrays without axes change in place, numbers do not."""
    a, b, c, d = xp.array(x[0]), xp.asarray(x[1]), xp.copy(x[2]), xp.full((), x[3])
    same = a, b, c[...], d
    a += 1.0
    b *= 3.0
    c -= x[0]
    d[()] = x[1] * x[2]
    number = x[0] * 1.0
    other = number
    number += 5.0
    total = np.sum(same[0]) + 10 * np.sum(same[1]) + 100 * np.sum(same[2])
    return total + 1000 * np.sum(same[3]) + other


def test_arrays_made_of_numbers_change_in_place():
    x = np.array([1.5, 2.0, 3.0, 4.0])

    def f(x):
        return numbers_as_arrays(gnp, x)

    expected = numbers_as_arrays(np, x)
    slopes = [1.0 + 1.0 - 100.0, 30.0 + 3e3, 100.0 + 2e3, 0.0]
    for g in (gd.value_and_grad(f), gd.compile(gd.value_and_grad(f))):
        value, grad = g(x)
        np.testing.assert_allclose(value, expected)
        np.testing.assert_allclose(grad, slopes)
    np.testing.assert_allclose(gd.compile(f)(x), expected)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_shared_row_is_not_written():
    def f(x):
        rows = np.meshgrid(x[0], x[1], copy=False)[0]
        rows[0, 0] = 5.0
        return np.sum(rows)

    for g in (gd.grad(f), gd.compile(f)):
        with pytest.raises(gd.errors.ReadOnlyError, match="Write into a copy"):
            g(X)


@pytest.mark.parametrize("transform", [gd.grad, gd.compile])
def test_a_view_of_another_dtype_is_refused(transform):
    with pytest.raises(gd.errors.EscapeError, match=r"view\(dtype\)"):
        transform(lambda x: np.sum(x.view(np.int64)))(X)
