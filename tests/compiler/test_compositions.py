"""Composed functions of plain traced values: the rows of their parts."""

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.tracing.compositions import composition_of
from chainrule.nodes.tables import FUNCTIONS

X = np.random.default_rng(11).standard_normal((4, 5))
V, W, Q = X[0], X[1], X[:, :4]
SPECIAL = np.array([1.0, -np.inf, np.nan, 0.0, -0.0])
ENDS = np.array([2.0, 0.0, -0.0, np.inf, 1.0])
WEIGHTS = np.arange(1.0, 6.0)

CALLS = {
    "append": lambda x: np.append(x, x),
    "array_split": lambda x: np.array_split(x, 2),
    "average": lambda x: np.average(x, -1, WEIGHTS),
    "block": lambda x: np.block([[x, x], [x, x]]),
    "cov": np.cov,
    "cross": lambda x: np.cross(x[..., :3], x[..., 1:4]),
    "cumulative_sum": lambda x: np.cumulative_sum(x, axis=-1, include_initial=True),
    "diff": np.diff,
    "ediff1d": lambda x: np.ediff1d(x, to_end=1.0),
    "gradient": lambda x: np.gradient(x, 0.5, axis=-1),
    "kron": lambda x: np.kron(x, X[:2, :2]),
    "linspace": lambda x: np.linspace(x, 3.0, 5),
    "multiply.outer": lambda x: np.multiply.outer(x, V),
    "nan_to_num": np.nan_to_num,
    "nanmax": lambda x: np.nanmax(x, axis=-1),
    "nanmean": np.nanmean,
    "nanstd": lambda x: np.nanstd(x, axis=-1),
    "nansum": lambda x: np.nansum(x, axis=0),
    "nanvar": np.nanvar,
    "norm": np.linalg.norm,
    "norm 1": lambda x: np.linalg.norm(x, 1, axis=-1),
    "norm 3": lambda x: np.linalg.norm(x, 3, axis=-1, keepdims=True),
    "norm inf": lambda x: np.linalg.norm(x, np.inf, axis=0),
    "pad": lambda x: np.pad(x, 2),
    "pad reflect": lambda x: np.pad(x, 2, mode="reflect"),
    "pad with ones": lambda x: np.pad(x, 1, constant_values=1.0),
    "piecewise": lambda x: np.piecewise(x, [x > 0], [np.sin, np.cos]),
    "polyval": lambda x: np.polyval(V, x),
    "polyint": lambda x: np.polyint(np.ravel(x)),
    "ptp": lambda x: np.ptp(x, axis=-1),
    "select": lambda x: np.select([x > 0, x < -1], [x, 2 * x], 0.0),
    "std": lambda x: np.std(x, axis=-1, ddof=1),
    "trace": lambda x: np.trace(np.multiply.outer(np.ravel(x), np.ravel(x))),
    "trapezoid": lambda x: np.trapezoid(x, dx=0.1),
    "var": np.var,
    "vdot": lambda x: np.vdot(x, x),
    "vector_norm": lambda x: np.linalg.vector_norm(x, axis=-1),
}
OF_MATRICES = {
    "matrix_norm": lambda x: np.linalg.matrix_norm(x, ord=1),
    "matrix_power 3": lambda x: np.linalg.matrix_power(x, 3),
    "matrix_power -5": lambda x: np.linalg.matrix_power(x, -5),
    "multi_dot": lambda x: np.linalg.multi_dot([x, x, V[:4]]),
    "vecdot": lambda x: np.linalg.vecdot(x, x),
}
by_name = pytest.mark.parametrize("name", CALLS)


def results(z):
    return [v for p in z for v in results(p)] if isinstance(z, list | tuple) else [z]


def functions_of(fast):
    return {row.function for row in fast.newest()[1].program.rows}


def assert_same(f, x, ulps=0):
    fast = gd.compile(f, executor="numpy")
    with np.errstate(all="ignore"):
        for argument in (x, x[::-1].copy()):
            both = zip(results(fast(argument)), results(f(argument)), strict=True)
            for z, expected in both:
                assert np.shape(z) == np.shape(expected)
                assert np.asarray(z).dtype == np.asarray(expected).dtype
                if ulps:
                    np.testing.assert_array_max_ulp(z, expected, ulps)
                else:
                    np.testing.assert_array_equal(z, expected)
    return fast


@by_name
@pytest.mark.parametrize("x", [V, X, SPECIAL, ENDS], ids=["1", "2", "special", "ends"])
def test_the_parts_give_what_the_function_gives(name, x):
    assert_same(CALLS[name], x)


@pytest.mark.parametrize("name", OF_MATRICES)
def test_so_do_those_of_matrices(name):
    assert_same(OF_MATRICES[name], Q, ulps=2 if name == "vecdot" else 0)


@by_name
def test_the_call_itself_is_no_row(name):
    composed = {f for f in FUNCTIONS if callable(f) and composition_of(f) is not None}
    assert not composed & functions_of(assert_same(CALLS[name], V))


@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"polyint"}))
def test_a_map_calls_no_function_per_example(name):
    mapped = gd.compile(gd.vmap(CALLS[name]), executor="numpy")
    x = np.stack([V, W, V * W])
    found = results(mapped(x))
    assert "each_" not in gd.program(mapped)
    for i in range(3):
        for z, expected in zip(found, results(CALLS[name](x[i])), strict=True):
            np.testing.assert_allclose(z[i], expected, rtol=1e-13)


@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"norm 3", "select", "block"}))
def test_the_body_of_a_scan_runs_natively(name):
    def run(x):
        def step(x, _):
            parts = results(CALLS[name](x))
            return 0.9 * x + 0.01 * np.mean(parts[-1]), None

        return gd.scan(step, x, None, length=4)[0]

    fast = gd.compile(run, executor="vm")
    np.testing.assert_allclose(fast(V), run(V), rtol=1e-13)
    np.testing.assert_allclose(fast(W), run(W), rtol=1e-13)


def test_a_call_that_the_parts_refuse_is_one_row():
    fast = assert_same(
        lambda x: np.quantile(x, 0.3, weights=WEIGHTS, method="inverted_cdf"), V
    )
    assert np.quantile in functions_of(fast)


def test_a_call_whose_parts_decide_on_a_value_is_one_row():
    fast = assert_same(lambda x: np.real_if_close(x + 1e-20j), V)
    assert np.real_if_close in functions_of(fast)
    assert not fast.newest()[1].program.guards


def test_an_error_is_numpys():
    fast = gd.compile(lambda x, w: np.average(x, weights=w))
    assert fast(V, WEIGHTS) == np.average(V, weights=WEIGHTS)
    with pytest.raises(ZeroDivisionError, match="Weights"):
        fast(V, np.zeros(5))


def test_functions_that_are_better_than_their_parts_stay():
    def f(x):
        return np.median(x) + np.interp(x, WEIGHTS, V) + np.linalg.svdvals(X)[0]

    assert {np.median, np.interp} <= functions_of(assert_same(f, W))


def test_a_view_that_a_composed_function_returns_is_one():
    def f(x):
        first, last = np.array_split(x * 1.0, 2)
        first += last
        whole = x * 1.0
        part = np.array_split(whole, 2)[0]
        part *= 2.0
        return first, whole

    assert_same(f, np.arange(6.0))


def test_a_python_function_that_is_mapped_along_an_axis_is_traced():
    def f(x, a):
        return np.apply_along_axis(lambda row: a * np.sum(row), 1, x)

    fast = gd.compile(f)
    np.testing.assert_array_equal(fast(X, 2.0), f(X, 2.0))
    np.testing.assert_array_equal(fast(X, 3.0), f(X, 3.0))


def test_what_overflows_is_as_in_numpy():
    large = V * 1e200
    for f in (np.std, np.nanstd, np.linalg.norm, np.var):
        assert_same(f, large)
