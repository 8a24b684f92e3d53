"""Rules of extremes at an index: ``np.maximum.at`` and ``np.minimum.at``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.rules import general
from chainrule.rules.cases import REAL, Cases, Dtypes, case, distinct
from chainrule.rules.namespace import EXTRA
from chainrule.values.shapes import laid_out, shape_of, unbroadcast
from chainrule.values.types import Array, Index, Namespace, Operation, Value
from chainrule.values.vertices import first_stand_in


def maximum_at(x: Value, y: Value, *, index: Index) -> Value:
    """Return a copy of ``x`` after ``np.maximum.at(x, index, y)``."""
    return _extreme_at(maximum_at, np.maximum, (x, y), index)


def minimum_at(x: Value, y: Value, *, index: Index) -> Value:
    """Return a copy of ``x`` after ``np.minimum.at(x, index, y)``."""
    return _extreme_at(minimum_at, np.minimum, (x, y), index)


def _extreme_at(
    function: Operation, ufunc: Any, operands: tuple[Value, Value], index: Index
) -> Value:
    trace = first_stand_in(*operands, index)
    if trace is not None:
        return trace.whole(function, operands, {"index": index})
    x = np.asarray(operands[0])
    z: Any = laid_out(x, x)
    ufunc.at(z, index, operands[1])
    return z


EXTRA["maximum_at"] = maximum_at
EXTRA["minimum_at"] = minimum_at


class maximum_at_grad(general):
    """z = x, and z[index] = max(z[index], y) for each entry of y in turn

    Ties share equally, as in ``max``: each of n entries of x and y that attain an entry
    of z has the partial 1/n. All other zeros are structural.
    """

    forward: Operation = maximum_at
    may_raise = True
    structural = True
    dtypes: Dtypes = REAL
    cases: Cases = (
        case(distinct(3), (4,), index=np.array([0, 2, 2, -2])),
        case((3, 4), (2, 3), index=(np.array([[0], [2]]), np.array([1, 1, 3]))),
        case((3, 2), (2,), index=[2, 0, 2]),
        case((3,), (), index=np.array([1, 1])),
    )
    untested = "ties: the maximum has a kink there"

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, y: Value, *, index: Index
    ) -> tuple[Value, Value]:
        """x_grad, y_grad = z_grad / n where an entry attains the extreme, else 0"""
        of_x, of_y, count = _shares(xp, z, x, y, index)
        share = z_grad / count
        y_grad = xp.where(of_y, xp.getitem(share, index=index), 0.0)
        return xp.where(of_x, share, 0.0), unbroadcast(xp, y_grad, shape_of(y))

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Value | None],
        z: Value,
        x: Value,
        y: Value,
        *,
        index: Index,
    ) -> Value:
        """z_dot = mean of the tangents of the entries that attain the extreme"""
        of_x, of_y, count = _shares(xp, z, x, y, index)
        x_dot, y_dot = (0.0 if v is None else v for v in tangents)
        parts = xp.where(of_x, x_dot, 0.0), xp.where(of_y, y_dot, 0.0)
        return xp.added_at(*parts, index=index) / count


class minimum_at_grad(maximum_at_grad):
    """z = x, and z[index] = min(z[index], y) for each entry of y; ties as in maximum"""

    forward: Operation = minimum_at


def _shares(
    xp: Namespace, z: Value, x: Value, y: Value, index: Index
) -> tuple[Array, Array, Array]:
    """Return where x and y attain the extremes z, and how many entries do.

    Where z is nan, all entries share it.
    """
    there = xp.getitem(z, index=index)
    same: Any = x == z
    same_there: Any = y == there
    of_x, of_y = same | xp.isnan(z), same_there | xp.isnan(there)
    ones = xp.where(of_x, 1.0, 0.0), xp.where(of_y, 1.0, 0.0)
    return of_x, of_y, xp.maximum(xp.added_at(*ones, index=index), 1.0)
