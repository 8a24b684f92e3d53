"""Hand tracking: how far points of a posed hand are from points that were measured."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.gradbench.eval import (
    Arguments,
    Differentiable,
    Eval,
    Function,
    Input,
    Size,
)
from benchmarks.tools import Tools

FINGERS, BONES = 5, 22
"""A wrist, four bones of each finger, and a forearm."""


def residuals(
    xp: Any,
    theta: Any,
    us: Any,
    relative: Any,
    inverse: Any,
    vertices: Any,
    weights: Any,
    corners: Any,
    measured: Any,
    *,
    parents: tuple[int, ...],
    mirrored: bool = False,
) -> Any:
    """Measured points minus those of the posed hand: shape (points, 3).

    Operations: sines and cosines of the bones' angles, products of 4 x 4 matrices from
    each bone to its parent, a weighted sum of matrices for each vertex and its product
    with the vertex; a rotation, a sum, an index, three products.

    Parameters
    ----------
    theta
        Rotation vector (3) and position (3) of the hand, four angles of each finger.
    us
        Where each point is in its triangle: shape (points, 2); or of shape (0, 2), if
        each point is a vertex.
    relative, inverse
        Matrices of the bones relative to their parents, and inverses of their absolute
        ones, each of shape (22, 4, 4).
    vertices, weights
        Of the hand at rest, shape (n, 4), and how much each follows each bone, (n, 22).
    corners, measured
        For each point its triangle's vertices (points, 3), or its vertex; where it was
        measured (points, 3).
    parents
        The bone that each bone hangs on, -1 for none.
    mirrored
        Whether the hand is the other one.
    """
    relative = posed(xp, relative, angles_of(xp, theta))
    transforms = xp.stack(chained(relative, parents)) @ inverse
    blend = (weights @ transforms.reshape(BONES, 16)).reshape(-1, 4, 4)
    skin = xp.sum(blend[:, :3] * vertices[:, None, :], axis=2)
    skin = skin * np.array([-1.0, 1.0, 1.0]) if mirrored else skin
    skin = skin @ xp.swapaxes(rotation(xp, theta[:3]), 0, 1) + theta[3:6]
    if us.shape[0] == 0:
        return measured - skin[corners]
    a, b, c = skin[corners[:, 0]], skin[corners[:, 1]], skin[corners[:, 2]]
    u, v = us[:, :1], us[:, 1:]
    return measured - (u * a + v * b + (1.0 - u - v) * c)


def angles_of(xp: Any, theta: Any) -> Any:
    """Return the angles of each bone about x, z and y; most are 0: shape (22, 3)."""
    padded = xp.concatenate([theta, xp.zeros(1)])
    places = np.full((BONES, 3), -1)
    for finger in range(FINGERS):
        first, angle = 4 * finger + 2, 4 * finger + 6
        places[first, :2] = angle, angle + 1
        places[first + 1, 0], places[first + 2, 0] = angle + 2, angle + 3
    return padded[places]


def posed(xp: Any, relative: Any, angles: Any) -> Any:
    """Return the bones' relative matrices, each times the rotation by its angles."""
    cx, cz, cy = (xp.cos(angles[:, i]) for i in range(3))
    sx, sz, sy = (xp.sin(angles[:, i]) for i in range(3))
    rows = [
        xp.stack([cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx], axis=1),
        xp.stack([sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx], axis=1),
        xp.stack([-sy, cy * sx, cy * cx], axis=1),
    ]
    turned = relative[:, :, :3] @ xp.stack(rows, axis=1)
    return xp.concatenate([turned, relative[:, :, 3:]], axis=2)


def chained(relative: Any, parents: tuple[int, ...]) -> list[Any]:
    """Return the bones' matrices, each times those of the bones before it."""
    found: list[Any] = []
    for i, parent in enumerate(parents):
        found.append(relative[i] if parent < 0 else found[parent] @ relative[i])
    return found


def rotation(xp: Any, turn: Any) -> Any:
    """Return the matrix of a rotation about an axis, by its length (Rodrigues)."""
    square = xp.sum(turn * turn)
    still = square == 0.0
    length = xp.sqrt(xp.where(still, 1.0, square))
    x, y, z = (turn[i] / length for i in range(3))
    angle = xp.where(still, 0.0, length)
    c, s = xp.cos(angle), xp.sin(angle)
    d = 1.0 - c
    rows = [
        xp.stack([c + x * x * d, x * y * d - z * s, x * z * d + y * s]),
        xp.stack([x * y * d + z * s, c + y * y * d, y * z * d - x * s]),
        xp.stack([x * z * d - y * s, y * z * d + x * s, c + z * z * d]),
    ]
    return xp.stack(rows)


def build_objective(tools: Tools, **hand: Any) -> Callable[..., Any]:
    """Return the residuals, compiled."""
    return tools.compile(partial(residuals, tools.xp, **hand))


def build_jacobian(tools: Tools, **hand: Any) -> Callable[..., Any]:
    """Return the Jacobian, compiled: two columns for ``us``, if any, then ``theta``.

    A point has a place in its own triangle only. So both columns for all points are the
    derivative by one shift of shape (2,), which is added to each point's place.
    """
    xp = tools.xp

    def of_theta(theta: Any, us: Any, *data: Any) -> Any:
        found = tools.jacfwd(lambda x: residuals(xp, x, us, *data, **hand))(theta)
        return found.reshape(-1, theta.shape[0])

    def of_both(theta: Any, us: Any, *data: Any) -> Any:
        def shifted(shift: Any, theta: Any) -> Any:
            return residuals(xp, theta, us + shift, *data, **hand)

        parts = tools.jacfwd(shifted, (0, 1))(xp.zeros(2), theta)
        return xp.concatenate(parts, axis=2).reshape(-1, 2 + theta.shape[0])

    def jacobian(theta: Any, us: Any, *data: Any) -> Any:
        return (of_both if us.shape[0] else of_theta)(theta, us, *data)

    return tools.compile(jacobian)


def prepare(given: Input) -> Arguments:
    """Return angles and places, the hand and the data, and its bones as options."""
    model, data = given["data"]["model"], given["data"]
    names = "base_relatives", "inverse_base_absolutes", "base_positions", "weights"
    corners = np.array(data["correspondences"])
    us = np.array(given["us"], dtype=float).reshape(-1, 2)
    if len(us):
        corners = np.array(model["triangles"])[corners]
    arrays = (
        np.array(given["theta"], dtype=float),
        us,
        *(np.array(model[name], dtype=float) for name in names),
        corners,
        np.array(data["points"], dtype=float),
    )
    hand = {"parents": tuple(model["parents"]), "mirrored": model["is_mirrored"]}
    return arrays, hand


def output_objective(found: Any) -> list[float]:
    """Return the residuals of one point after the other."""
    return np.asarray(found).ravel().tolist()


def generate(*, points: int, vertices: int, triangles: int) -> Input:
    """Return a hand of random bones and vertices, and points seen near it."""
    rng = np.random.default_rng(15)
    of_fingers = [4 * f + i if i else 0 for f in range(FINGERS) for i in range(4)]
    relative = np.tile(np.eye(4), (BONES, 1, 1))
    relative[:, :3, 3] = rng.normal(0.0, 0.3, (BONES, 3))
    parents = [-1, *of_fingers, 0]
    absolute = np.stack(chained(relative, tuple(parents)))
    weights = rng.random((vertices, BONES)) * (rng.random((vertices, BONES)) < 0.15)
    weights[:, 0] += 0.1
    model = {
        "bone_count": BONES,
        "bone_names": [f"bone {i}" for i in range(BONES)],
        "parents": parents,
        "base_relatives": relative.tolist(),
        "inverse_base_absolutes": np.linalg.inv(absolute).tolist(),
        "base_positions": np.insert(rng.normal(size=(vertices, 3)), 3, 1, 1).tolist(),
        "weights": (weights / weights.sum(axis=1, keepdims=True)).tolist(),
        "triangles": rng.integers(0, vertices, (triangles, 3)).tolist(),
        "is_mirrored": False,
    }
    return {
        "theta": rng.normal(0.0, 0.5, 26).tolist(),
        "data": {
            "model": model,
            "correspondences": rng.integers(0, triangles, points).tolist(),
            "points": rng.normal(size=(points, 3)).tolist(),
        },
        "us": rng.random((points, 2)).tolist(),
    }


def differences(given: Input) -> Differentiable:
    """Return the residuals as a function of angles and places."""
    (theta, us, *data), hand = prepare(given)
    return lambda *x: residuals(np, *x, *data, **hand), (theta, us)


EVAL = Eval(
    "ht",
    {
        "objective": Function(build_objective, prepare, output_objective),
        "jacobian": Function(build_jacobian, prepare),
    },
    small=lambda: generate(points=3, vertices=5, triangles=4),
    sizes=(
        Size(
            "100 points",
            "jacobian",
            lambda: generate(points=100, vertices=10_000, triangles=1084),
            20.0,
            8.4,
        ),
        Size(
            "12,800 points",
            "jacobian",
            lambda: generate(points=12_800, vertices=10_000, triangles=1084),
            25.0,
            13.0,
        ),
    ),
    differences=differences,
)
