"""Peaks: where they are is locally constant, how high and how wide they are is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.signal
from numpy.typing import ArrayLike, NDArray

from chainrule.nodes.admission import plain_operand
from chainrule.operations import namespace as ops
from chainrule.scipy.signal.filtering import floating
from chainrule.values.types import Array
from chainrule.values.vertices import raw
from chainrule.wrapping import implements

_theirs: Any = scipy.signal
Places = NDArray[np.intp]
Interval = ArrayLike | tuple[Any, Any] | None
"""The least of a property, or the least and the largest; one for all, or for each."""


def _prominences(x: Array, peaks: Places, left: Places, right: Places) -> Any:
    """Return how far peaks stand above the higher of their bases."""
    return x[peaks] - ops.maximum(x[left], x[right])


def _crossings(x: Array, heights: Array, near: NDArray[np.float64], step: int) -> Any:
    """Return where lines at heights cross a signal, near the given places.

    ``step`` is 1 where the signal rises to the peak, and -1 where it falls from it.
    """
    i = (np.floor(near) if step > 0 else np.ceil(near)).astype(np.intp)
    other = np.clip(i + step, 0, x.shape[0] - 1)
    crosses = raw(x)[i] <= raw(heights)
    rise = ops.where(crosses, x[other] - x[i], 1.0)
    part = ops.where(crosses, heights - x[i], 0.0) / rise
    return i + step * part


def _widths(x: Array, peaks: Places, tall: Any, rel_height: float, found: Any) -> Any:
    """Return widths, heights at which they are taken, and both ends, from SciPy's."""
    heights = x[peaks] - tall * rel_height
    left = _crossings(x, heights, found[2], 1)
    right = _crossings(x, heights, found[3], -1)
    return right - left, heights, left, right


@implements(scipy.signal.peak_prominences)
def peak_prominences(x: ArrayLike, peaks: ArrayLike, wlen: float | None = None) -> Any:
    """Return how far peaks stand out, and the places of their bases."""
    x, places = floating(x), np.asarray(peaks)
    _, left, right = _theirs.peak_prominences(plain_operand(x), places, wlen)
    return _prominences(x, places, left, right), left, right


@implements(scipy.signal.peak_widths)
def peak_widths(
    x: ArrayLike,
    peaks: ArrayLike,
    rel_height: float = 0.5,
    prominence_data: tuple[Any, Places, Places] | None = None,
    wlen: float | None = None,
) -> Any:
    """Return the widths of peaks, the heights at which they are taken, and the ends."""
    x, places = floating(x), np.asarray(peaks)
    data = prominence_data or peak_prominences(x, places, wlen)
    plain = tuple(plain_operand(v) for v in data)
    found = _theirs.peak_widths(plain_operand(x), places, rel_height, plain)
    return _widths(x, places, data[0], rel_height, found)


@implements(scipy.signal.find_peaks)
def find_peaks(
    x: ArrayLike,
    height: Interval = None,
    threshold: Interval = None,
    distance: float | None = None,
    prominence: Interval = None,
    width: Interval = None,
    wlen: float | None = None,
    rel_height: float = 0.5,
    plateau_size: Interval = None,
) -> Any:
    """Return the places of peaks, which are plain, and their properties.

    Heights, thresholds, prominences and widths are nodes.
    """
    x = floating(x)
    given = (height, threshold, distance, prominence, width)
    peaks, found = _theirs.find_peaks(
        plain_operand(x),
        *map(plain_operand, given),
        wlen,
        rel_height,
        plain_operand(plateau_size),
    )
    if "peak_heights" in found:
        found["peak_heights"] = x[peaks]
    if "left_thresholds" in found:
        found["left_thresholds"] = x[peaks] - x[peaks - 1]
        found["right_thresholds"] = x[peaks] - x[peaks + 1]
    if "prominences" in found:
        bases = found["left_bases"], found["right_bases"]
        found["prominences"] = _prominences(x, peaks, *bases)
    if "widths" in found:
        names = ("widths", "width_heights", "left_ips", "right_ips")
        plain = [found[name] for name in names]
        tall = found["prominences"]
        of_nodes = _widths(x, peaks, tall, rel_height, plain)
        found.update(zip(names, of_nodes, strict=True))
    return peaks, found
