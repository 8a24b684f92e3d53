"""Bundle adjustment: cameras and points of a scene, from where they are in pictures.

Each observation depends on one camera and one point, so nearly all of the Jacobian is
zero. ``least_squares`` is given it as a sparse matrix, found by tracing the function.

Changed: ``from scipy.optimize import least_squares``; no ``jac_sparsity`` is written.
"""

import dataclasses

import numpy as np

from chainrule.scipy.optimize import least_squares


@dataclasses.dataclass
class Scene:
    """Eight numbers of each camera, and three of each point."""

    rotations: np.ndarray  # of each camera, as a vector along the axis
    shifts: np.ndarray
    zooms: np.ndarray  # focal length and distortion
    points: np.ndarray


def rotated(points, turns):
    """Rotate by Rodrigues' formula."""
    angle = np.sqrt(np.sum(turns**2, axis=1) + 1e-12)[:, None]
    axis = turns / angle
    along = np.sum(points * axis, axis=1)[:, None]
    across = np.stack(
        [
            axis[:, 1] * points[:, 2] - axis[:, 2] * points[:, 1],
            axis[:, 2] * points[:, 0] - axis[:, 0] * points[:, 2],
            axis[:, 0] * points[:, 1] - axis[:, 1] * points[:, 0],
        ],
        axis=1,
    )
    return (
        np.cos(angle) * points
        + np.sin(angle) * across
        + (1 - np.cos(angle)) * along * axis
    )


def projected(scene, camera, point):
    """Return where in its picture a camera sees a point."""
    seen = rotated(scene.points[point], scene.rotations[camera]) + scene.shifts[camera]
    flat = -seen[:, :2] / seen[:, 2:]
    radius = np.sum(flat**2, axis=1)
    zoom = scene.zooms[camera]
    return flat * (zoom[:, 0] * (1 + zoom[:, 1] * radius))[:, None]


def synthetic(cameras, points, rng):
    """Return a scene: cameras on an arc look at a cloud of points."""
    turns = np.zeros((cameras, 3))
    turns[:, 1] = np.linspace(-0.5, 0.5, cameras)
    return Scene(
        turns,
        np.tile([0.0, 0.0, -6.0], (cameras, 1)),
        np.tile([500.0, -0.05], (cameras, 1)),
        rng.uniform(-1.0, 1.0, (points, 3)),
    )


def main(cameras=8, points=150):
    rng = np.random.default_rng(0)
    true = synthetic(cameras, points, rng)
    camera, point = np.nonzero(rng.random((cameras, points)) < 0.7)
    seen = projected(true, camera, point) + 0.3 * rng.normal(size=(camera.size, 2))

    start = Scene(
        true.rotations + 0.02 * rng.normal(size=true.rotations.shape),
        true.shifts + 0.05 * rng.normal(size=true.shifts.shape),
        true.zooms * [1.02, 0.0],
        true.points + 0.05 * rng.normal(size=true.points.shape),
    )

    def residuals(scene):
        return np.ravel(projected(scene, camera, point) - seen)

    found = least_squares(residuals, start, x_scale="jac", ftol=1e-6, method="trf")
    rows, columns = found.jac.shape
    before, after = np.std(residuals(start)), np.std(found.fun)
    print(f"{rows} residuals of {columns} unknowns, {found.jac.nnz} entries of the")
    print(f"Jacobian ({found.jac.nnz / rows / columns:.1%}); ", end="")
    print(f"errors of {before:.1f} pixels became {after:.2f} in {found.nfev} runs")
    return found


if __name__ == "__main__":
    main()
