"""Writing into traced arrays, as NumPy does it: each write is a row of its own.

A traced array is a handle on a row. A write adds a row with the new array, and the
handle takes it; what was computed before keeps the row that it read. Views, as NumPy
made them for the example, are rows of their base: a write to a view writes into the
base, and a view whose base was written is picked from the new one when it is used.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike, NDArray

from chainrule.compiler.tracing.frames import user_line
from chainrule.compiler.tracing.plain_operators import UFUNCS
from chainrule.compiler.tracing.traced import FLAT, Traced, escape
from chainrule.compiler.tracing.traced_operators import BINARY
from chainrule.errors import EscapeError, ReadOnlyError
from chainrule.nodes.remedies import ASSIGNED
from chainrule.numpy.overwriting import repeated
from chainrule.numpy.writes import METHODS
from chainrule.operations_grad.indexing import setitem
from chainrule.rules import plain, rule_of
from chainrule.values.containers import declare_value
from chainrule.values.indices import same_index, written_where
from chainrule.values.shapes import (
    index_of_view,
    is_read_only,
    laid_out,
    lies_in,
    ndarray,
    shares_places,
)
from chainrule.values.types import Index, Order
from chainrule.values.versions import shares
from chainrule.values.vertices import vertex

if TYPE_CHECKING:
    from chainrule.compiler.tracing.trace import Trace

_np: Any = np


class NodeAssignedError(EscapeError):
    """A node was assigned into a plain array: in a body, its argument has to be one."""


def assign(y: Traced, index: Index, value: Any) -> None:
    """Write into a part of an array: ``y[index] = value``."""
    _refuse_node(value)
    if not isinstance(y.value, ndarray):
        raise TypeError("a number cannot be changed in place")
    if isinstance(value, Traced) and value.base is y and same_index(value.cut, index):
        return  # y[index] += v has written into y already
    _refuse(y, "assignment destination is read-only")
    if y.cut is FLAT:
        value = repeated(value, y.size, index)
    z = written_where(_np, y, index, value)
    if z is None:
        z = y.home.call(setitem, (y, value), {"index": index})
    _write(y, z)


def _refuse_node(value: Any) -> None:
    if isinstance(value, vertex):
        raise NodeAssignedError(
            f"A node was assigned into an array without derivatives, at {user_line()}. "
            f"{ASSIGNED}"
        )


def receive(y: Traced, z: Traced) -> None:
    """Let an array hold a result of its shape and dtype."""
    _refuse_node(z)
    _refuse(y, "output array is read-only")
    _write(y, z)


def updater(ufunc: np.ufunc, name: str) -> Callable[[Any, Any], Any]:
    """Return what stands behind ``y op= value``."""
    operate = getattr(operator, name)

    def update(y: Traced, value: Any) -> Any:
        z = operate(y, value)
        if not isinstance(y.value, ndarray):
            return z
        _refuse_node(z)
        if not isinstance(z, Traced):
            return z
        _refuse(y, "output array is read-only")
        if z.shape != y.shape or z.dtype != y.dtype:
            given = value.value if isinstance(value, Traced) else value
            ufunc(y.value, given, out=np.empty_like(y.value))  # NumPy's own refusal
            z = z.home.call(np.astype, (z, y.dtype), None)
        _write(y, z)
        return y

    return update


def layouts_of(leaves: Sequence[Any]) -> Any:
    """Return how the arrays among leaves lie in memory."""
    return tuple([x.strides for x in leaves if isinstance(x, ndarray)])


def _refuse(y: Traced, what: str) -> None:
    while True:
        base = y.base
        if _is_older(y, y.home.innermost()):
            raise EscapeError(
                f"The body of a loop, a branch or a map writes into an array from "
                f"outside, at {user_line()}. Carry the array, or write into a copy."
            )
        if base is None:
            return
        known, shown = base.value, y.value
        if known.flags.writeable and (is_read_only(shown) or shares_places(shown)):
            raise ReadOnlyError(
                f"{what}: a view that NumPy does not let be written, as of "
                f"np.broadcast_to and np.diagonal, at {user_line()}. Write into a "
                "copy: np.copy(x)."
            )
        y = base


def _is_older(y: Traced, body: Trace) -> bool:
    """Tell whether a value is from before a body around which its trace is."""
    return y.home is not body and y.row.serial < body.before.get(y.home, math.inf)


def _write(y: Traced, z: Traced) -> None:
    """Let an array, and what shares its memory, hold a result nobody else has yet."""
    if y.base is None and not y.views and not _is_older(y, z.home):
        y.home = z.home  # a body made it, of values from outside
    if z.home is not y.home:
        raise EscapeError(
            "A value of a loop's body was written into an array from outside, at "
            f"{user_line()}. Carry the array."
        )
    y.home.wrote()
    base = y.base
    if base is not None:
        if base.dtype == y.dtype:
            z = y.home.call(setitem, (base, z), {"index": _cut(y)})
        else:  # the real or the imaginary part
            whole: Any = rule_of(y.row.function)
            z = whole.put(plain, z, base, {})
        _write(base, z)
        return
    _outdate(y)
    value = np.asarray(z.value)
    if value.strides != y.value.strides:
        value = laid_out(value, y.value)
    y.row, y.value = z.row, value


def _cut(z: Traced) -> Any:
    """Return the index of a view's entries in its base."""
    base = z.base
    if z.cut is FLAT:
        places = _np.unravel_index(_np.arange(base.size), base.shape or (1,))
        z.cut = places if base.shape else (None,)
    if z.cut is None:
        z.cut = index_of_view(z.value, z.base.value)
    return z.cut


# ---------------------------------------------------------------------- stale views


def _outdate(x: Traced) -> None:
    """Mark the views of an array that is about to change."""
    views, x.views = x.views, None
    for reference in views or ():
        z = reference()
        if z is not None and type(z) is Traced:
            _outdate(z)
            if not _is_direct(z):
                _cut(z)
                _ROW.__set__(z, None)
            z.__class__ = _Stale


def _is_direct(z: Traced) -> bool:
    """Tell whether a view is one call on its base, with constants."""
    row, base = z.row, z.base
    return row.reads_first and row.args[0] is base.row


def _refresh(z: Traced) -> None:
    """Make a view again from its base."""
    base, row = z.base, _ROW.__get__(z)
    base.touched()
    z.__class__ = Traced
    if row is not None:
        again = base.home.call(row.function, (base, *row.args[1:]), row.given)
    else:
        before = _VALUE.__get__(z)
        again = base.home.call(operator.getitem, (base, z.cut), None)
        if not shares(again.value, base.value) and before.size:
            places = [np.ravel(i)[0] for i in z.cut]
            origin = base.value[tuple(slice(i, i + 1) for i in places)]
            again.value = as_strided(origin, before.shape, before.strides)
    z.row, z.value = again.row, again.value
    base.seen_by(z)


class _Refreshed:
    def __init__(self, slot: Any) -> None:
        self.slot = slot

    def __get__(self, z: Any, owner: Any = None) -> Any:
        _refresh(z)
        return self.slot.__get__(z)


_ROW: Any = Traced.row
_VALUE: Any = Traced.value


class _Stale(Traced):
    """A view whose base was written: asked for, it is made again."""

    __slots__ = ()
    row: Any = _Refreshed(_ROW)
    value: Any = _Refreshed(_VALUE)


class _Moved:
    def __get__(self, z: Any, owner: Any = None) -> Any:
        raise EscapeError(
            f"At {user_line()} a view is used that was taken of an array without "
            "derivatives, which has taken a node since. Take it again after that, "
            "or let the array be a node from the start: np.zeros(n, like=x) + 0 * x[0]."
        )


class _GivenUp(Traced):
    """A handle on what has become the value of a node: it would not see its writes."""

    __slots__ = ()
    row: Any = _Moved()
    value: Any = _Moved()


def _give_up(x: Traced) -> Traced:
    """Return another handle on an array, and let this one and its views raise."""
    kept = Traced(x.home, x.row, x.value)
    for reference in x.views or ():
        z = reference()
        if z is not None and type(z) is Traced:
            _give_up(z)
    x.__class__ = _GivenUp
    return kept


def _root(x: Traced) -> Traced:
    """The array that this is a view of; itself, if it is none."""
    while x.base is not None:
        x = x.base
    return x


def _layout(x: Traced) -> Any:
    """The example, whose layout in memory decides what the program does."""
    x.home.wrote()
    return x.value


def _kept(x: Traced, array: NDArray[Any]) -> Any:
    """Return what rows keep of a constant array."""
    return x.home.constants.kept(array)


def _set_part(name: str) -> Callable[[Traced, Any], None]:
    """Return what writes into an attribute: ``x.real = value``, ``x.flat = value``."""

    def write(x: Traced, value: Any) -> None:
        if name == "imag" and x.dtype.kind != "c":
            raise TypeError("array does not have imaginary part to set")
        if isinstance(value, Traced) and value.base is x:
            return  # x.real *= 2.0 has written into x already
        assign(getattr(x, name), slice(None) if name == "flat" else ..., value)

    return write


def _flatten(x: Traced, order: Order = "C") -> Any:
    """Return ``np.ravel``, a copy."""
    return _np.ravel(x, order).fixed()


def _copy(x: Traced, order: Order = "C") -> Any:
    """Return ``np.copy``: by rows, as the method of arrays does."""
    known = x.value
    if not isinstance(known, ndarray):
        return x
    lies_so = known.flags.c_contiguous
    return _np.copy(x) if order in "CK" and lies_so else _np.copy(x, order)


def _cast(x: Traced, dtype: DTypeLike, order: Order = "K", **given: Any) -> Any:
    """Return what ``np.astype`` does, in an order."""
    z: Any = _astype(x, dtype, **given)
    return z if lies_in(z.value, order) else z.laid_out(None, order)


def _view(x: Traced, dtype: DTypeLike | None = None) -> Any:
    """Return a view of the same dtype; there is none of another."""
    if dtype is not None and dtype is not ndarray and np.dtype(dtype) != x.dtype:
        raise escape("x.view(dtype)")
    return x[...] if isinstance(x.value, ndarray) else x


def _flat(x: Traced) -> Any:
    """The elements one by one; to write into them is to write into this."""
    z: Any = _np.reshape(x, (-1,))
    if z.base is None:
        z.base = x
        x.seen_by(z)
    z.cut = FLAT
    return z


_astype = Traced.astype
declare_value(_Stale)
declare_value(_GivenUp)
Traced.copy = _copy  # type: ignore[attr-defined]
Traced.astype = _cast  # type: ignore[method-assign]
Traced.view = _view  # type: ignore[attr-defined]
Traced.mT = property(_np.matrix_transpose)  # type: ignore[attr-defined]
Traced.flatten = _flatten  # type: ignore[attr-defined]
Traced.root = property(_root)  # type: ignore[misc]
Traced.layout = property(_layout)  # type: ignore[misc]
Traced.flat = property(_flat)  # type: ignore[attr-defined]
Traced.__setitem__ = assign  # type: ignore[method-assign]
Traced.receive = receive  # type: ignore[method-assign]
Traced.kept = _kept  # type: ignore[method-assign]
Traced.given_up = _give_up  # type: ignore[method-assign]
for _name, _method in METHODS.items():
    setattr(Traced, _name, _method)
for _name in ("real", "imag", "flat"):
    _read: property = getattr(Traced, _name)
    setattr(Traced, _name, _read.setter(_set_part(_name)))
for _name in BINARY:
    _ufunc = UFUNCS[getattr(operator, f"__{_name}__")]
    setattr(Traced, f"__i{_name}__", updater(_ufunc, f"__{_name}__"))
