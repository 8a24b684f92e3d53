"""First and second derivatives of every elementwise rule, at large and small arguments.

They are compared with mpmath's, of SymPy's formulas, wherever the true number can be
represented. A partial that cancels, overflows or underflows on its way there fails.
"""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy

import chainrule as gd
from chainrule.nodes.node_class import record
from chainrule.operations_grad import partials
from chainrule.rules import elementwise
from chainrule.sweeps.order import collect
from tests.helpers import OF_SCIPY, RULES, reverse
from tests.test_symbolic import sympy_form

# Those of SciPy's functions are compared on domains of their own, in tests/scipy.
ELEMENTWISE = [r for r in RULES if issubclass(r, elementwise) and r not in OF_SCIPY]

OWN = {
    "direction": lambda x, y: x / sympy.sqrt(x**2 + y**2),
    "turning": lambda x, y: y / (x**2 + y**2),
    "share": lambda x, y: 1 / (1 + sympy.exp(y - x)),
    "share2": lambda x, y: 1 / (1 + 2 ** (y - x)),
    "one_minus_square": lambda x: 1 - x**2,
    "one_over_one_plus_square": lambda x: 1 / (1 + x**2),
    "one_over_root": lambda x: 1 / sympy.sqrt(1 + x**2),
    "sech_square": lambda x: 1 / sympy.cosh(x) ** 2,
    "cbrt": lambda x: x ** sympy.Rational(1, 3),
    "i0": lambda x: sympy.besseli(0, x),
    "xlogy": lambda x, y: x * sympy.log(y),
}
"""SymPy's forms of our own functions, and of roots of positive numbers."""

NOT_COMPARED = {
    "where": "choices", "maximum": "choices", "minimum": "choices", "fmax": "choices",
    "fmin": "choices", "clip": "choices", "heaviside": "choices",
    "absolute": "piecewise linear", "fabs": "piecewise linear",
    "copysign": "piecewise linear", "remainder": "piecewise linear",
    "fmod": "piecewise linear", "fraction": "piecewise linear",
    "mantissa": "piecewise linear", "nextafter": "piecewise linear",
    "power": "compared with constant exponents below",
    "float_power": "as power", "power_log": "as power", "chosen": "the identity",
    "angle": "locally constant for real numbers",
    "sinc_derivative": "by sinc", "i0_derivative": "by i0",
}  # fmt: skip

ONE = [
    0.0, 1e-300, 1e-160, 1e-38, 1e-20, 1e-8, 1e-4, 0.01, 0.3, 0.9, 1 - 1e-7, 1.0,
    1 + 1e-6, 1.5, 2.0, 5.0, 10.0, 19.0, 20.0, 40.0, 80.0, 100.0, 300.0, 700.0, 1e4,
    1e8, 1e16, 1e19, 1e30, 1e38, 1e100, 1e154, 1e160, 1e200, 1e300,
]  # fmt: skip
TWO = [-1e19, -40.0, -0.3, 0.0, 1e-300, 1e-160, 1e-20, 1e-4, 1.0, 1.5, 19.0, 40.0,
       700.0, 1e8, 1e19, 1e30, 1e160, 1e300]  # fmt: skip
LARGEST = {"logaddexp": 1e30, "logaddexp2": 1e30, "share": 1e30, "share2": 1e30}
"""Where mpmath would be slow beyond."""
TOLERANCE = {"float64": 2e-13, "float32": 2e-5}


def name_of(r):
    return r.__name__.removesuffix("_grad")


def form_of(r):
    return OWN.get(name_of(r)) or sympy_form(r)


COMPARED = [r for r in ELEMENTWISE if name_of(r) not in NOT_COMPARED]


def points_of(count, dtype, largest=np.inf):
    """Return one array per operand: all points that the dtype can hold."""
    values = np.array([*ONE, *(-x for x in ONE)] if count == 1 else TWO)
    largest = min(largest, float(np.finfo(dtype).max))
    values = np.unique(values[np.abs(values) <= largest].astype(dtype))
    if count == 1:
        return [values]
    return [v.ravel() for v in np.meshgrid(values, values)]


def exact_derivatives(form, count, highest):
    """Return functions of mpmath numbers, by which operands they differentiate."""
    symbols = sympy.symbols("x y"[: 2 * count], real=True)
    symbols = symbols if isinstance(symbols, tuple) else (symbols,)
    z = form(*symbols)
    orders = [(i,) for i in range(count)]
    if highest == 2:
        orders += [(i, j) for i in range(count) for j in range(i, count)]
    return {
        order: sympy.lambdify(
            symbols, sympy.diff(z, *(symbols[i] for i in order)), "mpmath"
        )
        for order in orders
    }


def derivative(f, order):
    """Return our derivative of an elementwise function, of first or second order."""
    first = gd.grad(lambda *x: np.sum(f(*x)), order[0])
    if len(order) == 1:
        return first
    return gd.grad(lambda *x: np.sum(first(*x)), order[1])


def truth(exact, at):
    """Return the true number, ``None`` where there is none."""
    try:
        true = exact(*map(mpmath.mpf, at))
    except (ZeroDivisionError, ValueError, OverflowError, TypeError):
        return None
    true = true.real if isinstance(true, mpmath.mpc) and true.imag == 0 else true
    return true if isinstance(true, mpmath.mpf) and mpmath.isfinite(true) else None


def wrong(exact, found, points, values, dtype):
    """Return the points where the derivative is representable and we do not have it."""
    limits, faults = np.finfo(dtype), []
    for k in range(len(found)):
        at = [float(p[k]) for p in points]
        true = truth(exact, at) if np.isfinite(values[k]) else None
        if true is None or abs(true) > float(limits.max):
            continue
        smallest = float(limits.tiny)
        allowed = max(abs(true) * TOLERANCE[dtype], 0 if abs(true) > smallest else
                      4 * smallest)  # fmt: skip
        if not abs(mpmath.mpf(float(found[k])) - true) <= allowed:
            faults.append((at, mpmath.nstr(true, 8), float(found[k])))
    return faults


def test_every_rule_is_compared_or_named():
    assert {name_of(r) for r in ELEMENTWISE} >= set(NOT_COMPARED)
    without = [r.__name__ for r in COMPARED if form_of(r) is None]
    assert not without, "give a form to OWN, or a reason to NOT_COMPARED"


def compare(form, f, plain, points, dtype, orders=2):
    values, count = plain(*points), len(points)
    for order, exact in exact_derivatives(form, count, orders).items():
        ours = derivative(f, order)
        with mpmath.workdps(700):
            found = ours(*points)
            faults = wrong(exact, found, points, values, dtype)
            assert not faults, (order, len(faults), faults[:6])
        compiled = gd.compile(ours)(*points)
        np.testing.assert_allclose(compiled, found, rtol=TOLERANCE[dtype])
        if count == 1 and dtype == "float64":
            numbers = [ours(float(x)) for x in points[0]]
            known = np.isfinite(found)
            np.testing.assert_allclose(
                np.array(numbers)[known], found[known], rtol=1e-13
            )


@pytest.mark.thinned(2)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("r", COMPARED, ids=name_of)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_derivatives_against_mpmath(r, dtype):
    if dtype not in r.dtypes:
        pytest.skip("the rule leaves this dtype out")

    def f(*x):
        return record(r, x)

    points = points_of(len(r.operand_names), dtype, LARGEST.get(name_of(r), np.inf))
    orders = 1 if r.__module__ == partials.__name__ else 2
    compare(form_of(r), f, r.forward, points, dtype, orders)


@pytest.mark.parametrize("n", [-2, -1, -0.5, 0.5, 1, 2, 2.5, 3])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_constant_powers_against_mpmath(n, dtype):
    exponent = sympy.Rational(str(n))
    compare(
        lambda x: x**exponent,
        lambda x: x**n,
        lambda x: x**n,
        points_of(1, dtype),
        dtype,
    )


HOLOMORPHIC = [
    r for r in COMPARED
    if "complex128" in r.dtypes and len(r.operand_names) == 1
    and name_of(r) not in ("cbrt", "sinc", "i0")
]  # fmt: skip
PLANE = np.array([
    1e-8 + 1e-9j, 0.3 + 0.2j, 2 - 1j, 20 + 1j, -40 + 0.5j, 300 - 2j, -400 + 1j,
    800 + 1j,
])  # fmt: skip


@pytest.mark.parametrize("r", HOLOMORPHIC, ids=name_of)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_complex_derivatives_against_mpmath(r):
    x = sympy.Symbol("x")
    exact = sympy.lambdify(x, sympy.diff(form_of(r)(x), x), "mpmath")
    values = r.forward(PLANE)
    leaf = gd.node(PLANE)
    found = reverse([record(r, (leaf,))], [np.ones(8, complex)], [leaf])[0]
    for at, value, ours in zip(PLANE, values, found, strict=True):
        if np.isfinite(value):
            with mpmath.workdps(400):
                true = complex(exact(mpmath.mpc(at)))
            assert abs(ours - true) <= max(1e-12 * abs(true), 1e-300), at


@pytest.mark.parametrize("x", [1e30 + 1e19j, 1e19 - 1e30j, 3e-200 + 4e-200j, 3 + 4j])
def test_second_derivative_of_complex_sizes(x):
    def f(x):
        return np.absolute(x)

    r = abs(x)
    for v in (1.0 + 0j, 1j, 1 + 2j):
        gradient, moved = gd.jvp(gd.grad(f), (np.complex128(x),), (np.complex128(v),))
        true = 1j * (x / r) * np.imag(np.conj(x) / r * v) / r
        np.testing.assert_allclose(gradient, x / r, rtol=1e-15)
        np.testing.assert_allclose(moved, true, rtol=1e-12)


@pytest.mark.parametrize("x", [0.5, 1.0, 2.0])
def test_third_derivative_of_x_to_the_x(x):
    with mpmath.workdps(40):
        expected = float(mpmath.diff(lambda x: x**x, x, 3))
    third = gd.grad(gd.grad(gd.grad(lambda x: x**x)))
    np.testing.assert_allclose(third(x), expected, rtol=1e-14)
    np.testing.assert_allclose(gd.compile(third)(x), expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("name", "given"),
    [("power_log", {"order": 1}), ("power_log", {"order": 0}), ("direction", {}),
     ("share", {}), ("share2", {})],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_partials_of_floats_are_those_of_arrays(name, given):
    function = getattr(partials, name)
    ends = [0.0, 1e-300, 0.3, 1.0, 2.5, 800.0, 1e300, np.inf, np.nan]
    for x in (*ends, *(-v for v in ends)):
        for y in (*ends, *(-v for v in ends)):
            expected = function(np.array([x]), np.array([y]), **given)[0]
            np.testing.assert_allclose(
                function(x, y, **given), expected, rtol=1e-13, err_msg=f"{x}, {y}"
            )


def test_a_recorded_power_of_positive_numbers_is_short():
    x, y = gd.node(0.5), gd.node(1.5)
    found = gd.grad(lambda x: x**y)(x)
    assert len(collect([found]).order) <= 7
