"""Rules of reductions: sum, prod, max, min, cumsum, cumprod."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.cases import case
from chainrule.rules import linear
from chainrule.shapes import Axis, kept_shape, shape_of


class sum_grad(linear):
    """z = sum(x) over the axes in ``axis``, plus ``initial``"""

    forward = np.sum
    zeroed = {"initial": 0.0}
    cases = (
        case((3, 4)),
        case((3, 4), axis=0),
        case((2, 3, 4), axis=(0, -1)),
        case((2, 3), axis=1, keepdims=True),
        case((2, 3), axis=1, initial=10.0),
        case((2, 3), where=np.array([[True, False, True], [False, False, True]])),
        case(()),
        case((0, 3), axis=0),
    )

    @staticmethod
    def transpose_x(
        xp: Any,
        z_grad: Any,
        x: Any,
        *,
        axis: Axis = None,
        keepdims: bool = False,
        where: Any = True,
        initial: Any = 0.0,
        dtype: Any = None,
    ) -> Any:
        """x_grad = z_grad, repeated along the summed axes"""
        shape = shape_of(x)
        z_grad = xp.reshape(z_grad, kept_shape(shape, axis))
        if where is not True:
            z_grad = xp.where(where, z_grad, 0.0)
        return xp.broadcast_to(z_grad, shape)


__all__ = ["sum_grad"]
