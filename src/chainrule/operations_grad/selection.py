"""Rules that choose between values: where, maximum, minimum, clip."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.cases import case
from chainrule.rules import elementwise


class where_grad(elementwise):
    """z = x where condition, else y"""

    forward = np.where
    structural = True
    cases = (
        case(np.array([True, False, True]), (3,), (3,)),
        case(np.array([[True], [False]]), (3,), ()),
        case(True, (2,), (2,)),
    )

    @staticmethod
    def d_x(xp: Any, z: Any, condition: Any, x: Any, y: Any) -> Any:
        """dz/dx = 1 where the condition holds, else structurally 0"""
        return xp.where(condition, 1.0, 0.0)

    @staticmethod
    def d_y(xp: Any, z: Any, condition: Any, x: Any, y: Any) -> Any:
        """dz/dy = 0 where the condition holds structurally, else 1"""
        return xp.where(condition, 0.0, 1.0)


class maximum_grad(elementwise):
    """z = max(x, y)

    Ties share: both partials are 1/2, the midpoint of the subdifferential.
    """

    forward = np.maximum
    structural = True
    dtypes = ("float32", "float64")
    conventions = (((1.0, 1.0), (0.5, 0.5)),)

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dx = 1 where x > y, 1/2 where x = y, else structurally 0"""
        return xp.where(x == y, 0.5, xp.where(x == z, 1.0, 0.0))

    @staticmethod
    def d_y(xp: Any, z: Any, x: Any, y: Any) -> Any:
        """dz/dy = 1 where y > x, 1/2 where x = y, else structurally 0"""
        return xp.where(x == y, 0.5, xp.where(y == z, 1.0, 0.0))


__all__ = ["maximum_grad", "where_grad"]
