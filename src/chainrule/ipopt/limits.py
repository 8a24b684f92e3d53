"""Constraints in any of SciPy's forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import scipy.optimize

from chainrule.errors import ArgumentError
from chainrule.scipy.optimize.bounds import joined
from chainrule.scipy.optimize.constraints import Constraint, as_object
from chainrule.values.containers import flatten
from chainrule.values.shapes import describe
from chainrule.values.types import Array

_scipy: Any = scipy.optimize


def as_nonlinear(constraint: Constraint) -> Any:
    """Return a constraint as an object with a function and limits."""
    if isinstance(constraint, Mapping):
        return as_object(constraint)
    given = cast(Any, constraint)
    if isinstance(given, _scipy.LinearConstraint):
        matrix = given.A

        def product(x: Array, *_: Any) -> Any:
            return matrix @ joined(flatten(x)[0])

        return _scipy.NonlinearConstraint(product, given.lb, given.ub)
    if not isinstance(given, _scipy.NonlinearConstraint):
        raise ArgumentError(
            "a constraint is a NonlinearConstraint, a LinearConstraint or a dict; "
            f"received {describe(given)}."
        )
    return given


__all__ = ["as_nonlinear"]
