"""Sparse Jacobians and Hessians: stencils, chains, meshes and borders.

The namespaces have what these functions need beyond NumPy's names: ``grid`` and
``flat`` between a vector and a square, ``framed`` with a frame of zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.sparse import ALONE, ASDEX, CASADI, Detection, Memory, Sparse
from benchmarks.workload import Peer, Workload, faster


def tridiagonal(xp: Any, x: Any) -> Any:
    """Residual of a nonlinear boundary value problem: each entry has two neighbours.

    Operations: concatenation with zeros, slices, products, sums, cubes.
    """
    zero = np.zeros(1)
    p = xp.concatenate([zero, x, zero])
    return 2 * x - p[2:] - p[:-2] + x * x * x


def five_points(xp: Any, x: Any) -> Any:
    """Residual of a nonlinear Poisson equation on a square grid.

    Operations: a frame of zeros, slices in two directions, sums, cubes.
    """
    u = xp.grid(x)
    p = xp.framed(u)
    around = p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2]
    return xp.flat(4 * u - around + u * u * u)


def rosenbrock(xp: Any, x: Any) -> Any:
    """Chained Rosenbrock function, for its Hessian.

    Operations: slices, squares, a sum.
    """
    return xp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def elements(xp: Any, u: Any, a: Any, b: Any, c: Any, weights: Any) -> Any:
    """Energy of linear finite elements on an irregular mesh, for its Hessian.

    Operations: picks of three corners per element, differences, products, a sum.
    """
    x, y, z = u[a], u[b], u[c]
    stretch = (x - y) ** 2 + (y - z) ** 2 + (z - x) ** 2
    mean = (x + y + z) / 3
    return xp.sum(weights * (stretch * (1 + mean**2) + mean**4))


def periodic(xp: Any, u: Any) -> Any:
    """Residual of the Kuramoto-Sivashinsky equation on a circle: five neighbours.

    Operations: rolls, products, sums.
    """
    one, other = xp.roll(u, 1), xp.roll(u, -1)
    second = one - 2 * u + other
    fourth = xp.roll(u, 2) - 4 * one + 6 * u - 4 * other + xp.roll(u, -2)
    return u * (other - one) + second + 0.5 * fourth


def bordered(xp: Any, x: Any) -> Any:
    """A chain with a full first row and column: an arrow.

    Operations: products, a sum of sines, slices, concatenation.
    """
    rest = x[1:] * x[1:] * x[0] + x[1:]
    return xp.concatenate([xp.first(xp.sum(xp.sin(x))), rest])


def mesh(points: int) -> tuple[Any, ...]:
    """Return the corners and weights of a triangulation of random points."""
    from scipy.spatial import Delaunay

    rng = np.random.default_rng(3)
    corners = Delaunay(rng.random((points, 2))).simplices.astype(np.int64)
    weights = rng.uniform(0.5, 1.5, len(corners))
    return (*(np.ascontiguousarray(corners[:, i]) for i in range(3)), weights)


def at(size: int) -> Any:
    return np.linspace(0.1, 1.3, size)


def comparisons(*, tiny: bool) -> Iterator[Sparse]:
    """Yield three kinds that it was made for, in three sizes, and three others."""
    peers = (
        Peer(ASDEX, faster(1.0)),
        Detection(ASDEX, faster(20.0)),
        Peer(CASADI, faster(5.0)),
    )
    kinds = [(tridiagonal, 1), (five_points, 1), (rosenbrock, 2)]
    for function, order in kinds:
        for n in (16,) if tiny else (10_000, 100_000, 1_000_000):
            size = int(n**0.5) ** 2 if function is five_points else n
            name = f"sparse, {function.__name__.replace('_', ' ')}, {size:,}"
            own = (Peer(ALONE), Memory()) if size > 900_000 else peers
            workload = Workload(function, (at(size),), order=order)
            yield Sparse(name, workload, own, rounds=11)
    size = 12 if tiny else 30_000
    workload = Workload(elements, (at(size),), mesh(size), order=2)
    yield Sparse(f"sparse, elements, {size:,}", workload, peers, rounds=11)
    size = 16 if tiny else 100_000
    workload = Workload(periodic, (at(size),))
    yield Sparse(f"sparse, periodic, {size:,}", workload, peers, rounds=11)
    size = 16 if tiny else 1_000
    workload = Workload(bordered, (at(size),))
    yield Sparse(f"sparse, bordered, {size:,}", workload, peers, rounds=11)
