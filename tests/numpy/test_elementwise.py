"""Elementwise functions: the composed ones, special values, and structural zeros."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, EscapeError, MissingRuleError, ShapeError
from chainrule.nodes import UFUNCS, node
from chainrule.rules import elementwise

INF, NAN = np.inf, np.nan
X = np.array([0.7, -0.2, 1.3, -1.1, 0.4])
Y = np.array([-0.3, 0.9, 0.2, 1.7, -1.4])
KNOTS = np.array([0.1, 1.1, 1.9, 3.2])

COMPOSED = {
    "clip": (np.clip, X, np.full(5, -0.5), np.full(5, 0.5)),
    "select": (lambda a, b: np.select([a > 0.5, a > 0], [a * b, a**2], b), X, Y),
    "choose": (lambda a, b: np.choose([0, 1, 2, 0, 1], [a, b, a * b]), X, Y),
    "choose wrapped": (
        lambda a, b: np.choose([3, -1], [a, b], mode="wrap"), X[:2], Y[:2]
    ),
    "piecewise": (
        lambda a: np.piecewise(a, [a < -0.5, a > 0.5], [np.sin, np.exp, np.cos]), X
    ),
    "nan_to_num": (
        lambda a, n: np.nan_to_num(np.where(a > 0, a, NAN) * a, nan=n), X, 2.0
    ),
    "polyval": (np.polyval, Y, X),
    "polyval of a float": (np.polyval, Y, 0.3),
    "interp": (np.interp, np.array([0.5, 1.2, 2.0, 3.1]), KNOTS, Y[:4]),
    "interp outside": (
        lambda a, k, f, low, high: np.interp(a, k, f, left=low, right=high),
        np.array([-0.5, 1.2, 7.3]), KNOTS, Y[:4], 0.3, 0.4,
    ),
    "interp periodic": (
        lambda a, k, f, p: np.interp(a, k, f, period=p),
        np.array([0.5, 1.2, 7.3]), KNOTS, Y[:4], 2.6,
    ),
    "interp of one knot": (lambda f: np.interp(0.2, [0.3], f), Y[:1]),
    "unwrap": (lambda a: np.unwrap(5 * a) ** 2, X),
    "logaddexp.reduce": (np.logaddexp.reduce, X),
    "logaddexp.reduce with all": (
        lambda a: np.logaddexp.reduce(
            a * Y[:, None], axis=(0, 1), keepdims=True, initial=0.3, where=a > -1
        ), X,
    ),
    "logaddexp.accumulate": (lambda a: np.logaddexp.accumulate(a * Y[:, None], 1), X),
    "outer": (lambda a, b: np.hypot.outer(a, np.exp(b)), X, Y[:2]),
    "angle": (lambda a, b: np.angle(a + 1j * b, deg=True), X, Y),
    "sign of complex": (lambda a, b: np.real(np.sign(a + 1j * b)), X, Y),
    "parts": (lambda a, b: ((a + 1j * b).conj() ** 2).imag * (a - 1j * b).real, X, Y),
    "powers": (
        lambda a, b: np.exp(a) ** b + np.exp(b) ** 3 + np.exp(a) ** -1 + 2**a + 2.0**b,
        X, Y,
    ),
    "modf": (lambda a: np.modf(3 * a)[0] ** 2, X),
    "frexp": (lambda a: np.frexp(3 * a)[0] ** 2, X),
    "divmod": (lambda a, b: np.divmod(5 * a, np.exp(b))[1] * a, X, Y),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPOSED)
def test_composed_functions(name):
    f, *args = COMPOSED[name]
    gd.check_gradients(f, tuple(args))
    z, expected = f(*map(node, args)), f(*args)
    np.testing.assert_allclose(z.value, expected, rtol=1e-14)
    assert z.dtype == np.asarray(expected).dtype


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("f", "point", "first", "second"),
    [
        (lambda x: np.where(x > 0, np.log(x), 0.0), 0.0, 0.0, 0.0),
        (lambda x: np.log(x, where=x > 0), np.zeros(()), 0.0, 0.0),
        (lambda x: np.maximum(np.sqrt(x), 1.0), 0.0, 0.0, 0.0),
        (lambda x: np.clip(np.sqrt(x), 1.0, 2.0), 0.0, 0.0, 0.0),
        (lambda x: np.nan_to_num(1.0 / x), 0.0, 0.0, 0.0),
        (lambda x: np.piecewise(x, [x < 1], [0.0, np.log]), np.zeros(()), 0.0, 0.0),
        (lambda x: np.sin(x) ** 2, 0.0, 0.0, 2.0),
        (lambda x: np.sqrt(x) ** 2, 0.0, NAN, NAN),
        (np.sinc, 0.0, 0.0, -(np.pi**2) / 3),
        (lambda x: np.hypot(x, 0.0), 0.0, 0.0, NAN),
        (lambda x: np.logaddexp(x, 1.0), 1.0, 0.5, 0.25),
        (lambda x: np.logaddexp(x, 0.0), 800.0, 1.0, 0.0),
        (lambda x: np.logaddexp(x, -INF), -INF, 0.5, 0.0),
        (lambda x: x**0, 0.0, 0.0, 0.0),
        (lambda x: x**2, 0.0, 0.0, 2.0),
    ],
)
def test_boundaries_at_first_and_second_order(f, point, first, second):
    assert gd.grad(f)(point) == pytest.approx(first, nan_ok=True)
    assert gd.grad(gd.grad(f))(point) == pytest.approx(second, nan_ok=True)


def test_mixed_derivative_of_a_power_at_exponent_zero():
    mixed = gd.hessian(lambda v: v[0] ** v[1])(np.array([2.0, 0.0]))[0, 1]
    assert mixed == pytest.approx(0.5)


def test_a_slice_of_impossible_events_has_no_derivative():
    x = np.array([[-INF, -INF], [-INF, 1.0]])
    found = gd.grad(lambda v: np.sum(np.logaddexp.reduce(v, axis=1)[1:]))(x)
    np.testing.assert_array_equal(found, [[0.0, 0.0], [0.0, 1.0]])


# ---------------------------------------------------------------------- special values

GRID = [0.0, 1.0, -1.0, 2.0, 0.5, -8.0, INF, -INF, NAN]
GRID += [1e308, -1e308, 700.0, -745.0, 1e17]
RULED = {
    ufunc: f.rule
    for ufunc, f in UFUNCS.items()
    if issubclass(getattr(f, "rule", object), elementwise)
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("ufunc", RULED, ids=lambda u: u.__name__)
def test_floats_follow_numpy_at_special_values(ufunc):
    patterns = [n for n in itertools.product([True, False], repeat=ufunc.nin) if any(n)]
    points = itertools.product(GRID, repeat=ufunc.nin)
    for values, nodes in itertools.product(points, patterns):
        if ufunc in (np.power, np.float_power) and values in [(-INF, 0.5), (NAN, 0.0)]:
            continue  # NumPy's own answer hangs on how the exponent is given
        z, grads = run(ufunc, values, nodes, float)
        z_array, array_grads = run(ufunc, values, nodes, np.atleast_1d)
        expected = ufunc(*map(np.float64, values))
        context = f"{ufunc.__name__}{values}, nodes {nodes}"
        np.testing.assert_allclose(z, expected, rtol=1e-12, err_msg=context)
        np.testing.assert_allclose(z_array[0], expected, rtol=1e-12, err_msg=context)
        for a, b in zip(grads, array_grads, strict=True):
            np.testing.assert_allclose(a, np.ravel(b)[0], rtol=1e-12, err_msg=context)


def run(ufunc, values, nodes, kind):
    operands = [node(kind(v)) if n else v for v, n in zip(values, nodes, strict=True)]
    z = ufunc(*operands)
    if not isinstance(z, node):
        return np.atleast_1d(z) if kind is not float else z, []
    z.backward(np.ones(z.shape) if z.shape else None)
    return z.value, [x.grad for x, n in zip(operands, nodes, strict=True) if n]


# --------------------------------------------------------- plain results and refusals


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated:DeprecationWarning")
def test_locally_constant_results_are_plain():
    x = node(X)
    for f in (np.sign, np.round, np.fix, np.spacing, np.angle, np.nonzero, np.where):
        assert not isinstance(f(x), node), f
    np.testing.assert_array_equal(x.round(1), np.round(X, 1))
    np.testing.assert_array_equal(np.less.outer(x, Y), np.less.outer(X, Y))
    for found, expected in [(np.modf(x)[1], np.modf(X)[1]),
                            (np.frexp(x)[1], np.frexp(X)[1]),
                            (np.divmod(x, 0.3)[0], X // 0.3)]:  # fmt: skip
        np.testing.assert_array_equal(found, expected)


def test_parts_of_numbers_as_properties():
    z = node(np.array([1 + 2j]))
    assert (z.real.value, z.imag.value, z.conjugate().value) == (1, 2, 1 - 2j)
    close = node(np.array([1 + 1e-20j, 2.0]))
    assert np.real_if_close(close).dtype == np.float64
    assert np.real_if_close(close, 1e-30).dtype == np.complex128


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: np.clip(x, 0, 1, out=np.zeros(5)), EscapeError, "out="),
        (lambda x: np.clip(x, 0, 1, min=0), ValueError, "a_min or min"),
        (lambda x: np.where(x > 0, x), ValueError, "both x and y"),
        (lambda x: np.select([x > 0], [x, x]), ShapeError, "1 conditions and 2"),
        (lambda x: np.select([x], [x]), ArgumentError, "boolean conditions"),
        (lambda x: np.choose(x, [x, x]), ArgumentError, "gd.value"),
        (lambda x: np.piecewise(x, [x > 0], [1, 2, 3]), ValueError, "1 or 2 functions"),
        (lambda x: np.nan_to_num(x, copy=False), EscapeError, "in place"),
        (lambda x: np.polyval(x, np.poly1d([1.0])), ArgumentError, "poly1d"),
        (lambda x: np.ldexp(2.0, x), MissingRuleError, "operand 'n'"),
        (lambda x: np.unwrap(x, period=x[0]), MissingRuleError, "parameter 'period'"),
        (lambda x: np.conj(x, where=X > 0), ArgumentError, "where="),
        (lambda x: np.add.at(np.zeros(5), [0], x), EscapeError, "np.add.at"),
        (np.subtract.reduce, MissingRuleError, "np.subtract.reduce"),
        (np.floor_divide.reduce, MissingRuleError, "np.floor_divide.reduce"),
        (lambda x: np.bitwise_and(x, 1), MissingRuleError, "integers"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call(node(X))


REPEATED = [
    ([0.0, 1.0, 1.0], 2, 0),
    ([0.0, 1.0, 3.0, 3.0, 3.0], 4, 1),
    ([1.0, 1.0], 1, None),
    ([0.0, 0.0, 2.0, 2.0], 3, 1),
    ([0.0, 1.0, 1.0, 2.0], 3, 2),
]


@pytest.mark.parametrize(("knots", "last", "line"), REPEATED)
@pytest.mark.parametrize("compiled", [False, True])
def test_interp_at_a_last_knot_that_is_repeated(knots, last, line, compiled):
    """The value is the last one, the slope that of the last line that has one."""
    knots = np.array(knots)
    values = np.array([3.0, 5.0, -2.0, 4.0, 11.0])[: len(knots)]

    def gradients(x, knots, values):
        return gd.value_and_grad(np.interp, (0, 1, 2))(x, knots, values)

    if compiled:
        gradients = gd.compile(gradients)
    x = knots[-1]
    value, (by_x, by_knots, by_values) = gradients(float(x), knots, values)
    slope = 0.0
    if line is not None:
        slope = np.diff(values)[line] / np.diff(knots)[line]
    ones = np.eye(len(knots))[last]
    assert value == np.interp(x, knots, values) == values[-1]
    np.testing.assert_allclose(by_x, slope)
    np.testing.assert_allclose(by_knots, -slope * ones)
    np.testing.assert_allclose(by_values, ones)
    for x in np.linspace(-1.0, 4.0, 11):
        found, slopes = gradients(float(x), knots, values)
        assert found == np.interp(x, knots, values)
        assert np.isfinite(np.concatenate(list(map(np.ravel, slopes)))).all()
