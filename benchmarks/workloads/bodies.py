"""Bodies that attract each other: few rows, each of which is many operations."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workload import Workload


def bodies(xp: Any, position: Any, velocity: Any, masses: Any, *, steps: int) -> Any:
    """Move bodies in space by the symplectic Euler method; return their moment.

    Operations of a step (15): two indices with new axes, their difference, d * d, sum
    over an axis, z + 0.01, masses * d, z ** -1.5, an index with a new axis, a product,
    sum over an axis, 0.01 * z and a difference, 0.01 * velocity and a sum. After the
    last: z ** 2, sum.
    """
    for _ in range(steps):
        apart = position[:, None, :] - position[None, :, :]
        squares = xp.sum(apart * apart, axis=2) + 0.01
        pull = masses * apart * (squares**-1.5)[:, :, None]
        velocity = velocity - 0.01 * xp.sum(pull, axis=1)
        position = position + 0.01 * velocity
    return xp.sum(position**2)


def bodies_workload(*, count: int, steps: int) -> Workload:
    """Return so many bodies."""
    rng = np.random.default_rng(6)
    masses = np.linspace(1.0, 2.0, count)[None, :, None]
    arguments = rng.standard_normal((count, 3)), rng.standard_normal((count, 3))
    return Workload(bodies, arguments, (masses,), {"steps": steps})
