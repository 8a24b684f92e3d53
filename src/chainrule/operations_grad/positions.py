"""Truth values and positions of the entries along axes: locally constant."""

from __future__ import annotations

import numpy as np

from chainrule.rules import locally_constant


class any(locally_constant):
    """z = whether an entry along the axes is true"""

    forward = np.any
    axes: tuple[str, ...] = ("axis",)
    reduces = np.logical_or


class all(locally_constant):
    """z = whether all entries along the axes are true"""

    forward = np.all
    axes: tuple[str, ...] = ("axis",)
    reduces = np.logical_and


class argmax(locally_constant):
    """z = the position of the largest entry along the axis"""

    forward = np.argmax
    axes: tuple[str, ...] = ("axis",)
    flattens = bounded = True


class argmin(locally_constant):
    """z = the position of the smallest entry along the axis"""

    forward = np.argmin
    axes: tuple[str, ...] = ("axis",)
    flattens = bounded = True


class argsort(locally_constant):
    """z = the positions of the entries in rising order along the axis"""

    forward = np.argsort
    axes: tuple[str, ...] = ("axis",)
    flattens = bounded = True
