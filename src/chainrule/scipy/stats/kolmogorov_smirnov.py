"""Distributions of the statistics of Kolmogorov and Smirnov."""

from __future__ import annotations

import math
from collections.abc import Mapping

from chainrule.scipy.special.kolmogorov_smirnov import of_kolmogorov, of_smirnov
from chainrule.scipy.stats.continuous import HALF_LINE, UNIT, continuous
from chainrule.values.types import Value


@continuous
class ksone:
    """pdf(x) = minus the slope of ``scipy.special.smirnov(n, x)``, 0 <= x <= 1"""

    support = UNIT
    open_at = (False, True)
    sample: tuple[float, ...] = (5,)
    refused: Mapping[str, str] = {"n": "it counts. Pass gd.value(...)."}

    @staticmethod
    def pdf(x: Value, n: Value) -> Value:
        return -of_smirnov(n, x, order=1)


@continuous
class kstwobign:
    """pdf(x) = minus the slope of ``scipy.special.kolmogorov(x)``, x > 0"""

    support = HALF_LINE
    open_at = (True, True)

    @staticmethod
    def pdf(x: Value) -> Value:
        return -of_kolmogorov(x, order=1)

    @staticmethod
    def mean() -> Value:
        return math.sqrt(math.pi / 2.0) * math.log(2.0)

    @staticmethod
    def var() -> Value:
        mean = math.sqrt(math.pi / 2.0) * math.log(2.0)
        return math.pi**2 / 12.0 - mean * mean
