"""Nodes of Dask arrays: derivatives are Dask arrays too, and nothing is computed."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import (
    ArgumentError,
    CompileError,
    EscapeError,
    MissingRuleError,
)

dask = pytest.importorskip("dask")
special = pytest.importorskip("chainrule.scipy.special")
da = pytest.importorskip("dask.array")
from tests.foreign.libraries import ComputedError, lazily  # noqa: E402

RNG = np.random.default_rng(0)
X, Y, W = RNG.normal(size=(60, 4)), RNG.random(60) < 0.5, RNG.normal(size=4)
DATA = da.from_array(X, chunks=(7, 4)), da.from_array(Y, chunks=7)


def logistic(w, x, y):
    z = x @ w
    return np.sum(np.logaddexp(0.0, z) - y * z) + 0.5 * np.sum(w * w)


JOBS = {
    "value_and_grad": lambda x, y: gd.value_and_grad(logistic)(W, x, y),
    "jvp": lambda x, y: gd.jvp(lambda w: logistic(w, x, y), (W,), (W,)),
    "hvp": lambda x, y: gd.hvp(lambda w: logistic(w, x, y), (W,), (W,)),
    "hessian": lambda x, y: gd.hessian(lambda w: logistic(w, x, y))(W),
    "jacobian": lambda x, y: gd.jacobian(lambda w: np.sum(np.tanh(x * w), 0))(W),
    "third": lambda x, y: gd.hvp(
        lambda v: gd.jvp(lambda w: logistic(w, x, y), (v,), (W,))[1], (W,), (W,)
    ),
}


@pytest.mark.parametrize("job", JOBS)
def test_derivatives_are_lazy_and_right(job):
    with lazily():
        found = JOBS[job](*DATA)
    expected = JOBS[job](X, Y)
    for a, e in zip(*(dask.compute(z)[0] for z in (found, expected)), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-11)
    for z in found if isinstance(found, tuple) else (found,):
        assert type(z) is da.Array


def test_value_and_gradient_are_one_graph():
    value, grad = gd.value_and_grad(logistic)(W, *DATA)
    forward = {k for k in dict(value.__dask_graph__()) if "logaddexp" in str(k)}
    assert len(forward) == 9  # one a chunk
    assert len([k for k in dict(grad.__dask_graph__()) if "transpose" in str(k)]) == 9
    both = dask.compute(value, grad)
    np.testing.assert_allclose(both[1], gd.grad(logistic)(W, X, Y), rtol=1e-11)


def test_a_partial_is_one_operation_that_reads_what_it_needs():
    x = DATA[0]
    slope = gd.grad(lambda x: np.sum(np.logaddexp(0.0, x)))(x)
    words = {name.rsplit("-", 1)[0] for name in slope.dask.layers}
    given = {name.rsplit("-", 1)[0] for name in x.dask.layers}
    assert words - given == {"ones_like", "stretched", "_times_each"}  # no logaddexp
    np.testing.assert_allclose(slope.compute(), 1 / (1 + np.exp(-X)), rtol=1e-14)


def test_a_gradient_has_no_more_tasks_for_each_chunk_than_one_by_hand():
    x, y = DATA

    def by_hand(w):
        z = x @ w
        value = np.sum(np.logaddexp(0.0, z) - y * z) + 0.5 * np.sum(w * w)
        return value, x.T @ (1 / (1 + np.exp(-z)) - y) + w

    def tasks(pair):
        return len(dict(dask.optimize(list(pair))[0][0].__dask_graph__()))

    found = tasks(gd.value_and_grad(logistic)(W, x, y))
    assert found < tasks(by_hand(W)) + x.numblocks[0]  # none for each chunk


@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("f", [np.sum, np.mean, np.var])
def test_cotangents_are_spread_over_chunks(f, axis):
    x = da.from_array(X, chunks=(7, 3))
    with lazily():
        found = gd.grad(lambda x: np.sum(np.sin(f(x, axis=axis))))(x)
    assert found.chunks == x.chunks
    expected = gd.grad(lambda x: np.sum(np.sin(f(x, axis=axis))))(X)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-14)


def test_data_of_zarr(tmp_path):
    zarr = pytest.importorskip("zarr")
    kept = zarr.create_array(tmp_path / "x", data=X, chunks=(7, 4))
    x = da.from_zarr(kept)
    expected = gd.value_and_grad(logistic)(W, X, Y)
    with lazily():
        lazy = gd.value_and_grad(logistic)(W, x, DATA[1])
    for got, e in zip(dask.compute(*lazy), expected, strict=True):
        np.testing.assert_allclose(got, e, rtol=1e-11)


def test_a_gradient_in_the_data_keeps_its_chunks():
    with lazily():
        found = gd.grad(logistic, 1)(W, *DATA)
    assert found.chunks == DATA[0].chunks
    np.testing.assert_allclose(found, gd.grad(logistic, 1)(W, X, Y), rtol=1e-11)


def test_a_gradient_has_the_chunks_of_what_was_moved():
    def energy(x):
        return np.sum((x - np.roll(x, 1, axis=0)) ** 2 + np.sin(x[::-1]) * x)

    with lazily():
        found = gd.grad(energy)(DATA[0])
        _, pushed = gd.jvp(lambda x: x + np.roll(x, 1, axis=0), DATA[:1], DATA[:1])
    assert found.chunks == DATA[0].chunks
    assert pushed.shape == DATA[0].shape
    np.testing.assert_allclose(found, gd.grad(energy)(X), rtol=1e-11, atol=1e-13)


def test_a_sum_s_cotangent_has_the_chunks_of_what_was_summed():
    with lazily():
        found = gd.grad(lambda x: np.sum(np.sum(x, 1) ** 2))(DATA[0])
    assert found.chunks == DATA[0].chunks


def test_nodes_by_hand():
    with lazily():
        x = gd.node(DATA[0])
        z = np.sum(np.where(x > 0, np.sqrt(x), 0.0))
        z.backward()
        assert repr(x) == "node(Array, shape (60, 4), float64)"
    assert type(x.value) is type(x.grad) is da.Array
    with np.errstate(all="ignore"):
        expected = gd.grad(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)))(X)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(x.grad, expected)


def test_whole_numbers_become_floats():
    assert gd.node(da.arange(3)).dtype == np.float64


def test_the_owner_s_writes_reach_no_node():
    a = da.from_array(np.array([1.0, 2.0, 3.0]), chunks=2)
    leaf, x = gd.node(a), gd.node(np.ones(3))
    z = np.sum(a * x)
    a[0] = 7.0
    z.backward()
    np.testing.assert_array_equal(x.grad, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(leaf.value, [1.0, 2.0, 3.0])


def test_an_unknown_shape_is_refused_with_a_remedy():
    x = da.from_array(X, chunks=7)
    with pytest.raises(ArgumentError, match=r"np\.where\(mask"):
        gd.grad(lambda x: np.sum(x[x > 0]))(x)
    with pytest.raises(ArgumentError, match="compute_chunk_sizes"):
        gd.node(x[x > 0])


def squares(x):
    return np.sum(x * x)


BRANCHES = {
    "a comparison": lambda x: squares(x) if np.sum(x) > 0 else np.sum(x),
    "its method": lambda x: squares(x) if (x > 0).all() else np.sum(x),
    "NumPy's all": lambda x: squares(x) if np.all(~(x > 0) | (x < 1)) else np.sum(x),
    "a node": lambda x: squares(x) if np.sum(x) else np.sum(x),
    "max": lambda x: max(np.sum(x), 0.0),
    "and": lambda x: np.sum(x) > 0 and squares(x),
}


@pytest.mark.parametrize("case", BRANCHES)
def test_a_branch_on_a_lazy_node_names_where(case):
    with lazily(), pytest.raises(EscapeError, match=r"np\.where\(condition"):
        gd.grad(BRANCHES[case])(DATA[0])


def test_comparisons_are_masks():
    mask = gd.node(DATA[0]) > 0
    assert isinstance(mask, da.Array)
    assert bool((mask + 0).sum() > 0)  # the user's own, computed as Dask does
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(mask)), X > 0)


COLUMNS = np.arange(1.0, 5.0)
OTHERWISE = {
    "cholesky": lambda x: np.sum(np.linalg.cholesky(x.T @ x) * COLUMNS),
    "upper": lambda x: np.sum(np.linalg.cholesky(x.T @ x, upper=True) * COLUMNS),
    "tensordot": lambda x: np.sum(np.tensordot(x, x + COLUMNS, ((-1, 0), (1, 0)))),
    "full_like": lambda x: np.sum(np.full_like(x, 2.0) * x**2),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_functions_that_dask_computes_otherwise_are_numpy_s(name):
    f, x = OTHERWISE[name], da.from_array(X, chunks=(7, 4))
    with lazily():
        value, slope = gd.value_and_grad(f)(x)
    for got, e in zip((value, slope), gd.value_and_grad(f)(X), strict=True):
        np.testing.assert_allclose(got, e, rtol=1e-10, atol=1e-12)


def test_a_function_of_one_s_own_of_such_a_name_is_called():
    def tensordot(x):
        return x * 3.0

    triple = gd.custom_operation(tensordot, lambda g, z, x: (g * 3.0,))
    with lazily():
        value, slope = gd.value_and_grad(lambda x: np.sum(triple(x)))(DATA[0])
    np.testing.assert_allclose(value, 3 * X.sum())
    np.testing.assert_allclose(slope, np.full_like(X, 3.0))


UNSERVED = {
    "interp": lambda x: np.interp(x, COLUMNS, COLUMNS),
    "unique": np.unique,
    "along": lambda x: np.take_along_axis(x, np.argmax(x, 1)[:, None], axis=1),
    **{f.__name__: f for f in (np.linalg.det, np.sort, np.median, np.argsort)},
}


@pytest.mark.parametrize("f", UNSERVED.values(), ids=UNSERVED)
def test_a_function_that_dask_has_not_is_refused_and_nothing_computed(f):
    x = da.from_array(np.eye(4), chunks=2)
    with lazily(), pytest.raises(MissingRuleError, match=r"dask.*map_reduce|gd\.value"):
        gd.grad(lambda x: np.sum(f(x) * x))(x)


def test_a_compiled_function_says_that_it_runs_uncompiled():
    f = gd.compile(gd.grad(logistic))
    with lazily(), pytest.warns(UserWarning, match=r"uncompiled.*map_reduce"):
        found = f(W, *DATA)
    np.testing.assert_allclose(found, gd.grad(logistic)(W, X, Y), rtol=1e-11)
    with pytest.raises(CompileError, match="map_reduce"):
        gd.compile(gd.grad(lambda w: np.sum(DATA[0] @ w)))(W)


def test_a_compiled_function_in_a_gradient():
    with lazily(), pytest.warns(UserWarning, match="uncompiled"):
        found = gd.grad(gd.compile(squares))(DATA[0])
    np.testing.assert_allclose(found, 2 * X)


def test_recordings_are_pickled_with_their_graphs():
    x = gd.node(DATA[0])
    with lazily():
        z = pickle.loads(pickle.dumps(np.sum(np.tanh(x))))
    z.backward()
    np.testing.assert_allclose(z.operands[0].operands[0].grad, 1 - np.tanh(X) ** 2)


def test_custom_operations_and_containers():
    square = gd.custom_operation(lambda x: x**2, lambda g, z, x: (2 * x * g,))

    def f(p):
        return np.sum(square(p["x"]) * gd.stop_gradient(p["x"])) * p["scale"][0]

    with lazily():
        found = gd.grad(f)({"x": DATA[0], "scale": (2.0, "text")})
    np.testing.assert_allclose(found["x"], 4 * X**2)
    assert isinstance(found["scale"][0], da.Array)
    assert found["scale"][1] is None


def test_explanations_show_classes_and_shapes():
    with lazily():
        text = str(gd.explain(squares)(DATA[0]))
    assert "Array, shape (60, 4), float64" in text


COMPOSED = {
    "std": lambda x: np.sum(np.std(x, axis=0)),
    "softmax": lambda x: np.sum(np.exp(x) / np.sum(np.exp(x), 1, keepdims=True) ** 2),
    "nansum": np.nansum,
    "norm": np.linalg.norm,
    "diff": lambda x: np.sum(np.diff(x, axis=0) ** 2),
    "gradient": lambda x: np.sum(np.gradient(x[:, 0]) ** 2),
    "pad": lambda x: np.sum(np.sin(np.pad(x, 1))),
    "relu": lambda x: np.sum(np.maximum(x, 0.0) ** 2),
    "picked rows": lambda x: np.sum(x[np.array([0, 3, 3, 7])] ** 2),
    "einsum": lambda x: np.einsum("ij,ij->", x, np.sin(x)),
    "scan": lambda x: np.sum(gd.scan(lambda c, _: (np.sin(c), None), x, range(3))[0]),
    "checkpoint": gd.checkpoint(lambda x: np.sum(np.sin(x) ** 2)),
}


@pytest.mark.parametrize("name", COMPOSED)
def test_composed_functions(name):
    f = COMPOSED[name]
    with lazily():
        found = gd.grad(f)(DATA[0])
    np.testing.assert_allclose(found, gd.grad(f)(X), rtol=1e-9, atol=1e-12)


OWN = {
    "a sum": lambda x: da.sum(x * x),
    "where": lambda x: np.sum(da.where(DATA[0] > 0, x, 0.0)),
    "a function of SciPy's": lambda x: np.sum(special.logsumexp(x, axis=0)),
    "pieces": lambda x: np.sum(np.piecewise(x, [x > 0], [np.sin, np.cos])),
}


@pytest.mark.parametrize("name", OWN)
def test_functions_that_would_lose_a_derivative_or_compute_are_refused(name):
    with lazily(), pytest.raises((EscapeError, MissingRuleError)) as raised:
        gd.grad(OWN[name])(DATA[0])
    assert "np." in str(raised.value) or "map_reduce" in str(raised.value)


def test_copies_of_nodes_with_gradients():
    x = gd.node(DATA[0])
    np.sum(x * x).backward()
    with lazily():
        again = copy.deepcopy(x)
    assert isinstance(again.grad, da.Array)


def test_the_tests_notice_a_computation():
    with pytest.raises(ComputedError), lazily():
        DATA[0].compute()


def _waves(w, x):
    return np.sum(np.abs(np.exp(1j * (x @ w)) - 0.5) ** 3 * np.real(x @ w + 2j))


def test_partials_of_complex_numbers_read_what_they_need():
    expected = gd.value_and_grad(_waves)(W, X)
    found = dask.compute(*gd.value_and_grad(_waves)(W, DATA[0]))
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-11)


def _rooted(w):
    z = DATA[0] @ w
    return np.sum(np.where(z > 0, np.sqrt(z), 0.0))


LAZY_W = da.from_array(W, chunks=2)


@pytest.mark.parametrize("w", [W, LAZY_W], ids=["numpy", "dask"])
@pytest.mark.parametrize("v", [W + 1.0, LAZY_W + 1.0], ids=["by numpy", "by dask"])
def test_untaken_branches_stay_out_whatever_the_ends_are(w, v):
    with np.errstate(invalid="ignore"):
        slope = gd.grad(lambda w: np.sum(np.sqrt(X @ w)[X @ w > 0]))(W)
    pushed = gd.jvp(_rooted, (w,), (v,))[1], gd.linearize(_rooted, w)[1](v)
    pulled = gd.vjp(_rooted, w)[1](1.0), gd.vjp(_rooted, w)[1](da.ones(()))
    with np.errstate(invalid="ignore", divide="ignore"):
        pushed, pulled = dask.compute(pushed, pulled, scheduler="sync")
    np.testing.assert_allclose(pushed, [slope @ (W + 1.0)] * 2, rtol=1e-11)
    np.testing.assert_allclose([np.ravel(p) for p in pulled], [slope] * 2, rtol=1e-11)


TABLE = np.arange(12.0).reshape(4, 3)
ROWS, COLUMNS_OF = np.array([0, 2, 2, 1, 3, 0, -1]), np.array([0, 2, 2])
LAZY_INDICES = {
    "v[i]": (lambda v, i: np.sum(v[i] ** 2), W, ROWS),
    "m[i]": (lambda v, i: np.sum(v[i] ** 2), TABLE, ROWS),
    "m[:, i]": (lambda v, i: np.sum(v[:, i] ** 2), TABLE, COLUMNS_OF),
    "m[i, 0]": (lambda v, i: np.sum(v[i, 0] ** 2), TABLE, ROWS),
    "m[one]": (lambda v, i: np.sum(v[i] ** 2), TABLE, np.array(1)),
    "take": (lambda v, i: np.sum(np.take(v, i, axis=1) ** 2), TABLE, COLUMNS_OF),
    "take one": (lambda v, i: np.take(v, i) ** 2, W, np.array(1)),
    "wrap": (lambda v, i: np.sum(np.take(v, 9 * i, mode="wrap") ** 2), W, ROWS),
    "a loop": (lambda v, i: sum(np.sum(v[i + k] ** k) for k in range(3)), W, ROWS % 2),
    "bins": (
        lambda v, i: np.sum(np.bincount(abs(i), weights=v[i], minlength=5) ** 2),
        W,
        ROWS,
    ),
    "at": (lambda v, i: np.sum(_added_at(i, v[i]) ** 2), W, ROWS),
    "quantile": (lambda v, q: np.quantile(v, q) ** 2, W, np.array(0.3)),
}


def _added_at(places, values):
    y = gd.zeros(5)
    np.add.at(y, places, values)
    return y


@pytest.mark.parametrize("name", LAZY_INDICES)
@pytest.mark.parametrize("put", [np.asarray, da.asarray], ids=["numpy", "dask"])
def test_a_lazy_index_gathers_lazily(name, put):
    f, v, places = LAZY_INDICES[name]
    if put is da.asarray and name == "quantile":
        pytest.skip("Dask sorts nothing")
    lazy = da.from_array(places, chunks=2) if places.ndim else da.from_array(places)

    def product(v, places):
        return gd.hvp(lambda v: f(v, places), (v,), (np.cos(v),))[0]

    with lazily():
        found = *gd.value_and_grad(f)(put(v), lazy), product(put(v), lazy)
        pushed = gd.jvp(lambda v: f(v, lazy), (put(v),), (np.cos(v),))[1]
    expected = *gd.value_and_grad(f)(v, places), product(v, places)
    for got, e in zip(dask.compute(*found), expected, strict=True):
        np.testing.assert_allclose(got, e, rtol=1e-12)
    np.testing.assert_allclose(pushed, np.sum(expected[1] * np.cos(v)), rtol=1e-12)


def test_a_cotangent_of_numpy_s_goes_back_through_a_lazy_index():
    lazy = da.from_array(ROWS, chunks=2)
    with lazily():
        _, pull = gd.vjp(lambda v: v[lazy], W)
        (found,) = pull(np.arange(7.0))
    np.testing.assert_array_equal(found, np.bincount(ROWS % 4, np.arange(7.0)))


def _written(value, index):
    y = value * 1.0
    y[index] = 0.0
    return np.sum(y**2)


def _filled(value):
    y = gd.zeros(4)
    y[:] = value
    return y


MASK = np.array([True, False, True, True])


@pytest.mark.parametrize("put", [np.asarray, da.asarray], ids=["numpy", "dask"])
def test_a_lazy_mask_is_a_choice(put):
    with lazily():
        found = gd.grad(lambda v: _written(v, da.from_array(MASK, 2)))(put(W))
    np.testing.assert_allclose(found, np.where(MASK, 0.0, 2 * W))


ASKED = {
    "m[i, j]": (lambda v, i: v.reshape(2, 2)[i, i], "one dimension|fancy"),
    "v[i, None]": (lambda v, i: v[i, None], r"\[:, None\]"),
    "a mask": (lambda v, i: v[i > 0], r"np\.where\(mask"),
    "compress": (lambda v, i: np.compress(i > 0, v), r"np\.where\(mask"),
    "sum, where": (lambda v, i: np.sum(v, where=i > 0), r"np\.where\(mask"),
    "mean, where": (lambda v, i: np.mean(v, where=i > 0), r"np\.where\(mask"),
    "piecewise": (lambda v, i: np.piecewise(v, [i > 0], [np.sin, 0]), "select"),
    "delete": (np.delete, "delete"),
    "insert": (lambda v, i: np.insert(v, i, 0.0), "insert"),
    "bincount": (lambda v, i: np.bincount(i, v), "minlength"),
    "digitize": (lambda v, i: np.digitize(v, i) * v, "digitize"),
    "choose": (lambda v, i: np.choose(i, [v, 2 * v]), "choose"),
    "axis": (lambda v, i: np.sum(v, axis=i[0]), "axis"),
    "shift": (lambda v, i: np.roll(v, i[0]), "shift"),
    "repeats": (np.repeat, "repeats"),
    "shape": (lambda v, i: np.reshape(v, (i[2], -1)), "shape"),
    "cond": (lambda v, i: gd.cond(i[0] > 0, np.sin, np.cos, v), r"np\.where"),
    "while": (lambda v, i: gd.while_loop(lambda c: i[0] > 0, np.sin, v), r"np\.where"),
    "written": (_written, "np.where|different"),
    "a buffer": (lambda v, i: v * _filled(i), r"gd\.zeros\(n, like="),
    "put": (lambda v, i: np.put(v, i, 0.0), "np.where"),
}


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("put", [np.asarray, da.asarray], ids=["numpy", "dask"])
def test_what_would_have_to_be_known_is_refused(name, put):
    f, text = ASKED[name]
    lazy = da.from_array(np.array([0, 1, 1, 1]), chunks=2)
    with (
        lazily(),
        pytest.raises((ArgumentError, EscapeError, MissingRuleError), match=text),
    ):
        gd.grad(lambda v: np.sum(f(v * 1.0, lazy)))(put(W))
