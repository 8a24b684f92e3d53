"""Rules of the elementary functions: powers, exponentials, logarithms, trigonometry."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.rules import elementwise


class exp_grad(elementwise):
    """z = exp(x)"""

    forward = np.exp

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = exp(x) = z"""
        return z


class log_grad(elementwise):
    """z = log(x)"""

    forward = np.log
    domain = {"x": (0.5, 2.0)}

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / x"""
        return 1 / x


class sqrt_grad(elementwise):
    """z = sqrt(x)

    At 0 the derivative is the one-sided limit, +inf.
    """

    forward = np.sqrt
    domain = {"x": (0.5, 2.0)}

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = 1 / (2 sqrt(x)) = 1 / (2 z)"""
        return 0.5 / z


class sin_grad(elementwise):
    """z = sin(x)"""

    forward = np.sin

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = cos(x)"""
        return xp.cos(x)


class cos_grad(elementwise):
    """z = cos(x)"""

    forward = np.cos

    @staticmethod
    def d_x(xp: Any, z: Any, x: Any) -> Any:
        """dz/dx = -sin(x)"""
        return -xp.sin(x)


__all__ = ["cos_grad", "exp_grad", "log_grad", "sin_grad", "sqrt_grad"]
