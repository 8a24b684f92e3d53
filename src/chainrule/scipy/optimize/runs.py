"""Runs of solvers: on plain values, and in a trace as one row."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import scipy.optimize

from chainrule.errors import SolutionWarning
from chainrule.nodes.admission import holds_nodes
from chainrule.rules.namespace import opaque
from chainrule.transforms.values import value
from chainrule.values.shapes import ndarray
from chainrule.values.types import Value
from chainrule.values.vertices import first_stand_in

_scipy: Any = scipy.optimize
_Bool: Any = np.bool_
_np: Any = np
NUMBERS = (bool, int, float, np.generic, ndarray)


class Given(Protocol):
    """What a solver is given, with its values taken out: a ``Problem``, for example."""

    values: tuple[Any, ...]

    @property
    def is_node(self) -> bool:
        """Whether the solution has a derivative."""
        ...

    def at(self, values: Sequence[Any]) -> Any:
        """Return it with the plain values of a call."""
        ...


def solved(drive: Callable[..., Any], problems: Sequence[Given], *arrays: Any) -> Any:
    """Return ``drive(problems, *arrays)``, a result of SciPy's, of plain values.

    In a trace that is one row, which has the numbers and arrays of the result.
    """
    values = [v for p in problems for v in p.values]
    plain = list(map(value, arrays))
    if first_stand_in(values, plain) is None:
        return drive(problems, *plain)
    names: list[str] = []

    def solver(*operands: Any) -> tuple[Any, ...]:
        given = iter(operands)
        bound = [p.at([next(given) for _ in p.values]) for p in problems]
        found = drive(bound, *given)
        if any(p.is_node for p in problems):
            _judge(found)
        numbers = {k: _number(v) for k, v in found.items() if isinstance(v, NUMBERS)}
        names[:] = numbers
        return tuple(numbers.values())

    found = opaque(solver)(*values, *plain)
    return _scipy.OptimizeResult(zip(names, found, strict=True))


def _judge(found: Any) -> None:
    """Warn of a row's result that is no solution, but for lost digits in the end."""
    if found.get("success", True) or found.get("status") == LOST_DIGITS:
        return
    warnings.warn(
        f"a solver in a compiled function has not converged: {found.get('message')} "
        "What is computed of its result, derivatives too, is that of another point. "
        "Let it run longer, or give it a smaller tolerance.",
        SolutionWarning,
        stacklevel=2,
    )


LOST_DIGITS = 2
"""SciPy's status where steps no longer improve a minimum, by rounding."""


def are_plain(arrays: Sequence[Any]) -> bool:
    """Tell whether there are neither nodes nor traced values among arrays."""
    return not any(map(holds_nodes, arrays)) and first_stand_in(arrays) is None


def _number(x: Value) -> Any:
    return bool(x) if isinstance(x, _Bool) else x


def is_traced(found: Any) -> bool:
    """Tell whether a result is that of a row of a trace."""
    return first_stand_in(found.x if hasattr(found, "x") else found) is not None


__all__ = ["are_plain", "is_traced", "solved"]
