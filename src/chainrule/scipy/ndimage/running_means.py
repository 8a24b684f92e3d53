"""The rule of the running mean along an axis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import scipy.ndimage

from chainrule.rules import linear
from chainrule.rules.cases import Cases, case
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.rules.traits import Depends, Numbers
from chainrule.scipy.boundaries import widths_of
from chainrule.scipy.correlations import reach, read_by_windows
from chainrule.values.shapes import shape_of
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation

_theirs: Any = scipy.ndimage


@opaque
def running_mean(
    x: Value, *, size: int, axis: int, mode: str, cval: complex = 0.0, origin: int
) -> Value:
    """Return SciPy's ``uniform_filter1d``."""
    return _theirs.uniform_filter1d(x, size, axis, None, mode, cval, origin)


EXTRA["running_mean"] = running_mean


class running_mean_grad(linear):
    """z[i] = the mean of x[i + k - n // 2 - origin] over 0 <= k < n = size"""

    forward = running_mean
    axes: tuple[str, ...] = ("axis",)

    @staticmethod
    def depends(
        z: Numbers,
        x: Numbers,
        *,
        size: int,
        axis: int,
        mode: str,
        cval: complex = 0.0,
        origin: int,
    ) -> Depends:
        """Return which entries are in each window."""
        return ((z, read_by_windows(x, (axis % x.ndim,), (size,), mode, (origin,))),)

    zeroed: ClassVar[Mapping[str, Any]] = {"cval": 0.0}
    cases: Cases = (
        case((5,), size=3, axis=0, mode="nearest", origin=0),
        case((3, 4), size=6, axis=1, mode="reflect", origin=-2),
        case((3, 4), size=2, axis=0, mode="constant", cval=0.5, origin=0),
    )

    @staticmethod
    def transpose_x(
        xp: Namespace,
        z_grad: Value,
        x: Value,
        *,
        size: int,
        axis: int,
        mode: str,
        cval: complex = 0.0,
        origin: int,
    ) -> Value:
        """x_grad = the running mean of z_grad, folded"""
        room = widths_of(len(shape_of(x)), (axis,), [(0, size - 1)])
        whole = xp.running_mean(
            xp.extended(z_grad, widths=room, mode="constant"),
            size=size,
            axis=axis,
            mode="constant",
            origin=(size - 1) // 2,
        )
        widths = reach(x, (axis,), (size,), (origin,))
        return xp.folded(whole, widths=widths, mode=mode)


mean_of_window: Operation = operation(running_mean_grad)
