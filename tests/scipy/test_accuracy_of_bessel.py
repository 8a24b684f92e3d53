"""First and second derivatives of the families of Bessel functions, against mpmath.

Errors are relative to the derivative, or to the function where that is larger. Each row
says how large they may be over its points: in the argument, and in the parameters.
"""

from __future__ import annotations

import itertools

import mpmath as mp
import numpy as np
import pytest

pytest.importorskip("scipy")
from chainrule.scipy.special.partial_derivatives import evaluated

ORDERS = (0.0, 0.3, 1.0, 7.0, 20.3, -0.5, -2.3)
POINTS = (1e-4, 0.5, 3.0, 20.0, 200.0)
DEGREES = (1.0, 2.0, 7.0, 3.3)
INSIDE = (-0.6, -0.3, 0.6, 0.999)
SIDES = (0.3, 1.0, 50.0)


def scaled(f, rate):
    return lambda v, x: f(v, x) * mp.exp(rate * x)


ROWS = {
    "jv": (mp.besselj, (ORDERS, POINTS), 1e-12, 1e-10),
    "yv": (mp.bessely, (ORDERS, POINTS), 1e-12, 1e-10),
    "iv": (mp.besseli, (ORDERS, POINTS), 1e-12, 1e-9),
    "kv": (mp.besselk, (ORDERS, POINTS), 1e-12, 1e-9),
    "ive": (scaled(mp.besseli, -1), (ORDERS, POINTS), 1e-10, 1e-9),
    "kve": (scaled(mp.besselk, 1), (ORDERS, POINTS), 1e-10, 1e-9),
    "hankel1": (mp.hankel1, (ORDERS, POINTS), 1e-12, 1e-10),
    "hankel1e": (scaled(mp.hankel1, -1j), (ORDERS, POINTS), 1e-10, 1e-10),
    "struve": (mp.struveh, (ORDERS, POINTS), 1e-12, 1e-10),
    "modstruve": (mp.struvel, (ORDERS, POINTS), 1e-12, 1e-9),
    "ber": (lambda x: mp.ber(0, x), (POINTS,), 1e-12, 0.0),
    "kei": (lambda x: mp.kei(0, x), (POINTS,), 1e-12, 0.0),
    "ellipk": (mp.ellipk, ((-1e5, -0.5, 1e-12, 0.3, 0.999999),), 1e-13, 0.0),
    "ellipe": (mp.ellipe, ((-1e5, -0.5, 1e-12, 0.3, 0.999999),), 1e-13, 0.0),
    "elliprc": (mp.elliprc, (SIDES, SIDES), 1e-13, 1e-13),
    "elliprf": (mp.elliprf, (SIDES, SIDES, SIDES), 1e-13, 1e-13),
    "elliprd": (mp.elliprd, (SIDES, SIDES, SIDES), 1e-13, 1e-13),
    "elliprg": (mp.elliprg, (SIDES, SIDES, SIDES), 1e-13, 1e-13),
    "elliprj": (mp.elliprj, ((0.3, 2.0), (1.0,), (4.0,), SIDES), 1e-13, 1e-13),
    "hyp0f1": (mp.hyp0f1, ((0.3, 2.5, 10.0), (-20.0, 0.1, 50.0)), 1e-12, 1e-9),
    "hyp1f1": (
        mp.hyp1f1,
        ((0.3, 2.5), (0.3, 7.5), (-20.0, 0.1, 30.0)),
        1e-12,
        1e-8,
    ),
    "hyp2f1": (
        mp.hyp2f1,
        ((0.3, 2.5), (0.3,), (0.7, 5.0), (-3.0, -0.3, 0.9)),
        1e-12,
        1e-8,
    ),
    "hyperu": (mp.hyperu, ((0.3, 2.5), (0.3, 2.6), (0.5, 8.0)), 1e-9, 1e-5),
    "pbdv": (mp.pcfd, ((-0.5, 0.3, 2.0), (-3.0, 0.2, 2.0)), 1e-12, 1e-9),
    "eval_legendre": (mp.legendre, (DEGREES, INSIDE), 1e-12, 1e-9),
    "eval_chebyt": (mp.chebyt, (DEGREES, INSIDE), 1e-11, 1e-8),
    "eval_chebyu": (mp.chebyu, (DEGREES, INSIDE), 1e-11, 1e-8),
    "eval_gegenbauer": (mp.gegenbauer, (DEGREES, (0.8, 2.5), INSIDE), 1e-11, 1e-8),
    "eval_genlaguerre": (mp.laguerre, (DEGREES, (0.3, 2.5), SIDES), 1e-11, 1e-7),
    "eval_jacobi": (mp.jacobi, (DEGREES, (0.3,), (-0.3,), INSIDE), 1e-11, 1e-8),
    "log(x) / (1 - x)": (
        lambda x: mp.log(x) / (1 - x),
        ((1e-3, 0.7, 0.999999, 1.8),),
        1e-12,
        0.0,
    ),
}


def orders_of(count):
    """Return the orders of first and second derivatives."""
    units = np.eye(count, dtype=int)
    pairs = itertools.combinations_with_replacement(units, 2)
    listed = [*units, *(a + b for a, b in pairs)]
    return [tuple(int(k) for k in order) for order in listed]


CASES = [(name, o) for name, row in ROWS.items() for o in orders_of(len(row[1]))]


def truth(exact, orders, at):
    """Return the derivative by mpmath, ``None`` where it has none."""
    try:
        with mp.workdps(30):
            found = complex(mp.diff(exact, tuple(map(mp.mpf, at)), orders))
    except (ValueError, ZeroDivisionError, mp.libmp.NoConvergence):
        return None
    return found if np.isfinite(found) and 1e-250 < abs(found) < 1e250 else None


@pytest.mark.slow
@pytest.mark.parametrize(("name", "orders"), CASES, ids=str)
def test_derivatives_are_those_of_mpmath(name, orders):
    exact, points, in_argument, in_parameters = ROWS[name]
    allowed = in_parameters if any(orders[:-1]) else in_argument
    compared = 0
    for at in itertools.product(*points):
        true = truth(exact, orders, at)
        if true is None:
            continue
        compared += 1
        found = evaluated(name, orders, *at)
        value = evaluated(name, (0,) * len(at), *at)
        size = np.max(np.abs([true, value]))
        assert abs(found - true) <= allowed * size, (at, found, true)
    assert compared > 1
