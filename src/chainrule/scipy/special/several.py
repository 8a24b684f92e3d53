"""Rules of functions with several results, declared by the slopes of each of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.rules import general
from chainrule.values.types import Namespace, Value

Slopes = Sequence[Value] | None
"""The derivative of each result in one operand; ``None`` if that is refused."""
Grads = Sequence[Value | None]


def pulled(slopes: Slopes, z_grad: Grads) -> Value | None:
    """Return the cotangent of an operand: that of each result times its slope."""
    total: Any = None
    for grad, slope in zip(z_grad, slopes or (), strict=slopes is not None):
        if grad is not None:
            total = grad * slope if total is None else total + grad * slope
    return total


def pushed(slopes: Sequence[Slopes], tangents: Grads) -> tuple[Value, ...] | None:
    """Return the tangents of the results: that of each operand times the slopes."""
    total: Any = None
    for tangent, own in zip(tangents, slopes, strict=True):
        if tangent is None or own is None:
            continue
        terms = tuple(tangent * slope for slope in own)
        if total is not None:
            terms = tuple(a + b for a, b in zip(total, terms, strict=True))
        total = terms
    return total


class several_of_one(general, kind=True):
    """Several functions of x: ``_d_x(xp, z, x)`` returns the slope of each."""

    entrywise = True

    @staticmethod
    def _d_x(xp: Namespace, z: Sequence[Value], x: Value) -> Slopes:
        """Return the derivatives in x."""
        raise NotImplementedError

    @classmethod
    def pullback(
        cls, xp: Namespace, z_grad: Grads, z: Sequence[Value], x: Value
    ) -> tuple[Value | None]:
        """x_grad = sum(z_grad[i] dz[i]/dx)"""
        return (pulled(cls._d_x(xp, z, x), z_grad),)

    @classmethod
    def pushforward(
        cls, xp: Namespace, tangents: Grads, z: Sequence[Value], x: Value
    ) -> tuple[Value, ...] | None:
        """z_dot[i] = dz[i]/dx x_dot"""
        return pushed((cls._d_x(xp, z, x),), tangents)


class several_of_two(general, kind=True):
    """Several functions of v and x: ``_d_v`` and ``_d_x`` return the slopes of each."""

    entrywise = True

    @classmethod
    def _d_v(cls, xp: Namespace, z: Sequence[Value], v: Value, x: Value) -> Slopes:
        """Return the derivatives in v; v is refused where there are none."""
        return None

    @staticmethod
    def _d_x(xp: Namespace, z: Sequence[Value], v: Value, x: Value) -> Slopes:
        """Return the derivatives in x."""
        raise NotImplementedError

    @classmethod
    def pullback(
        cls, xp: Namespace, z_grad: Grads, z: Sequence[Value], v: Value, x: Value
    ) -> tuple[Value | None, Value | None]:
        """v_grad = sum(z_grad[i] dz[i]/dv), x_grad = sum(z_grad[i] dz[i]/dx)"""
        of_v = pulled(cls._d_v(xp, z, v, x), z_grad)
        return of_v, pulled(cls._d_x(xp, z, v, x), z_grad)

    @classmethod
    def pushforward(
        cls, xp: Namespace, tangents: Grads, z: Sequence[Value], v: Value, x: Value
    ) -> tuple[Value, ...] | None:
        """z_dot[i] = dz[i]/dv v_dot + dz[i]/dx x_dot"""
        slopes = (cls._d_v(xp, z, v, x), cls._d_x(xp, z, v, x))
        return pushed(slopes, tangents)
