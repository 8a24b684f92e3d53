"""Protection: which calls raise for some values, and values for which they do not.

A branch that is not taken, and the body of a loop of no steps, may hold calls that fail
for the example. ``trace`` keeps such calls in their body, and traces them for other
values where they fail.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.tracing.active import ACTIVE
from chainrule.compiler.tracing.rows import NO_KEYWORDS, Function, mapped
from chainrule.compiler.tracing.traced import Traced, values_of
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import TUPLE, kind_of, ndarray
from chainrule.values.vertices import ARITHMETIC_ERRORS, stand_in

if TYPE_CHECKING:
    from chainrule.compiler.tracing.trace import Trace


def protected_call(
    function: Function, args: Sequence[Any], given: Mapping[str, Any] | None
) -> tuple[Sequence[Any], Any]:
    """Return the arguments of a call that a condition may protect from an error.

    The call must stay in the innermost body that runs only where a condition holds, so
    what it reads is brought there. Where it fails for the example, for which the
    condition need not hold, it is traced for other values.
    """
    stay = ACTIVE.traces[-1].protected
    if stay is None:
        return args, given
    lineage: list[Trace] = []
    home: Trace | None = stay
    while home is not None:
        lineage.append(home)
        home = home.parent

    def brought(x: Any) -> Any:
        if kind_of(x) is not Traced or x.home not in lineage or x.home is stay:
            return x
        return Traced(stay, stay.capture(x), x.value)

    arguments, named = mapped(brought, (tuple(args), dict(given or NO_KEYWORDS)))
    try:
        function(*map(values_of, arguments), **values_of(named))
    except (*ARITHMETIC_ERRORS, IndexError):
        return mapped(_plausible, (arguments, named))
    return arguments, named


def _plausible(x: Any) -> Any:
    """Return a stand-in with a value of its kind that most functions take."""
    if not isinstance(x, Traced):
        return x
    number = x.row.number
    value = plausible(x.shape, x.dtype) if number is None else number(1)
    return Traced(x.home, x.row, value)


def deepest(trace: Trace, x: Any) -> Trace:
    """Return the innermost trace among that of a call and those of its arguments."""
    kind = kind_of(x)
    if isinstance(x, Traced):
        return x.home if x.home.level > trace.level else trace
    if kind is float or kind is int:
        return trace
    if kind is slice:
        x = (x.start, x.stop, x.step)
    elif kind is dict:
        x = x.values()
    elif kind is ndarray and x.dtype == object:
        x = x.flat
    elif kind is not tuple and kind is not list:
        return deepest(trace, x.touched()) if isinstance(x, Traced) else trace
    for v in x:
        trace = deepest(trace, v)
    return trace


def may_raise(function: Callable[..., Any], args: Sequence[Any]) -> bool:
    """Tell whether a function raises an error for some values of these arguments."""
    if function is operator.getitem:
        return _holds_whole(args[1])
    if is_of_others(function):
        return True
    known = traits_of(function)
    if known.entrywise and not known.of_integers and len(args) == 2:
        x, y = args  # a quotient, power or shift of integers
        return _is_whole(x) and isinstance(y, stand_in) and _is_whole(y)
    return known.may_raise


def is_of_others(function: Function) -> bool:
    """Tell whether a function is the user's."""
    if type(function) is MethodType:
        return True
    module = function.__module__ if type(function) is FunctionType else "numpy"
    return not (module or "").startswith(("chainrule.", "numpy"))


def _is_whole(x: Any) -> bool:
    return x.dtype.kind in "biu" if isinstance(x, stand_in) else isinstance(x, int)


def _holds_whole(index: Any) -> bool:
    parts = index if isinstance(index, TUPLE) else (index,)
    return any(isinstance(x, stand_in) and x.dtype.kind in "iu" for x in parts)


def plausible(shape: Sequence[int], dtype: np.dtype[Any]) -> Any:
    """Return ones, or regular matrices with single eigenvalues."""
    value: Any = np.ones(shape, dtype)
    if len(shape) > 1 and dtype.kind in "fc":
        diagonal = np.eye(shape[-2], shape[-1]) * np.arange(1, shape[-1] + 1)
        value = (value * diagonal).astype(dtype)
    return value[()]


__all__ = ["deepest", "is_of_others", "may_raise", "plausible", "protected_call"]
