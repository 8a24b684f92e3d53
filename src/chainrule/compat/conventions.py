"""Derivatives that are autograd's by convention, where chainrule has another one.

Programs compute with what they have been given: a step along the gradient of a
covariance keeps it symmetric, a parameter at its bound stays there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compat.boxes import CONVENTIONS
from chainrule.nodes.tables import FUNCTIONS
from chainrule.transforms.custom_operation import custom_operation
from chainrule.values.types import Value
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


def _symmetric(z_grad: Value, *_: Any) -> tuple[Any]:
    return (0.5 * (z_grad + _np.swapaxes(z_grad, -1, -2)),)


def _symmetric_tangent(tangents: Any, *_: Any) -> Any:
    return _symmetric(tangents[0])[0]


def _itself(x: Value) -> Any:
    return x


as_symmetric: Any = custom_operation(
    _itself, _symmetric, _symmetric_tangent, name="as_symmetric"
)
"""Return a matrix, whose derivatives are taken along symmetric matrices only."""


@by_convention(np.linalg.cholesky)
def cholesky(a: Value, /, **kwargs: Any) -> Any:
    """Return ``np.linalg.cholesky``, with a symmetric cotangent of the matrix."""
    return FUNCTIONS[np.linalg.cholesky](symmetric(a), **kwargs)


def symmetric(a: Value) -> Any:
    """Return a matrix that is symmetric by its meaning, as such, if it is a box."""
    return as_symmetric(a) if isinstance(a, vertex) and a.ndim > 1 else a  # type: ignore


__all__ = ["CONVENTIONS", "symmetric"]
