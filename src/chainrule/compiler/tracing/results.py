"""Results of traced functions: rows and constants, or a refusal.

A leaf of a result that is no number and no array is the same object in every call. So
no stand-in of the first call may be inside it: a curve, a namespace or a closure that
holds one would hand it out for ever.
"""

from __future__ import annotations

import gc
import types
from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.compiler.tracing.captured import is_foreign
from chainrule.compiler.tracing.trace import Trace, matrix_or_masked
from chainrule.compiler.tracing.traced import Traced
from chainrule.errors import EscapeError
from chainrule.nodes.admission import holds_nodes, numeric_array
from chainrule.values.shapes import describe, kind_of, ndarray
from chainrule.values.vertices import stand_in

MOST = 100_000
"""How many objects are looked at inside a result."""

_CLOSED: tuple[type, ...] = (
    types.ModuleType,
    types.FrameType,
    types.CodeType,
    str,
    bytes,
    int,
    float,
    complex,
    np.generic,
)
"""Classes whose instances hold no result of a function, or nothing at all."""


def output(trace: Trace, x: Any, name: str, own: Iterable[Any]) -> Any:
    """Return a leaf of a function's result as a row or a constant.

    ``own`` are the objects among the function's arguments.
    """
    if isinstance(x, ndarray) and matrix_or_masked(x):
        if x.dtype != object:
            numeric_array(x, "A compiled function")  # says what to write
    elif isinstance(x, ndarray) and x.dtype == object:
        x = trace.call(np.asarray, (x,), None)
    if isinstance(x, Traced):
        if x.home is not trace:
            raise EscapeError(
                f"{name} returned a traced value of another call. Return only what was "
                "computed in this call."
            )
        return x.row
    if holds_nodes(x):
        raise EscapeError(
            f"{name} returned a node from outside its arguments, whose derivative "
            "would be frozen. Pass that node as an argument."
        )
    if not isinstance(x, ndarray) or x.dtype == object:
        _refuse_hidden(x, name, is_own=any(x is given for given in own))
    return x.copy() if isinstance(x, ndarray) else x


def _refuse_hidden(x: Any, name: str, *, is_own: bool) -> None:
    """Raise if a constant of a result may hold a stand-in, or is used up by a call."""
    if hasattr(kind_of(x), "__next__") and not is_own:
        what = f"{describe(x)}, which can be gone through once only"
    else:
        holds = _holds_stand_in(x)
        if not holds and (is_own or holds is not None):
            return
        what = f"{describe(x)}, which " + (
            "holds a traced value" if holds else "is too large to be looked through"
        )
    raise EscapeError(
        f"{name} returned {what}. It would be that of the first call in every call. "
        "Return numbers and arrays, or a dict, list, tuple or dataclass of them."
    )


def _holds_stand_in(x: Any) -> bool | None:
    """Tell whether a stand-in is in what an object refers to; ``None``: too much."""
    seen: set[int] = set()
    waiting: list[Any] = [x]
    alive: list[Any] = []  # so that no address is taken twice
    while waiting:
        y = waiting.pop()
        if isinstance(y, stand_in):
            return True
        if isinstance(y, _CLOSED) or id(y) in seen:
            continue
        if len(seen) > MOST:
            return None
        seen.add(id(y))
        alive.append(y)
        waiting += _inside(y)
    return False


def _inside(x: Any) -> list[Any]:
    """Return what an object refers to, without the globals of functions.

    Of a class, these are its attributes, which the traced function may have given it.
    What a compiled function keeps of its own traces is not looked at.
    """
    if isinstance(x, type):
        return [] if is_foreign(x) else list(vars(x).values())
    if isinstance(x, types.FunctionType):
        parts: list[Any] = [x.__closure__, x.__defaults__, x.__kwdefaults__, vars(x)]
        return parts
    if isinstance(x, types.CellType):
        return gc.get_referents(x)
    if type(x).__module__.startswith("chainrule.compiler"):
        return [getattr(x, "f", None)]
    if isinstance(x, ndarray):
        entries = list(x.flat) if x.dtype == object else []
        return [*entries, x.base, *getattr(x, "__dict__", {}).values()]
    return gc.get_referents(x)


__all__ = ["output"]
