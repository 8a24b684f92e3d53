"""Bundle adjustment: how far a seen point is from where its camera should see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


def regularity(weight: Any) -> Any:
    """How far a weight is from 1."""
    return 1.0 - weight * weight


def build_objective(tools: Tools) -> Callable[..., Any]:
    """Return the residuals of all observations, and those of weights, compiled."""

    def objective(
        cameras: Any, points: Any, weights: Any, seen: Any, features: Any
    ) -> tuple[Any, Any]:
        residuals = tools.vmap(partial(residual, tools.xp))
        chosen = cameras[seen[:, 0]], points[seen[:, 1]]
        return residuals(*chosen, weights, features), regularity(weights)

    return tools.compile(objective)


def build_jacobian(tools: Tools) -> Callable[..., Any]:
    """Return the function of the sparse Jacobian's rows, columns and values.

    An observation has one camera, one point and one weight, so its two residuals have a
    dense block of 2 x (11 + 3 + 1), which is a Jacobian of ``residual``. The blocks are
    computed for all observations at once; each weight has one more row.
    """
    xp = tools.xp

    def values(
        cameras: Any, points: Any, weights: Any, seen: Any, features: Any
    ) -> Any:
        def block(*observation: Any) -> Any:
            found = tools.jacrev(partial(residual, xp), (0, 1, 2))(*observation)
            of_camera, of_point, of_weight = found
            return xp.concatenate([of_camera, of_point, of_weight[:, None]], axis=1)

        chosen = cameras[seen[:, 0]], points[seen[:, 1]]
        blocks = tools.vmap(block)(*chosen, weights, features)
        slopes = tools.vmap(tools.grad(regularity))(weights)
        return xp.concatenate([blocks.reshape(-1), slopes])

    compiled = tools.compile(values)

    def jacobian(cameras: Any, points: Any, weights: Any, seen: Any, features: Any):
        found = compiled(cameras, points, weights, seen, features)
        return places(len(cameras), len(points), np.asarray(seen)), found

    return jacobian


def places(
    cameras: int, points: int, seen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return where each row of the sparse Jacobian starts, and each value's column."""
    count = len(seen)
    columns = np.empty(31 * count, dtype=int)
    blocks, of_weight = (
        columns[: 30 * count].reshape(count, 2, 15),
        columns[30 * count :],
    )
    of_weight[:] = 11 * cameras + 3 * points + np.arange(count)
    blocks[:, :, :11] = (11 * seen[:, :1] + np.arange(11))[:, None]
    blocks[:, :, 11:14] = (11 * cameras + 3 * seen[:, 1:] + np.arange(3))[:, None]
    blocks[:, :, 14] = of_weight[:, None]
    starts = 15 * np.arange(2 * count + 1)
    return np.concatenate([starts, starts[-1] + np.arange(1, count + 1)]), columns


def prepare(given: Input) -> Arguments:
    """Return the arrays for as many cameras, points and observations as are asked for.

    An input has one of each, which is repeated; nothing here makes use of that.
    """
    observed = np.arange(given["p"])
    return (
        np.tile(np.array(given["cam"], dtype=float), (given["n"], 1)),
        np.tile(np.array(given["x"], dtype=float), (given["m"], 1)),
        np.full(given["p"], float(given["w"])),
        np.stack([observed % given["n"], observed % given["m"]], axis=1),
        np.tile(np.array(given["feat"], dtype=float), (given["p"], 1)),
    ), {}


def output_objective(found: tuple[Any, Any]) -> dict[str, Any]:
    """Return the first residuals, and how many there are."""
    residuals, of_weights = map(np.asarray, found)
    return {
        "reproj_error": {
            "elements": residuals[0].tolist(),
            "repeated": len(residuals),
        },
        "w_err": {"element": float(of_weights[0]), "repeated": len(of_weights)},
    }


def output_jacobian(found: tuple[tuple[Any, Any], Any]) -> dict[str, Any]:
    """Return the first 30 and the last of the rows, columns and values."""
    (rows, columns), values = found
    return {
        name: [*np.asarray(x[:30]).tolist(), np.asarray(x[-1]).tolist()]
        for name, x in (("rows", rows), ("cols", columns), ("vals", values))
    }


def generate(*, cameras: int, points: int, observations: int) -> Input:
    """Return one camera, point and observation, and how often each is repeated."""
    return {
        "n": cameras,
        "m": points,
        "p": observations,
        "cam": [0.3, -0.5, 0.2, 1.0, -2.0, -9.0, 500.0, 4.0, -6.0, 0.05, 0.01],
        "x": [0.4, -0.7, 0.1],
        "w": 0.6,
        "feat": [120.0, -80.0],
    }


def differences(given: Input) -> Differentiable:
    """Return the residual of the first observation."""
    cameras, points, weights, _, features = prepare(given)[0]
    return (
        lambda *x: residual(np, *x, features[0]),
        (cameras[0], points[0], weights[0]),
    )


def observations(*, count: int) -> Workload:
    """Return the residual with this many observations, each along the first axis."""
    rng = np.random.default_rng(7)
    camera = np.array([0.3, -0.5, 0.2, 1.0, -2.0, -9.0, 500.0, 4.0, -6.0, 0.05, 0.01])
    cameras = camera * rng.uniform(0.8, 1.2, (count, 11))
    points = rng.uniform(-1.0, 1.0, (count, 3))
    weights = rng.uniform(0.2, 1.0, count)
    features = rng.uniform(-200.0, 200.0, (count, 2))
    return Workload(residual, (cameras, points, weights), (features,))


EVAL = Eval(
    "ba",
    {
        "objective": Function(build_objective, prepare, output_objective),
        "jacobian": Function(build_jacobian, prepare, output_jacobian),
    },
    small=lambda: generate(cameras=2, points=3, observations=5),
    sizes=(
        Size(
            "31,843 observations",
            "jacobian",
            lambda: generate(cameras=49, points=7776, observations=31_843),
            4.3,
            4.3,
        ),
        Size(
            "1,255,268 observations",
            "jacobian",
            lambda: generate(cameras=356, points=226_730, observations=1_255_268),
            400.0,
            381.0,
        ),
    ),
    differences=differences,
    step=1e-5,
)
