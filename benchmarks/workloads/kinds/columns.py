"""Few parameters and long columns of data: models that are fitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.compiled import Compilation, own_tool
from benchmarks.handwritten import by_hand
from benchmarks.workload import Workload, faster
from benchmarks.workloads.kinds.kind import Named, against_jax


def damped_wave(
    xp: Any,
    amplitude: Any,
    rate: Any,
    frequency: Any,
    phase: Any,
    t: Any,
    measured: Any,
) -> Any:
    """Squared error of a wave that dies out.

    Operations: exp and cos of the column, products, a difference, a square, sum.
    """
    model = amplitude * xp.exp(-rate * t) * xp.cos(frequency * t + phase)
    return xp.sum((model - measured) ** 2)


def wins(xp: Any, weights: Any, x: Any, won: Any) -> Any:
    """Likelihood of a binary outcome whose logit is a parabola.

    Operations: three indices, x ** 2, products and sums, logaddexp, sum.
    """
    logits = weights[0] + weights[1] * x + weights[2] * x**2
    return xp.sum(xp.logaddexp(0.0, logits) - won * logits)


def lifetimes(xp: Any, scale: Any, shape: Any, time: Any, died: Any) -> Any:
    """Likelihood of log-logistic lifetimes that were looked at once.

    Operations: a power with a variable exponent, log1p, expm1, log, products, sum.
    """
    hazard = xp.log1p((time / scale) ** shape)
    return -xp.sum(died * xp.log(-xp.expm1(-hazard)) - (1.0 - died) * hazard)


def option_prices(
    xp: Any, market: Any, strike: Any, maturity: Any, quoted: Any, *, special: Any
) -> Any:
    """Squared error of Black and Scholes' prices with a volatility skew.

    Operations: four indices, log, exp, sqrt, two erf, products, quotients and sums of
    columns, sum.
    """
    spot, rate, volatility, skew = market[0], market[1], market[2], market[3]
    moneyness = xp.log(strike / spot)
    spread = volatility * xp.exp(skew * moneyness) * xp.sqrt(maturity)
    d1 = (rate * maturity - moneyness) / spread + 0.5 * spread
    d2 = d1 - spread
    above = 0.5 * (1.0 + special.erf(d1 / np.sqrt(2.0)))
    below = 0.5 * (1.0 + special.erf(d2 / np.sqrt(2.0)))
    price = spot * above - strike * xp.exp(-rate * maturity) * below
    return xp.sum((price - quoted) ** 2)


def tyre(xp: Any, p: Any, slip: Any, load: Any, force: Any) -> Any:
    """Squared error of Pacejka's formula for the force on a tyre.

    Operations: five indices, tanh, two arctan, sin, products and sums, a mean.
    """
    stiff = p[0] * slip
    curved = stiff - p[3] * (stiff - xp.arctan(stiff))
    peak = p[2] * xp.tanh(p[4] * load)
    return xp.mean((peak * xp.sin(p[1] * xp.arctan(curved)) - force) ** 2)


def lightness(
    xp: Any, gain: Any, gamma: Any, offset: Any, raw: Any, wanted: Any
) -> Any:
    """Squared error of the lightness of a sensor's readings, and its spread.

    Operations: a power with a variable exponent, cbrt, exp, products and sums, means.
    """
    found = 1.16 * xp.cbrt(gain * raw**gamma + offset) - 0.16
    weight = xp.exp(-0.5 * (found - 0.5) ** 2)
    return xp.mean(weight * (found - wanted) ** 2) + 0.1 * xp.mean(found**2)


def calibrated(xp: Any, values: Any, readings: Any, knots: Any, truth: Any) -> Any:
    """Squared error of readings that a curve of straight lines corrects.

    Operations: interp, a difference, a square, a mean.
    """
    return xp.mean((xp.interp(readings, knots, values) - truth) ** 2)


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield them in the order of the table."""
    others = {"damped wave": (by_hand("damped_wave.c"),)}
    return against_jax("columns", workloads(tiny=tiny), faster(1.5), others)


def workloads(*, tiny: bool) -> Named:
    """Yield the names and the workloads."""
    rng = np.random.default_rng(20)
    n = 20 if tiny else 100_000
    t = np.linspace(0.0, 10.0, n)
    measured = np.exp(-0.3 * t) * np.cos(5.0 * t) + 0.1 * rng.standard_normal(n)
    yield (
        "damped wave",
        Workload(damped_wave, (0.9, 0.25, 4.9, 0.1), (t, measured)),
    )
    n = 20 if tiny else 30_000
    x = rng.standard_normal(n)
    won = (rng.random(n) < 0.5).astype(float)
    yield "wins", Workload(wins, (np.array([0.1, 0.7, -0.2]),), (x, won))
    n = 20 if tiny else 10_000
    data = rng.exponential(2.0, n), (rng.random(n) < 0.6).astype(float)
    yield "lifetimes", Workload(lifetimes, (1.5, 1.2), data)
    n = 20 if tiny else 20_000
    data = rng.uniform(80, 120, n), rng.uniform(0.1, 2.0, n), rng.uniform(5, 20, n)
    yield (
        "option prices",
        Workload(
            option_prices,
            (np.array([100.0, 0.02, 0.2, -0.3]),),
            data,
            {"special": own_tool},
        ),
    )
    n = 20 if tiny else 50_000
    data = (
        rng.uniform(-0.5, 0.5, n),
        rng.uniform(0.5, 2.0, n),
        rng.standard_normal(n),
    )
    p = np.array([10.0, 1.9, 1.0, 0.97, 0.8])
    yield "tyre", Workload(tyre, (p,), data)
    n = 20 if tiny else 80_000
    data = rng.uniform(0.01, 1.0, n), rng.random(n)
    yield "lightness", Workload(lightness, (0.9, 2.2, 0.01), data)
    n, k = (20, 4) if tiny else (100_000, 200)
    knots = np.sort(rng.random(k))
    readings = rng.random(n)
    data = readings, knots, np.sin(3.0 * readings) + 0.1 * rng.standard_normal(n)
    yield "calibration", Workload(calibrated, (np.sin(3.0 * knots),), data)
