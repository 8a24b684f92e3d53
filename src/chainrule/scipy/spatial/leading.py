"""The rule of a symmetric matrix' leading eigenvector, whatever the others are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.rules import general
from chainrule.rules.cases import REAL, Cases, Dtypes, case, spd
from chainrule.rules.namespace import EXTRA, opaque
from chainrule.values.shapes import shape_of
from chainrule.values.types import Array, Namespace, Operation, Value
from chainrule.wrapping import operation


@opaque
def leading_vector(x: Value) -> Value:
    """Return the eigenvector of the largest eigenvalue of the symmetric part of x."""
    matrix = np.asarray(x)
    return np.linalg.eigh((matrix + matrix.T) / 2)[1][:, -1]


EXTRA["leading_vector"] = leading_vector


class leading_vector_grad(general):
    """x z = t z with the largest t; (t - x + z z.T) z_dot = x_dot z - z (z.T x_dot z)

    Other eigenvalues may be equal, at every order: only the largest is to be single.
    """

    forward = leading_vector
    dtypes: Dtypes = REAL
    cases: Cases = (case(spd(4, 4)), case(spd(3, 3)))

    @staticmethod
    def pullback(xp: Namespace, z_grad: Array, z: Array, x: Array) -> tuple[Value]:
        """x_grad = (y z.T + z y.T) / 2 with (t - x + z z.T) y = z_grad across z"""
        y = xp.linalg.solve(_shifted(xp, z, x), _across(xp, z, z_grad))
        outer = xp.outer(y, z)
        return ((outer + xp.transpose(outer)) / 2,)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Sequence[Value | None], z: Array, x: Array
    ) -> Value:
        """z_dot = (t - x + z z.T)^-1 x_dot z, across z"""
        (x_dot,) = tangents
        even = _even(xp, x_dot)  # pyright: ignore[reportArgumentType]
        moved = _across(xp, z, xp.matmul(even, z))
        return xp.linalg.solve(_shifted(xp, z, x), moved)


def _even(xp: Namespace, x: Array) -> Array:
    return (x + xp.transpose(x)) / 2


def _across(xp: Namespace, z: Array, v: Array) -> Array:
    return v - z * xp.sum(z * v)


def _shifted(xp: Namespace, z: Array, x: Array) -> Array:
    """Return t - x + z z.T, which has an inverse."""
    even = _even(xp, x)
    t = xp.sum(z * xp.matmul(even, z))
    return t * np.eye(shape_of(x)[0]) - even + xp.outer(z, z)


leading: Operation = operation(leading_vector_grad)
