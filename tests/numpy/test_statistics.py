"""Sums, products, spreads, extremes and quantiles: values, derivatives, conventions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, EscapeError, ShapeError
from chainrule.nodes import node
from tests.numpy.calls import DTYPES, MASK, M, T, V, W, assert_agrees, table

REAL = DTYPES[:2]
HOLED = "entries that are not nan"


def holed(x):
    return np.where(MASK, x, np.nan)


def reductions():
    """Yield each reduction with each way to name its axes."""
    for name in ("sum", "prod", "mean", "max", "min", "var", "std"):
        for prefix in ("", "nan"):
            f = getattr(np, prefix + name)
            kept = {"axis": -1, "keepdims": True}
            for given in ({}, {"axis": 0}, {"axis": (0, 2)}, kept):
                yield f"{prefix}{name} {given}", f, given, T
            if prefix:
                yield f"{name} of {HOLED}", lambda x, f=f, **k: f(holed(x), **k), {}, M
                yield (
                    f"{name} along an axis of {HOLED}",
                    lambda x, f=f, **k: f(holed(x), **k), {"axis": 0}, M,
                )  # fmt: skip
            yield f"{prefix}{name} where", f, _where(name), M


def _where(name):
    with_initial = name in ("sum", "prod", "max", "min")
    return {"axis": 1, "where": MASK, **({"initial": 0.5} if with_initial else {})}


REDUCTIONS = {name: call for name, *call in reductions()}


@table(REDUCTIONS)
def test_reductions(call):
    f, given, x = call
    assert_agrees(lambda x: f(x, **given), x)


@pytest.mark.parametrize(
    "name", ["sum", "prod", "mean", "max", "min", "var", "std", "cumsum", "cumprod"]
)
def test_methods(name):
    assert_agrees(lambda x: getattr(x, name)(), M)
    assert_agrees(lambda x: getattr(x, name)(1), M)


CALLS = {
    "sum in another dtype": (lambda x: np.sum(x, 1, dtype=np.complex128), M),
    "prod in another dtype": (lambda x: np.prod(x, 1, dtype=np.complex128), M),
    "mean in another dtype": (lambda x: np.mean(x, 1, dtype=np.complex128), M),
    "var in another dtype": (lambda x: np.var(x, 1, dtype=np.complex128), M),
    "var ddof": (lambda x: np.var(x, axis=0, ddof=1), M),
    "var correction": (lambda x: np.var(x, correction=1), M),
    "var mean": (lambda x, m: np.var(x, axis=0, mean=m), M, M[:1]),
    "var where ddof": (lambda x: np.var(x, axis=1, ddof=1, where=MASK), M),
    "std ddof": (lambda x: np.std(x, axis=0, ddof=1), M),
    "nanvar ddof": (lambda x: np.nanvar(holed(x), axis=1, ddof=1), M),
    "nanstd mean": (lambda x, m: np.nanstd(x, axis=0, mean=m), M, M[:1]),
    "average": (np.average, M),
    "average weighted": (lambda x, w: np.average(x, weights=w**2), M, M),
    "average of rows": (lambda x, w: np.average(x, 0, w**2, keepdims=True), M, W),
    "average over axes": (
        lambda x, w: np.average(x, axis=(2, 0), weights=w**2), T, T[:, 0].T
    ),
    "average and weights": (
        lambda x, w: np.average(x, axis=0, weights=w**2, returned=True), M, W
    ),
    "ptp": (np.ptp, M),
    "ptp axis": (lambda x: np.ptp(x, axis=0, keepdims=True), M),
    "cumsum axis": (lambda x: np.cumsum(x, axis=0), M),
    "cumprod axis": (lambda x: np.cumprod(x, axis=0, dtype=np.complex128), M),
    "cumulative_sum": (np.cumulative_sum, V),
    "cumulative_sum with 0": (
        lambda x: np.cumulative_sum(x, axis=1, include_initial=True), M
    ),
    "cumulative_prod with 1": (
        lambda x: np.cumulative_prod(x, axis=-1, include_initial=True), M
    ),
    "nancumsum": (lambda x: np.nancumsum(holed(x), axis=0), M),
    "nancumprod": (lambda x: np.nancumprod(holed(x)), M),
    "sort": (np.sort, M),
    "sort flat": (lambda x: np.sort(x, axis=None), M),
    "partition": (lambda x: np.partition(x, 1, axis=0)[1], M),
    "partition flat": (lambda x: np.partition(x, (1, 4), axis=None)[[1, 4]], M),
    **{
        f"{u.__name__}.{method}{given}": (
            lambda x, u=u, method=method, given=given: getattr(u, method)(x, **given), M
        )
        for u in (np.add, np.multiply, np.maximum, np.minimum)
        for method, given in [
            ("reduce", {}), ("reduce", {"axis": None, "initial": 0.3}),
            ("reduce", {"axis": 1, "keepdims": True}), ("accumulate", {}),
            ("accumulate", {"axis": 1}),
        ]
    },
}  # fmt: skip


@table(CALLS)
def test_statistics(call):
    assert_agrees(*call)


def quantiles():
    """Yield each quantile function with each kind of q and of axes."""
    for name in ("quantile", "percentile", "nanquantile", "nanpercentile"):
        f, whole = getattr(np, name), 100 if "percent" in name else 1
        for q in (0.3, [0.1, 0.45], 0, [0, 1]):
            for given in ({}, {"axis": 1, "keepdims": True}, {"axis": (0, 2)}):
                yield f"{name} {q} {given}", f, np.multiply(q, whole).tolist(), given


@table({name: call for name, *call in quantiles()})
def test_quantiles(call):
    f, q, given = call
    assert_agrees(lambda x: f(x, q, **given), T, dtypes=REAL)


@pytest.mark.parametrize("f", [np.quantile, np.nanquantile])
def test_quantiles_are_differentiable_in_q(f):
    q = np.array([[0.1], [0.44]])
    assert_agrees(lambda x, q: f(x, q, axis=0), M, q, dtypes=REAL)


@pytest.mark.parametrize("f", [np.median, np.nanmedian])
@pytest.mark.parametrize("x", [V, M, T], ids=["odd", "even", "stack"])
def test_medians(f, x):
    assert_agrees(f, x)
    assert_agrees(lambda x: f(x, axis=-1, keepdims=True), x)
    assert_agrees(lambda x: f(x, axis=tuple(range(x.ndim))), x)


def test_nan_in_quantiles():
    assert_agrees(lambda x: np.nanmedian(holed(x), axis=0), M)
    q = [0.3, 0.8]
    assert_agrees(lambda x: np.nanquantile(holed(x), q, axis=1), M, dtypes=REAL)
    for f in (np.median, lambda x, **k: np.quantile(x, 0.3, **k)):
        z = f(node(holed(M)), axis=1)
        np.testing.assert_array_equal(z.value, f(holed(M), axis=1))


# ------------------------------------------------------------------------ conventions


def third(f, x):
    return gd.jacobian(gd.hessian(f))(x)


@pytest.mark.parametrize(
    "f",
    [
        np.prod,
        lambda x: np.prod(x.reshape(1, 3), axis=(0, 1)),
        lambda x: np.cumprod(x)[2],
    ],
    ids=["prod", "prod over axes", "cumprod"],
)
def test_products_of_zeros_are_exact_at_every_order(f):
    expected = np.zeros((3, 3, 3))
    for i in itertools.permutations(range(3)):
        expected[i] = 1.0
    np.testing.assert_array_equal(third(f, np.zeros(3)), expected)
    np.testing.assert_array_equal(gd.grad(f)(np.array([0.0, 2.0, 3.0])), [6, 0, 0])
    forward = gd.jacobian(gd.jacobian(f, mode="forward"), mode="forward")
    np.testing.assert_array_equal(
        forward(np.array([0.0, 0.0, 3.0])), [[0, 3, 0], [3, 0, 0], [0, 0, 0]]
    )


@np.errstate(all="ignore")
def test_derivatives_of_products_that_leave_the_range_of_numbers():
    def derivative(*x):
        return gd.grad(np.prod)(np.array(x))

    np.testing.assert_allclose(derivative(1e-200, 1e-150, 3.0), [3e-150, 3e-200, 0.0])
    np.testing.assert_allclose(derivative(1e200, 1e150, 3.0), [3e150, 3e200, np.inf])
    np.testing.assert_allclose(derivative(np.inf, 2.0), [2.0, np.inf])
    forward = gd.jacobian(np.prod, mode="forward")(np.array([1e-200, 1e-150, 3.0]))
    np.testing.assert_allclose(forward, [3e-150, 3e-200, 0.0])
    rows = np.array([[2.0, 3.0, 5.0], [0.0, 3.0, 5.0]])
    np.testing.assert_allclose(
        gd.grad(lambda x: np.sum(np.prod(x, axis=1)))(rows),
        [[15.0, 10.0, 6.0], [15.0, 0.0, 0.0]],
    )


@pytest.mark.parametrize("f", [np.std, np.nanstd])
def test_the_standard_deviation_of_equal_entries(f):
    x = np.ones(3)
    np.testing.assert_array_equal(gd.grad(f)(x), np.zeros(3))
    assert np.isnan(gd.hessian(f)(x)).all()
    assert gd.jvp(f, (x,), (np.arange(3.0),)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (np.max, [1.0, 3.0, 3.0], [0.0, 0.5, 0.5]),
        (np.min, [1.0, 1.0, 1.0], [1 / 3, 1 / 3, 1 / 3]),
        (lambda x: np.max(x, initial=3.0), [1.0, 3.0, 3.0], [0.0, 1 / 3, 1 / 3]),
        (lambda x: np.max(x, initial=4.0), [1.0, 3.0, 3.0], [0.0, 0.0, 0.0]),
        (np.nanmax, [np.nan, 3.0, 1.0], [0.0, 1.0, 0.0]),
        (lambda x: np.sort(x, kind="stable")[1], [3.0, 1.0, 3.0], [1.0, 0.0, 0.0]),
        (lambda x: np.maximum.accumulate(x)[1], [3.0, 3.0, 1.0], [0.0, 1.0, 0.0]),
    ],
)
def test_ties(f, x, expected):
    x = np.array(x)
    np.testing.assert_allclose(gd.grad(f)(x), expected)
    tangent = np.array([1.0, 10.0, 100.0])
    assert gd.jvp(f, (x,), (tangent,))[1] == pytest.approx(np.sum(tangent * expected))


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize(
    "pick",
    [
        np.max,
        lambda y: np.sort(y)[1],
        lambda y: np.median(np.append(y, 9.0)),
        lambda y: np.quantile(y, 1.0),
        lambda y: np.sum(y, where=[False, True]),
        lambda y: np.mean(y, where=[False, True]),
        lambda y: np.prod(y, where=[False, True]),
        lambda y: np.var(np.append(y, 1.0), where=[False, True, True]) * 4 + y[1] * 0,
        lambda y: np.cumsum(y[1:])[0],
        lambda y: np.maximum.accumulate(y)[1],
    ],
)
def test_entries_left_out_are_structurally_zero(pick):
    def f(x):
        return pick(np.sqrt(x))

    x = np.array([0.0, 4.0])
    g = gd.grad(f)(x)
    assert g[0] == 0.0
    assert 0 < g[1] < np.inf
    assert np.isfinite(gd.jvp(f, (x,), (np.ones(2),))[1])
    assert np.isfinite(gd.hessian(f)(x)).all()


def test_lanes_of_nothing_but_nan():
    x = np.array([[4.0, 1.0], [np.nan, np.nan]])
    for f in (np.nanmax, np.nanmin, np.nanmedian):
        with pytest.warns(RuntimeWarning, match="All-NaN slice"):
            z = f(node(x), axis=1)
        np.testing.assert_array_equal(np.isnan(z.value), [False, True])


@pytest.mark.parametrize("n", [0, 1])
def test_empty_and_single(n):
    x = np.full((n, 3), 2.0)
    for f in (np.sum, np.prod, np.cumprod, np.cumsum, np.sort, np.nansum, np.diff):
        g = gd.grad(lambda x, f=f: np.sum(f(x, axis=0)))(x)
        assert g.shape == (n, 3)
        gd.hessian(lambda x, f=f: np.sum(f(x, axis=0)))(x)


def test_a_number_is_reduced_to_itself():
    x = node(2.0)
    for f in (np.sum, np.prod, np.mean, np.max, np.min, np.nansum):
        assert type(f(x).value) is float
        if f is not np.mean:  # NumPy's mean of a number knows no axis
            assert f(x, axis=-1).value == 2.0
        assert gd.grad(f)(2.0) == 1.0
    assert (np.var(x).value, np.std(x).value) == (0.0, 0.0)


# ---------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (EscapeError, "out= would write", lambda x: np.var(x, out=np.zeros(()))),
        (EscapeError, "out= would write", lambda x: np.nanmax(x, out=np.zeros(()))),
        (np.exceptions.AxisError, "axis 3", lambda x: np.std(x, axis=3)),
        (ValueError, "two names", lambda x: np.var(x, ddof=1, correction=1)),
        (ArgumentError, "weights=ndarray", lambda x: np.percentile(x, 3, weights=M)),
        (ValueError, r"range \[0, 1\]; received 1.5", lambda x: np.quantile(x, 1.5)),
        (ValueError, r"range \[0, 100\]", lambda x: np.nanpercentile(x, -1)),
        (ArgumentError, "real numbers", lambda x: np.quantile(x * 1j, 0.5)),
        (ShapeError, "at least one entry", lambda x: np.quantile(x[:0], 0.5)),
        (ValueError, "along which axis", np.cumulative_sum),
        (ArgumentError, "weights of shape", lambda x: np.average(x, weights=[1, 2])),
        (ZeroDivisionError, "sum to zero", lambda x: np.average(x, weights=0 * M)),
        (ArgumentError, "records", lambda x: np.partition(x, 1, order="name")),
    ],
)  # fmt: skip
def test_refusals(error, message, call):
    with pytest.raises(error, match=message):
        call(node(M))


# --------------------------------------------------------------------------- quantiles

METHODS = (
    "linear interpolated_inverted_cdf hazen weibull median_unbiased normal_unbiased "
    "lower higher nearest midpoint inverted_cdf averaged_inverted_cdf "
    "closest_observation"
).split()


@pytest.mark.parametrize("method", METHODS)
def test_methods_of_quantiles(method):
    q = np.array([0.0, 0.1, 0.25, 0.4, 0.5, 0.625, 0.9, 1.0])
    x = np.random.default_rng(0).normal(size=(8, 3))
    with_nan = np.where(x > 1.5, np.nan, x)
    for f, a in ((np.quantile, x), (np.nanquantile, x), (np.nanquantile, with_nan)):
        for axis in (0, None):
            z = f(node(a), q, axis=axis, method=method)
            expected = f(a, q, axis=axis, method=method)
            np.testing.assert_allclose(z.value, expected, rtol=1e-13)
        inner = np.array([0.13, 0.31, 0.77])
        filled = np.where(np.isnan(a), 0.0, a)

        def total(a, q, f=f):
            return np.sum(np.sin(f(a, q, axis=0, method=method)))

        gd.check_gradients(total, (filled, inner), order=2)
        gradient = gd.grad(total, (0, 1))
        pairs = zip(
            gd.compile(gradient)(filled, inner), gradient(filled, inner), strict=True
        )
        for compiled, eager in pairs:
            np.testing.assert_allclose(compiled, eager, rtol=1e-12)
    assert np.percentile(node(V), 40.0, method=method).value == pytest.approx(
        np.percentile(V, 40.0, method=method)
    )
