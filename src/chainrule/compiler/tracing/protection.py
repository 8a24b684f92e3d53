"""Protection: which calls raise for some values, and values for which they do not.

A branch that is not taken, and the body of a loop of no steps, may hold calls that fail
for the example. ``trace`` keeps such calls in their body, and traces them for other
values where they fail.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiler.tracing.active import ACTIVE
from chainrule.compiler.tracing.rows import NO_KEYWORDS, Function, mapped
from chainrule.compiler.tracing.traced import Traced, values_of
from chainrule.values.shapes import TUPLE, kind_of, ndarray
from chainrule.values.vertices import ARITHMETIC_ERRORS, stand_in

if TYPE_CHECKING:
    from chainrule.compiler.tracing.trace import Trace

_linalg: Any = np.linalg
_of: Any = operator


def protected_call(
    function: Function, args: Sequence[Any], given: Any
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

    found, named = mapped(brought, (tuple(args), dict(given or NO_KEYWORDS)))
    try:
        function(*map(values_of, found), **values_of(named))
    except (*ARITHMETIC_ERRORS, IndexError):
        return mapped(_plausible, (found, named))
    return found, named


def _plausible(x: Any) -> Any:
    """Return a stand-in with a value of its kind that most functions take."""
    if kind_of(x) is not Traced:
        return x
    number = x.row.number
    value = plausible(x.shape, x.dtype) if number is None else number(1)
    return Traced(x.home, x.row, value)


def deepest(trace: Trace, x: Any) -> Trace:
    """Return the innermost trace among that of a call and those of its arguments."""
    kind = kind_of(x)
    if kind is Traced:
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
    if function in _RAISING or _is_of_others(function):
        return True
    if function in _RAISING_FOR_INTEGERS:
        x, y = args
        return _is_whole(x) and isinstance(y, stand_in) and _is_whole(y)
    return function is _of.getitem and _holds_whole(args[1])


def _is_of_others(function: Any) -> bool:
    """Tell whether a function is the user's, of matrices, or of places."""
    if type(function) not in (FunctionType, MethodType):
        return False
    module = function.__module__ or ""
    return module in _MAY_RAISE or not module.startswith(("chainrule.", "numpy"))


def _is_whole(x: Any) -> bool:
    return x.dtype.kind in "biu" if isinstance(x, stand_in) else isinstance(x, int)


def _holds_whole(index: Any) -> bool:
    parts = index if isinstance(index, TUPLE) else (index,)
    return any(isinstance(x, stand_in) and x.dtype.kind in "iu" for x in parts)


def plausible(shape: Sequence[int], dtype: Any) -> Any:
    """Return ones, or regular matrices with single eigenvalues."""
    value: Any = np.ones(shape, dtype)
    if len(shape) > 1 and dtype.kind in "fc":
        diagonal = np.eye(shape[-2], shape[-1]) * np.arange(1, shape[-1] + 1)
        value = (value * diagonal).astype(dtype)
    return value[()]


_MAY_RAISE = {
    "chainrule.transforms.custom_operation", "chainrule.operations_grad.linalg",
    "chainrule.operations_grad.indexing",
}  # fmt: skip
_RAISING: set[Any] = {
    *(getattr(_linalg, name) for name in (
        "inv", "solve", "cholesky", "eig", "eigh", "eigvals", "eigvalsh", "svd",
        "svdvals", "pinv", "lstsq", "tensorinv", "tensorsolve", "matrix_power",
        "matrix_rank", "cond")),
    np.take, np.take_along_axis, np.choose, round, math.floor, math.ceil, math.trunc,
}  # fmt: skip
_RAISING_FOR_INTEGERS: set[Any] = {
    _of.floordiv, _of.mod, _of.truediv, _of.lshift, _of.rshift,
    np.floor_divide, np.remainder, np.divide, np.power, np.left_shift, np.right_shift,
}  # fmt: skip


__all__ = ["deepest", "may_raise", "plausible", "protected_call"]
