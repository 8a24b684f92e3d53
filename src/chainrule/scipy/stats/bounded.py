"""Distributions on an interval: uniform, triangles, and truncated ones."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from chainrule.scipy.stats.continuous import UNIT, continuous
from chainrule.scipy.stats.derived import log1mexp
from chainrule.scipy.stats.namespaces import np, sc
from chainrule.values.types import Value
from chainrule.values.vertices import raw


@continuous
class uniform:
    """pdf(x) = 1 for 0 <= x <= 1"""

    support = UNIT

    @staticmethod
    def pdf(x: Value) -> Value:
        return 1.0 + 0.0 * x

    @staticmethod
    def logpdf(x: Value) -> Value:
        return 0.0 * x

    @staticmethod
    def cdf(x: Value) -> Value:
        return 1.0 * x

    @staticmethod
    def sf(x: Value) -> Value:
        return 1.0 - x

    @staticmethod
    def ppf(q: Value) -> Value:
        return 1.0 * q

    @staticmethod
    def isf(q: Value) -> Value:
        return 1.0 - q


@continuous
class triang:
    """pdf(x) = 2 x / c for x < c, 2 (1 - x) / (1 - c) above, 0 <= x <= 1"""

    support = UNIT
    sample: tuple[float, ...] = (0.3,)

    @staticmethod
    def pdf(x: Value, c: Value) -> Value:
        rising = (x < c) | (c == 1.0)
        height = np.where(rising, x, 1.0 - x)
        return 2.0 * height / np.where(rising, c, 1.0 - c)

    @staticmethod
    def cdf(x: Value, c: Value) -> Value:
        rising = (x < c) | (c == 1.0)
        height = np.where(rising, x, 1.0 - x)
        part = height * height / np.where(rising, c, 1.0 - c)
        return np.where(rising, part, 1.0 - part)

    @staticmethod
    def sf(x: Value, c: Value) -> Value:
        rising = (x < c) | (c == 1.0)
        height = np.where(rising, x, 1.0 - x)
        part = height * height / np.where(rising, c, 1.0 - c)
        return np.where(rising, 1.0 - part, part)

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        rising = q < c
        area = np.where(rising, c * q, (1.0 - c) * (1.0 - q))
        return np.where(rising, np.sqrt(area), 1.0 - np.sqrt(area))

    @staticmethod
    def mean(c: Value) -> Value:
        return (c + 1.0) / 3.0

    @staticmethod
    def var(c: Value) -> Value:
        return (1.0 - c + c * c) / 18.0

    @staticmethod
    def entropy(c: Value) -> Value:
        return 0.5 - math.log(2.0) + 0.0 * c


@continuous
class trapezoid:
    """pdf(x) = u min(x / c, 1, (1 - x) / (1 - d)), u = 2 / (d - c + 1), 0 <= x <= 1"""

    support = UNIT
    sample: tuple[float, ...] = (0.2, 0.7)

    @staticmethod
    def pdf(x: Value, c: Value, d: Value) -> Value:
        rising, falling = x < c, x > d
        up = x / np.where(rising, c, 1.0)
        down = (1.0 - x) / np.where(falling, 1.0 - d, 1.0)
        shape = np.where(rising, up, np.where(falling, down, 1.0))
        return 2.0 / (d - c + 1.0) * shape

    @staticmethod
    def cdf(x: Value, c: Value, d: Value) -> Value:
        rising, falling = x < c, x > d
        width = d - c + 1.0
        up = x * x / np.where(rising, c, 1.0) / width
        rest = (1.0 - x) ** 2 / np.where(falling, 1.0 - d, 1.0) / width
        flat = (2.0 * x - c) / width
        return np.where(rising, up, np.where(falling, 1.0 - rest, flat))

    @staticmethod
    def entropy(c: Value, d: Value) -> Value:
        width = d - c + 1.0
        return 0.5 * (1.0 - d + c) / width + np.log(0.5 * width)


@continuous
class bradford:
    """pdf(x) = c / (log(1 + c) (1 + c x)) for 0 <= x <= 1"""

    support = UNIT
    sample: tuple[float, ...] = (1.7,)

    @staticmethod
    def logpdf(x: Value, c: Value) -> Value:
        return np.log(c / np.log1p(c)) - np.log1p(c * x)

    @staticmethod
    def cdf(x: Value, c: Value) -> Value:
        return np.log1p(c * x) / np.log1p(c)

    @staticmethod
    def ppf(q: Value, c: Value) -> Value:
        return np.expm1(q * np.log1p(c)) / c

    @staticmethod
    def mean(c: Value) -> Value:
        k = np.log1p(c)
        return (c - k) / (c * k)

    @staticmethod
    def var(c: Value) -> Value:
        k = np.log1p(c)
        return ((c + 2.0) * k - 2.0 * c) / (2.0 * c * k * k)

    @staticmethod
    def entropy(c: Value) -> Value:
        k = np.log1p(c)
        return 0.5 * k - np.log(c / k)


class loguniform_formulas:
    """pdf(x) = 1 / (x log(b / a)) for a <= x <= b"""

    sample: tuple[float, ...] = (0.6, 2.9)

    @staticmethod
    def support(a: Value, b: Value) -> tuple[Value, Value]:
        return a, b

    @staticmethod
    def logpdf(x: Value, a: Value, b: Value) -> Value:
        return -np.log(x) - np.log(np.log(b) - np.log(a))

    @staticmethod
    def cdf(x: Value, a: Value, b: Value) -> Value:
        return (np.log(x) - np.log(a)) / (np.log(b) - np.log(a))

    @staticmethod
    def sf(x: Value, a: Value, b: Value) -> Value:
        return (np.log(b) - np.log(x)) / (np.log(b) - np.log(a))

    @staticmethod
    def ppf(q: Value, a: Value, b: Value) -> Value:
        return np.exp(np.log(a) + q * (np.log(b) - np.log(a)))

    @staticmethod
    def isf(q: Value, a: Value, b: Value) -> Value:
        return np.exp(np.log(b) - q * (np.log(b) - np.log(a)))

    @staticmethod
    def mean(a: Value, b: Value) -> Value:
        return (b - a) / (np.log(b) - np.log(a))

    @staticmethod
    def var(a: Value, b: Value) -> Value:
        width = np.log(b) - np.log(a)
        mean = (b - a) / width
        return 0.5 * (b - a) * (b + a) / width - mean * mean

    @staticmethod
    def entropy(a: Value, b: Value) -> Value:
        width = np.log(b) - np.log(a)
        return 0.5 * (np.log(a) + np.log(b)) + np.log(width)


loguniform: Any = continuous(loguniform_formulas, "loguniform")
reciprocal: Any = continuous(loguniform_formulas, "reciprocal")


@continuous
class truncexpon:
    """pdf(x) = exp(-x) / (1 - exp(-b)) for 0 <= x <= b"""

    sample: tuple[float, ...] = (2.4,)

    @staticmethod
    def support(b: Value) -> tuple[Value, Value]:
        return 0.0, b

    @staticmethod
    def logpdf(x: Value, b: Value) -> Value:
        return -x - np.log(-np.expm1(-b))

    @staticmethod
    def cdf(x: Value, b: Value) -> Value:
        return np.expm1(-x) / np.expm1(-b)

    @staticmethod
    def sf(x: Value, b: Value) -> Value:
        return np.exp(-x) * np.expm1(x - b) / np.expm1(-b)

    @staticmethod
    def ppf(q: Value, b: Value) -> Value:
        return -np.log1p(q * np.expm1(-b))

    @staticmethod
    def isf(q: Value, b: Value) -> Value:
        return -np.log(np.exp(-b) - q * np.expm1(-b))

    @staticmethod
    def mean(b: Value) -> Value:
        return 1.0 - b / np.expm1(b)

    @staticmethod
    def var(b: Value) -> Value:
        return 1.0 - (0.5 * b / np.sinh(0.5 * b)) ** 2

    @staticmethod
    def entropy(b: Value) -> Value:
        return b + log1mexp(-b) - (b - 1.0 + np.exp(-b)) / -np.expm1(-b)


@continuous
class truncpareto:
    """pdf(x) = b x**(-b - 1) / (1 - c**-b) for 1 <= x <= c"""

    sample: tuple[float, ...] = (1.6, 3.2)

    @staticmethod
    def support(b: Value, c: Value) -> tuple[Value, Value]:
        return 1.0, c

    @staticmethod
    def logpdf(x: Value, b: Value, c: Value) -> Value:
        constant = np.log(b / -np.expm1(-b * np.log(c)))
        return constant - (b + 1.0) * np.log(x)

    @staticmethod
    def cdf(x: Value, b: Value, c: Value) -> Value:
        return np.expm1(-b * np.log(x)) / np.expm1(-b * np.log(c))

    @staticmethod
    def sf(x: Value, b: Value, c: Value) -> Value:
        rest = np.expm1(-b * (np.log(c) - np.log(x)))
        return np.power(x, -b) * rest / np.expm1(-b * np.log(c))

    @staticmethod
    def ppf(q: Value, b: Value, c: Value) -> Value:
        return np.exp(-np.log1p(q * np.expm1(-b * np.log(c))) / b)

    @staticmethod
    def isf(q: Value, b: Value, c: Value) -> Value:
        power = np.power(c, -b)
        return np.power(power + (1.0 - power) * q, -1.0 / b)

    @staticmethod
    def entropy(b: Value, c: Value) -> Value:
        log_c = np.log(c)
        constant = np.log(b / -np.expm1(-b * log_c))
        return -constant - (b + 1.0) * (log_c / np.expm1(b * log_c) - 1.0 / b)


@continuous
class truncweibull_min:
    """pdf(x) = c x**(c - 1) exp(-x**c) / (exp(-a**c) - exp(-b**c)) for a <= x <= b"""

    sample: tuple[float, ...] = (1.7, 0.4, 2.1)

    @staticmethod
    def support(c: Value, a: Value, b: Value) -> tuple[Value, Value]:
        return a, b

    @staticmethod
    def logpdf(x: Value, c: Value, a: Value, b: Value) -> Value:
        first, last = np.power(a, c), np.power(b, c)
        density = np.log(c) + sc.xlogy(c - 1.0, x) - np.power(x, c)
        return density + first - log1mexp(first - last)

    @staticmethod
    def cdf(x: Value, c: Value, a: Value, b: Value) -> Value:
        first, last = np.power(a, c), np.power(b, c)
        return np.expm1(first - np.power(x, c)) / np.expm1(first - last)

    @staticmethod
    def sf(x: Value, c: Value, a: Value, b: Value) -> Value:
        first, last, power = np.power(a, c), np.power(b, c), np.power(x, c)
        rest = np.exp(first - power) * np.expm1(power - last)
        return rest / np.expm1(first - last)

    @staticmethod
    def ppf(q: Value, c: Value, a: Value, b: Value) -> Value:
        first, last = np.power(a, c), np.power(b, c)
        power = first - np.log1p(q * np.expm1(first - last))
        return np.power(power, 1.0 / c)


@continuous
class irwinhall:
    """pdf(x) = sum((-1)**k C(n, k) (x - k)**(n - 1), k <= x) / (n - 1)!, 0 <= x <= n

    It is a cardinal spline, by de Boor's recurrence, in which nothing cancels.
    """

    sample: tuple[float, ...] = (4,)
    refused: Mapping[str, str] = {"n": "it counts. Pass gd.value(...)."}

    @staticmethod
    def support(n: Value) -> tuple[Value, Value]:
        return 0.0, n

    @staticmethod
    def pdf(x: Value, n: Value) -> Value:
        highest: Any = np.max(n, initial=1.0)
        largest = int(highest)
        shifts = np.arange(largest)
        x = np.expand_dims(x + 0.0 * n, -1)
        piece = np.clip(np.floor(raw(x)), 0, np.expand_dims(n, -1) - 1)
        y, splines = x - shifts, np.where(shifts == piece, 1.0, 0.0)
        density = np.where(n == 1, splines[..., 0], 0.0)
        for order in range(2, largest + 1):
            y = y[..., :-1]
            rising, falling = y * splines[..., :-1], (order - y) * splines[..., 1:]
            splines = (rising + falling) / (order - 1)
            density = np.where(n == order, splines[..., 0], density)
        return density

    @staticmethod
    def logpdf(x: Value, n: Value) -> Value:
        density = irwinhall.formulas.pdf(x, n)
        positive = density > 0.0
        return np.where(positive, np.log(np.where(positive, density, 1.0)), -math.inf)
