"""Values at the border: what may come in, what may go out, and the refusals.

Everything here works on nodes through their base class ``vertex``, below ``node``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from numbers import Rational
from types import FunctionType
from typing import Any

import numpy as np

from chainrule.errors import (
    ArgumentError,
    AssignedError,
    EscapeError,
    MissingRuleError,
    RecordingError,
    ShapeError,
)
from chainrule.nodes.remedies import ASSIGNED, DECLARE, inside_numpy
from chainrule.rules import rule, rule_of
from chainrule.rules.python_forms import infix_form
from chainrule.rules.supports import is_inexact
from chainrule.values import foreign, refusals
from chainrule.values.buffered import buffered, current
from chainrule.values.indices import plain_slice
from chainrule.values.shapes import (
    DICT,
    SEQUENCES,
    TUPLE,
    describe,
    dtype_of,
    kind_of,
    ndarray,
)
from chainrule.values.vertices import first_stand_in, raw, stand_in, vertex

NONE: Mapping[str, Any] = {}
"""No parameters."""

BASIC: frozenset[Any] = frozenset((int, slice, tuple))
"""Indices that nodes keep bare: reads and writes by integers and slices are many."""


def parameters_of(z: vertex) -> Mapping[str, Any]:
    """The keyword parameters of the operation that made this node."""
    try:
        given: Any = z._parameters
    except AttributeError:
        return NONE
    return {"index": given} if type(given) in BASIC else given


INPUT: Mapping[str, Any] = {"input": True}
"""The parameters of a node that a transform made of one of its inputs."""

# ------------------------------------------------------------------- values coming in


_INTEGERS: Any = (bool, int, np.integer, np.bool_)
_SPAN: Any = np.timedelta64  # a subclass of np.integer
_INEXACT: Any = np.inexact


def as_value(value: Any) -> Any:
    """Return what a leaf holds: a float, a complex or inexact array, copied."""
    if type(value) is float:
        return value
    value = current(value)
    if isinstance(value, vertex):
        raise ArgumentError(
            f"node() received {value!r}, which is a node already. Use it as it is, or "
            "gd.node(gd.value(x)) for a leaf that forgets its history."
        )
    if isinstance(value, _INTEGERS) and not isinstance(value, _SPAN):
        return float(value)
    if isinstance(value, stand_in):
        return value.fixed() if is_inexact(value) else value.astype(np.float64)
    if isinstance(value, _INEXACT):
        return value
    if foreign.is_foreign(value):
        check_shape(value)
        return foreign.kept(value) if is_inexact(value) else value.astype(np.float64)
    if isinstance(value, complex | float):
        return np.asarray(value)[()] if isinstance(value, complex) else float(value)
    array = numeric_array(value, "node()")
    return array.copy() if array.dtype.kind in "fc" else array.astype(np.float64)


def numeric_array(value: Any, where: str) -> Any:
    """Return a numeric array of a value, or raise naming what was received."""
    if isinstance(value, stand_in) or foreign.is_foreign(value):
        return value
    trace = first_stand_in(value)
    if trace is not None:
        return trace.whole(np.asarray, (value,), {})
    if value is None or isinstance(value, str | bytes | dict | set):
        raise ArgumentError(
            f"{where} needs numbers; received {describe(value)}. Pass a float, an "
            "array or a list of numbers."
        )
    refusals.refuse(value, where)
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ArgumentError(
            f"{where} needs numbers in a regular array; received {describe(value)}, "
            f"which NumPy refuses ({error}). Make all rows the same length."
        ) from error
    if array.dtype == object:
        if isinstance(value, Rational):
            return np.asarray(float(value))
        raise ArgumentError(f"{where} needs numbers; {_objects(value, array)}")
    if array.dtype.kind not in "fcbiu":
        raise ArgumentError(
            f"{where} needs numbers; received {describe(value)} "
            f"(dtype {array.dtype}). Convert it to float first."
        )
    return array


def check_shape(value: Any) -> None:
    """Raise if a foreign array does not know its shape, as ``x[x > 0]`` of Dask's."""
    if any(n != n for n in value.shape):
        raise ArgumentError(
            f"A node needs to know the shape of its value; received "
            f"{describe(value)}. Write np.where(mask, x, 0.0) for x[mask], or call "
            "value.compute_chunk_sizes() before."
        )


def _objects(value: Any, array: Any) -> str:
    """Say what was received where NumPy makes an array of objects, and the remedy."""
    if holds_nodes(value) or holds_nodes(array):
        return (
            "received an array of objects that holds nodes. Use np.stack to join them."
        )
    kind = type(array.flat[0]).__name__ if array.size else "nothing"
    if value is array or isinstance(value, SEQUENCES):
        return f"received an array of objects ({kind}). Use a numeric dtype."
    return f"received {describe(value)}. Pass float(value)."


def check_cotangent(z_grad: Any, value: Any, name: str) -> Any:
    """Return a seed in the shape and dtype of a value, or raise."""
    if isinstance(z_grad, vertex):
        seed: Any = z_grad
    elif type(z_grad) is float and type(value) is float:
        return z_grad
    else:
        seed = numeric_array(z_grad, name)
    if seed.shape != np.shape(value):
        raise ShapeError(
            f"{name} has shape {seed.shape}, but the value it belongs to has shape "
            f"{np.shape(value)}. Pass an array of shape {np.shape(value)}."
        )
    want = dtype_of(value)
    if seed.dtype.kind == "c" and want.kind != "c":
        raise ArgumentError(
            f"{name} is complex, but the value it belongs to is real ({want}). Pass "
            f"{name}.real."
        )
    if isinstance(seed, vertex):
        return seed
    if isinstance(seed, stand_in) or foreign.is_foreign(seed):
        return seed if seed.dtype == want else seed.astype(want)  # type: ignore
    return float(seed) if type(value) is float else seed.astype(want)


_UNCHANGING = frozenset([int, bool, float, str, slice, type(None), FunctionType])


def kept(x: Any) -> Any:
    """Return a parameter that its owner cannot change: arrays are copied.

    So are those in lists, tuples, dicts and dataclasses. Other objects are kept as they
    are.
    """
    kind = kind_of(x)
    if kind in _UNCHANGING:
        return x
    if kind is TUPLE:
        return x if _UNCHANGING.issuperset(map(kind_of, x)) else tuple(map(kept, x))
    if isinstance(x, ndarray):
        return x.copy()
    if isinstance(x, stand_in):
        return x.fixed()
    if foreign.is_foreign(x):
        return foreign.kept(x)
    if isinstance(x, TUPLE):
        parts = map(kept, x)
        return kind(*parts) if hasattr(kind, "_fields") else tuple(parts)
    if kind is SEQUENCES[0]:
        return [kept(v) for v in x]
    if isinstance(x, DICT):
        copied = copy.copy(x)
        copied.update((k, kept(v)) for k, v in x.items())
        return copied
    if hasattr(kind, "__dataclass_fields__"):
        copied = copy.copy(x)
        for name in kind.__dataclass_fields__:
            if hasattr(x, name):
                object.__setattr__(copied, name, kept(getattr(x, name)))
        return copied
    return x


# -------------------------------------------------------------------- nodes inside


def holds_nodes(x: Any) -> bool:
    """Tell whether nested lists hold a node."""
    if isinstance(x, SEQUENCES):
        return any(map(holds_nodes, x))
    if isinstance(x, ndarray):
        if isinstance(x, buffered):
            return isinstance(x.current(), vertex)
        return x.dtype == object and any(isinstance(v, vertex) for v in x.flat)
    return isinstance(x, vertex)


def object_array(x: Any) -> Any:
    """Return an array of objects that holds the entries of a node or a stand-in."""
    out = np.empty(x.shape, dtype=object)
    if not x.shape:
        out[()] = x
    for index in np.ndindex(x.shape):
        out[index] = x[index] if index else x
    return out


def plain_index(index: Any) -> Any:
    """Return an index without nodes; a node in it is an escape."""
    if type(index) is int:
        return index
    if type(index) is slice:
        return plain_slice(index)
    if isinstance(index, TUPLE):
        return tuple(map(plain_index, index))
    if isinstance(index, vertex) or holds_nodes(index):
        raise escape(index, "using x as an index")
    return refusals.admitted(index, "An index")


def plain_operand(x: Any) -> Any:
    """Replace nodes by their values as ``unwrapped`` does; refuse foreign arrays."""
    return refusals.admitted(unwrapped(x), "A function of nodes")


def unwrapped(x: Any) -> Any:
    """Replace nodes, also those inside lists, by their values."""
    if isinstance(x, SEQUENCES) and holds_nodes(x):
        return type(x)(map(unwrapped, x)) if type(x) in (list, tuple) else x
    if isinstance(x, ndarray) and x.dtype == object:
        return np.array([raw(v) for v in x.flat]).reshape(x.shape)
    return raw(current(x))


# ------------------------------------------------------------------- refusing clearly


def operation_name(operation: type[rule]) -> str:
    """Return an operation's name: an operator's forward's, or its class's."""
    if operation.operator:
        return operation.forward.__name__
    return operation.__name__.removesuffix("_grad")


def missing(name: str, reason: str | None, remedy: str = DECLARE) -> MissingRuleError:
    """Return the error for a function that has no rule."""
    if reason:
        return MissingRuleError(f"{name} cannot be differentiated: {reason}")
    return MissingRuleError(
        f"{name} has no derivative rule, so it was not run on a node. {remedy}"
    )


def vertices_of(grad_ops: Any, serial: int) -> tuple[vertex, ...]:
    """Return the vertices of a derivative that was written by hand, checked.

    ``serial`` is that of the node whose derivative it is.
    """
    vertices: Any = getattr(grad_ops, "vertices", None)
    if not isinstance(vertices, SEQUENCES) or not hasattr(grad_ops, "backward"):
        raise ArgumentError(
            "grad_ops must have .vertices (a list of nodes) and .backward(z_grad); "
            f"received {describe(grad_ops)}."
        )
    for x in vertices:
        if not isinstance(x, vertex):
            raise ArgumentError(
                f"grad_ops.vertices must hold nodes; received {describe(x)}. "
                "Leave constants out of the list."
            )
        if x.serial >= serial:
            raise RecordingError(
                "grad_ops was given a vertex that is newer than this node, so the "
                "recording would not be ordered. Make the node after its operands: "
                "gd.node(value, grad_ops=...)."
            )
    return tuple(vertices)


def refuse_operands(operation: type[rule], wanted: Sequence[bool]) -> None:
    """Raise where a node stands in an operand that has no derivative."""
    for name, is_node in zip(operation.operand_names, wanted, strict=False):
        if is_node and name in operation.refused:
            raise missing(
                f"{operation_name(operation)} in its operand {name!r}",
                f"{operation.refused[name]} Pass gd.value({name}) to hold it constant.",
            )


def refuse_out(kwargs: Mapping[str, Any]) -> None:
    """Raise where a result is to be written into an array, losing its history."""
    if kwargs.get("out") is not None:
        raise EscapeError(
            inside_numpy()
            or "out= would write a node's result into a plain array, which cannot "
            "remember how it was computed. Leave out= away and use the returned node."
        )


def refuse_in_place(
    ufunc: np.ufunc, inputs: Sequence[Any], kwargs: Mapping[str, Any]
) -> None:
    """Raise where a ufunc is to write into an array: by ``a += x``, or by ``out=``."""
    (out, *others) = kwargs["out"]
    symbol = _sign_of(ufunc)
    if others or symbol is None or inputs[0] is not out or isinstance(out, vertex):
        refuse_out(kwargs)
        return
    raise AssignedError(
        inside_numpy()
        or f"a {symbol}= x (or out=a) would write a result of nodes into the plain "
        f"array a ({describe(out)}). Write a = a {symbol} x. {ASSIGNED}"
    )


def _sign_of(ufunc: np.ufunc) -> str | None:
    """Return the sign of the operator that calls a ufunc and may change an array."""
    operation = rule_of(ufunc)
    if operation is None:
        return None
    infix = infix_form(operation)
    return infix.split()[1] if infix else {"matmul": "@"}.get(operation.operator)


def call_keywords(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ufunc call's keywords without those at their defaults."""
    refuse_out(kwargs)
    for name, value in kwargs.items():
        if name in ("where", "out", "axis") or value is _UFUNC_DEFAULTS.get(name, NONE):
            continue
        raise ArgumentError(
            inside_numpy()
            or f"The keyword {name}={value!r} of a NumPy ufunc is not supported on "
            f"nodes. {instead_of_keyword(name)}"
        )
    parameters = {"axis": kwargs["axis"]} if "axis" in kwargs else {}  # np.vecdot
    where = kwargs.get("where")
    if where is not None and where is not True:
        parameters["where"] = plain_operand(where)
    return parameters


def instead_of_keyword(name: str) -> str:
    """Return what to write instead of a keyword of NumPy's that nodes do not take."""
    return _INSTEAD_OF_KEYWORD.get(name, "Leave it away.")


_INSTEAD_OF_KEYWORD = {
    "dtype": "Leave it away, and use x.astype(dtype) to change a dtype.",
    "signature": "Leave it away, and use x.astype(dtype) to change a dtype.",
    "sig": "Leave it away, and use x.astype(dtype) to change a dtype.",
    "axes": "Move the axes first, with np.moveaxis(x, source, destination).",
    "keepdims": "Use np.expand_dims(z, axis) on the result.",
}
_UFUNC_DEFAULTS: Mapping[str, Any] = {
    "dtype": None,
    "subok": True,
    "casting": "same_kind",
    "order": "K",
    "keepdims": False,
}


def escape(x: Any, what: str) -> EscapeError:
    """Return the error that says what would turn a node into a plain value."""
    return EscapeError(
        inside_numpy()
        or f"{what} would turn {x!r} into a plain value and lose its derivative. Use "
        "the functions of NumPy or chainrule on the node itself (np.sin(x), "
        "np.zeros_like(x); np.stack([x, y]) joins nodes, also instead of a[i] = x), or "
        "gd.value(x) if it is to be treated as constant."
    )
