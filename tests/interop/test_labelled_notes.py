"""Errors of pandas and xarray that meet nodes say what to write."""

from __future__ import annotations

import re

import numpy as np
import pytest

import chainrule as gd

pandas = pytest.importorskip("pandas")
xr = pytest.importorskip("xarray")


def note_of(f, *args):
    """Return the note of the exception that a call raises."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  of another library
        f(*args)
    (note,) = caught.value.__notes__
    return note


def assigned(x, place, value):
    getattr(x, place)[0] = value


def written(x, value):
    x[0] = value


def increased(x, value):
    x += value


PANDAS = {
    "entry": (written, r"assignment to entries of Series.*np\.where"),
    "loc": (lambda s, x: assigned(s, "loc", x), r"assignment to entries.*np\.where"),
    "iloc": (lambda s, x: assigned(s, "iloc", x), r"assignment to entries.*np\.where"),
    "+=": (lambda s, x: increased(s, np.stack([x, x])), r"operator \+=.*a = a \+ x"),
    "rolling": (lambda s, x: s.rolling(x), "to_numpy"),
}


@pytest.mark.parametrize("name", PANDAS)
def test_pandas_is_told_what_to_write(name):
    use, words = PANDAS[name]
    note = note_of(gd.grad(lambda x: use(pandas.Series([1.0, 2.0]), x)), 2.0)
    assert re.search(words, note, re.DOTALL)


OF_A_SERIES = {
    "loc": (lambda x: x.loc["a"], r"get_loc"),
    "index": (lambda x: x.index, r"get_loc"),
    "values": (lambda x: x.values, r"leave \.values away"),
    "to_numpy": (lambda x: x.to_numpy(), r"leave \.to_numpy"),
}


@pytest.mark.parametrize("name", OF_A_SERIES)
def test_what_a_series_has_and_its_values_have_not(name):
    use, words = OF_A_SERIES[name]
    series = pandas.Series([1.0, 2.0], index=["a", "b"])
    with pytest.raises(AttributeError, match=words):
        gd.grad(lambda x: np.sum(use(x)))(series)
    place = series.index.get_loc("b")
    assert gd.grad(lambda x: x[place] ** 2)(series)["b"] == 4.0


XARRAY = {
    "polyval": (xr.polyval, r"c\.sel\(degree=i\)"),
    "interp": (lambda z, c: z.interp(row=[0.5]), "interp1d"),
    "interp_at": (lambda z, c: c.interp(degree=z[0]), "interp1d"),
    "curvefit": (lambda z, c: z.curvefit("row", lambda x, a: a * x), "curve_fit"),
    "chunk": (lambda z, c: z.to_netcdf(), r"x\.data"),
    "entry": (lambda z, c: written(c, z[0]), "entries of DataArray.*zeros_like"),
    "loc": (lambda z, c: assigned(c, "loc", z[0]), "entries of LocIndexer.*zeros_like"),
    "+=": (lambda z, c: increased(c, z.data), r"operator \+=.*a = a \+ x"),
    "np.interp": (lambda z, c: np.interp(0.5, [0.0, 1.0], z), r"a node, x\.data"),
    "np.histogram": (lambda z, c: np.histogram(z, 2)[0] * z, r"a node, x\.data"),
}


@pytest.mark.parametrize("name", XARRAY)
def test_xarray_is_told_what_to_write(name):
    use, words = XARRAY[name]
    z = xr.DataArray(np.ones(2), dims="row", coords={"row": [0.0, 1.0]})
    c = xr.DataArray(np.ones(2), dims="degree", coords={"degree": [0, 1]})
    note = note_of(gd.grad(lambda z: use(z, c).sum()), z)
    assert re.search(words, note, re.DOTALL)


def test_what_the_notes_name_is_right():
    knots = xr.DataArray(np.array([1.0, 2.0]), dims="row")
    inside = gd.grad(lambda z: np.interp(0.25, [0.0, 1.0], z.data))(knots)
    np.testing.assert_allclose(inside, [0.75, 0.25])
    z = xr.DataArray(np.array([1.0, 2.0]), dims="row")
    c = xr.DataArray(np.array([3.0, 4.0]), dims="degree", coords={"degree": [0, 1]})
    horner = gd.grad(
        lambda z: sum(c.sel(degree=i) * z**i for i in c.degree.values).sum()
    )
    np.testing.assert_allclose(horner(z), [4.0, 4.0])
    chosen = gd.grad(lambda z: (xr.where(c.degree == 0, z[0].data ** 2, c) ** 2).sum())
    np.testing.assert_allclose(chosen(z), [4.0, 0.0])
