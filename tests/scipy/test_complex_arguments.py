"""Complex arguments of ``scipy.special``: two derivatives against mpmath.

Points are drawn over several magnitudes, next to branch cuts on both of their sides,
and on the real axis with both signs of zero, where the side is the one SciPy is on.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pytest

import chainrule as gd

scipy_special = pytest.importorskip("scipy.special")
mp = pytest.importorskip("mpmath")
from chainrule.scipy import special  # noqa: E402

DIGITS = 40
BESIDE = mp.mpf(10) ** -30
"""How far mpmath is from the real axis in the place of a signed zero."""
LEFT = (-0.3, -2.7, -11.3)


class Function(NamedTuple):
    """A function, mpmath's form of it, where it is cut, and how far it is tried."""

    function: Callable[[Any], Any]
    exact: Callable[[Any], Any]
    cut: tuple[float, ...] = ()
    far: float = 30.0


def part(f: Callable[..., Any], i: int) -> Callable[[Any], Any]:
    """Return one result of a function that has several."""
    return lambda z: f(z)[i]


def ndtr(z: Any) -> Any:
    return mp.erfc(-z / mp.sqrt(2)) / 2


def faddeeva(z: Any) -> Any:
    return mp.exp(-z * z) * mp.erfc(-1j * z)


def omega(z: Any) -> Any:
    """Solve ``w + log(w) = z`` on the branch that SciPy's value is on."""
    w = mp.mpc(scipy_special.wrightomega(complex(z)))
    turns = mp.nint((z - w - mp.log(w)).imag / (2 * mp.pi))
    for _ in range(8):
        w -= (w + mp.log(w) + 2j * mp.pi * turns - z) / (1 + 1 / w)
    return w


def spherical(bessel: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda z: mp.sqrt(mp.pi / (2 * z)) * bessel(mp.mpf(5) / 2, z)


ONE, OTHER = 1.9 + 0.3j, 0.7 + 0j
Y = 1.2 - 0.4j
SINGLE: dict[str, Function] = {
    "Ai": Function(part(scipy_special.airy, 0), mp.airyai, far=8.0),
    "Bi'": Function(
        part(scipy_special.airy, 3), lambda z: mp.airybi(z, derivative=1), far=8.0
    ),
    "airye Ai": Function(
        part(scipy_special.airye, 0),
        lambda z: mp.airyai(z) * mp.exp(2 * z * mp.sqrt(z) / 3),
        LEFT[:2],
        12.0,
    ),
    "airye Ai'": Function(
        part(scipy_special.airye, 1),
        lambda z: mp.airyai(z, derivative=1) * mp.exp(2 * z * mp.sqrt(z) / 3),
        far=12.0,
    ),
    "dawsn": Function(
        scipy_special.dawsn,
        lambda z: mp.sqrt(mp.pi) / 2 * mp.exp(-z * z) * mp.erfi(z),
    ),
    "erf": Function(scipy_special.erf, mp.erf, far=6.0),
    "erfc": Function(scipy_special.erfc, mp.erfc, far=12.0),
    "erfi": Function(scipy_special.erfi, mp.erfi, far=6.0),
    "erfcx": Function(
        scipy_special.erfcx, lambda z: mp.exp(z * z) * mp.erfc(z), far=15.0
    ),
    "wofz": Function(scipy_special.wofz, faddeeva, far=15.0),
    "ndtr": Function(scipy_special.ndtr, ndtr, far=8.0),
    "log_ndtr": Function(scipy_special.log_ndtr, lambda z: mp.log(ndtr(z)), far=15.0),
    "fresnel S": Function(part(scipy_special.fresnel, 0), mp.fresnels, far=5.0),
    "fresnel C": Function(part(scipy_special.fresnel, 1), mp.fresnelc, far=5.0),
    "digamma": Function(scipy_special.digamma, mp.digamma, LEFT),
    "gamma": Function(scipy_special.gamma, mp.gamma, LEFT),
    "rgamma": Function(scipy_special.rgamma, mp.rgamma, LEFT),
    "loggamma": Function(scipy_special.loggamma, mp.loggamma, LEFT),
    "zeta": Function(special.zeta, mp.zeta, far=25.0),
    "exp1": Function(scipy_special.exp1, mp.e1, LEFT),
    "expi": Function(scipy_special.expi, mp.ei, (0.4, 5.0)),
    "Shi": Function(part(scipy_special.shichi, 0), mp.shi),
    "Chi": Function(part(scipy_special.shichi, 1), mp.chi, LEFT),
    "Si": Function(part(scipy_special.sici, 0), mp.si),
    "Ci": Function(part(scipy_special.sici, 1), mp.ci, LEFT),
    "expm1": Function(scipy_special.expm1, mp.expm1),
    "log1p": Function(scipy_special.log1p, mp.log1p, (-1.5, -7.0)),
    "spence": Function(scipy_special.spence, lambda z: mp.polylog(2, 1 - z), LEFT),
    "wrightomega": Function(scipy_special.wrightomega, omega, LEFT),
    "lambertw": Function(special.lambertw, mp.lambertw, (-1.5, -7.0, -0.2)),
    "lambertw, -1": Function(
        lambda z: special.lambertw(z, -1), lambda z: mp.lambertw(z, -1), (-1.5, -7.0)
    ),
    "xlogy": Function(
        lambda z: scipy_special.xlogy(Y, z), lambda z: mp.mpc(Y) * mp.log(z), LEFT
    ),
    "xlog1py": Function(
        lambda z: scipy_special.xlog1py(Y, z), lambda z: mp.mpc(Y) * mp.log1p(z), LEFT
    ),
    "hyp0f1": Function(
        lambda z: scipy_special.hyp0f1(1.7, z), lambda z: mp.hyp0f1(1.7, z)
    ),
    "hyp1f1": Function(
        lambda z: scipy_special.hyp1f1(0.6, 1.7, z), lambda z: mp.hyp1f1(0.6, 1.7, z)
    ),
    "hyp2f1": Function(
        lambda z: scipy_special.hyp2f1(0.6, 1.1, 1.7, z),
        lambda z: mp.hyp2f1(0.6, 1.1, 1.7, z),
        (1.5, 6.0),
        20.0,
    ),
    "elliprc, x": Function(
        lambda z: scipy_special.elliprc(z, ONE), lambda z: mp.elliprc(z, ONE)
    ),
    "elliprc, y": Function(
        lambda z: scipy_special.elliprc(ONE, z), lambda z: mp.elliprc(ONE, z)
    ),
    "elliprd, x": Function(
        lambda z: scipy_special.elliprd(z, OTHER, ONE),
        lambda z: mp.elliprd(z, OTHER, ONE),
        LEFT,
    ),
    "elliprd, z": Function(
        lambda z: scipy_special.elliprd(OTHER, ONE, z),
        lambda z: mp.elliprd(OTHER, ONE, z),
        LEFT,
    ),
    "elliprf": Function(
        lambda z: scipy_special.elliprf(z, OTHER, ONE),
        lambda z: mp.elliprf(z, OTHER, ONE),
        LEFT,
    ),
    "elliprg": Function(
        lambda z: scipy_special.elliprg(z, OTHER, ONE),
        lambda z: mp.elliprg(z, OTHER, ONE),
        LEFT,
    ),
    "elliprj, x": Function(
        lambda z: scipy_special.elliprj(z, OTHER, ONE, 2.5 + 0j),
        lambda z: mp.elliprj(z, OTHER, ONE, 2.5),
    ),
    "elliprj, p": Function(
        lambda z: scipy_special.elliprj(0.4 + 0j, OTHER, 1.9 + 0j, z),
        lambda z: mp.elliprj(0.4, 0.7, 1.9, z),
    ),
    "spherical_jn": Function(partial(special.spherical_jn, 2), spherical(mp.besselj)),
    "spherical_yn": Function(partial(special.spherical_yn, 2), spherical(mp.bessely)),
    "spherical_in": Function(partial(special.spherical_in, 2), spherical(mp.besseli)),
    "spherical_kn": Function(partial(special.spherical_kn, 2), spherical(mp.besselk)),
}

ORDERS = (0.0, 2.0, 1.4, -2.6)
BESSEL: dict[str, tuple[Callable[..., Any], Callable[[Any], Any] | None]] = {
    "jv": (mp.besselj, None),
    "yv": (mp.bessely, None),
    "iv": (mp.besseli, None),
    "kv": (mp.besselk, None),
    "kve": (mp.besselk, mp.exp),
    "hankel1": (mp.hankel1, None),
    "hankel2": (mp.hankel2, None),
    "hankel1e": (mp.hankel1, lambda z: mp.exp(-1j * z)),
    "hankel2e": (mp.hankel2, lambda z: mp.exp(1j * z)),
}


def of_order(name: str, v: float) -> Function:
    """Return a Bessel function of an order."""
    exact, scale = BESSEL[name]

    def scaled(z: Any) -> Any:
        return exact(v, z) * (scale(z) if scale else 1)

    far = 12.0 if v == int(v) else 40.0  # of whole orders mpmath takes a limit
    return Function(partial(getattr(scipy_special, name), v), scaled, LEFT, far)


DEGREES = (3.0, 2.6)
POLYNOMIALS: dict[str, tuple[tuple[float, ...], Callable[..., Any]]] = {
    "chebyc": ((), lambda n, z: 2 * mp.chebyt(n, z / 2)),
    "chebys": ((), lambda n, z: mp.chebyu(n, z / 2)),
    "chebyt": ((), mp.chebyt),
    "chebyu": ((), mp.chebyu),
    "sh_chebyt": ((), lambda n, z: mp.chebyt(n, 2 * z - 1)),
    "sh_chebyu": ((), lambda n, z: mp.chebyu(n, 2 * z - 1)),
    "legendre": ((), mp.legendre),
    "sh_legendre": ((), lambda n, z: mp.legendre(n, 2 * z - 1)),
    "laguerre": ((), lambda n, z: mp.laguerre(n, 0, z)),
    "genlaguerre": ((1.3,), mp.laguerre),
    "gegenbauer": ((1.3,), mp.gegenbauer),
    "jacobi": ((1.3, 0.4), mp.jacobi),
    "sh_jacobi": (
        (2.5, 1.25),
        lambda n, p, q, z: (
            mp.jacobi(n, p - q, q - 1, 2 * z - 1) / mp.binomial(2 * n + p - 1, n)
        ),
    ),
}


def of_degree(name: str, n: float) -> Function:
    """Return a polynomial, or the function that it is for a degree between."""
    shapes, exact = POLYNOMIALS[name]
    f = getattr(scipy_special, f"eval_{name}")
    return Function(partial(f, n, *shapes), partial(exact, n, *shapes), LEFT[:2])


ENTRIES: dict[str, Function] = {
    **SINGLE,
    **{f"{k}, order {v:g}": of_order(k, v) for k in BESSEL for v in ORDERS},
    **{f"{k}, degree {n:g}": of_degree(k, n) for k in POLYNOMIALS for n in DEGREES},
}


def points(name: str, count: int) -> list[complex]:
    """Return numbers of all sizes, and some beside the cut and the real axis."""
    entry, rng = ENTRIES[name], np.random.default_rng(zlib.crc32(name.encode()))
    sizes = np.exp(rng.uniform(np.log(1e-3), np.log(entry.far), count))
    drawn = (sizes * np.exp(1j * rng.uniform(-np.pi, np.pi, count))).tolist()
    beside = (0.0, -0.0, 1e-9, -1e-9, 1e-3, -1e-3)
    near = [complex(x, y) for x in (*entry.cut, 0.6) for y in beside]
    return [*drawn, *rng.permutation(near)[:count]]


def tangent(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return the derivative by forward mode."""
    return lambda z: gd.jvp(f, (z,), (1.0 + 0j,))[1]


def gradient(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return the derivative by reverse mode."""
    return lambda z: np.conj(gd.grad(lambda y: np.real(f(y)))(z))


def exactly(entry: Function, z: complex, order: int, *, turned: bool = False) -> Any:
    """Return mpmath's derivative; ``turned``: from the other side of a real number."""
    below = bool(np.signbit(z.imag)) != turned
    at = mp.mpc(z.real, z.imag or (-BESIDE if below else BESIDE))
    return mp.diff(entry.exact, at, order) if order else entry.exact(at)


def away(found: Any, exact: Any) -> float:
    """Return the relative error; infinite where there is no number."""
    if not np.isfinite(found):
        return np.inf
    return float(abs(mp.mpc(complex(found)) - exact) / (abs(exact) + mp.mpf(1e-250)))


def hold(name: str, count: int) -> None:
    """Compare two derivatives, by both modes, where SciPy has the value."""
    entry, tried = ENTRIES[name], 0
    f = entry.function
    for z in points(name, count):
        with mp.workdps(DIGITS + int(abs(z))), np.errstate(all="ignore"):
            value = f(z)
            turned = z.imag == 0 and away(value, exactly(entry, z, 0)) > 1e-6
            own = away(value, exactly(entry, z, 0, turned=turned))
            if own > 1e-9:  # SciPy's value is none
                continue
            tried += 1
            first, second = (exactly(entry, z, k, turned=turned) for k in (1, 2))
            limit = max(1e-10, 100 * own)
            for mode in (tangent, gradient):
                assert away(mode(f)(z), first) < limit, (z, 1, mode.__name__)
                found = mode(mode(f))(z)
                assert away(found, second) < limit, (z, 2, mode.__name__)
    assert tried > count // 2


@pytest.mark.parametrize("name", list(ENTRIES)[::9])
def test_two_derivatives_of_some(name):
    hold(name, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ENTRIES)
def test_two_derivatives_of_all(name):
    hold(name, 12)


SCALES = {"hankel1e": 1j, "hankel2e": -1j, "kve": -1.0}
"""Of ``f(z) = w(z) exp(-s z)``, where w solves Bessel's equation."""


@pytest.mark.parametrize("z", [-40 + 1e-3j, -40 - 3j, -300 - 1j, -40 + 0j])
@pytest.mark.parametrize("name", SCALES)
def test_large_numbers_on_both_sides_of_the_cut(name, z):
    v, h, s, f = 0.7, 1e-3, SCALES[name], getattr(scipy_special, name)
    step = 8 * (f(v + h, z) - f(v - h, z)) - f(v + 2 * h, z) + f(v - 2 * h, z)
    slope = gd.jvp(lambda v: f(v, z), (v,), (1.0,))[1]
    assert slope == pytest.approx(step / (12 * h), rel=1e-8)
    for derivative in (tangent, gradient):
        g = derivative(partial(f, v))
        first, second, terms = g(z), derivative(g)(z), (v * v / z**2 - s / z) * f(v, z)
        assert second + (2 * s + 1 / z) * first == pytest.approx(terms, rel=1e-9)
        if abs(z.imag) > 1e-2:
            step = 8 * (f(v, z + h) - f(v, z - h)) - f(v, z + 2 * h) + f(v, z - 2 * h)
            assert first == pytest.approx(step / (12 * h), rel=1e-8)


def test_carlsons_integrals_of_numbers_on_both_sides_of_the_cut_are_nan():
    x = np.array([-1.0 + 0.01j, -1.0 + 3.0j])
    slope = gd.jvp(lambda z: scipy_special.elliprg(z, z.conj(), 1.0 + 0j), (x,), (x,))[
        1
    ]
    assert np.isnan(slope).tolist() == [True, False]
