"""Constraints, with the Jacobians and Hessians that they were not given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import scipy.optimize
import scipy.optimize as sopt

from chainrule.compiler.api import compile as compiled
from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.scipy.optimize.problems import Unknowns, is_left_to_us, sparse_or_none
from chainrule.sparse.matrices import SparseDerivative
from chainrule.transforms.gradients import grad
from chainrule.transforms.matrices import jacobian
from chainrule.values.containers import flatten
from chainrule.values.shapes import SEQUENCES
from chainrule.values.types import Array

_np: Any = np
_scipy: Any = scipy.optimize
Constraint = Mapping[str, Any] | sopt.NonlinearConstraint | sopt.LinearConstraint
"""One constraint: a dict of SciPy's, or one of its objects."""
Constraints = Constraint | Sequence[Constraint]


def refuse_some(constraints: Constraints) -> None:
    """Raise if there are constraints: what was found cannot be a node."""
    if are_some(constraints):
        raise ArgumentError(
            "the solution of a constrained problem has no derivative here: pass "
            "gd.value of what the function reads, or write the constraints as bounds "
            "or into the function."
        )


def are_some(constraints: Constraints) -> bool:
    """Tell whether there are constraints."""
    return len(_listed(constraints)) > 0


def _listed(constraints: Constraints) -> list[Any]:
    """Return the constraints, or the one that there is, in a list."""
    given = cast(Any, constraints)
    return list(given) if isinstance(given, SEQUENCES) else [given]


def with_derivatives(
    constraints: Constraints, unknowns: Unknowns, *, sparse: bool
) -> list[Any]:
    """Return constraints with the Jacobians that they were not given.

    ``sparse`` says that the method takes objects, with sparse matrices and Hessians.
    """
    found: list[Any] = []
    for c in _listed(constraints):
        is_dict = c.__class__ is dict
        given = as_object(c) if sparse and is_dict else c
        if is_dict and not sparse:
            given = _of_a_dict(given, unknowns)
        elif isinstance(given, _scipy.NonlinearConstraint):
            given = _nonlinear(given, unknowns, sparse=sparse)
        found.append(given)
    return found


def as_object(constraint: Mapping[str, Any]) -> Any:
    """Return a constraint that is a dict as one of SciPy's objects."""
    kind = str(constraint.get("type", "")).lower()
    if kind not in ("eq", "ineq") or "fun" not in constraint:
        raise ArgumentError(
            "a constraint that is a dict has a 'type', 'eq' or 'ineq', and a 'fun'; "
            f"received the keys {sorted(constraint)} and the type {kind!r}."
        )
    f, args = constraint["fun"], _plain_args(constraint)
    upper = 0.0 if kind == "eq" else _np.inf
    jac: Any = constraint.get("jac")
    given = {} if is_left_to_us(jac) else {"jac": _with_args(jac, args)}
    return _scipy.NonlinearConstraint(_with_args(f, args), 0.0, upper, **given)


def _with_args(f: Callable[..., Any], args: tuple[Any, ...]) -> Callable[..., Any]:
    def given(x: Any, *more: Any) -> Any:
        return f(x, *args, *more)

    return given


def are_sparse(constraints: Sequence[Any]) -> bool:
    """Tell whether any of these constraints has a sparse Jacobian of ours."""
    return any(
        isinstance(getattr(c, "jac", None), SparseDerivative) for c in constraints
    )


def _nonlinear(
    constraint: sopt.NonlinearConstraint, unknowns: Unknowns, *, sparse: bool
) -> Any:
    flat, start = unknowns.of_flat(constraint.fun), unknowns.start
    jac, hess = cast(Any, constraint.jac), cast(Any, constraint.hess)
    if not is_left_to_us(jac):
        jac = unknowns.of_flat(jac)
    else:
        found = sparse_or_none(flat, start, symmetric=False) if sparse else None
        jac = found or compiled(jacobian(flat))
    if is_left_to_us(hess) or isinstance(hess, _scipy.HessianUpdateStrategy):
        hess = _hessian_of(flat, start) if sparse else None
    else:
        hess = unknowns.of_flat(hess)
    return _scipy.NonlinearConstraint(
        compiled(flat),
        constraint.lb,
        constraint.ub,
        jac=jac,
        **({} if hess is None else {"hess": hess}),
        keep_feasible=constraint.keep_feasible,
    )


def _hessian_of(f: Callable[..., Any], start: Array) -> Callable[..., Any]:
    """Return the Hessian of a constraint's product with multipliers."""

    def weighted(x: Any, v: Any) -> Any:
        return _np.sum(_np.ravel(f(x)) * v)

    multipliers = _np.ones(_np.size(f(start)))
    found = sparse_or_none(weighted, start, multipliers, symmetric=True)
    return found or compiled(jacobian(grad(weighted), mode="forward"))


def _plain_args(constraint: Mapping[str, Any]) -> tuple[Any, ...]:
    args = constraint.get("args", ())
    if any(map(holds_nodes, flatten(args)[0])):
        raise ArgumentError("constraints take plain arguments; pass gd.value of them.")
    return tuple(args)


def _of_a_dict(constraint: Mapping[str, Any], unknowns: Unknowns) -> dict[str, Any]:
    _plain_args(constraint)
    found = dict(constraint)
    flat = unknowns.of_flat(constraint["fun"])
    found["fun"] = compiled(flat)
    jac: Any = constraint.get("jac")
    left = is_left_to_us(jac)
    found["jac"] = compiled(jacobian(flat)) if left else unknowns.of_flat(jac)
    return found


__all__ = ["are_some", "are_sparse", "as_object", "refuse_some", "with_derivatives"]
