"""The same for Bessel, elliptic and hypergeometric functions and polynomials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

from chainrule.scipy import special
from tests.scipy.accuracy import Entry, lin, log

ORDER, POINT = lin(0.1, 30.0), log(0.1, 100.0)
IN_ORDER = (1e-11, 1e-9, 1e-7)
"""Where values at orders around one are interpolated."""
SIDE = log(1e-2, 1e2)


def _scaled(f: Callable[..., Any], rate: float) -> Callable[..., Any]:
    return lambda v, x: f(v, x) * mp.exp(rate * x)


def _result(name: str, i: int) -> Callable[..., Any]:
    return lambda *x: getattr(special, name)(*x)[i]


ENTRIES = [
    Entry("j1", lambda x: mp.besselj(1, x), (log(1e-6, 1e2),)),
    Entry("jv", mp.besselj, (ORDER, POINT), IN_ORDER),
    Entry("yv", mp.bessely, (ORDER, POINT), IN_ORDER),
    Entry("iv", mp.besseli, (ORDER, POINT), IN_ORDER),
    Entry("kv", mp.besselk, (ORDER, POINT), IN_ORDER),
    Entry("i1e", lambda x: mp.besseli(1, x) * mp.exp(-x), (log(1e-6, 1e3),)),
    Entry("ive", _scaled(mp.besseli, -1), (lin(0.1, 9.0), POINT), IN_ORDER),
    Entry("kve", _scaled(mp.besselk, 1), (lin(0.1, 9.0), POINT), IN_ORDER),
    Entry("spherical_jn", lambda x: mp.sqrt(mp.pi / 2 / x) * mp.besselj(2.5, x),
          (log(0.1, 1e2),), call=lambda x: special.spherical_jn(2, x)),
    Entry("airy", mp.airyai, (lin(-20, 20),), call=_result("airy", 0)),
    Entry("kei", lambda x: mp.kei(0, x), (log(1e-3, 1e2),), (1e-10, 1e-10, 1e-10)),
    Entry("struve", mp.struveh, (lin(0.1, 9.0), POINT), IN_ORDER),
    Entry("modstruve", mp.struvel, (lin(0.1, 9.0), log(0.1, 30)), IN_ORDER),
    Entry("ellipk", mp.ellipk, (lin(-9, 0.99),), operands="m"),
    Entry("ellipe", mp.ellipe, (lin(-9, 0.99),), operands="m"),
    Entry("ellipkinc", mp.ellipf, (lin(-9, 9), lin(-9, 0.9))),
    Entry("ellipeinc", mp.ellipe, (lin(-9, 9), lin(-9, 0.9))),
    Entry("ellipj", lambda u, m: mp.ellipfun("sn", u, m=m),
          (lin(-3, 3), lin(0.01, 0.9)), call=_result("ellipj", 0), operands="u m"),
    Entry("elliprc", mp.elliprc, (SIDE, SIDE), operands="x y"),
    Entry("elliprf", mp.elliprf, (SIDE, SIDE, SIDE), operands="x y z"),
    Entry("elliprd", mp.elliprd, (SIDE, SIDE, SIDE), operands="x y z"),
    Entry("elliprg", mp.elliprg, (SIDE, SIDE, SIDE), operands="x y z"),
    Entry("hyp0f1", mp.hyp0f1, (lin(0.5, 9), lin(-30, 30)), IN_ORDER),
    Entry("hyp1f1", mp.hyp1f1, (lin(0.5, 4), lin(0.5, 4), lin(-20, 20)), IN_ORDER),
    Entry("hyp2f1", mp.hyp2f1, (lin(0.5, 3), lin(0.5, 3), lin(0.5, 4), lin(-0.9, 0.9)),
          (1e-12, 1e-9, 1e-4)),
    Entry("pbdv", mp.pcfd, (lin(-2, 4), lin(-3, 3)), IN_ORDER, call=_result("pbdv", 0)),
    Entry("eval_legendre", lambda x: mp.legendre(7, x), (lin(-1, 1),),
          call=lambda x: special.eval_legendre(7, x), operands="x"),
    Entry("eval_gegenbauer", lambda a, x: mp.gegenbauer(5, a, x),
          (lin(0.5, 4), lin(-1, 1)), IN_ORDER,
          call=lambda a, x: special.eval_gegenbauer(5, a, x), operands="alpha x"),
    Entry("exp1", mp.e1, (log(1e-3, 1e2),)),
    Entry("spence", lambda x: mp.re(mp.polylog(2, 1 - x)), (lin(0.01, 9),)),
]  # fmt: skip
