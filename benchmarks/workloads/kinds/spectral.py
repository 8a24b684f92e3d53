"""Fourier transforms: steps in time, an equation on a square, a likelihood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.compiled import Compilation
from benchmarks.workload import Workload, faster
from benchmarks.workloads.kinds.kind import Named, against_jax

_fft: Any = np.fft


def split_steps(xp: Any, potential: Any, wave: Any, *, steps: int) -> Any:
    """Mean place of a quantum particle after steps of the split-step method.

    Operations of a step: a transform and its inverse, three complex products.
    """
    n = wave.shape[0]
    moved = np.exp(-5e-4j * _fft.fftfreq(n, 1.0 / n) ** 2)
    turned = xp.exp(-5e-3j * potential)
    for _ in range(steps):
        wave = turned * xp.fft.ifft(moved * xp.fft.fft(turned * wave))
    return xp.sum(np.linspace(-1.0, 1.0, n) * xp.abs(wave) ** 2)


def poisson(xp: Any, source: Any, screening: Any, measured: Any) -> Any:
    """Squared error of the solution of a screened Poisson equation on a square.

    Operations: exp, a transform of two axes and its inverse, a quotient, a sum.
    """
    n = source.shape[0]
    along = _fft.rfftfreq(n, 1.0 / n) ** 2
    down = _fft.fftfreq(n, 1.0 / n)[:, None] ** 2
    response = 1.0 / (along + down + screening**2)
    field = xp.fft.irfft2(xp.fft.rfft2(xp.exp(source)) * response, s=source.shape)
    return xp.sum((field - measured) ** 2)


def whittle(xp: Any, parameters: Any, data: Any) -> Any:
    """Negative log likelihood of a noisy autoregressive series, by its spectrum.

    Operations: a transform of reals, squares of sizes, cos, log, quotients, a sum.
    """
    level, memory, noise, drift = parameters
    n = data.shape[0]
    trend = drift * np.linspace(-1.0, 1.0, n)
    power = xp.abs(xp.fft.rfft(data - trend)) ** 2 / n
    waves = 2.0 * np.pi * _fft.rfftfreq(n)
    bend = 1.0 + memory**2 - 2.0 * memory * xp.cos(waves)
    spectrum = level**2 / bend + noise**2
    return xp.sum(xp.log(spectrum) + power / spectrum)


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield them in the order of the table."""
    return against_jax("spectral", workloads(tiny=tiny), faster(1.0))


def workloads(*, tiny: bool) -> Named:
    """Yield the names and the workloads."""
    rng = np.random.default_rng(41)
    n, steps = (16, 2) if tiny else (1024, 30)
    x = np.linspace(-4.0, 4.0, n)
    wave, potential = np.exp(-(x**2)) + 0.0j, rng.standard_normal(n)
    yield (
        "split steps",
        Workload(split_steps, (potential,), (wave,), options={"steps": steps}),
    )
    n = 8 if tiny else 128
    source, measured = rng.standard_normal((n, n)), rng.standard_normal((n, n))
    yield "poisson", Workload(poisson, (source, 1.3), (measured,))
    n = 20 if tiny else 10_000
    parameters = np.array([1.0, 0.5, 0.3, 0.1])
    yield "whittle", Workload(whittle, (parameters,), (rng.standard_normal(n),))
