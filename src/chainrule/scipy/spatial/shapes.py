"""Functions of ``scipy.spatial`` itself: distance matrices, Procrustes."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.spatial
from numpy.typing import ArrayLike

from chainrule.scipy.moving import floats_of
from chainrule.scipy.spatial import metrics
from chainrule.scipy.spatial.distance import cdist
from chainrule.values.vertices import is_refused
from chainrule.wrapping import implements

_scipy: Any = scipy.spatial
_np: Any = np


@implements(_scipy.minkowski_distance)
def minkowski_distance(x: ArrayLike, y: ArrayLike, p: float = 2.0) -> Any:
    """Return the distances of vectors along the last axis."""
    return metrics.minkowski(floats_of(x), floats_of(y), p=p)


@implements(_scipy.minkowski_distance_p)
def minkowski_distance_p(x: ArrayLike, y: ArrayLike, p: float = 2.0) -> Any:
    """Return the distances of vectors to the power ``p``."""
    difference = _np.abs(floats_of(y) - floats_of(x))
    if p == np.inf:
        return _np.max(difference, axis=-1)
    return _np.sum(difference if p == 1 else difference**p, axis=-1)


@implements(_scipy.distance_matrix)
def distance_matrix(
    x: ArrayLike, y: ArrayLike, p: float = 2.0, threshold: int = 1000000
) -> Any:
    """Return the distances of all rows of ``x`` to all of ``y``, shape (m, n)."""
    left = floats_of(x)
    if y is x:
        return cdist(left, left, "minkowski", p=p)
    return metrics.minkowski(left[:, None, :], floats_of(y)[None, :, :], p=p)


@implements(_scipy.procrustes)
def procrustes(data1: ArrayLike, data2: ArrayLike) -> Any:
    """Return both shapes, centred, scaled and turned onto each other, and a disparity.

    The rotation is the orthogonal factor of a product of the two; where singular values
    of that are equal its derivative is not unique.
    """
    first, second = floats_of(data1), floats_of(data2)
    if first.ndim != 2 or second.ndim != 2:
        raise ValueError("Input matrices must be two-dimensional")
    if first.shape != second.shape:
        raise ValueError("Input matrices must be of same shape")
    if first.size == 0:
        raise ValueError("Input matrices must be >0 rows and >0 cols")
    first = first - _np.mean(first, axis=0)
    second = second - _np.mean(second, axis=0)
    sizes = [_np.linalg.norm(x) for x in (first, second)]
    if any(is_refused(size == 0) for size in sizes):
        raise ValueError("Input matrices must contain >1 unique points")
    first, second = first / sizes[0], second / sizes[1]
    u, s, vt = _np.linalg.svd(_np.transpose(second) @ first, full_matrices=False)
    second = (second @ (u @ vt)) * _np.sum(s)
    return first, second, _np.sum((first - second) ** 2)
