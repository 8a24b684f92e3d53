"""Rules of functions with several results, declared by the slopes of each of these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from chainrule.rules import general
from chainrule.values.types import Namespace, Value

Slopes = Sequence[Value] | None
"""The derivative of each result in one operand; ``None`` if that is refused."""
Finder = Callable[[], Slopes]
"""What computes them, called only if the operand moves: some take SciPy long."""
Grads = Sequence[Value | None]
Cotangent = Callable[[], Value | None]


def pulled(find: Finder, z_grad: Grads) -> Cotangent:
    """Return what computes an operand's cotangent: each result's times its slope."""

    def cotangent() -> Value | None:
        slopes, total = find(), None
        for grad, slope in zip(z_grad, slopes or (), strict=slopes is not None):
            if grad is not None:
                total = grad * slope if total is None else total + grad * slope
        return total

    return cotangent


def pushed(finders: Sequence[Finder], tangents: Grads) -> tuple[Value, ...] | None:
    """Return the tangents of the results: that of each operand times its slopes."""
    total: Any = None
    for tangent, find in zip(tangents, finders, strict=True):
        own = None if tangent is None else find()
        if tangent is None or own is None:
            continue
        terms = tuple(tangent * slope for slope in own)
        if total is not None:
            terms = tuple(a + b for a, b in zip(total, terms, strict=True))
        total = terms
    return total


def constant() -> None:
    """Find no slopes: the operand is refused."""


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
    ) -> tuple[Cotangent]:
        """x_grad = sum(z_grad[i] dz[i]/dx)"""
        return (pulled(partial(cls._d_x, xp, z, x), z_grad),)

    @classmethod
    def pushforward(
        cls, xp: Namespace, tangents: Grads, z: Sequence[Value], x: Value
    ) -> tuple[Value, ...] | None:
        """z_dot[i] = dz[i]/dx x_dot"""
        return pushed((partial(cls._d_x, xp, z, x),), tangents)


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
    ) -> tuple[Cotangent, Cotangent]:
        """v_grad = sum(z_grad[i] dz[i]/dv), x_grad = sum(z_grad[i] dz[i]/dx)"""
        of_v = pulled(partial(cls._d_v, xp, z, v, x), z_grad)
        return of_v, pulled(partial(cls._d_x, xp, z, v, x), z_grad)

    @classmethod
    def pushforward(
        cls, xp: Namespace, tangents: Grads, z: Sequence[Value], v: Value, x: Value
    ) -> tuple[Value, ...] | None:
        """z_dot[i] = dz[i]/dv v_dot + dz[i]/dx x_dot"""
        finders = (partial(cls._d_v, xp, z, v, x), partial(cls._d_x, xp, z, v, x))
        return pushed(finders, tangents)
