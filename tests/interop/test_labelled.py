"""Labelled arrays as arguments: gradients come back with the labels."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError
from tests.interop.functions import EITHER

# ------------------------------------------------------------------------------ xarray


@pytest.fixture
def xr():
    return pytest.importorskip("xarray")


@pytest.fixture
def field(xr):
    return xr.DataArray(
        np.arange(6.0).reshape(2, 3),
        dims=("t", "x"),
        coords={"t": [10, 20]},
        name="field",
        attrs={"units": "K"},
    )


@EITHER
def test_a_data_array_is_given_and_returned_as_one(xr, field, wrap):
    def f(field, weights):
        assert field.dims == ("t", "x")
        return ((field.sel(t=20) * np.sin(weights)) ** 2).sum("x") / field.mean()

    weights = xr.DataArray(np.array([0.5, 1.0, 2.0]), dims="x")
    known = gd.grad(lambda a, w: np.sum((a[1] * np.sin(w)) ** 2) / np.mean(a), (0, 1))
    slopes = wrap(gd.grad(f, (0, 1)))
    for factor in (1.0, 2.0):
        found = slopes(field * factor, weights)
        arrays = known((field * factor).data, weights.data)
        assert [x.dims for x in found] == [("t", "x"), ("x",)]
        for x, y in zip(found, arrays, strict=True):
            np.testing.assert_allclose(x.data, y)
        assert found[0].t.values.tolist() == [10, 20]
        assert found[0].name == "field"
    value, _ = wrap(gd.value_and_grad(f))(field, weights)
    np.testing.assert_allclose(value, f(field, weights))


@EITHER
def test_a_dataset_is_given_and_returned_as_one(xr, field, wrap):
    data = xr.Dataset({"a": field, "b": ("x", np.ones(3)), "n": ("x", [1, 2, 3])})
    found = wrap(gd.grad(lambda d: (np.exp(d.a) * d.b * d.n).sum()))(data)
    assert set(found.data_vars) == {"a", "b"}
    np.testing.assert_allclose(found.a, np.exp(field) * [1, 2, 3])
    assert found.b.dims == ("x",)


@EITHER
def test_other_transforms_and_labels(field, wrap):
    doubled = wrap(lambda x: x * 2)(field)
    assert doubled.dims == field.dims
    value, tangent = gd.jvp(wrap(lambda x: x**2), (field,), (field,))
    assert value.identical(field**2)
    np.testing.assert_allclose(tangent, 2 * field**2)
    assert wrap(gd.jacobian(lambda x: x.sum("t")))(field).shape == (3, 2, 3)
    assert wrap(gd.hessian(lambda x: (x**3).sum()))(field).shape == (2, 3, 2, 3)
    gd.check_gradients(lambda x: (np.sin(x) * x.mean("t")).sum(), (field,))


PLACES = {"t": [1, 0], "x": [2, 0]}


def _at_points(field, points):
    return field.isel({name: points.copy(data=i) for name, i in PLACES.items()})


def _written(field, points):
    field = field * 1.0
    field[{name: points.copy(data=i) for name, i in PLACES.items()}] = 3.0
    return field


@EITHER
@pytest.mark.parametrize(
    "f",
    [
        _at_points,
        _written,
        lambda field, points: field.isel(t=field.argmax("t")),
        lambda field, points: field.sel(t=points.copy(data=[20, 20])),
        lambda field, points: field.isel(t=[1, 0], x=[0, 0, 2]),
        lambda field, points: field.stack(k=("t", "x")).isel(k=[5, 0]).unstack(),
    ],
)
def test_arrays_that_point_at_entries_are_indices(xr, field, wrap, f):
    points = xr.DataArray([0, 0], dims="point")

    def g(field):
        return (f(field, points) ** 2).sum()

    field = field + 1.0
    gd.check_gradients(lambda x: g(field.copy(data=x)).data, (field.data,), order=2)
    found, given = wrap(gd.grad(g))(field), gd.grad(g)(field)
    assert found.identical(given)
    assert found.dims == field.dims


LAZY = {
    "sum": lambda field: field**2,
    "where": lambda field: field.where(field > 2.0).fillna(1.0) ** 2,
    "mean": lambda field: field.mean("t") ** 2,
    "astype": lambda field: field.astype(np.float32),
    "rolling": lambda field: field.rolling(t=2, min_periods=1).mean() ** 2,
    "points": lambda field: field.isel(t=[1, 0], x=[0, 2]) ** 2,
}


@pytest.mark.parametrize("name", LAZY)
def test_arrays_of_dask_in_labels_stay_lazy(field, name):
    da = pytest.importorskip("dask.array")
    from tests.foreign.libraries import lazily

    def f(field):
        return LAZY[name](field).sum()

    with lazily():
        found = gd.grad(f)(field.copy(data=da.from_array(field.data, chunks=(1, 2))))
        assert found.data.chunks == ((1, 1), (2, 1))
    assert found.dims == field.dims
    np.testing.assert_allclose(found, gd.grad(f)(field), rtol=1e-6)


def test_what_only_takes_plain_numbers_names_another_way(field):
    with pytest.raises(ValueError, match="sequence") as raised:
        gd.grad(lambda field: field.interp(t=15.0).sum())(field)
    assert "apply_ufunc" in raised.value.__notes__[0]
    assert "gd.lift" not in raised.value.__notes__[0]


@EITHER
def test_nodes_on_the_left_give_way(field, wrap):
    def f(c):
        total = 0.0
        for z in (c * field, c + field, c - field, c / (field + 1), c**field):
            assert z.dims == field.dims
            total = total + z.sum()
        return total

    a = field.data

    def known(c):
        parts = (c * a, c + a, c - a, c / (a + 1), c**a)
        return sum(np.sum(z) for z in parts)

    assert wrap(gd.grad(f))(2.0) == pytest.approx(gd.grad(known)(2.0))


def test_another_label_is_another_program(field):
    fast = gd.compile(gd.grad(lambda x: (x**2).sum()))
    for x in (field, field + 1, field.assign_coords(t=[10, 21]), field.rename("z")):
        assert fast(x).identical(gd.grad(lambda x: (x**2).sum())(x))
    assert len(fast.stats()["programs"]) == 3


# ------------------------------------------------------------------------------ pandas


@pytest.fixture
def pd():
    return pytest.importorskip("pandas")


def test_a_series_has_a_gradient_with_its_index(pd):
    theta = pd.Series([1.0, 2.0, 3.0], index=list("abc"), name="theta")
    found = gd.grad(lambda x: np.sum(x**2))(theta)
    pd.testing.assert_series_equal(found, 2 * theta)
    value, slope = gd.value_and_grad(lambda p: np.sum(p["x"] * p["y"]))(
        {"x": theta, "y": 2.0}
    )
    assert value == 12.0
    assert slope["x"].index.tolist() == ["a", "b", "c"]
    whole = gd.grad(lambda x: np.sum(x**2))(pd.Series([1, 2], index=["u", "v"]))
    assert whole.to_dict() == {"u": 2.0, "v": 4.0}


def test_a_frame_is_its_columns_and_has_a_gradient_with_its_labels(pd):
    frame = pd.DataFrame(
        {"u": [1.0, 2.0], "n": [3, 4], "text": ["a", "b"], "v": [3.0, 4.0]},
        index=pd.Index([5, 6], name="row"),
    )

    def f(x):
        assert list(x["text"]) == ["a", "b"]
        return np.sum(x["u"] * x["v"] * x["n"])

    found = gd.grad(f)(frame)
    assert found.columns.tolist() == ["u", "v"]
    assert found.index.name == "row"
    assert found.loc[6].tolist() == [16.0, 8.0]
    assert gd.value_and_grad(f)(frame)[0] == f(frame)
    slope = gd.grad(lambda w, x: np.sum(x["u"] * w))(2.0, frame)
    assert slope == 3.0
    whole = gd.grad(lambda x: np.sum(x[0] * x[1]))(pd.DataFrame([[1, 2], [3, 4]]))
    assert whole.values.tolist() == [[2.0, 1.0], [4.0, 3.0]]


def test_products_with_a_hessian_have_the_labels(pd):
    loads = pd.Series([1.0, 2.0], index=["a", "b"], name="load")
    frame = pd.DataFrame({"y": [1.0, 2.0], "n": [3, 4], "x": [5.0, 6.0]})

    def f(loads, more):
        return np.sum(loads**3 * more["t"]["y"] * more["t"]["n"])

    args = loads, {"t": frame}
    first, second = gd.hvp(f, args, args)
    known = gd.hvp(
        lambda a, b: np.sum(a**3 * b * np.array([3, 4])),
        (loads.to_numpy(), frame.y.to_numpy()),
        (loads.to_numpy(), frame.y.to_numpy()),
    )
    expected = pd.Series(known[0], index=loads.index, name="load")
    pd.testing.assert_series_equal(first, expected)
    assert list(second["t"].columns) == ["y", "x"]
    np.testing.assert_array_equal(second["t"].y, known[1])
    np.testing.assert_array_equal(second["t"].x, [0.0, 0.0])


@pytest.fixture
def table(pd):
    return pd.DataFrame(
        {"u": [1.0, 2.0, 4.0], "n": [3, 4, 5], "v": [0.5, 1.5, 2.5]},
        index=pd.Index([5, 6, 8], name="row"),
    )


def _read(w, t):
    left = t[["u", "v"]] @ w - t.u * t["n"]
    return np.mean(left**2) / len(t) + np.sum((t - t.to_numpy()[0]) ** 2) * w[0]


READINGS = {
    "columns": _read,
    "names": lambda w, t: sum(
        np.sum(t[k] ** 2) * w[0] for k in list(t.keys()) if k in t
    ),
    "items": lambda w, t: sum(np.sum(x * w[1]) for _, x in t.items()),
    "products": lambda w, t: np.sum((t @ np.array([1.0, 2.0, 3.0]) * w[0]) ** 2),
    "transposed": lambda w, t: np.sum((t.T @ t.to_numpy()) ** 2) * w[1],
    "on the left": lambda w, t: np.sum(w[0] * t + w[1] / (1.0 + t)),
    "functions": lambda w, t: np.sum(np.concatenate([np.exp(t), w[0] - t])),
    "many": lambda w, t: np.sum(np.sort(t.values, axis=1)[:, 0] * w[0]) * t.shape[1],
}


@pytest.mark.parametrize("name", READINGS)
def test_a_frame_is_read_by_columns_and_as_an_array(pd, table, name):
    f, w = READINGS[name], np.array([0.3, 0.7])
    given = f(w, table)
    slopes = gd.value_and_grad(f, (0, 1))
    fast = gd.compile(slopes)
    for frame in (table, table * 1.5, table.set_index(pd.Index([1, 2, 3]))):
        value, (by_w, by_t) = slopes(w, frame)
        found, (of_w, of_t) = fast(w, frame)
        for z in (value, found, gd.compile(f)(w, frame)):
            np.testing.assert_allclose(z, f(w, frame), rtol=1e-12)
        np.testing.assert_allclose(of_w, by_w, rtol=1e-12)
        pd.testing.assert_frame_equal(of_t, by_t)
        pd.testing.assert_index_equal(of_t.index, frame.index)
    assert len(fast.stats()["programs"]) == 2  # whole numbers, and floats of the second
    known = by_differences(f, w, table)
    np.testing.assert_allclose(gd.compile(gd.grad(f))(w, table), known, rtol=1e-6)
    np.testing.assert_allclose(f(w, table), given)


def by_differences(f, w, table):
    steps = 1e-6 * np.eye(len(w))
    return [(f(w + h, table) - f(w - h, table)) / 2e-6 for h in steps]


def test_a_compiled_gradient_of_a_series_has_its_index(pd):
    theta = pd.Series([1.0, 2.0, 3.0], index=list("abc"), name="theta")
    f = lambda x, s: np.sum(np.exp(x) * s - x)  # noqa: E731
    fast = gd.compile(gd.grad(f, (0, 1)))
    for x in (theta, theta.rename("other"), theta.set_axis([7, 8, 9])):
        for one, other in zip(fast(x, x**2), gd.grad(f, (0, 1))(x, x**2), strict=True):
            pd.testing.assert_series_equal(one, other)
    assert len(fast.stats()["programs"]) == 1
    by_name = gd.compile(gd.grad(lambda x, p: np.sum(p["k"] * x), "p"))
    found = by_name(x=theta, p={"k": theta, "free": 1.0})["k"]
    pd.testing.assert_series_equal(found, theta)
    _, aux = gd.compile(gd.grad(lambda x: (np.sum(x**2), x[0]), has_aux=True))(theta)
    assert aux == 1.0


def test_nodes_and_traces_meet_frames_in_calls_of_compiled_functions(pd, table):
    residuals = gd.compile(lambda w, t: t[["u", "v"]] @ w - t["n"])

    def loss(w, t):
        return np.sum(residuals(w, t) ** 2)

    w = np.array([0.3, 0.7])
    known = gd.grad(lambda w: loss(w, table))(w)
    matrix = table[["u", "v"]].to_numpy()
    np.testing.assert_allclose(known, 2 * matrix.T @ (matrix @ w - table.n))
    np.testing.assert_allclose(gd.compile(gd.grad(loss))(w, table), known)
    np.testing.assert_allclose(
        gd.hessian(loss)(w, table), 2 * matrix.T @ matrix, rtol=1e-12
    )
    slope = gd.grad(loss, 1)(w, table)
    np.testing.assert_allclose(slope.u, 2 * w[0] * residuals(w, table))


def test_what_a_frame_without_its_index_cannot_do_says_what_to_write(pd, table):
    for f in (lambda t: t.groupby("u").mean(), lambda t: np.sum(t.index)):
        with pytest.raises(AttributeError, match=r"frame\.to_numpy\(\)"):
            gd.compile(f)(table)
    with pytest.raises(KeyError):
        gd.compile(lambda t: t[["u", "missing"]])(table)
    with pytest.raises(ArgumentError, match=r"Choose rows.*frame\['x'\]\[mask\]"):
        gd.compile(lambda t: t[t["u"] > 1.0])(table)
    named = table.assign(kind=["a", "b", "b"])
    with pytest.raises(ArgumentError, match="'kind' holds no numbers"):
        gd.compile(lambda t: t.to_numpy())(named)


def test_checks_and_sparse_derivatives_take_labelled_arguments(pd, table):
    gd.check_gradients(lambda t: np.sum(t["u"] ** 2 * t["n"] * t.v), (table,), order=1)
    theta = pd.Series([1.0, 2.0], index=["a", "b"])
    found = gd.sparse.jacobian(lambda x: x**2)(theta)
    np.testing.assert_array_equal(found.toarray(), [[2.0, 0.0], [0.0, 4.0]])


def test_text_and_dates_in_a_compiled_dataset_are_part_of_the_signature():
    xr = pytest.importorskip("xarray")

    def f(d):
        chosen = (d.a**2).where(d.text != "u", 0.0)
        return (
            chosen.sum() * int(d.day.dt.day[1]) * (2 if d.words.values[0] == "p" else 1)
        )

    days = np.array(["2000-01-01", "2000-01-03"], dtype="datetime64[ns]")
    words = np.array(["p", "q"], dtype=object)
    data = {"a": np.array([1.0, 2.0]), "text": ["u", "v"], "day": days, "words": words}
    given = xr.Dataset({k: ("x", v) for k, v in data.items()})
    others = {"text": ["v", "v"], "words": words[::-1], "day": days[::-1]}
    fast = gd.compile(gd.grad(f))
    for x in (given, *(given.assign({k: ("x", v)}) for k, v in others.items())):
        assert fast(x).identical(gd.grad(f)(x))
    assert fast(given).a.values.tolist() == [0.0, 24.0]
    assert list(fast(given).data_vars) == ["a"]


def test_text_in_a_compiled_frame_is_part_of_the_signature(pd, table):
    def f(t):
        return np.sum(t["u"][np.flatnonzero(t["kind"] == "b")])

    fast = gd.compile(f)
    for kinds, total in (("abb", 6.0), ("abb", 6.0), ("bab", 5.0)):
        named = table.assign(kind=list(kinds))
        assert fast(named) == f(named.reset_index(drop=True)) == total
    assert len(fast.stats()["programs"]) == 2
    text = pd.Series(["x", "y"])
    assert gd.compile(lambda s, x: x * list(s).index("y"))(text, 2.0) == 2.0


def test_columns_of_one_name_and_of_several_levels(pd):
    twice = pd.DataFrame([[1.0, 2.0, 3.0]], columns=["a", "b", "a"])
    found = gd.compile(gd.grad(lambda t: np.sum(t["a"] @ np.array([2.0, 3.0]))))(twice)
    np.testing.assert_array_equal(found, [[2.0, 0.0, 3.0]])
    assert list(found.columns) == ["a", "b", "a"]
    names = pd.MultiIndex.from_tuples([("p", "x"), ("p", "y"), ("q", "x")])
    levels = pd.DataFrame([[1.0, 2.0, 3.0]], columns=names)
    f = lambda t: np.sum(t["p"] @ np.ones(2) * t["q", "x"])  # noqa: E731
    for slope in (gd.grad(f), gd.compile(gd.grad(f))):
        np.testing.assert_array_equal(slope(levels), [[3.0, 3.0, 3.0]])


def test_what_is_not_differentiated_stays_as_it_is(pd):
    frame = pd.DataFrame(
        {"n": [1, 2], "x": [0.5, 1.0], "kind": pd.Categorical(["a", "b"])},
    )
    pd.testing.assert_frame_equal(gd.value(frame), frame)
    for x in (frame["n"], frame["kind"], pd.Series([1, None], dtype="Int64")):
        pd.testing.assert_series_equal(gd.value(x), x)
    assert gd.value((frame, 1.0))[1] == 1.0


def test_what_pandas_cannot_hold_is_refused(pd):
    for x in (pd.Series(["a"]), pd.DataFrame({"a": ["text"]})):
        with pytest.raises(ArgumentError, match="must hold numbers"):
            gd.grad(np.sum)(x)
    with pytest.raises(ArgumentError, match="needs columns"):
        gd.pmap(np.sum)(pd.DataFrame({"a": [1.0]}))


def test_a_minimum_has_the_labels_of_the_first_guess(xr):
    pd = pytest.importorskip("pandas")
    minimize = pytest.importorskip("chainrule.scipy.optimize").minimize

    def f(x):
        return np.sum((x - np.array([1.0, 2.0])) ** 2)

    found = minimize(f, pd.Series([0.0, 0.0], index=["a", "b"])).x
    assert list(found.index) == ["a", "b"]
    np.testing.assert_allclose(found, [1.0, 2.0], rtol=1e-6)
    found = minimize(f, xr.DataArray(np.zeros(2), dims="t")).x
    assert found.dims == ("t",)
    np.testing.assert_allclose(found, [1.0, 2.0], rtol=1e-6)
