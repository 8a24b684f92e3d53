"""Bessel functions and their relatives: functions composed of others, and limits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, MissingRuleError
from tests.helpers import assert_close

scipy_special = pytest.importorskip("scipy.special")
from chainrule.scipy import special  # noqa: E402

X = np.array([0.4, 1.7, 6.0])
M = np.array([[0], [2]])

COMPOSED = {
    "jvp": (lambda s, x: s.jvp(1.5, x, 2), X),
    "yvp": (lambda s, x: s.yvp(2, x), X + 1),
    "ivp": (lambda s, x: s.ivp(0.3, x, n=3), X),
    "kvp": (lambda s, x: s.kvp(M, x, 0), X),
    "h1vp": (lambda s, x: s.h1vp(1.5, x, 1), X),
    "h2vp": (lambda s, x: s.h2vp(1.5, x, 2), X + 1),
    "spherical_jn": (lambda s, x: s.spherical_jn(M, x), X),
    "spherical_yn": (lambda s, x: s.spherical_yn(3, x, derivative=True), X + 2),
    "spherical_in": (lambda s, x: s.spherical_in(M, x, True), X),
    "spherical_kn": (lambda s, x: s.spherical_kn(1, x), X),
    "airye": (lambda s, x: s.airye(x), np.array([0.2, 0.9, 1.1, 30.0])),
    "kelvin": (lambda s, x: s.kelvin(x), X),
    "sph_harm_y": (lambda s, x: s.sph_harm_y(3, 1, x, 0.3, diff_n=2), X / 3),
    "sph_harm_y in phi": (lambda s, x: s.sph_harm_y(3, -2, 0.3, x, diff_n=1), X),
    "sph_harm_y_all": (lambda s, x: s.sph_harm_y_all(2, 3, x, 0.3, diff_n=1), X / 3),
    "sph_legendre_p": (lambda s, x: s.sph_legendre_p(3, M, x, diff_n=2), X / 3),
    "sph_legendre_p_all": (lambda s, x: s.sph_legendre_p_all(2, 1, x), X / 3),
    "legendre_p": (lambda s, x: s.legendre_p(M, x, diff_n=2), X / 7),
    "legendre_p_all": (lambda s, x: s.legendre_p_all(3, x, diff_n=1), X / 7),
    "assoc_legendre_p": (
        lambda s, x: s.assoc_legendre_p(3, M, x, norm=True, diff_n=2),
        X / 7,
    ),
    "assoc_legendre_p_all": (lambda s, x: s.assoc_legendre_p_all(2, 3, x), X / 7),
}


def listed(results):
    return results if isinstance(results, tuple) else (results,)


@pytest.mark.parametrize("name", COMPOSED)
def test_composed_functions_are_scipys_differentiable_and_compiled(name):
    f, x = COMPOSED[name]
    plain, ours = f(scipy_special, x), f(special, gd.node(x))
    assert type(ours) is type(plain) or not isinstance(plain, tuple)
    for a, b in zip(listed(ours), listed(plain), strict=True):
        assert_close(a, b, 1e-12, what=name)
    for a, b in zip(listed(f(special, x)), listed(plain), strict=True):
        np.testing.assert_array_equal(a, b)

    def total(x):
        parts = listed(f(special, x))
        return sum(np.sum(np.sin(np.real(z)) + np.cos(np.imag(z))) for z in parts)

    gd.check_gradients(total, (x,), order=2, rtol=3e-5)
    assert_close(gd.compile(gd.grad(total))(x), gd.grad(total)(x), 1e-12)
    pair = np.stack([x, x + 0.01])
    each = np.stack([gd.grad(total)(row) for row in pair])
    assert_close(gd.vmap(gd.grad(total))(pair), each, 1e-11)


def nth(f, order):
    for _ in range(order):
        f = gd.grad(f)
    return f


def derivative(kind, order, x, scale):
    """Return the derivative of exp(scale x) times J_1, I_0, I_1 or K_1, by mpmath."""
    f, v, sides = {
        "j1": (mpmath.besselj, 1, (1, -1)),
        "i0e": (mpmath.besseli, 0, (1, 1)),
        "i1e": (mpmath.besseli, 1, (1, 1)),
        "k1e": (mpmath.besselk, 1, (-1, -1)),
    }[kind]
    shares = {v: mpmath.mpf(1)}
    for _ in range(order):
        following = {}
        for u, share in shares.items():
            for w, part in ((u - 1, sides[0] / 2), (u, scale), (u + 1, sides[1] / 2)):
                following[w] = following.get(w, 0) + share * part
        shares = following
    return mpmath.exp(scale * x) * sum(c * f(u, x) for u, c in shares.items())


SCALES = {"j1": 0, "i0e": -1, "i1e": -1, "k1e": 1}


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("x", [1e-8, 0.3, 5.0, 30.0, 80.0, 2000.0])
@pytest.mark.parametrize("name", SCALES)
def test_derivatives_of_scaled_functions_keep_their_digits(name, x, order):
    with mpmath.workdps(40):
        true = float(derivative(name, order, mpmath.mpf(x), SCALES[name]))
    found = nth(getattr(special, name), order)(x)
    assert abs(found - true) <= 1e-11 * abs(true)


def test_derivatives_at_zero_are_those_of_the_series():
    second = [nth(f, 2)(0.0) for f in (special.j0, special.j1, special.i1)]
    assert second == [-0.5, 0.0, 0.0]
    assert gd.grad(special.i0e)(0.0) == 0.0, "the mean of both sides"
    assert gd.grad(special.i1e)(0.0) == 0.5
    assert gd.grad(lambda x: special.jv(2, x))(0.0) == 0.0
    assert gd.grad(lambda v: special.jv(v, 0.0))(1.5) == 0.0
    assert gd.grad(lambda x: special.spherical_jn(1, x))(0.0) == 1 / 3
    assert gd.grad(lambda x: special.struve(0, x))(0.0) == pytest.approx(2 / np.pi)


def test_negative_arguments_are_those_that_scipy_has():
    x = 2.3
    odd = gd.grad(lambda x: special.jv(3, x))
    assert odd(-x) == pytest.approx(odd(x), rel=1e-14)
    assert gd.grad(special.i0e)(-x) == pytest.approx(-gd.grad(special.i0e)(x))
    assert np.isnan(gd.grad(lambda x: special.jv(0.5, x))(-x))
    assert np.isnan(gd.grad(lambda x: special.kv(1, x))(-x))
    assert np.isnan(gd.grad(special.ker)(-x))
    assert gd.grad(special.ber)(-x) == pytest.approx(-gd.grad(special.ber)(x))


@pytest.mark.parametrize("x", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["j0", "j1", "i1e", "k0e", "struve", "ellipk"])
def test_no_number_comes_of_none(name, x):
    function = getattr(special, name)
    f = (lambda x: function(0.0, x)) if name == "struve" else function
    with np.errstate(all="ignore"):
        found = gd.grad(f)(x)
    assert np.isnan(found) or found == 0.0 or np.isinf(found)


def test_orders_may_be_integers_and_are_broadcast():
    n, x = np.arange(4)[:, None], np.array([0.5, 2.0])

    def jacobi(n, x):
        return special.eval_jacobi(n, 0.3, 1.5, x)

    for f in (special.jv, special.kn, special.eval_hermite, jacobi):
        whole = gd.grad(lambda x, f=f: np.sum(f(n, x)))(x)
        each = [gd.grad(lambda y, f=f: np.sum(f(n.ravel(), y)))(y) for y in x]
        assert_close(whole, np.array(each), 1e-13)
    v = np.arange(4.0)[:, None]
    slopes = gd.grad(lambda v: np.sum(special.jv(v, x)))(v)
    each = [gd.grad(lambda v, k=k: np.sum(special.jv(v, x)))(float(k)) for k in v[:, 0]]
    assert_close(slopes[:, 0], np.array(each), 1e-12)


@pytest.mark.parametrize(
    "f",
    [
        lambda z: special.jv(1.5, z),
        lambda z: special.kve(1.5, z),
        lambda z: special.hankel1e(0.5, z),
        lambda z: special.airy(z)[0],
        lambda z: special.hyp1f1(0.5, 1.5, z),
        lambda z: special.spherical_jn(2, z),
        lambda z: special.eval_legendre(2.5, z),
    ],
)
def test_complex_arguments_have_the_derivative_of_an_analytic_function(f):
    z = np.array([0.5 + 0.4j, 2.0 - 1.0j])
    gd.check_gradients(lambda z: np.sum(np.real(f(z) * (1 + 2j))), (z,), order=2)


@pytest.mark.parametrize("z", [0.7 - 0.4j, -60.0 + 3.0j, -2.0 - 90.0j])
@pytest.mark.parametrize("name", ["jve", "yve", "ive"])
def test_scales_that_are_no_analytic_functions_have_derivatives(name, z):
    scaled = getattr(special, name)
    of = getattr(special, name[:-1])
    part = np.real if name == "ive" else np.imag

    def written(z):
        return of(1.4, z) * np.exp(-np.abs(part(z)))

    for f in (np.real, np.imag):
        for derivative in (gd.grad, lambda g: gd.grad(_slope(g))):
            found = derivative(lambda z, f=f: f(scaled(1.4, z)))(z)
            exact = derivative(lambda z, f=f: f(written(z)))(z)
            assert found == pytest.approx(exact, rel=1e-9)
    assert scaled(1.4, gd.node(z)).value == pytest.approx(scaled(1.4, z), rel=1e-12)


def _slope(f):
    return lambda z: np.real(gd.grad(f)(z))


@pytest.mark.parametrize("cut", [2, 3])
@pytest.mark.parametrize(("n", "m"), [(2, 0), (3, 1), (5, -3), (4, 4), (1, 2)])
def test_legendre_functions_in_the_plane(n, m, cut):
    z = np.array([1.3 + 0.8j, -2.1 - 0.7j, 0.4 - 0.1j])
    given = {"branch_cut": cut, "norm": m > 0}
    value, *slopes = scipy_special.assoc_legendre_p(n, m, z, diff_n=2, **given)

    def f(z):
        return special.assoc_legendre_p(n, m, z, **given)[0]

    assert_close(gd.value(f(gd.node(z))), value, 1e-12)
    for slope in slopes:
        f = _tangent(f)
        assert_close(f(z), slope, 1e-12)


def _tangent(f):
    return lambda z: gd.jvp(f, (z,), (np.ones_like(z),))[1]


def test_scaled_bessel_functions_do_not_overflow():
    for name in ("jve", "yve", "ive"):
        f = getattr(special, name)
        at, along = (900.0 - 900.0j,), (1e-3 + 0j,)
        slope = gd.jvp(lambda z, f=f: f(1.4, z), at, along)[1]
        step = f(1.4, 900.001 - 900.0j) - f(1.4, 899.999 - 900.0j)
        assert slope == pytest.approx(step / 2.0, rel=1e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda n: special.kn(n, 2.0),
        lambda n: special.spherical_jn(n, 2.0),
        lambda n: special.eval_hermite(n, 2.0),
        lambda n: special.lpmv(n, 2.0, 0.3),
    ],
)
def test_whole_numbers_that_are_nodes_are_refused(f):
    with pytest.raises(MissingRuleError, match="whole number"):
        f(gd.node(2.0))


@pytest.mark.parametrize(
    ("f", "words"),
    [
        (lambda x: special.jvp(1, x, n=-1), "how often jv is differentiated"),
        (lambda x: special.jvp(1, x, n=1.5), "how often jv is differentiated"),
        (lambda x: special.legendre_p(x, 0.3), "plain whole numbers n"),
        (lambda x: special.sph_harm_y(2, 1, x, x, diff_n=3), "from 0 to 2"),
        (lambda x: special.assoc_legendre_p(2, 1, x, branch_cut=3), "branch_cut=2"),
    ],
)
def test_arguments_that_are_not_supported_are_refused(f, words):
    with pytest.raises(ArgumentError, match=words):
        f(gd.node(0.5))


def test_a_plain_call_names_the_function_to_write():
    with pytest.raises(TypeError) as caught:
        gd.grad(lambda x: scipy_special.spherical_jn(2, x))(2.0)
    assert "chainrule.scipy.special.spherical_jn(" in caught.value.__notes__[0]


def test_derivatives_in_order_are_nan_where_the_function_is_not_smooth():
    with np.errstate(all="ignore"):
        assert np.isnan(gd.grad(lambda b: special.hyp1f1(0.5, b, 1.0))(-1.0))
