"""Smoothing splines, and FITPACK's triples: SciPy's values, and derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import ArgumentError, MissingRuleError

theirs = pytest.importorskip("scipy.interpolate")
from chainrule.scipy import interpolate  # noqa: E402

rng = np.random.default_rng(0)
X = np.cumsum(rng.uniform(0.3, 1.0, 9))
Y, W = rng.normal(size=9), rng.uniform(0.5, 2.0, 9)
AT = np.linspace(X[0] - 0.5, X[-1] + 0.5, 7)


@pytest.mark.parametrize("lam", [0.01, 0.3, 100.0])
def test_smoothing_splines(lam):
    plain = theirs.make_smoothing_spline(X, Y, W, lam)
    found = interpolate.make_smoothing_spline(X, gd.node(Y), W, lam)
    np.testing.assert_array_equal(found.t, plain.t)
    np.testing.assert_allclose(gd.value(found.c), plain.c, rtol=1e-9, atol=1e-11)
    own = interpolate.make_smoothing_spline(X, Y, W, lam)
    np.testing.assert_array_equal(own(AT), plain(AT))

    def f(x, y, w, lam):
        s = interpolate.make_smoothing_spline(x, y, w, lam)
        return np.sum(s(AT) ** 2) + np.sum(s(AT, 1)) + s.integrate(X[0], X[3])

    gd.check_gradients(f, (X, Y, W, lam), order=1, rtol=1e-3)


def test_smoothing_splines_to_the_second_order_and_compiled():
    def f(y, lam):
        return np.sum(interpolate.make_smoothing_spline(X, y, W, lam)(AT) ** 2)

    gd.check_gradients(f, (Y, 0.3), order=2)
    slopes = gd.compile(gd.grad(f))
    for y in (Y, Y**2):
        np.testing.assert_allclose(slopes(y, 0.3), gd.grad(f)(y, 0.3), rtol=1e-10)


def test_smoothing_splines_along_an_axis():
    y = rng.normal(size=(2, 9, 3))
    plain = theirs.make_smoothing_spline(X, y, lam=0.3, axis=1)(AT)
    found = interpolate.make_smoothing_spline(X, gd.node(y), lam=0.3, axis=1)(AT)
    np.testing.assert_allclose(found.value, plain, rtol=1e-10, atol=1e-12)


def test_what_smoothing_splines_refuse():
    with pytest.raises(MissingRuleError, match="Give lam"):
        interpolate.make_smoothing_spline(X, gd.node(Y))
    with pytest.raises(ValueError, match="non-negative"):
        interpolate.make_smoothing_spline(X, gd.node(Y), lam=-1.0)


TRIPLES = {
    "splint": lambda s, y: s.splint(0.7, 4.0, s.splrep(X, y)),
    "splint beyond": lambda s, y: s.splint(X[0] - 1, X[-1] + 2, s.splrep(X, y)),
    "splder": lambda s, y: s.splev(AT, s.splder(s.splrep(X, y), 2)),
    "splantider": lambda s, y: s.splev(AT, s.splantider(s.splrep(X, y), 2)),
    "splder back": lambda s, y: s.splev(AT, s.splder(s.splrep(X, y), -1)),
    "splder of an object": lambda s, y: s.splder(s.make_interp_spline(X, y))(AT),
    "splantider of an object": lambda s, y: s.splantider(
        s.make_interp_spline(X, y)
    )(AT),
}  # fmt: skip


@pytest.mark.parametrize("name", TRIPLES)
def test_triples(name):
    call = TRIPLES[name]
    plain = call(theirs, Y)
    np.testing.assert_array_equal(call(interpolate, Y), plain)
    found = gd.value(call(interpolate, gd.node(Y)))
    np.testing.assert_allclose(found, plain, rtol=1e-10, atol=1e-12)
    gd.check_gradients(lambda y: np.sum(call(interpolate, y) ** 2), (Y,))


def test_triples_refuse():
    tck = interpolate.splrep(X, gd.node(Y))
    with pytest.raises(ArgumentError, match="full_output"):
        interpolate.splint(0.0, 1.0, tck, full_output=1)
    with pytest.raises(ValueError, match="order of spline"):
        interpolate.splder(tck, 4)
