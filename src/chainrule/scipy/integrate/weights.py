"""Weights and break points of ``quad`` that move: brought into limits and integrand.

A parameter ``w`` of a weight is its value ``w0`` and the difference ``d = w - w0``,
which is 0 and has the derivative of ``w``. QUADPACK's weight keeps ``w0``; what ``d``
changes is a factor or a shift of the integrand, so every order follows from that of an
integral:

    cos(w x) = cos(w0 x) cos(d x) - sin(w0 x) sin(d x)
    integral of f(x) / (x - w) = that of f(x + d) / (x - w0) between the limits less d
    (x - a)**p (b - x)**q = (x - a)**p0 (b - x)**q0 exp((p - p0) log(x - a) + ...)

The limits of an algebraic weight move as ``x = a + (b - a) (s - a0) / (b0 - a0)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.scipy.integrate.integrals import Integrand
from chainrule.values.types import Operation, Value
from chainrule.values.vertices import raw

Plain = Callable[..., tuple[Any, ...]]
"""``plain(f, a, b, weight=, wvar=)``: the integral with a weight that does not move."""
LOGS = {"alg": "", "alg-loga": "a", "alg-logb": "b", "alg-log": "ab"}
"""The logarithms that weights have besides the powers: of x - a, of b - x."""
_NEAR = 1e-20
_PARTS = 200
"""Logarithms in the integrand need more parts than SciPy's default of 50."""


def moving_weight(
    plain: Plain, f: Integrand, a: Value, b: Value, weight: str, wvar: Any
) -> tuple[Any, ...]:
    """Return the integral with a weight whose parameters or limits move."""
    if weight in ("cos", "sin"):
        return _wave(plain, f, a, b, weight, wvar)
    if weight == "cauchy":
        shift = wvar - raw(wvar)
        moved = _called(f, lambda s: s + shift)
        return plain(moved, a - shift, b - shift, weight=weight, wvar=raw(wvar))
    return _algebraic(plain, f, a, b, weight, wvar)


def _called(f: Integrand, place: Callable[[Value], Any]) -> Integrand:
    return lambda s: f(place(s))


def _wave(
    plain: Plain, f: Integrand, a: Value, b: Value, weight: str, w: Value
) -> tuple[Any, ...]:
    shift, w0 = w - raw(w), raw(w)
    other, sign = ("sin", -1.0) if weight == "cos" else ("cos", 1.0)

    def by(wave: Operation) -> Integrand:
        def product(x: Value) -> Any:
            return f(x) * wave(shift * x)

        return product

    first = plain(by(np.cos), a, b, weight=weight, wvar=w0)
    rest = plain(by(np.sin), a, b, weight=other, wvar=w0)
    return first[0] + sign * rest[0], first[1] + rest[1], *first[2:]


def _algebraic(
    plain: Plain, f: Integrand, a: Value, b: Value, weight: str, powers: Sequence[Value]
) -> tuple[Any, ...]:
    a0, b0 = raw(a), raw(b)
    scale = (b - a) / (b0 - a0)
    p, q = powers
    p0, q0 = raw(p), raw(q)
    total, dp, dq = p + q + 1.0, p - p0, q - q0

    def logarithms(s: Value) -> tuple[Any, Any]:
        near = _NEAR * abs(b0 - a0)  # QUADPACK calls at the limits too
        return np.log(np.maximum(s - a0, near)), np.log(np.maximum(b0 - s, near))

    def without(s: Value) -> Any:
        left, right = logarithms(s)
        return f(a + scale * (s - a0)) * np.exp(dp * left + dq * right) * scale**total

    def part(logs: str) -> tuple[Any, ...]:
        name = next(k for k, v in LOGS.items() if v == logs)
        return plain(without, a0, b0, weight=name, wvar=(p0, q0), limit=_PARTS)

    # log(x - a) = log(s - a0) + log(scale), and so for b
    logs = LOGS[weight]
    found = part(logs)
    value, grown = found[0], np.log(scale)
    for letter in logs:
        value = value + grown * part(logs.replace(letter, ""))[0]
    if logs == "ab":
        value = value + grown**2 * part("")[0]
    return value, *found[1:]
