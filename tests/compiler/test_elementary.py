"""The elementary functions of the tape VM against mpmath, over their whole domains."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import scipy.special

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.operations import ELEMENTWISE, OPCODES
from chainrule.compiler.tape import interpreter as vm
from chainrule.compiler.tape.instructions import Code
from chainrule.operations_grad import (
    exponentials,
    hyperbolic,
    special,
    trigonometry,
)
from chainrule.scipy.special.error_functions import erfc_grad

needs_llvm = pytest.mark.skipif(not native.available(), reason="needs llvmlite")

SPECIAL = np.array(
    [
        0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, -5e-324, 2.3e-308, 1e-300, -1e-20,
        1.0, -1.0, -1.0 - 2.0**-52, -1.0 + 2.0**-53, 20.0, -40.0, 1.7e308, -1.7e308,
        709.782712893384, 709.782712893385, 710.4758600739439, 710.475860073944,
        -708.4, -745.1332191019411, -745.1332191019412, 1e6, 1000000.0000000001, 1e300,
    ]
)  # fmt: skip
ONE_OPERAND = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "exp2": lambda x: mpmath.power(2, x),
    "log2": lambda x: mpmath.log(x, 2),
    "log10": lambda x: mpmath.log(x, 10),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "tan": mpmath.tan,
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh,
    "arctanh": mpmath.atanh,
    "erf": mpmath.erf,
}
OWN = [name for name in ONE_OPERAND if ELEMENTWISE[name].native]
LARGEST = 1.7976931348623157e308


def library(name):
    """The function of NumPy, or of SciPy."""
    return getattr(np, name, None) or getattr(scipy.special, name)


def of_any_size(rng, low, high, count=500):
    """Numbers of both signs with exponents spread evenly over low..high."""
    size = np.ldexp(rng.uniform(0.5, 1, count), rng.integers(low, high, count))
    return size * rng.choice([-1.0, 1.0], count)


def samples(rng):
    """Points where something can go wrong for one of the functions, and many more."""
    quarters = np.round(rng.uniform(-6e5, 6e5, 300)) * (np.pi / 2)
    return np.concatenate(
        [
            of_any_size(rng, -1073, 1025),
            of_any_size(rng, -60, 11),
            of_any_size(rng, 11, 25),  # sin and cos on both sides of NEAR
            rng.uniform(-2, 2, 600),
            rng.uniform(-746, 711, 300),
            1 + of_any_size(rng, -52, -1, 300),  # log near 1
            -1 + abs(of_any_size(rng, -52, 0, 200)),  # log1p near -1
            quarters,  # sin near multiples of pi
            rng.uniform(-745.2, -708, 200),  # subnormal results
            rng.uniform(709.7, 709.8, 100),
            rng.uniform(710.4, 710.5, 100),
        ]
    )


def apply(name, x):
    """One instruction of the tape VM over all of x."""
    work = np.concatenate([x, np.full(x.size, np.nan)])
    n = x.size
    code = Code()
    code.add(name, n, [(0, 1)], n)
    vm.run(code, work)
    return work[n:]


def one_by_one(name, x):
    """An instruction of the tape VM for each element of x."""
    work = np.concatenate([x, np.full(x.size, np.nan)])
    code = Code()
    for i in range(x.size):
        code.add_number(OPCODES[name], x.size + i, i)
    vm.run(code, work)
    return work[x.size :]


def ulps(got, exact, scale=0.0):
    """Distance in units in the last place of the correctly rounded result or scale."""
    if not abs(exact) <= LARGEST:  # rounds to the largest number or to infinity
        return 0.0 if abs(got) >= LARGEST and (got > 0) == (exact > 0) else np.inf
    if not np.isfinite(got):
        return np.inf
    unit = float(np.spacing(max(abs(float(exact)), scale)))
    return float(abs(mpmath.mpf(float(got)) - exact) / unit)


@needs_llvm
@pytest.mark.parametrize("name", ONE_OPERAND)
def test_two_units_in_the_last_place(name, rng):
    x = samples(rng)
    with np.errstate(all="ignore"):
        x = x[~np.isnan(library(name)(x))]
    got = apply(name, x)
    with mpmath.workprec(1300 if name in ("sin", "cos", "tan") else 240):
        worst = max(
            (ulps(g, ONE_OPERAND[name](mpmath.mpf(float(a)))), float(a))
            for g, a in zip(got, x, strict=True)
        )
    assert worst[0] <= 2.0, f"{worst[0]} ulp at {worst[1]!r}"


@needs_llvm
@pytest.mark.parametrize("name", ["power", "hypot", "arctan2", "logaddexp"])
def test_two_units_of_two_operands(name, rng):
    x, y = abs(of_any_size(rng, -30, 30)), of_any_size(rng, -6, 6)
    if name == "logaddexp":  # beyond, exp of the difference is below any float
        x = np.where(x > 800, y + 1 / x, x)
    exact = {
        "power": mpmath.power,
        "hypot": mpmath.hypot,
        "arctan2": mpmath.atan2,
        "logaddexp": lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)),
    }[name]
    n = x.size
    work = np.concatenate([x, y, np.full(n, np.nan)])
    code = Code()
    code.add(name, 2 * n, [(0, 1), (n, 1)], n)
    vm.run(code, work)
    with mpmath.workprec(3000):
        for a, b, got in zip(x, y, work[2 * n :], strict=True):
            scale = max(abs(a), abs(b)) if name == "logaddexp" else 0.0
            assert ulps(got, exact(mpmath.mpf(a), mpmath.mpf(b)), scale) <= 2.0, (a, b)


@needs_llvm
@pytest.mark.parametrize("name", OWN)
def test_special_values(name):
    got = apply(name, SPECIAL)
    with np.errstate(all="ignore"):
        expected = library(name)(SPECIAL)
    np.testing.assert_array_max_ulp(
        np.where(np.isfinite(got), got, 0),
        np.where(np.isfinite(expected), expected, 0),
        3,
    )
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.isinf(got), np.isinf(expected))
    np.testing.assert_array_equal(np.signbit(got[number]), np.signbit(expected[number]))


@needs_llvm
@pytest.mark.parametrize("name", OWN)
def test_one_element_gives_the_bits_that_many_give(name, rng):
    x = np.concatenate([SPECIAL, samples(rng)])
    np.testing.assert_array_equal(apply(name, x), one_by_one(name, x))


@needs_llvm
@pytest.mark.parametrize("name", [name for name in OWN if name != "cbrt"])
def test_the_text_in_python_gives_the_same_bits(name, rng):
    x = np.concatenate([SPECIAL, rng.uniform(-5, 5, 30), of_any_size(rng, -40, 12, 30)])
    x = x[~(abs(x) > trigonometry.NEAR)]
    with np.errstate(all="ignore"):
        expected = [ELEMENTWISE[name].native(a) for a in x]
    np.testing.assert_array_equal(apply(name, x), expected)


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_far_operands_go_to_the_c_library(name):
    x = np.array([1e6, -3e7, 1e300])
    found = [ELEMENTWISE[name].native(a) for a in x]
    np.testing.assert_allclose(found, getattr(np, name)(x), rtol=4e-16)


@needs_llvm
def test_erfc_within_four_units(rng):
    x = np.concatenate([rng.uniform(-6, 28, 700), of_any_size(rng, -40, 5, 300)])
    x = np.concatenate([x, SPECIAL, rng.uniform(1, 2, 300)])
    native = gd.compile(lambda x: (2.0 * scipy.special.erfc(x), x), executor="native")
    got = native(np.tile(x, 4))[0][: x.size] / 2.0
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(got, [erfc_grad.native(a) for a in x])
        expected = scipy.special.erfc(x)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    with mpmath.workprec(1300):
        near = abs(x) < 30
        assert not got[x >= 30].any()
        assert (got[x <= -30] == 2).all()
        for a, z in zip(x[near], got[near], strict=True):
            assert ulps(z, mpmath.erfc(mpmath.mpf(float(a)))) <= 4.0, a


def series(first, ratio):
    """A power series from its first coefficient and the ratio of each to the last."""

    def value(t):
        total, term, k = mpmath.mpf(0), mpmath.mpf(first), 0
        while abs(term) > mpmath.mpf(10) ** -70:
            total += term
            term *= t * ratio(k)
            k += 1
        return total

    return value


def erf_of_square(t):
    """erf(x) / x - 1 of t = x**2 - 1/2."""
    if t < mpmath.mpf(10) ** -30 - 0.5:
        return 2 / mpmath.sqrt(mpmath.pi) - 1
    x = mpmath.sqrt(t + 0.5)
    return mpmath.erf(x) / x - 1


def scaled_erfc(t):
    """(x + 1/2) exp(x**2) erfc(x) of t = (x - 3) / (x + 3)."""
    x = 3 * (1 + t) / (1 - t)
    return mpmath.exp(x * x) * mpmath.erfc(x) * (x + 0.5)


def factorials(start, sign):
    """Ratio of sign**k / (2k + start)! to the one before it."""
    return lambda k: sign / mpmath.mpf((2 * k + start + 1) * (2 * k + start + 2))


def test_coefficients_are_chebyshev_interpolations():
    with mpmath.workdps(80):
        half = mpmath.log(2) / 2 * mpmath.mpf("1.0001")
        root = mpmath.sqrt(2)
        ratio = ((root - 1) / (root + 1)) ** 2 * mpmath.mpf("1.001")
        quarter = (mpmath.pi / 4 * mpmath.mpf("1.001")) ** 2
        sixth = mpmath.mpf(1) / 6
        cases = [
            (
                exponentials.EXP,
                series(0.5, lambda k: mpmath.mpf(1) / (k + 3)),
                -half,
                half,
            ),
            (
                exponentials.LOG,
                series(
                    mpmath.mpf(2) / 3, lambda k: mpmath.mpf(2 * k + 3) / (2 * k + 5)
                ),
                0,
                ratio,
            ),
            (trigonometry.SIN, series(-sixth, factorials(3, -1)), 0, quarter),
            (trigonometry.COS, series(sixth / 4, factorials(4, -1)), 0, quarter),
            (hyperbolic.SINH, series(sixth, factorials(3, 1)), 0, 1),
            ((special.ERF_FIRST, *special.ERF), erf_of_square, -0.5, 0.5),
            (
                (special.ERFCX_FIRST, *special.ERFCX),
                scaled_erfc,
                -0.5,
                mpmath.mpf(49) / 61,
            ),
        ]
        for written, function, low, high in cases:
            made = mpmath.chebyfit(function, [low, high], len(written))
            made = [float(c) for c in reversed(made)]
            np.testing.assert_allclose(written, made, rtol=1e-12)


def test_pieces_of_the_constants_add_up():
    with mpmath.workdps(80):
        pieces = [mpmath.mpf(p) for p in trigonometry.HALF_PI]
        assert abs(sum(pieces) - mpmath.pi / 2) < mpmath.mpf(2) ** -150
        whole = mpmath.mpf(exponentials.LN2_HIGH) + mpmath.mpf(exponentials.LN2_LOW)
        assert abs(whole - mpmath.log(2)) < mpmath.mpf(2) ** -90
    for piece in trigonometry.HALF_PI[:3]:  # at most 33 bits each
        assert (piece / np.spacing(piece)) % 2.0**20 == 0
