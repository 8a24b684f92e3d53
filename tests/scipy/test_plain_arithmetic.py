"""Machine code of special functions against mpmath, over their whole domains."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.native import llvm as native
from chainrule.errors import CompileError
from chainrule.scipy import special
from chainrule.scipy.special import gamma_arithmetic, normal_arithmetic
from chainrule.scipy.special.error_functions import of_erfcx_slope
from chainrule.scipy.special.logistic import expit_grad, log_expit_grad, logit_grad
from chainrule.scipy.special.normal_distribution import of_inverse_mills

needs_llvm = pytest.mark.skipif(not native.available(), reason="needs llvmlite")

SPECIAL = np.array(
    [
        0.0, -0.0, np.inf, -np.inf, np.nan, 1e-300, -1e-300, 1.0, -1.0, -2.0, 2.0,
        0.5, -0.5, 40.0, -40.0, 38.6, 26.62, -26.7, 1e17, -1e17, 1e160, -1e160, 1e300,
        -1e300, 2.55e305, 2.56e305, 1.7e308,
    ]
)  # fmt: skip


def trigamma(x):
    return special.polygamma(1, x)


def log_ndtr(x):
    if x < -1e4:
        return -x * x / 2 - mpmath.log(-x * mpmath.sqrt(2 * mpmath.pi)) - 1 / x**2
    return mpmath.log1p(-mpmath.ncdf(-x)) if x > 0 else mpmath.log(mpmath.ncdf(x))


def inverse_mills(x):
    if x < -1e4:
        return -x * (1 + 1 / x**2 - 2 / x**4)
    return mpmath.npdf(x) / mpmath.ncdf(x)


def erfcx(x):
    if x > 1e4:
        return (1 - 1 / (2 * x * x)) / (x * mpmath.sqrt(mpmath.pi))
    return mpmath.exp(x * x) * mpmath.erfc(x)


def slope_of_erfcx(x):
    if x > 1e4:
        return (-1 + 3 / (2 * x * x)) / (x * x * mpmath.sqrt(mpmath.pi))
    return 2 * x * erfcx(x) - 2 / mpmath.sqrt(mpmath.pi)


NORMAL = {
    special.ndtr: mpmath.ncdf,
    special.logit: lambda x: mpmath.log(x / (1 - x)),
    special.expit: lambda x: 1 / (1 + mpmath.exp(-x)),
    special.log_expit: lambda x: -mpmath.log1p(mpmath.exp(-x)),
    special.log_ndtr: log_ndtr,
    of_inverse_mills: inverse_mills,
    special.erfcx: erfcx,
    of_erfcx_slope: slope_of_erfcx,
}
GAMMA = {
    special.gammaln: lambda x: mpmath.re(mpmath.loggamma(x)),
    special.psi: mpmath.digamma,
    trigamma: lambda x: mpmath.psi(1, x),
}
PLAIN = {
    special.expit: expit_grad.native,
    special.log_expit: log_expit_grad.native,
    special.logit: logit_grad.native,
    special.ndtr: normal_arithmetic.ndtr_of,
    special.log_ndtr: normal_arithmetic.log_ndtr_of,
    of_inverse_mills: normal_arithmetic.inverse_mills_of,
    special.erfcx: normal_arithmetic.erfcx_of,
    of_erfcx_slope: normal_arithmetic.erfcx_slope_of,
    special.gammaln: gamma_arithmetic.gammaln_of,
    special.psi: gamma_arithmetic.digamma_of,
    trigamma: gamma_arithmetic.trigamma_of,
}
per_function = pytest.mark.parametrize("f", PLAIN, ids=lambda f: f.__name__)


def by_vectors(f, x):
    """The function's results from a loop over an array, which has a second result."""
    return -gd.compile(lambda x: (-f(x), x + 1.0), executor="native")(x)[0]


def of_any_size(rng, low, high, count=150):
    return np.ldexp(rng.uniform(0.5, 1, count), rng.integers(low, high, count))


def operands(f, rng):
    small, any_size = of_any_size(rng, -50, 0), of_any_size(rng, -60, 60)
    if f is special.logit:
        near = [0.5 - small / 4, 0.5 + small / 4, small, 1 - small]
        return np.concatenate([*near, rng.uniform(0, 1, 500), [5e-324, 1e-310]])
    if f in NORMAL:
        both = np.concatenate([any_size, small, -any_size, -small])
        return np.concatenate(
            [both, rng.uniform(-3, 3, 300), rng.uniform(-37, 37, 300)]
        )
    near = [1 + small, 1 - small / 2, 2 - small, 2 + small, 1.4616321449683622 + small]
    return np.concatenate([any_size, *near, rng.uniform(0, 6, 300)])


@needs_llvm
@pytest.mark.parametrize("f", [*NORMAL, *GAMMA], ids=lambda f: f.__name__)
def test_four_units_in_the_last_place(f, rng):
    x = operands(f, rng)
    got, exact = by_vectors(f, x), {**NORMAL, **GAMMA}[f]
    with mpmath.workdps(60):
        for a, z in zip(x, got, strict=True):
            expected = exact(mpmath.mpf(float(a)))
            if not 1e-307 < abs(expected) < 1e308:
                continue
            unit = float(np.spacing(abs(float(expected))))
            most = 5.0 if f is of_inverse_mills else 4.0
            assert abs(mpmath.mpf(float(z)) - expected) <= most * unit, a


@needs_llvm
@pytest.mark.parametrize("f", GAMMA, ids=lambda f: f.__name__)
def test_negative_numbers_within_four_units_of_the_reflection(f, rng):
    x = -np.concatenate([rng.uniform(0, 9, 300), of_any_size(rng, -40, 9)])
    got, exact = by_vectors(f, x), GAMMA[f]
    with mpmath.workdps(60):
        for a, z in zip(x, got, strict=True):
            expected = exact(mpmath.mpf(float(a)))
            unit = float(np.spacing(max(1.0, abs(float(expected)))))
            assert abs(mpmath.mpf(float(z)) - expected) <= 4.0 * unit, a


@needs_llvm
@per_function
def test_special_values(f):
    got = by_vectors(f, SPECIAL)
    with np.errstate(all="ignore"):
        expected = f(SPECIAL)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(got[~finite], expected[~finite])
    np.testing.assert_allclose(got[finite], expected[finite], rtol=1e-12, atol=5e-324)
    np.testing.assert_array_equal(np.signbit(got[finite]), np.signbit(expected[finite]))


@needs_llvm
@per_function
def test_one_number_and_the_text_in_python_give_the_same_bits(f, rng):
    x = np.concatenate([operands(f, rng)[::9], SPECIAL[SPECIAL >= 0]])
    single = gd.compile(f, executor="native")
    got = by_vectors(f, x)
    np.testing.assert_array_equal([single(float(a)) for a in x], got)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal([PLAIN[f](a) for a in x], got)


def test_derivatives_of_log_ndtr(rng):
    x = np.concatenate([rng.uniform(-9, 9, 60), -of_any_size(rng, 3, 25, 60)])
    first = gd.grad(special.log_ndtr)
    slope, second = gd.compile(first), gd.compile(gd.grad(first))
    with mpmath.workdps(60):
        for a in x.tolist():
            h = inverse_mills(mpmath.mpf(a))
            assert abs(slope(a) - h) <= 1e-15 * h, a
            assert abs(second(a) + h * (a + h)) <= 1e-14 * h * (a + h), a


def test_slope_of_log_ndtr_without_compiling():
    x = np.array([-np.inf, -1e300, -30.0, 0.0, 30.0, 1e300, np.inf])
    slope = gd.grad(lambda x: np.sum(special.log_ndtr(x)))
    expected = [np.inf, 1e300, 30.033259, np.sqrt(2 / np.pi), 1.473646e-196, 0.0, 0.0]
    np.testing.assert_allclose(slope(x), expected, rtol=1e-6)
    assert slope(x[2:5].astype(np.float32)).dtype == np.float32


def test_no_expression_is_no_form_in_c():
    fast = gd.compile(special.log_ndtr)
    fast(0.5)
    with pytest.raises(CompileError, match="log_ndtr has no form in C"):
        gd.to_c(fast)


def scaled_tail(t):
    """(y + 2) (1 - ndtr(y)) exp(y**2 / 2) of t = (y - 6) / (y + 6)."""
    y = 6 * (1 + t) / (1 - t) if t < 1 - mpmath.mpf(10) ** -20 else mpmath.inf
    if y > 1e9:
        return (1 - 1 / y**2) * (1 + 2 / y) / mpmath.sqrt(2 * mpmath.pi)
    return mpmath.erfc(y / mpmath.sqrt(2)) / 2 * mpmath.exp(y * y / 2) * (y + 2)


def scaled_slope(t):
    """(y + 2)**2 (1 - y m(y)) / sqrt(2 pi), m Mills' ratio, of the same t."""
    y = 6 * (1 + t) / (1 - t) if t < 1 - mpmath.mpf(10) ** -20 else mpmath.inf
    if y > 1e7:
        rest = (1 - 3 / y**2 + 15 / y**4) * (1 + 2 / y) ** 2
        return rest / mpmath.sqrt(2 * mpmath.pi)
    tail = mpmath.erfc(y / mpmath.sqrt(2)) / 2 * mpmath.exp(y * y / 2)
    return (1 / mpmath.sqrt(2 * mpmath.pi) - y * tail) * (y + 2) ** 2


def of_inverse_square(function, limit):
    """A function of x as one of w = 1 / x**2, with its limit at w = 0."""

    def value(w):
        return function(1 / mpmath.sqrt(w)) if w > 1e-30 else mpmath.mpf(1) / limit

    return value


def binet(x):
    log = mpmath.loggamma(x) - (x - mpmath.mpf(1) / 2) * mpmath.log(x) + x
    return x * (log - mpmath.log(2 * mpmath.pi) / 2)


def near_two(e):
    d = e - mpmath.mpf(1) / 8
    small = abs(d) < mpmath.mpf(10) ** -30
    return mpmath.digamma(2) if small else mpmath.loggamma(2 + d) / d


def over_root(t):
    x, root = t + mpmath.mpf(7) / 4, mpmath.findroot(mpmath.digamma, 1.46)
    if abs(x - root) < mpmath.mpf(10) ** -30:
        return x * mpmath.psi(1, x)
    return x * mpmath.digamma(x) / (x - root)


def test_coefficients_are_chebyshev_interpolations():
    g, n, far = gamma_arithmetic, normal_arithmetic, mpmath.mpf(4) / 25
    psi = of_inverse_square(
        lambda x: x * x * (mpmath.log(x) - 1 / (2 * x) - mpmath.digamma(x)), 12
    )
    derivative = of_inverse_square(
        lambda x: x**3 * (mpmath.psi(1, x) - 1 / x - 1 / (2 * x * x)), 6
    )
    cases = [
        ((n.TAIL_FIRST, *n.TAIL), scaled_tail, -1, 1),
        ((n.SLOPE_FIRST, *n.SLOPE), scaled_slope, -1, 1),
        ((g.BINET_FIRST, *g.BINET), of_inverse_square(binet, 12), 0, far),
        (g.NEAR_2, near_two, -0.625, 0.625),
        ((g.OVER_ROOT_FIRST, *g.OVER_ROOT), over_root, -0.75, 0.75),
        (g.PSI, psi, 0, far),
        ((g.TRIGAMMA_FIRST, *g.TRIGAMMA), derivative, 0, mpmath.mpf(1) / 4),
    ]
    with mpmath.workdps(60):
        for written, function, low, high in cases:
            made = mpmath.chebyfit(function, [low, high], len(written))
            made = [float(c) for c in reversed(made)]
            np.testing.assert_allclose(written, made, rtol=1e-11)
        root = mpmath.findroot(mpmath.digamma, 1.46)
        assert abs(root - mpmath.mpf(g.ROOT) - mpmath.mpf(g.ROOT_REST)) < 1e-32
