"""Kinds of results: floats where an integer wins, dtypes as NumPy's, names served."""

from __future__ import annotations

import warnings
from itertools import product

import numpy as np
import pytest
from scipy import special

import chainrule as gd
from chainrule.rules import elementwise
from tests.helpers import RULES, served

BINARY = [
    f
    for r in RULES
    if issubclass(r, elementwise)
    for f in served(r)
    if isinstance(f, np.ufunc) and f.nin == 2
]

# ------------------------------------------------- a Python int next to a Python float


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("n", [-3, 0, 1, 3])
@pytest.mark.parametrize("x", [-2.0, 0.0, 0.5, 2.0])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_python_int_beside_a_float(function, n, x):
    for f in (lambda v: function(v, n), lambda v: function(n, v)):
        expected = f(np.float64(x))
        value, derivative = gd.value_and_grad(f)(x)
        assert type(value) is float
        assert type(derivative) is float
        np.testing.assert_allclose(value, expected, rtol=1e-15)
        compiled = gd.compile(gd.value_and_grad(f))(x)
        np.testing.assert_allclose(compiled, (value, derivative), rtol=1e-15)
        _, tangent = gd.jvp(f, (x,), (1.0,))
        np.testing.assert_array_equal(tangent, derivative)
        again = gd.grad(lambda v, f=f: gd.grad(f)(v) * 2.0)(x)
        assert type(again) is float


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.clip(x, 0, 1),
        lambda x: np.where(x > 5, x, 0),
        lambda x: np.where(x > -5, 0, x),
        lambda x: np.select([x > 5], [x], 0),
        lambda x: np.piecewise(x, [x > 5], [lambda v: v, 0]),
        lambda x: np.nan_to_num(x, nan=0),
        lambda x: np.copysign(x, 1),
        lambda x: np.clip(x, None, 0),
        lambda x: np.clip(x, 3, None),
        lambda x: np.choose(0, [0, x]),
        lambda x: np.fmax(np.nan, x),
    ],
)
@pytest.mark.parametrize("x", [-2.0, 2.0])
def test_a_python_int_that_is_chosen(f, x):
    value, derivative = gd.value_and_grad(f)(x)
    assert np.asarray(value).dtype == np.float64
    assert type(derivative) is float
    np.testing.assert_array_equal(value, f(np.float64(x)))
    step = f(np.float64(x) + 0.25) - f(np.float64(x))
    assert derivative == step / 0.25
    assert gd.compile(gd.grad(f))(x) == derivative


# ---------------------------------------------------------------------------- dtypes


@pytest.mark.parametrize(
    "order",
    [
        gd.grad,
        lambda f: lambda s: gd.jvp(gd.grad(f), (s,), (1.0,)),
        lambda f: gd.grad(lambda t: gd.grad(f)(t) ** 2),
        lambda f: lambda s: gd.hvp(f, s, 1.0),
    ],
    ids=["grad", "tangent of grad", "grad of grad", "hvp"],
)
def test_a_gradient_in_a_python_float_beside_single_precision(order):
    rows = np.array([1.0, 2.0, 3.0], np.float32)

    def kinds(found):
        found = found if isinstance(found, tuple) else (found,)
        return [np.asarray(v).dtype for v in found]

    derivative = order(lambda s: np.sum(np.sin(rows * s)))
    expected = derivative(0.5)
    assert set(kinds(expected)) == {np.dtype(np.float64)}
    compiled = gd.compile(derivative)(0.5)
    assert kinds(compiled) == kinds(expected)
    np.testing.assert_allclose(compiled, expected, rtol=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [
        (np.float32(1), np.float32(2)),
        (np.float32(1), 2.0),
        (2, np.float32(3)),
        (np.float32(1), np.float64(2)),
        (np.ones(2, np.float32), 3.0),
        (np.complex64(1), np.float32(2)),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["linspace", "logspace", "geomspace"])
def test_ranges_keep_the_dtype(name, arguments):
    function = getattr(np, name)
    expected = function(*arguments, 3)
    for i in range(2):
        given = list(arguments)
        if np.asarray(given[i]).dtype.kind in "fc" and type(given[i]) is not float:
            given[i] = gd.node(given[i])
            z = function(*given, 3)
            assert z.dtype == expected.dtype
            np.testing.assert_allclose(z.value, expected, rtol=1e-6)


MASKED = [
    (np.float_power, np.ones(2, np.float32), 2),
    (np.absolute, np.array([3 + 4j, 1j])),
    (np.add, np.ones(2, np.float32), 1.5),
    (np.sqrt, np.ones(2, np.float32)),
    (np.multiply, np.ones(2, np.float32), np.ones(2)),
]


@pytest.mark.parametrize("call", MASKED, ids=lambda c: c[0].__name__)
def test_masked_calls_keep_the_dtype(call):
    function, x, *rest = call
    mask = np.array([True, False])
    expected = function(x, *rest)
    z = function(gd.node(x), *rest, where=mask)
    assert z.dtype == expected.dtype
    np.testing.assert_array_equal(z.value, np.where(mask, expected, 0))
    gradient = gd.grad(lambda x: np.sum(function(x, *rest, where=mask)))(x)
    whole = gd.grad(lambda x: np.sum(function(x, *rest)))(x)
    np.testing.assert_array_equal(gradient, np.where(mask, whole, 0))


# ------------------------------------------------------------------- too few to vary


@pytest.mark.parametrize("name", ["nanvar", "nanstd"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_variance_of_too_few_entries_has_no_derivative(name):
    function = getattr(np, name)
    x = np.array([[1.0, np.nan], [1.0, 3.0]])
    value, gradient = gd.value_and_grad(
        lambda x: np.sum(function(x, axis=1, ddof=1)[:1])
    )(x)
    assert np.isnan(value)
    np.testing.assert_array_equal(gradient, [[np.nan, 0.0], [0.0, 0.0]])
    rows = gd.grad(lambda x: function(x, axis=1, ddof=1)[1])(x)
    assert np.isfinite(rows[1]).all()
    assert rows[1, 0] < 0 < rows[1, 1]


# -------------------------------------------------------------------- running products


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "jacobian", [gd.jacobian, lambda f: gd.compile(gd.jacobian(f))]
)
def test_running_products_over_zero_and_infinity(jacobian):
    inf, nan = np.inf, np.nan
    found = jacobian(np.cumprod)(np.array([0.0, inf]))
    np.testing.assert_array_equal(found, [[1, 0], [inf, 0]])
    found = jacobian(np.cumprod)(np.array([0.0, inf, 2.0]))
    np.testing.assert_array_equal(found, [[1, 0, 0], [inf, 0, 0], [inf, 0, nan]])
    x = np.array([[0.0, inf], [2.0, 3.0]])
    found = jacobian(lambda x: np.cumprod(x, axis=1))(x).reshape(4, 4)
    expected = [[1, 0, 0, 0], [inf, 0, 0, 0], [0, 0, 1, 0], [0, 0, 3, 2]]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_running_products_forward_over_zero_and_infinity():
    x = np.array([0.0, np.inf])  # NumPy warns of the value's nan
    for i, expected in enumerate([[1.0, np.inf], [0.0, 0.0]]):
        _, tangent = gd.jvp(np.cumprod, (x,), (np.eye(2)[i],))
        np.testing.assert_array_equal(tangent, expected)


# ---------------------------------------------------------------------- names served


def test_the_mirror_names_its_version_and_refuses_the_rest():
    assert gd.numpy.__version__ == np.__version__
    assert gd.numpy.__array_api_version__ == np.__array_api_version__
    assert gd.numpy.__name__ == "chainrule.numpy"
    for name in ("__path_of_nothing__", "__former_attrs__", "no_such_name"):
        with pytest.raises(AttributeError, match=name):
            getattr(gd.numpy, name)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_functions_that_make_no_dispatch():
    high, low = gd.node(np.ones((2, 3))), np.ones((1, 3))
    if hasattr(np, "row_stack"):
        assert gd.numpy.row_stack([high, low]).shape == (3, 3)
    x, y = gd.node(1.0), gd.node(2.0)
    for name in ("asarray_chkfinite", "require", "ascontiguousarray", "asanyarray"):
        assert getattr(gd.numpy, name)([x, y]).shape == (2,)
    with pytest.raises(ValueError, match="infs or NaNs"):
        gd.numpy.asarray_chkfinite([x, np.inf])
    with pytest.raises(gd.errors.ArgumentError, match="write @"):
        gd.numpy.asmatrix([x, y])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gd.numpy.vstack([high, low])


def test_arrays_of_objects_that_hold_no_node_are_constant():
    def larger(x):
        return np.maximum(np.array([x, 0.5]), 3.0)

    np.testing.assert_array_equal(gd.jacobian(larger)(1.0), [0.0, 0.0])
    np.testing.assert_array_equal(gd.jacobian(larger)(4.0), [1.0, 0.0])


SHORT = [
    np.array([1, 2, 200], np.uint8),
    np.array([100, 90, 3], np.int8),
    np.array([2, 3, 5], np.uint64),
    np.array([True, False, True]),
    np.uint8(200),
]


@pytest.mark.parametrize("f", BINARY, ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_derivatives_beside_short_integers_are_those_beside_floats(f):
    def found(other, place, order):
        args = [other, other]
        args[place] = np.array([0.5, 0.6, 0.7])
        return order(lambda x, y: np.sum(f(x, y)), place)(*args)

    for other in SHORT:
        for place, order in product((0, 1), (gd.grad, gd.hessian)):
            expected = found(np.asarray(other, float), place, order)
            actual = found(other, place, order)
            np.testing.assert_allclose(actual, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
@pytest.mark.parametrize("given", [{}, {"nan": 2}, {"posinf": 1.5, "neginf": -1}])
def test_what_replaces_nan_has_the_dtype_of_the_others(dtype, given):
    x = np.array([0.5, np.nan, np.inf, -np.inf], dtype)

    def f(x):
        return np.nan_to_num(x, **given)

    def moved(x):
        return gd.jvp(f, (x,), (np.ones_like(x),))

    for g in (moved, gd.compile(moved)):
        value, tangent = g(x)
        assert value.dtype == tangent.dtype == dtype
        np.testing.assert_array_equal(value, f(x))
        np.testing.assert_array_equal(tangent, [1, 0, 0, 0])


HALF = np.array([0.5, 0.75], np.float16)


@pytest.mark.parametrize("f", [special.xlogy, special.xlog1py, np.float_power])
@pytest.mark.parametrize(
    "operands", [lambda x: (x, x), lambda x: (HALF, x), lambda x: (x, HALF)]
)
def test_gradients_in_half_precision_of_functions_that_widen_it(f, operands):
    def total(x):
        return np.sum(f(*operands(x)))

    value, gradient = gd.value_and_grad(total)(HALF)
    wide = f(*operands(HALF)).dtype  # float32 or float64, as SciPy has it
    assert (value.dtype, gradient.dtype) == (wide, np.float16)
    expected = gd.grad(total)(HALF.astype(float))
    np.testing.assert_allclose(gradient, expected, rtol=2e-3)
    assert gd.jvp(lambda x: f(*operands(x)), (HALF,), (HALF,))[1].dtype == wide
