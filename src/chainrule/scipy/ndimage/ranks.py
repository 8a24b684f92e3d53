"""Rules of filters that choose an entry of each window by its rank.

The derivative goes to the entry that was chosen; ties share it equally, as those of
``np.max`` do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.ndimage

from chainrule.rules import general, multilinear
from chainrule.rules.cases import REAL, Cases, Dtypes, case, distinct
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.boundaries import Modes, extended, folded
from chainrule.scipy.ndimage.choices import axis_by_axis, chosen_of, is_box
from chainrule.scipy.ndimage.windows import (
    Bools,
    in_windows,
    of_spreads,
    of_sums,
    window,
    windows,
)
from chainrule.values.shapes import dtype_of
from chainrule.values.types import Array, Namespace, Operation, Value
from chainrule.values.vertices import raw
from chainrule.wrapping import operation

_theirs: Any = scipy.ndimage


@opaque
def ranked(
    x: Value,
    *,
    rank: int,
    footprint: Bools,
    mode: Modes,
    cval: float = 0.0,
    origin: tuple[int, ...],
) -> Value:
    """Return SciPy's filter of the entry of a rank, the smallest being 0."""
    size = int(np.count_nonzero(footprint))
    chosen = {0: _theirs.minimum_filter, size - 1: _theirs.maximum_filter}.get(rank)
    if chosen is None:
        return _theirs.rank_filter(x, rank, None, footprint, None, mode, cval, origin)
    if footprint.all():
        return chosen(x, footprint.shape, None, None, mode, cval, origin)
    return chosen(x, None, footprint, None, mode, cval, origin)


@opaque
def morphed(
    x: Value,
    structure: Any,
    *,
    largest: bool,
    footprint: Bools,
    mode: Modes,
    cval: float = 0.0,
    origin: tuple[int, ...],
) -> Value:
    """Return the largest of ``x + structure`` or least of ``x - structure``."""
    if not largest:
        return _theirs.grey_erosion(
            x, None, footprint, structure, None, mode, cval, origin
        )
    # SciPy's dilation turns its window and the origin; here both stay.
    turned = (slice(None, None, -1),) * footprint.ndim
    origin = tuple(-o - 1 + n % 2 for o, n in zip(origin, footprint.shape, strict=True))
    return _theirs.grey_dilation(
        x, None, footprint[turned], structure[turned], None, mode, cval, origin
    )


def count_of(chosen: Array, x: Value) -> Any:
    """Return how many entries of each window share its derivative."""
    return np.sum(chosen, axis=0, dtype=dtype_of(x))


@opaque
def window_sums(
    w: Any, x: Value, *, footprint: Bools, mode: Modes, origin: tuple[int, ...]
) -> Value:
    """Return the sums of the entries of each window, times weights ``w[k]``."""
    widths = window(x, footprint, origin)
    longer: Any = extended(x, widths=widths, mode=mode)
    total: Any = 0.0
    for part, weights in zip(windows(longer, footprint), w, strict=True):
        total = total + part * weights
    return total


@opaque
def window_spread(
    w: Any, x: Any, *, footprint: Bools, mode: Modes, origin: tuple[int, ...]
) -> Value:
    """Return the transpose of ``window_sums`` with the same weights."""
    widths = window(x, footprint, origin)
    shape = [n + b + a for n, (b, a) in zip(x.shape, widths, strict=True)]
    longer: Any = np.zeros(shape, np.result_type(w, x))
    for part, weights in zip(windows(longer, footprint), w, strict=True):
        part += weights * x
    return folded(longer, widths=widths, mode=mode)


EXTRA.update(
    ranked=ranked, morphed=morphed, window_sums=window_sums, window_spread=window_spread
)
_CROSS = np.array([[0, 1, 0], [1, 1, 1]]) != 0
_LINE = np.ones(3, bool)


def _products(
    xp: Namespace,
    x: Value,
    y: Value,
    footprint: Bools,
    mode: Modes,
    origin: tuple[int, ...],
) -> Value:
    """Return ``x[i]`` times each entry of the windows of ``y``."""
    longer = xp.extended(y, widths=window(y, footprint, origin), mode=mode)
    return xp.stack([x * part for part in windows(longer, footprint)])


class window_sums_grad(multilinear):
    """z[i] = sum over k of w[k, i] x[i + k], over the entries k of a window"""

    forward = window_sums
    depends: Any = staticmethod(of_sums)
    cases: Cases = (
        case((3, 5), (5,), footprint=_LINE, mode="reflect", origin=(1,)),
        case((4, 3, 4), (3, 4), footprint=_CROSS, mode="wrap", origin=(0, 0)),
    )

    @staticmethod
    def transpose_w(
        xp: Namespace,
        z_grad: Value,
        w: Value,
        x: Value,
        *,
        footprint: Bools,
        mode: Modes,
        origin: tuple[int, ...],
    ) -> Value:
        """w_grad[k, i] = z_grad[i] x[i + k]"""
        return _products(xp, z_grad, x, footprint, mode, origin)

    @staticmethod
    def transpose_x(
        xp: Namespace,
        z_grad: Value,
        w: Value,
        x: Value,
        *,
        footprint: Bools,
        mode: Modes,
        origin: tuple[int, ...],
    ) -> Value:
        """x_grad[i + k] = the sum of z_grad[i] w[k, i]"""
        return xp.window_spread(
            w, z_grad, footprint=footprint, mode=mode, origin=origin
        )


class window_spread_grad(multilinear):
    """z[i + k] = sum over k and i of w[k, i] x[i], over the entries k of a window"""

    forward = window_spread
    depends: Any = staticmethod(of_spreads)
    cases: Cases = (
        case((3, 5), (5,), footprint=_LINE, mode="mirror", origin=(-1,)),
        case((4, 3, 4), (3, 4), footprint=_CROSS, mode="constant", origin=(0, 1)),
    )

    @staticmethod
    def transpose_w(
        xp: Namespace,
        z_grad: Value,
        w: Value,
        x: Value,
        *,
        footprint: Bools,
        mode: Modes,
        origin: tuple[int, ...],
    ) -> Value:
        """w_grad[k, i] = x[i] z_grad[i + k]"""
        return _products(xp, x, z_grad, footprint, mode, origin)

    @staticmethod
    def transpose_x(
        xp: Namespace,
        z_grad: Value,
        w: Value,
        x: Value,
        *,
        footprint: Bools,
        mode: Modes,
        origin: tuple[int, ...],
    ) -> Value:
        """x_grad[i] = the sum over k of z_grad[i + k] w[k, i]"""
        return xp.window_sums(w, z_grad, footprint=footprint, mode=mode, origin=origin)


class ranked_grad(general):
    """z[i] = the entry of a rank among x[i + k], over the entries k of a window"""

    forward = ranked
    depends: Any = staticmethod(in_windows)
    dtypes: Dtypes = REAL
    untested = "ties: the filter has a kink there"
    cases: Cases = (
        case(distinct(6), rank=0, footprint=_LINE, mode="reflect", origin=(0,)),
        case(distinct(6), rank=2, footprint=_LINE, mode="nearest", origin=(1,)),
        case(distinct(4, 5), rank=2, footprint=_CROSS, mode="wrap", origin=(0, 0)),
        case(
            distinct(3, 4),
            rank=1,
            footprint=_CROSS,
            mode="constant",
            cval=0.1,
            origin=(-1, 1),
        ),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        *,
        rank: int,
        footprint: Bools,
        mode: Modes,
        cval: float = 0.0,
        origin: tuple[int, ...],
    ) -> tuple[Value]:
        """x_grad = z_grad, added to the entries that were chosen"""
        if is_box(rank, footprint):
            stages, counts = axis_by_axis(
                ranked, raw(x), raw(z), rank, footprint, mode, cval, origin
            )
            part = z_grad / counts
            for chosen, line in reversed(stages):
                part = xp.window_spread(chosen, part, **line)
            return (part,)
        where: Any = {"footprint": footprint, "mode": mode, "origin": origin}
        w = chosen_of(raw(x), raw(z), cval=cval, **where)
        return (xp.window_spread(w, z_grad / count_of(w, x), **where),)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value],
        z: Value,
        x: Value,
        *,
        rank: int,
        footprint: Bools,
        mode: Modes,
        cval: float = 0.0,
        origin: tuple[int, ...],
    ) -> Value:
        """z_dot = x_dot of the entries that were chosen"""
        if is_box(rank, footprint):
            stages, counts = axis_by_axis(
                ranked, raw(x), raw(z), rank, footprint, mode, cval, origin
            )
            z_dot: Any = tangents[0]
            for chosen, line in stages:
                z_dot = xp.window_sums(chosen, z_dot, **line)
            return z_dot / counts
        where: Any = {"footprint": footprint, "mode": mode, "origin": origin}
        w = chosen_of(raw(x), raw(z), cval=cval, **where)
        return xp.window_sums(w, tangents[0], **where) / count_of(w, x)


class morphed_grad(general):
    """z[i] = max of x[i + k] + s[k], or min of x[i + k] - s[k], k in a window"""

    forward = morphed
    depends: Any = staticmethod(in_windows)
    dtypes: Dtypes = REAL
    untested = "ties: the filter has a kink there"
    cases: Cases = (
        case(
            distinct(4, 3),
            (2, 3),
            largest=True,
            footprint=_CROSS,
            mode="reflect",
            origin=(-1, 0),
        ),
        case(
            distinct(5),
            (3,),
            largest=False,
            footprint=_LINE,
            mode="constant",
            cval=9.0,
            origin=(0,),
        ),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        x: Value,
        structure: Value,
        *,
        largest: bool,
        footprint: Bools,
        mode: Modes,
        cval: float = 0.0,
        origin: tuple[int, ...],
    ) -> tuple[Value, Value]:
        """The parts of the chosen entries: x_grad by places, s_grad by entries"""
        where: Any = {"footprint": footprint, "mode": mode, "origin": origin}
        sign = 1.0 if largest else -1.0
        w = chosen_of(raw(x), raw(z), sign * raw(structure), cval=cval, **where)
        z_grad = z_grad / count_of(w, x)
        x_grad = xp.window_spread(w, z_grad, **where)
        axes = tuple(range(1, footprint.ndim + 1))
        heights = sign * xp.sum(w * z_grad, axis=axes)
        return x_grad, xp.unindex(heights, index=footprint, shape=footprint.shape)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Any],
        z: Value,
        x: Value,
        structure: Value,
        *,
        largest: bool,
        footprint: Bools,
        mode: Modes,
        cval: float = 0.0,
        origin: tuple[int, ...],
    ) -> Value:
        """z_dot = x_dot and s_dot of the entries that were chosen"""
        x_dot, s_dot = tangents
        where: Any = {"footprint": footprint, "mode": mode, "origin": origin}
        sign = 1.0 if largest else -1.0
        w = chosen_of(raw(x), raw(z), sign * raw(structure), cval=cval, **where)
        total: Any = 0.0
        if x_dot is not None:
            total = xp.window_sums(w, x_dot, **where)
        if s_dot is not None:
            heights = xp.reshape(s_dot[footprint], (-1, *(1,) * footprint.ndim))
            total = total + sign * xp.sum(w * heights, axis=0)
        return total / count_of(w, x)


rank_of_window: Operation = operation(ranked_grad)
extreme_of_window: Operation = operation(morphed_grad)
spread_of_windows: Operation = operation(window_spread_grad)
sums_of_windows: Operation = operation(window_sums_grad)
