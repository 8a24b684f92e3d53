"""Bundle adjustment: how far a seen point is from where its camera should see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.workload import Workload


def residual(xp: Any, camera: Any, point: Any, weight: Any, feature: Any) -> Any:
    """Weighted reprojection error of one observation, shape (2,).

    Operations, on single numbers: elements of the arguments, the rotation of a point
    (a product of angles, sqrt, cos, sin, two cross products, a choice for no rotation),
    a perspective division, a quartic distortion, focal length, centre, differences.

    Parameters
    ----------
    camera
        Rotation vector (3), position (3), focal length, centre of the picture (2),
        distortion (2): shape (11,).
    point
        Where the point is in space: shape (3,).
    weight
        A number.
    feature
        Where the point was seen: shape (2,).
    """
    apart = [point[i] - camera[3 + i] for i in range(3)]
    x, y, depth = rotate(xp, [camera[i] for i in range(3)], apart)
    x, y = x / depth, y / depth
    square = x * x + y * y
    bend = 1.0 + camera[9] * square + camera[10] * square * square
    x = x * bend * camera[6] + camera[7]
    y = y * bend * camera[6] + camera[8]
    return xp.stack([weight * (x - feature[0]), weight * (y - feature[1])])


def rotate(xp: Any, turn: Sequence[Any], p: Sequence[Any]) -> list[Any]:
    """Rotate ``p`` about the axis ``turn`` by its length (Rodrigues).

    At no rotation, where the axis has no direction, the formula is ``p + turn x p``;
    ``where`` keeps the division by zero out of the value and of the derivative.
    """
    square = turn[0] * turn[0] + turn[1] * turn[1] + turn[2] * turn[2]
    still = square == 0.0
    angle = xp.sqrt(xp.where(still, 1.0, square))
    cosine, sine = xp.cos(angle), xp.sin(angle)
    axis = [t / angle for t in turn]
    along = (axis[0] * p[0] + axis[1] * p[1] + axis[2] * p[2]) * (1.0 - cosine)
    turned = [
        p[i] * cosine + c * sine + axis[i] * along for i, c in enumerate(cross(axis, p))
    ]
    nudged = [p[i] + c for i, c in enumerate(cross(turn, p))]
    return [xp.where(still, a, b) for a, b in zip(nudged, turned, strict=True)]


def cross(a: Sequence[Any], b: Sequence[Any]) -> list[Any]:
    """Return the cross product of two vectors of three."""
    return [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]


def observations(*, count: int) -> Workload:
    """Return the residual with this many observations, each along the first axis."""
    rng = np.random.default_rng(7)
    camera = np.array([0.3, -0.5, 0.2, 1.0, -2.0, -9.0, 500.0, 4.0, -6.0, 0.05, 0.01])
    cameras = camera * rng.uniform(0.8, 1.2, (count, 11))
    points = rng.uniform(-1.0, 1.0, (count, 3))
    weights = rng.uniform(0.2, 1.0, count)
    features = rng.uniform(-200.0, 200.0, (count, 2))
    return Workload(residual, (cameras, points, weights), (features,))
