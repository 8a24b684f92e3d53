"""Writing into arrays: ``y[i] = v``, ``y += v`` and the like, as NumPy does it.

A write makes a new array. The node keeps its identity, so that every name of it sees
the change; what it was before lives on as an older version (``versions``). The views of
a written array, as NumPy would return them, are made again from it when somebody looks
at them. A write to a view is a write to its base: ``rule.put`` says which.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule import operations
from chainrule.errors import AssignedError, EscapeError, ReadOnlyError, RecordingError
from chainrule.nodes.admission import NONE, plain_index
from chainrule.nodes.node_class import node
from chainrule.nodes.operator_text import in_place_operator
from chainrule.nodes.operators import NAMES
from chainrule.nodes.out import refuse as refuse_call
from chainrule.nodes.out import refuse_part, shown, shown_index
from chainrule.nodes.reads import BASIC_PARTS, INTEGERS
from chainrule.nodes.recorder import new, next_serial, record
from chainrule.numpy.overwriting import move, overwrite, overwrite_again, repeated
from chainrule.numpy.stale_views import entry_of, outdate
from chainrule.operations_grad import indexing, structure
from chainrule.rules import elementwise, rule_of
from chainrule.values.foreign import is_foreign
from chainrule.values.indices import same_index, written_where
from chainrule.values.shapes import (
    dtype_of,
    generic,
    in_order,
    laid_out,
    ndarray,
    shape_of,
)
from chainrule.values.types import Index, Order, Value
from chainrule.values.versions import (
    FROZEN,
    LOCK,
    NOTED,
    array_of,
    enter_views,
    is_writeable,
    memory_of,
    refuse_outside,
    resolved,
)
from chainrule.values.vertices import raw, stand_in, vertex

CONSTANT: Mapping[str, Any] = {"constant": True}
"""The parameters of an array that was overwritten by what has no derivative."""


def assign(y: node, index: Index, value: ArrayLike) -> None:
    """Write into a part of an array: ``y[index] = value``."""
    given: Any = index
    kind: Any = type(given)  # pyright: ignore[reportUnknownVariableType]
    if kind is not int and kind is not slice:
        if kind in INTEGERS:
            index, kind = int(given), int
        elif kind is tuple and BASIC_PARTS.issuperset(map(type, given)):
            kind = int
    if (
        (kind is int or kind is slice)
        and type(y) is node
        and overwrite_again(y, index, value)
    ):
        return
    if array_of(y._value) is None:
        if is_foreign(y._value):
            raise _foreign_write("y[index] = v", y)
        if y._step is None or not y._step.rule.returns_arrays:
            raise TypeError(
                f"{y!r} is a number, which cannot be changed in place; NumPy's numbers "
                "cannot either. Assign a new number to the name."
            )
        y._value = _as_before(y._value, None)
    index = plain_index(index)
    with LOCK:
        if NOTED:
            enter_views()
        if _is_own_part(y, index, value):
            return  # y[index] += v has written into y already
        refuse(y, "assignment destination is read-only")
        if memory_of(y).copies:
            value = repeated(value, y.size, index)
            if type(index) is not slice:  # elsewhere True is no place, nor is 1.0
                places: Any = np.arange(y.size).flat
                index = places[shown_index(index)]
        _put(y, index, value)


def _foreign_write(written: str, y: node) -> AssignedError:
    """Return the error of a write where the library does not say what it changes."""
    return AssignedError(
        f"{written} would write into an array of {type(y._value).__module__}, of which "
        "it is not known what shares its memory. Write y = y + v, y = np.where(mask, "
        "v, y) or np.concatenate, or register the class with Library(writes=True)."
    )


def _is_own_part(y: node, index: Index, value: ArrayLike) -> bool:
    """Tell whether a value is the view ``y[index]`` itself."""
    if not isinstance(value, vertex):
        return False
    known = getattr(value, "_memory", FROZEN)
    if known.base is not y or value._step.rule is not indexing.getitem_grad:
        return False
    return same_index(value.parameters["index"], index)


def updated(
    y: node, value: ArrayLike, operate: Callable[[Any, Any], Any], ufunc: np.ufunc
) -> Any:
    """Return what ``y`` is after ``y op= value``: ``y`` itself where it is an array."""
    known = array_of(y._value)
    foreign = known.__class__ is not ndarray and is_foreign(y._value)
    if known is None or (foreign and not hasattr(known, "__iadd__")):
        if foreign and hasattr(y._value, "__iadd__"):
            raise _foreign_write("y += v", y)
        return operate(y, value)
    del known  # a write goes into memory that nobody else holds
    with LOCK:
        enter_views()
        refuse(y, "output array is read-only")
        if not foreign and ufunc is np.matmul and np.ndim(shown(value)) < 2:
            plain: Any = np.empty_like(shown(y))
            plain @= shown(value)  # which raises
        z = operate(y, value)
        if not (is_foreign(raw(z)) if foreign else isinstance(raw(z), _NUMERIC)):
            return z  # of another library, whose arrays come first
        _write(y, _as_result(y, value, z, ufunc))
    return y


def receive(y: node, z: Any) -> None:
    """Let an array hold a new result of its shape and dtype, which nobody else has."""
    with LOCK:
        enter_views()
        refuse(y, "output array is read-only")
        _write(y, z)


_NUMERIC: Any = (ndarray, generic, stand_in, float)


def _as_result(y: Any, value: Any, z: Any, ufunc: np.ufunc) -> Any:
    """Return an operation's result in the shape and dtype of the array it goes to."""
    new, known = raw(z), y._value
    if shape_of(new) != known.shape or dtype_of(new) != known.dtype:
        if is_foreign(known):
            refuse_part(y, z)
        refuse_call(ufunc, (y, value), {}, y)
        z = operations.astype(z, y.dtype)
    return z


def refuse(y: node, what: str) -> None:
    """Raise where an array cannot be written: a view without rights, a user's leaf."""
    refuse_outside(y)
    while True:
        known = memory_of(y)
        if known is FROZEN:
            raise RecordingError(
                f"{y!r} is what an array was before it was changed; it stays. Write "
                "into a copy: np.copy(x)."
            )
        if known.base is None:
            break
        here, there = y._value, known.base._value
        if known.locked or (is_writeable(there) and not is_writeable(here)):
            raise ReadOnlyError(
                f"{what}: {y!r} is a view that NumPy does not let be written, as of "
                "np.broadcast_to and np.diagonal. Write into a copy: np.copy(x)."
            )
        y = known.base
    if y._step is None and y.parameters.keys().isdisjoint(("input", "constant")):
        raise EscapeError(
            f"The leaf {y!r} cannot be assigned to in place: it would be a result, and "
            "its .grad no longer that of the leaf. Write into a copy, y = np.copy(x), "
            "or build a new array: x + v, np.where(mask, new, x). For a step of an "
            "optimiser write x.value = x.value - rate * x.grad."
        )


def _put(y: node, index: Index, value: ArrayLike) -> None:
    """Write into a part of an array: in its memory where nobody else holds it."""
    known = memory_of(y)
    if known.base is None:
        if overwrite(y, known, index, value, outdate):
            return
    elif shape_of(raw(value)) == ():
        root, place = entry_of(y, index)
        if place is not None:
            root[place] = value
            return
    _write(y, _assigned(y, index, value))


def _assigned(y: node, index: Index, value: ArrayLike) -> Any:
    """Return what an array is after a write: of computed masks, without lengths."""
    z = written_where(operations, y, index, value)
    if z is None:
        z = record(indexing.setitem_grad, (y, value), {"index": index})
    return z


def _write(y: node, z: Value) -> None:
    """Let an array, and what shares its memory, hold a result nobody else has yet."""
    known = memory_of(y)
    base = known.base
    if base is None:
        _become(y, z)
        enter_views()
        outdate(known)
        return
    if y._step.rule is indexing.getitem_grad:
        _put(base, y.parameters["index"], z)
    else:
        _write(base, y._step.rule.put(operations, z, base, y.parameters))
    if isinstance(z, vertex):
        resolved(z)  # else a cycle: its operand y refers to the base, and that to it


def _become(y: node, z: Value) -> None:
    """Exchange the states of an array and a new result: ``z`` is then the old one."""
    if isinstance(z, vertex):
        result: Any = z
        operands = tuple(z if x is y else x for x in z.operands)
    else:
        result, operands = constant_node(y, z), ()
    value, step, serial = result._value, result._step, result.serial
    parameters = getattr(result, "_parameters", NONE)
    result._value = y._value
    move(y, result)
    y._value, y._step, y.operands = _as_before(value, result._value), step, operands
    y._parameters, y.serial = parameters, serial
    known = memory_of(y)
    known.log = None
    known.keep(result)
    if y.watched:
        y.exchanged(y, result)


def constant_node(beside: Any, value: Any) -> Any:
    """Return a node of numbers that depend on nothing, and that may be written.

    Its class is that of the node that it is used beside.
    """
    _ = beside._value  # a stale view is made again: its class would do so to this
    z = new(beside.__class__)
    z._value, z._step, z.operands = value, None, ()
    z._parameters = CONSTANT  # no leaf: nobody else has seen it
    z.serial = next_serial()
    if z.watched:
        z.joined(z, beside)
    return z


def _as_before(value: Any, before: Any) -> Any:
    """Return a new value as the old one was: an array, laid out as that in memory."""
    if isinstance(value, stand_in):
        return value.laid_out(before)
    if is_foreign(value):
        return value
    value = np.asarray(value)
    if isinstance(before, ndarray) and value.strides != before.strides:
        return laid_out(value, before)
    return value


def own(z: Any, *sources: ArrayLike, order: Order = "K") -> Any:
    """Return a result that shares no memory with others, where NumPy returns a copy.

    It is a new node already, or one of the ``sources`` of the function. It lies in
    memory in an ``order``, where NumPy's does: by rows, or by columns.
    """
    if not isinstance(z, node):
        return z
    if any(z is x for x in sources):
        z = record(structure.identity_grad, (z,))
    value = z._value
    if isinstance(value, ndarray):
        z._value = in_order(value, order)
    elif isinstance(value, stand_in):
        z._value = value.laid_out(None, order)
    memory_of(z).alone = True
    return z


# ------------------------------------------------------------------------- operators


def _update_by(name: str, ufunc: np.ufunc) -> Callable[[Any, Any], Any]:
    operate = getattr(operator, f"__{name}__")

    def update(y: Any, value: Any) -> Any:
        return updated(y, value, operate, ufunc)

    return update


node.__setitem__ = assign  # type: ignore[method-assign]
node.receive = receive  # type: ignore[attr-defined]

for _name in ("add", "sub", "mul", "truediv", "pow", "mod", "matmul", "floordiv"):
    _rule: Any = rule_of(getattr(operator, f"__{_name}__"))
    _made = _update_by(_name, _rule.forward)
    if issubclass(_rule, elementwise):
        _names = {**NAMES, "update": _made}
        _made = in_place_operator(_rule, f"__i{_name}__", _names)
    setattr(node, f"__i{_name}__", _made)
