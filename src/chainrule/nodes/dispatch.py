"""NumPy's protocols: how a call of a NumPy function on nodes finds its operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.nodes import remedies
from chainrule.nodes.admission import (
    call_keywords,
    missing,
    unwrapped,
)
from chainrule.nodes.beside_scipy import refuse_solvers
from chainrule.nodes.joined import joined
from chainrule.nodes.out import without_out, write_result, write_ufunc
from chainrule.nodes.tables import FUNCTIONS, LOCALLY_CONSTANT, REFUSED, UFUNCS, WRAPPED
from chainrule.rules import locally_constant, rule_of
from chainrule.rules.namespace import served
from chainrule.values.foreign import PLAIN, alike, first_foreign, undecided
from chainrule.values.refusals import refuse
from chainrule.values.types import Operation
from chainrule.values.vertices import vertex

_operation_of = UFUNCS.get


def array_ufunc(
    x: vertex, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
) -> Any:
    """Run a NumPy ufunc, or a method of one, as a recorded operation.

    This is the ``__array_ufunc__`` of nodes.
    """
    operation = _operation_of(ufunc)
    if operation is None and ufunc not in LOCALLY_CONSTANT:
        operation = _found_later(ufunc)
    if method == "__call__":
        if operation is not None and not kwargs:
            return operation(*inputs)
        if "out" in kwargs:
            return write_ufunc(ufunc, method, inputs, kwargs)
        if operation is not None:
            return operation(*inputs, **call_keywords(kwargs))
        if ufunc in LOCALLY_CONSTANT:
            return _constant(ufunc, inputs, kwargs)
    elif "out" in kwargs:
        return write_ufunc(ufunc, method, inputs, kwargs)
    elif ufunc in LOCALLY_CONSTANT and (method == "outer" or _to_bool(ufunc, method)):
        return getattr(ufunc, method)(*map(unwrapped, inputs), **kwargs)
    elif method == "at":
        return FUNCTIONS[np.ufunc.at](ufunc, *inputs)
    elif method == "reduceat" and (ufunc, "reduce") in FUNCTIONS:
        return FUNCTIONS[np.ufunc.reduceat](ufunc, *inputs, **kwargs)
    elif (ufunc, method) in FUNCTIONS:
        if method != "outer":
            kwargs = {"axis": 0, **kwargs}
        return FUNCTIONS[ufunc, method](*inputs, **kwargs)
    name = remedies.written(ufunc) + ("" if method == "__call__" else f".{method}")
    raise missing(name, REFUSED.get((ufunc, method)) or REFUSED.get(ufunc))


def array_function(
    x: vertex, func: Any, types: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Run any other NumPy function as a recorded operation: ``__array_function__``."""
    operation = FUNCTIONS.get(func)
    if operation is not None:
        args, kwargs = joined(operation, args, kwargs)
        return operation(*args, **kwargs)
    if func in LOCALLY_CONSTANT:
        refuse_solvers(x, 2)
        out, args, kwargs = without_out(func, args, kwargs)
        if out is not None:
            return write_result(out, func, args, kwargs)
        values = [unwrapped(x) for x in args]
        given = {k: unwrapped(x) for k, x in kwargs.items()}
        foreign = first_foreign(values)
        if foreign is None:
            return func(*values, **given)
        return undecided(served(func, alike(values), given, foreign))
    raise missing(remedies.written(func), REFUSED.get(func))


def _constant(ufunc: np.ufunc, inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    if ufunc is np.isnan:
        refuse_solvers(inputs[0], 3)
    values = [unwrapped(x) for x in inputs]
    if PLAIN.issuperset(map(type, values)):
        return ufunc(*values, **kwargs)
    return undecided(compared(ufunc, *values, **kwargs))


def compared(ufunc: np.ufunc, *values: Any, **kwargs: Any) -> Any:
    """Call a ufunc without a derivative; refuse by name what NumPy cannot take."""
    for x in values:
        if x.__class__ not in PLAIN and not (
            hasattr(x, "__array__") or hasattr(x, "__array_ufunc__")
        ):
            refuse(x, f"np.{ufunc.__name__} of nodes")  # NumPy would take it apart
    try:
        return ufunc(*alike(values), **kwargs)
    except (TypeError, ValueError):
        for x in values:
            refuse(x, f"np.{ufunc.__name__} of nodes")
        raise


def _found_later(ufunc: np.ufunc) -> Operation | None:
    """Enter a ufunc whose library was loaded after its rule was declared."""
    declared = rule_of(ufunc)
    if declared is None or ufunc in REFUSED:
        return None
    if issubclass(declared, locally_constant):
        LOCALLY_CONSTANT.add(ufunc)
    if declared in WRAPPED:
        UFUNCS.setdefault(ufunc, WRAPPED[declared])
    return UFUNCS.get(ufunc)


def _to_bool(ufunc: np.ufunc, method: str) -> bool:
    """Tell whether a ufunc's reductions are booleans; others hand single entries on."""
    return method != "at" and ufunc.types[0].endswith("?")
