"""Rules of splines at coordinates: in the coefficients and in the coordinates."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray
from scipy.sparse import csr_array

from chainrule.rules import general
from chainrule.rules.cases import REAL, Cases, Dtypes, case, within
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.scipy.boundaries import source
from chainrule.scipy.correlations import Part
from chainrule.values.shapes import shape_of
from chainrule.values.types import Namespace, Operation, Shape, Value
from chainrule.wrapping import operation

Floats = NDArray[np.float64]
Slopes = tuple[int, ...]
"""How many times the spline is differentiated in each coordinate."""
_theirs: Any = scipy.ndimage
_TAPS = {"constant": "mirror", "wrap": "mirror"}
"""The modes that repeat coefficients by another one than coordinates."""

# ------------------------------------------------------------- where a spline is read


def placed(p: Floats, n: int, order: int, mode: str) -> tuple[Floats, Floats]:
    """Return coordinates brought inside, and their derivatives; nan for none."""
    inside = (p >= 0) & (p <= n - 1)
    if mode in ("grid-constant", "nearest"):  # what is read is brought inside
        return np.clip(p, -order - 2, n + order + 1), np.ones_like(p)
    if mode == "constant":
        return np.where(inside, p, np.nan), np.ones_like(p)
    if n == 1:
        return np.zeros_like(p), np.zeros_like(p)
    if mode == "wrap":
        q = p % (n - 1)
        q = np.where((p < 0) & (q == 0), n - 1, q)  # SciPy's choice of two ends
        return np.where(inside, p, q), np.ones_like(p)
    if mode == "grid-wrap":
        return np.where(inside, p, p % n), np.ones_like(p)
    period, start = (2 * n - 2, 0.0) if mode == "mirror" else (2 * n, -0.5)
    q = (p - start) % period
    turned = q > period / 2
    q = np.where(inside, p, np.where(turned, period - q, q) + start)
    return q, np.where(turned & ~inside, -1.0, 1.0)


def b_splines(t: Floats, order: int, slope: int) -> list[Floats]:
    """Return the values at t of the ``order + 1`` B-splines that are not zero there.

    The recursion of Cox and de Boor for knots at the integers, with 0 <= t < 1; each
    derivative is a difference of splines of the next lower order.
    """
    if slope > order:
        return [np.zeros_like(t)] * (order + 1)
    b = [np.ones_like(t)]
    for k in range(1, order - slope + 1):
        left = [(t + k - j) / k * b[j - 1] for j in range(1, k + 1)]
        right = [(j + 1 - t) / k * b[j] for j in range(k)]
        b = [right[0], *map(np.add, left[:-1], right[1:]), left[-1]]
    for _ in range(slope):
        b = [-b[0], *map(np.subtract, b[:-1], b[1:]), b[-1]]
    return b


def along_axis(
    p: Floats, n: int, order: int, mode: str, slope: int
) -> tuple[list[NDArray[np.intp]], list[Floats]]:
    """Return the entries that each coordinate reads, -1 for none, and their weights."""
    q, turns = placed(p, n, order, mode)
    lost = np.isnan(q)
    q = np.where(lost, 0.0, q) + (0.0 if order % 2 else 0.5)
    start = np.floor(q).astype(np.intp)
    weights = b_splines(q - start, order, slope)
    start -= order // 2
    reach = (
        max(0, -int(start.min(initial=0))),
        max(0, int(start.max(initial=0)) + order),
    )
    table = source(n, reach[0], max(0, reach[1] + 1 - n), _TAPS.get(mode, mode))
    taps = [table[start + (j + reach[0])] for j in range(order + 1)]
    if slope:
        weights = [w * turns**slope for w in weights]
    if lost.any():
        taps = [np.where(lost, -1, tap) for tap in taps]
        # Outside the spline is a constant: the weights add up to 1, or slope 0.
        whole = [1.0 if j == 0 and not slope else 0.0 for j in range(order + 1)]
        weights = [np.where(lost, v, w) for v, w in zip(whole, weights, strict=True)]
    return taps, weights


def readings(
    p: Floats, shape: Shape, order: int, mode: str, slopes: Slopes
) -> Iterator[tuple[NDArray[np.intp], Floats]]:
    """Yield flat indices into an array, -1 for none, and weights, one of each tap."""
    axes = [
        along_axis(x, n, order, mode, s)
        for x, n, s in zip(p, shape, slopes, strict=True)
    ]
    strides = [math.prod(shape[a + 1 :]) for a in range(len(shape))]
    for taps in itertools.product(range(order + 1), repeat=len(shape)):
        index, weight, lost = None, None, None
        for (places, weights), stride, k in zip(axes, strides, taps, strict=True):
            none = places[k] < 0
            lost = none if lost is None else lost | none
            step = places[k] * stride
            index = step if index is None else index + step
            weight = weights[k] if weight is None else weight * weights[k]
        yield np.where(lost, -1, index), weight  # pyright: ignore


# ------------------------------------------------------------------------- the rules


@opaque
def interpolated(
    c: Any,
    p: Any,
    *,
    order: int,
    mode: str,
    cval: complex = 0.0,
    slopes: Slopes,
) -> Value:
    """Return the spline of coefficients at coordinates, or a derivative of it."""
    if not any(slopes):
        return _theirs.map_coordinates(c, p, None, order, mode, cval, prefilter=False)
    flat = np.append(np.reshape(c, -1), np.asarray(cval, np.asarray(c).dtype))
    z = np.zeros(p.shape[1:], flat.dtype)
    for index, weight in readings(p, c.shape, order, mode, slopes):
        z += flat[index] * weight
    return z


@opaque
def scattered(
    g: Any, p: Any, *, shape: Shape, order: int, mode: str, slopes: Slopes
) -> Value:
    """Return the transpose of ``interpolated``: coefficients of ``shape``."""
    lines = _lines(p)
    if lines is not None:
        return _scattered_by_axes(g, lines, shape, order, mode, slopes)
    size = math.prod(shape)
    z = np.zeros(size + 1, g.dtype)
    for index, weight in readings(p, shape, order, mode, slopes):
        places, part = np.reshape(index, -1), np.reshape(g * weight, -1)
        places = np.where(places < 0, size, places)
        z += np.bincount(places, np.real(part), size + 1).astype(z.dtype)
        if np.iscomplexobj(z):
            z += 1j * np.bincount(places, np.imag(part), size + 1)
    return z[:-1].reshape(shape)


def _lines(p: Floats) -> list[Floats] | None:
    """Return the coordinates along each axis; ``None`` if they are no grid."""
    count = len(p)
    if p.ndim != count + 1 or not p.size or count < 2:
        return None
    lines: list[Floats] = []
    for a, x in enumerate(p):
        first = tuple(slice(None) if b == a else slice(1) for b in range(count))
        if not np.array_equal(x, np.broadcast_to(x[first], x.shape)):
            return None
        lines.append(x[first].reshape(-1))
    return lines


def _scattered_by_axes(
    g: Any, lines: Sequence[Floats], shape: Shape, order: int, mode: str, slopes: Slopes
) -> Any:
    """Return the transpose for a grid of coordinates, one axis after the other."""
    z = g
    for a, (x, n) in enumerate(zip(lines, shape, strict=True)):
        taps, weights = along_axis(x, n, order, mode, slopes[a])
        rows, columns = np.stack(taps), np.arange(len(x))
        kept = rows >= 0
        places = rows[kept], np.broadcast_to(columns, rows.shape)[kept]
        spread = csr_array((np.stack(weights)[kept], places), shape=(n, len(x)))
        moved = np.moveaxis(z, a, 0)
        flat: Any = spread @ moved.reshape(len(x), -1)
        z = np.moveaxis(flat.reshape(n, *moved.shape[1:]), 0, a)
    return np.ascontiguousarray(z, g.dtype)


EXTRA.update(interpolated=interpolated, scattered=scattered)


def steeper(slopes: Slopes, axis: int) -> Slopes:
    """Return the slopes once more differentiated in a coordinate."""
    return (*slopes[:axis], slopes[axis] + 1, *slopes[axis + 1 :])


def gradient_along(
    xp: Namespace, c: Value, p: Value, slopes: Slopes, **given: Any
) -> list[Value]:
    """Return the derivatives of ``interpolated`` in each coordinate."""
    axes = range(len(slopes))
    return [xp.interpolated(c, p, slopes=steeper(slopes, a), **given) for a in axes]


_MODES = ("reflect", "mirror", "nearest", "constant", "wrap", "grid-wrap")


class interpolated_grad(general):
    """z[i] = sum over k of c[k] times the B-splines of p[a, i] - k[a]

    At the knots a derivative of a spline of order 1 is that to the right.
    """

    forward = interpolated
    dtypes: Dtypes = REAL  # coordinates are real; the tests of SciPy's names add others
    cases: Cases = (
        *(
            case((5,), within(-6, 9, 1, 4), order=3, mode=mode, slopes=(0,))
            for mode in _MODES
        ),
        case((4,), within(-3, 6, 1, 5), order=4, mode="grid-constant", slopes=(0,)),
        case((3, 4), within(0.1, 1.9, 2, 3), order=5, mode="mirror", slopes=(0, 1)),
        case((3, 4), within(0, 2, 2, 2, 2), order=2, mode="grid-wrap", slopes=(0, 0)),
        case((3,), within(0.1, 0.9, 1, 3), order=1, mode="nearest", slopes=(0,)),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        c: Value,
        p: Value,
        *,
        order: int,
        mode: str,
        cval: complex = 0.0,
        slopes: Slopes,
    ) -> tuple[Part, Part]:
        """c_grad: z_grad scattered; p_grad[a] = z_grad times the slope along a"""
        given = {"order": order, "mode": mode}

        def c_grad() -> Value:
            return xp.scattered(z_grad, p, shape=shape_of(c), slopes=slopes, **given)

        def p_grad() -> Value:
            slope = gradient_along(xp, c, p, slopes, cval=cval, **given)
            return xp.stack([z_grad * s for s in slope])

        return c_grad, p_grad

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Any],
        z: Value,
        c: Value,
        p: Value,
        *,
        order: int,
        mode: str,
        cval: complex = 0.0,
        slopes: Slopes,
    ) -> Value:
        """z_dot = the spline of c_dot, and the slopes times p_dot"""
        c_dot, p_dot = tangents
        given = {"order": order, "mode": mode}
        total: Any = 0.0
        if c_dot is not None:
            total = xp.interpolated(c_dot, p, slopes=slopes, **given)
        if p_dot is not None:
            slope = gradient_along(xp, c, p, slopes, cval=cval, **given)
            for s, moved in zip(slope, p_dot, strict=True):
                total = total + s * moved
        return total


class scattered_grad(general):
    """c[k] = sum over i of g[i] times the B-splines of p[a, i] - k[a]"""

    forward = scattered
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(
            (4,), within(-6, 9, 1, 4), shape=(5,), order=3, mode="reflect", slopes=(0,)
        ),
        case(
            (3,), within(0, 1, 2, 3), shape=(3, 4), order=2, mode="wrap", slopes=(0, 0)
        ),
        case(
            (5,),
            within(-2, 5, 1, 5),
            shape=(4,),
            order=4,
            mode="grid-constant",
            slopes=(1,),
        ),
    )

    @staticmethod
    def pullback(
        xp: Namespace,
        z_grad: Value,
        z: Value,
        g: Value,
        p: Value,
        *,
        shape: Shape,
        order: int,
        mode: str,
        slopes: Slopes,
    ) -> tuple[Part, Part]:
        """g_grad: the spline of z_grad; p_grad[a] = g times the slope of that"""
        given = {"order": order, "mode": mode}

        def g_grad() -> Value:
            return xp.interpolated(z_grad, p, slopes=slopes, **given)

        def p_grad() -> Value:
            slope = gradient_along(xp, z_grad, p, slopes, **given)
            return xp.stack([g * s for s in slope])

        return g_grad, p_grad

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Any],
        z: Value,
        g: Value,
        p: Value,
        *,
        shape: Shape,
        order: int,
        mode: str,
        slopes: Slopes,
    ) -> Value:
        """z_dot = g_dot scattered, and g times p_dot by the slopes"""
        g_dot, p_dot = tangents
        given = {"shape": shape, "order": order, "mode": mode}
        total: Any = 0.0
        if g_dot is not None:
            total = xp.scattered(g_dot, p, slopes=slopes, **given)
        for a, moved in enumerate(() if p_dot is None else p_dot):
            part = xp.scattered(g * moved, p, slopes=steeper(slopes, a), **given)
            total = total + part
        return total


spline_at: Operation = operation(interpolated_grad)
scattered_from: Operation = operation(scattered_grad)
