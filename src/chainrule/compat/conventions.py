"""Derivatives that are autograd's by convention, where chainrule has another one.

Programs compute with what they have been given: a step along the gradient of a
covariance keeps it symmetric, a parameter at its bound stays there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compat.boxes import CONVENTIONS
from chainrule.nodes.recorder import record
from chainrule.nodes.tables import FUNCTIONS
from chainrule.rules import general
from chainrule.values.shapes import shape_of
from chainrule.values.types import Namespace, Value
from chainrule.values.vertices import raw, vertex

Function = Callable[..., Any]
_np: Any = np


def by_convention(function: Function) -> Callable[[Function], Function]:
    """Decorate what stands for a function of NumPy's, of boxes."""

    def decorate(ours: Function) -> Function:
        CONVENTIONS[function] = ours
        return ours

    return decorate


@by_convention(np.clip)
def clip(a: Value, *args: Any, **kwargs: Any) -> Any:
    """Return ``np.clip``, with a derivative in ``a`` of zero at the bounds as well."""
    own = FUNCTIONS[np.clip]
    if not isinstance(a, vertex):
        return own(a, *args, **kwargs)
    at_bound = own(raw(a), *args, **kwargs)
    named = (kwargs.get(name) for name in ("a_min", "a_max", "min", "max"))
    clipped, inside = raw(at_bound), True
    for bound in (*args[:2], *named):
        if bound is not None:
            inside = inside & (clipped != raw(bound))
    return _np.where(inside, a, at_bound)


class symmetric_grad(general, kind=True):  # noqa: N801
    """z = x, a matrix whose derivatives are taken along symmetric matrices only."""

    operand_names: tuple[str, ...] = ("x",)

    @staticmethod
    def forward(x: Value) -> Value:
        """Return ``x`` itself."""
        return x

    @staticmethod
    def pullback(xp: Namespace, z_grad: Value, z: Value, x: Value) -> tuple[Any]:
        """Return the symmetric part of the cotangent."""
        return (_symmetric_part(z_grad),)

    @staticmethod
    def pushforward(xp: Namespace, tangents: Sequence[Any], z: Value, x: Value) -> Any:
        """Return the symmetric part of the tangent."""
        return _symmetric_part(tangents[0])


def _symmetric_part(x: Value) -> Any:
    return 0.5 * (x + _np.swapaxes(x, -1, -2))


@by_convention(np.linalg.cholesky)
def cholesky(a: Value, /, **kwargs: Any) -> Any:
    """Return ``np.linalg.cholesky``, with a symmetric cotangent of the matrix."""
    return FUNCTIONS[np.linalg.cholesky](symmetric(a), **kwargs)


def symmetric(a: Value) -> Any:
    """Return a matrix that is symmetric by its meaning, as such, if it is a box."""
    if not isinstance(a, vertex) or len(shape_of(a)) < 2:
        return a
    return record(symmetric_grad, (a,))


__all__ = ["CONVENTIONS", "symmetric"]
