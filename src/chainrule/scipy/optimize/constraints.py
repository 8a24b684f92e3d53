"""Constraints, with the Jacobians and Hessians that they were not given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import scipy.optimize
import scipy.optimize as sopt
import scipy.sparse

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.scipy.optimize.bounds import spread
from chainrule.scipy.optimize.problems import Problem, is_left_to_us
from chainrule.scipy.optimize.runs import are_plain
from chainrule.scipy.optimize.unknowns import Unknowns
from chainrule.sparse.matrices import SparseDerivative
from chainrule.values.shapes import SEQUENCES
from chainrule.values.types import Value

_np: Any = np
_scipy: Any = scipy.optimize
_is_sparse: Any = scipy.sparse.issparse
Constraint = Mapping[str, Any] | sopt.NonlinearConstraint | sopt.LinearConstraint
"""One constraint: a dict of SciPy's, or one of its objects."""
Constraints = Constraint | Sequence[Constraint]


class Condition:
    """A constraint: a function of the unknowns between a lower and an upper bound.

    Attributes
    ----------
    problem
        The function, of which there may be several entries.
    low, high
        The bounds of each entry; nodes where the constraint has nodes.
    """

    def __init__(self, constraint: Constraint, unknowns: Unknowns) -> None:
        """Take a constraint of SciPy's."""
        self.given: Any = constraint
        self.problem: Problem
        self._is_dict: bool = constraint.__class__ is dict
        self._is_whole: bool = False
        if self._is_dict:
            f, args, low, high = _of_a_dict(cast(Any, constraint))
            self.problem = Problem(f, unknowns, args)
        elif isinstance(constraint, _scipy.NonlinearConstraint):
            low, high = self.given.lb, self.given.ub
            self.problem = Problem(self.given.fun, unknowns, ())
        else:
            matrix, low, high = self.given.A, self.given.lb, self.given.ub
            self.problem = Problem(_product(matrix), unknowns.flat(), ())
            self._is_whole = are_plain((matrix, low, high))
        size = int(_np.size(self.problem.first))
        self.low: Any = spread(low, size)
        self.high: Any = spread(high, size)

    @property
    def is_node(self) -> bool:
        """Whether it reads a node."""
        return self.problem.is_node or holds_nodes(self.low) or holds_nodes(self.high)

    def of(self, x: Value) -> Any:
        """Return the flat values of the function, nodes where it reads some."""
        return _np.reshape(self.problem.of(x), (-1,))

    def for_scipy(self, problem: Problem, low: Any, high: Any, *, sparse: bool) -> Any:
        """Return it as SciPy takes it, with derivatives.

        ``problem`` and the bounds have the plain values of a call; ``sparse`` says that
        the method takes objects, with sparse matrices and Hessians.
        """
        if self._is_whole:
            return self.given
        jac = self._jacobian(problem, sparse=sparse)
        if self._is_dict and not sparse:
            kind = "eq" if str(self.given["type"]).lower() == "eq" else "ineq"
            return {"type": kind, "fun": problem.value, "jac": jac}
        hess = getattr(self.given, "hess", None)
        more: dict[str, Any] = {}
        if is_left_to_us(hess) or isinstance(hess, _scipy.HessianUpdateStrategy):
            if sparse:
                ours = problem.sparse_weighted_hessian or problem.weighted_hessian
                more["hess"] = ours
        else:
            more["hess"] = problem.given(hess)
        keep = getattr(self.given, "keep_feasible", False)
        more["keep_feasible"] = keep if _np.any(keep) else False
        return _scipy.NonlinearConstraint(problem.value, low, high, jac=jac, **more)

    def _jacobian(self, problem: Problem, *, sparse: bool) -> Any:
        of_object = getattr(self.given, "jac", None)
        given: Any = self.given.get("jac") if self._is_dict else of_object
        if problem.supplies(given):
            return (problem.sparse_jacobian if sparse else None) or problem.jacobian
        return problem.given(given)


def _of_a_dict(constraint: Mapping[str, Any]) -> tuple[Any, Any, float, float]:
    """Return the function of a constraint that is a dict, its arguments and bounds."""
    kind = str(constraint.get("type", "")).lower()
    if kind not in ("eq", "ineq") or "fun" not in constraint:
        raise ArgumentError(
            "a constraint that is a dict has a 'type', 'eq' or 'ineq', and a 'fun'; "
            f"received the keys {sorted(constraint)} and the type {kind!r}."
        )
    args = constraint.get("args", ())
    upper = 0.0 if kind == "eq" else _np.inf
    return constraint["fun"], tuple(args), 0.0, upper


def as_object(constraint: Mapping[str, Any]) -> Any:
    """Return a constraint that is a dict as one of SciPy's objects."""
    f, args, low, high = _of_a_dict(constraint)
    jac: Any = constraint.get("jac")
    given = {} if is_left_to_us(jac) else {"jac": _with_args(jac, args)}
    return _scipy.NonlinearConstraint(_with_args(f, args), low, high, **given)


def _with_args(f: Callable[..., Any], args: tuple[Any, ...]) -> Callable[..., Any]:
    def given(x: Value, *more: Value) -> Any:
        return f(x, *args, *more)

    return given


def _product(matrix: Any) -> Callable[[Any], Any]:
    if _is_sparse(matrix):

        def sparse_product(x: Value) -> Any:
            return matrix @ x

        return sparse_product
    dense = _np.atleast_2d(matrix)

    def product(x: Value) -> Any:
        return _np.matmul(dense, x)

    return product


def conditions(constraints: Constraints, unknowns: Unknowns) -> list[Condition]:
    """Return the constraints, of which there may be one, several, or none."""
    given = cast(Any, constraints)
    listed = list(given) if isinstance(given, SEQUENCES) else [given]
    return [Condition(c, unknowns) for c in listed]


def are_sparse(constraints: Sequence[Any]) -> bool:
    """Tell whether any of these constraints has a sparse Jacobian of ours."""
    found = [getattr(c, "jac", None) for c in constraints]
    return any(
        isinstance(j, SparseDerivative) or getattr(j, "is_sparse", False) for j in found
    )


__all__ = [
    "Condition",
    "Constraint",
    "Constraints",
    "are_sparse",
    "as_object",
    "conditions",
]
