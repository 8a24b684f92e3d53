"""Arrays whose entries meet their neighbours: differences, rolls, pads, stencils."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.compiled import Compilation
from benchmarks.handwritten import by_hand
from benchmarks.workload import Workload, faster
from benchmarks.workloads.kinds.kind import Named, against_jax


def total_variation(xp: Any, x: Any, noisy: Any) -> Any:
    """Error of a smoothed signal plus the smoothed size of its jumps.

    Operations: two slices, their difference, squares, sqrt, products, two sums.
    """
    jumps = x[1:] - x[:-1]
    return xp.sum((x - noisy) ** 2) + 0.5 * xp.sum(xp.sqrt(jumps**2 + 1e-3))


def ring_of_spins(xp: Any, angles: Any, field: Any) -> Any:
    """Energy of spins on a ring that see their next two neighbours and a field.

    Operations: two rolls, differences, cos three times, products and sums.
    """
    near = xp.cos(angles - xp.roll(angles, 1))
    far = xp.cos(angles - xp.roll(angles, 2))
    return -xp.sum(near + 0.3 * far + field * xp.cos(angles))


def potential(xp: Any, u: Any, source: Any) -> Any:
    """Squared residual of Poisson's equation on a grid.

    Operations: five slices in two dimensions, sums and differences, a square, sum.
    """
    around = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2]
    residual = around - 4.0 * u[1:-1, 1:-1] - source
    return xp.sum(residual**2)


def blurred(xp: Any, image: Any, kernel: Any, seen: Any) -> Any:
    """Squared error of an image that is blurred with a kernel of 3 by 3.

    Operations: a pad that repeats the edges, nine slices with nine products and sums,
    a difference, a square, sum.
    """
    rows, columns = image.shape
    wide = xp.pad(image, 1, mode="edge")
    found = 0.0
    for i in range(3):
        for j in range(3):
            found = found + kernel[i, j] * wide[i : i + rows, j : j + columns]
    return xp.sum((found - seen) ** 2)


def wavelets(xp: Any, x: Any, *, levels: int) -> Any:
    """Smoothed size of a signal's Haar coefficients.

    Operations of a level: two strided slices, a sum, a difference, two products. After
    the last: a concatenation, a square, sqrt, sum.
    """
    details = []
    for _ in range(levels):
        even, odd = x[::2], x[1::2]
        details.append((even - odd) * 0.5**0.5)
        x = (even + odd) * 0.5**0.5
    return xp.sum(xp.sqrt(xp.concatenate([*details, x]) ** 2 + 1e-2))


def upwind(xp: Any, u: Any, before: Any) -> Any:
    """Squared residual of one implicit step of Burgers' equation with ghost cells.

    Operations: four slices, a concatenation, a comparison and where, squares, products,
    two diff, sum.
    """
    wide = xp.concatenate([u[:1], u, u[-1:]])
    left, right = wide[:-1], wide[1:]
    flux = xp.where(left + right > 0.0, 0.5 * left**2, 0.5 * right**2)
    flux = flux - 0.05 * xp.diff(wide)
    residual = u - before + 0.2 * xp.diff(flux)
    return xp.sum(residual**2)


def lifting(xp: Any, x: Any) -> Any:
    """Size of a signal's coefficients after one step of the 5/3 lifting scheme.

    Operations: two strided slices, two rolls, sums and products; abs, a square, log1p,
    two sums.
    """
    even, odd = x[::2], x[1::2]
    detail = odd - 0.5 * (even + xp.roll(even, -1))
    smooth = even + 0.25 * (detail + xp.roll(detail, 1))
    return xp.sum(xp.abs(detail)) + xp.sum(xp.log1p(smooth**2))


def limited_flux(xp: Any, u: Any, direction: Any) -> Any:
    """Energy after a step of Burgers' equation that is smoothed where the wind turns.

    Operations: a square, two slices, a concatenation, a roll, a comparison and where,
    products and sums, a square, sum.
    """
    flux = 0.5 * u * u
    after = u - 0.1 * (flux - xp.concatenate([flux[:1], flux[:-1]]))
    mixed = 0.5 * (after + xp.roll(after, -1))
    return xp.sum(xp.where(direction > 0.0, after, mixed) ** 2)


def comparisons(*, tiny: bool) -> Iterator[Compilation]:
    """Yield them in the order of the table."""
    others = {"total variation": (by_hand("total_variation.c"),)}
    return against_jax("neighbours", workloads(tiny=tiny), faster(1.5), others)


def workloads(*, tiny: bool) -> Named:
    """Yield the names and the workloads."""
    rng = np.random.default_rng(21)
    n = 20 if tiny else 100_000
    noisy = np.sin(np.linspace(0.0, 20.0, n)) + 0.1 * rng.standard_normal(n)
    yield (
        "total variation",
        Workload(total_variation, (noisy + 0.1 * rng.standard_normal(n),), (noisy,)),
    )
    n = 20 if tiny else 10_000
    data = rng.standard_normal(n)
    yield "ring of spins", Workload(ring_of_spins, (rng.uniform(-3, 3, n),), (data,))
    n = 6 if tiny else 300
    u, source = rng.standard_normal((n, n)), rng.standard_normal((n - 2, n - 2))
    yield "potential", Workload(potential, (u,), (source,))
    n = 6 if tiny else 200
    image, kernel = rng.random((n, n)), rng.random((3, 3))
    yield "blur", Workload(blurred, (image, kernel), (rng.random((n, n)),))
    n, levels = (16, 2) if tiny else (2**16, 6)
    yield (
        "wavelets",
        Workload(wavelets, (rng.standard_normal(n),), options={"levels": levels}),
    )
    n = 20 if tiny else 1_000
    data = rng.standard_normal(n)
    yield "upwind", Workload(upwind, (data + 0.1 * rng.standard_normal(n),), (data,))
    n = 20 if tiny else 100_000
    yield "lifting", Workload(lifting, (rng.standard_normal(n),))
    n = 20 if tiny else 50_000
    wind = (rng.standard_normal(n),)
    yield "limited flux", Workload(limited_flux, (rng.standard_normal(n),), wind)
