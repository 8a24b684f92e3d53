"""Deferred values: large arrays of a trace, computed when Python asks for them.

What is traced needs the shapes and dtypes of values, which are known of entrywise
functions, reductions and products of matrices without a look at the entries. So the
example's entries are computed only for a decision, a view, or another function. What
has been computed lets go of its operands: these give their memory back as soon as
nothing else reads them.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from types import EllipsisType, NoneType
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple
from numpy.typing import NDArray

from chainrule.compiler.tracing.calls import named
from chainrule.operations_grad.indexing import unindex
from chainrule.rules.registry import traits_of
from chainrule.values.shapes import ARRAYS, kind_of, laid_out, ndarray
from chainrule.values.types import Shape

Function = Callable[..., Any]
_Form = Callable[[Function, Sequence[Any], Mapping[str, Any]], tuple[Shape, Any]]

LARGE = 1 << 17
"""Entries from which a value is deferred: a megabyte of float64."""


class _NotKnownError(Exception):
    """The shape of a result is not known without computing it."""


class Deferred:
    """The result of a function for the example, not computed yet.

    Attributes
    ----------
    shape, dtype
        What it will be like.
    shows
        Whether it will show the memory of its first operand.
    """

    __slots__ = ("_call", "_value", "dtype", "shape", "shows")

    def __init__(
        self,
        shape: Shape,
        dtype: np.dtype[Any],
        call: tuple[Function, Any, Any],
        *,
        shows: bool = False,
    ) -> None:
        """Keep a function with arguments and keywords, of which some are deferred."""
        self.shape: Shape = shape
        self.dtype: np.dtype[Any] = dtype
        self.shows: bool = shows
        self._call: tuple[Function, Any, Any] | None = call
        self._value: Any = None

    @property
    def outline(self) -> Any:
        """A value like it without memory, whose entries and strides say nothing."""
        return np.broadcast_to(np.zeros((), self.dtype), self.shape)[()]

    @property
    def value(self) -> Any:
        """The result. It is computed once, after those that it depends on."""
        waiting = [self]
        while waiting:
            x = waiting[-1]
            if x._call is None:
                waiting.pop()
                continue
            operands = _operands(x._call[1])
            before = [y for y in operands if kind_of(y) is Deferred and y._call]
            waiting += before
            if not before:
                x._compute()
        return self._value

    def passed_to(self, function: Function, *args: Any) -> Deferred:
        """Return the result, like this, of a function of it and constants."""
        return Deferred(self.shape, self.dtype, (function, (self, *args), {}))

    def _compute(self) -> None:
        assert self._call is not None  # noqa: S101
        function, args, given = self._call
        with np.errstate(all="ignore"):
            self._value = function(*map(value_now, args), **given)
        self._call = None


def lying_as(x: NDArray[Any], like: NDArray[Any]) -> Any:
    """Return a constant as it is in memory elsewhere; a large one when it is asked."""
    later = Deferred(x.shape, x.dtype, (laid_out, (x, like), {}))
    return later if x.size >= LARGE else later.value


def value_now(x: Any) -> Any:
    """Return a value, computed if it was deferred."""
    if kind_of(x) is tuple:
        return tuple(map(value_now, x))
    return x.value if kind_of(x) is Deferred else x


def _operands(args: Sequence[Any]) -> list[Any]:
    """Return arguments, and those in a tuple among them."""
    found: list[Any] = []
    for x in args:
        found += x if kind_of(x) is tuple else [x]
    return found


def outline_of(x: Any) -> Any:
    """Return a value; of a deferred one, what has its shape and dtype."""
    return x.outline if kind_of(x) is Deferred else x


def deferred(
    function: Function, args: Sequence[Any], given: Mapping[str, Any] | None = None
) -> Deferred | None:
    """Return the result of a function on values, deferred if that is known and pays.

    It pays for large results, and for any result of what is deferred. It is ``None``
    also where NumPy would raise an error, or warn.
    """
    operands = _operands(args)
    if not any(map(_is_large, operands)) or set(np.geterr().values()) != _IGNORED:
        return None
    form = _form_of(function)
    if form is None:
        return None
    try:
        shape, dtype = form(function, args, given or {})
    except Exception:  # NumPy says what is wrong
        return None
    pays = math.prod(shape) >= LARGE or Deferred in map(kind_of, operands)
    shows = form is _seen
    if dtype.hasobject or not pays or (shows and not shape):
        return None
    return Deferred(shape, dtype, (function, tuple(args), given or {}), shows=shows)


_IGNORED = {"ignore"}


def _is_large(x: Any) -> bool:
    kind = kind_of(x)
    return kind is Deferred or (kind is ndarray and x.size >= LARGE)


def _entrywise(
    function: Function, args: Sequence[Any], given: Mapping[str, Any]
) -> tuple[Shape, np.dtype[Any]]:
    """Return shape and dtype of what broadcasts: a call on no entries has the dtype."""
    if given or not all(isinstance(x, _OPERANDS) for x in args):
        raise _NotKnownError
    dtype = function(*map(_without_entries, args)).dtype
    if function is np.power and dtype.kind in "iu":
        raise _NotKnownError  # an error for negative exponents
    shapes = [x.shape for x in args if isinstance(x, (*ARRAYS, Deferred))]
    shape = np.broadcast_shapes(*shapes)
    if not isinstance(function, np.ufunc) and not (len(args) > 1 and shape):
        raise _NotKnownError  # of np.where: places, or an array without axes
    return shape, dtype


_OPERANDS: Any = (*ARRAYS, Deferred, float, int, complex)


def _without_entries(x: Any) -> Any:
    """Return an array of no entries for one with axes, and else the value."""
    known = isinstance(x, (ndarray, Deferred)) and x.shape
    return np.empty(0, x.dtype) if known else outline_of(x)


def _reduced(
    function: Function, args: Sequence[Any], given: Mapping[str, Any]
) -> tuple[Shape, np.dtype[Any]]:
    """Return shape and dtype of a reduction: that of one entry has the dtype."""
    x, *rest = args
    known = {k for k, v in given.items() if v is not None or k == "axis"}
    if len(rest) > 1 or not known <= {"axis", "keepdims"} or 0 in x.shape:
        raise _NotKnownError
    usual = 0 if isinstance(getattr(function, "__self__", None), np.ufunc) else None
    axis = rest[0] if rest else given.get("axis", usual)
    count = len(x.shape)
    axes = range(count) if axis is None else normalize_axis_tuple(axis, count)
    one = 1 if given.get("keepdims") else None
    shape = [one if i in axes else n for i, n in enumerate(x.shape)]
    dtype = function(np.ones(1, x.dtype)).dtype
    return tuple([n for n in shape if n is not None]), dtype


def _seen(
    function: Function, args: Sequence[Any], given: Mapping[str, Any]
) -> tuple[Shape, np.dtype[Any]]:
    """Return shape and dtype of a view, as that of an array without memory has them."""
    x, *rest = args
    if function is operator.getitem:
        _refuse_arrays(rest[0])
    like = outline_of(x)
    z = function(like, *rest, **given)
    copied = not np.may_share_memory(z, like) or "copy" in given
    same = _without_units(z) == _without_units(x) or z.size > like.size
    if copied or (traits_of(function).in_order and not same):
        raise _NotKnownError  # a copy, or one if the layout in memory wants it
    return z.shape, z.dtype


def _joined(
    function: Function, args: Sequence[Any], given: Mapping[str, Any]
) -> tuple[Shape, np.dtype[Any]]:
    """Return shape and dtype of what is joined: NumPy's, of arrays without memory."""
    parts, *rest = args
    axis = rest[0] if rest else given.get("axis", 0)
    if len(rest) > 1 or type(axis) is not int or not given.keys() <= {"axis"}:
        raise _NotKnownError
    shapes = [x.shape for x in parts]
    axis = normalize_axis_index(axis, len(shapes[0]))
    around = {(s[:axis], s[axis + 1 :]) for s in shapes}
    if len(around) > 1:
        raise _NotKnownError
    ((before, after),) = around
    dtype = np.concatenate([np.empty(0, x.dtype) for x in parts]).dtype
    return (*before, sum(s[axis] for s in shapes), *after), dtype


def _unindexed(
    function: Function, args: Sequence[Any], given: Mapping[str, Any]
) -> tuple[Shape, np.dtype[Any]]:
    """Return shape and dtype of the zeros around what an index picked."""
    (x,) = args
    _refuse_arrays(given["index"])
    return tuple(given["shape"]), x.dtype


def _refuse_arrays(index: Any) -> None:
    """Raise if an index holds more than numbers and slices: it may copy, or fail."""
    parts: Sequence[Any] = index if kind_of(index) is tuple else (index,)
    if not _BASIC.issuperset(map(kind_of, parts)):
        raise _NotKnownError


def _without_units(x: Any) -> list[int]:
    return [n for n in x.shape if n != 1]


_BASIC = {int, slice, EllipsisType, NoneType}


def _product(
    function: Function, args: Sequence[Any], given: Mapping[str, Any]
) -> tuple[Shape, np.dtype[Any]]:
    """Return shape and dtype of a product of matrices."""
    x, y = args
    rows, columns = x.shape[-2:-1], y.shape[-1:] if len(y.shape) > 1 else ()
    if given or x.shape[-1] != y.shape[-2:][0]:
        raise _NotKnownError
    many = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    none = [np.empty((0, 0), v.dtype) for v in args]
    return (*many, *rows, *columns), function(*none).dtype


def _transformed(
    function: Function, args: Sequence[Any], given: Mapping[str, Any]
) -> tuple[Shape, np.dtype[Any]]:
    """Return shape and dtype of a Fourier transform, by that of one line of zeros."""
    call = named(function, args, given)
    x, axis = args[0], call["axis"]
    axis = normalize_axis_index(axis, len(x.shape))
    line = np.zeros(x.shape[axis], x.dtype)
    z = function(line, n=call["n"], norm=call["norm"], out=call["out"])
    return (*x.shape[:axis], z.size, *x.shape[axis + 1 :]), z.dtype


def _form_of(function: Any) -> _Form | None:
    """Return what tells the shape and the dtype of a function's result, if they are."""
    known = traits_of(function)
    if function is np.matmul:
        return _product
    if function is np.concatenate:
        return _joined
    if function is unindex:
        return _unindexed
    if known.entrywise and (isinstance(function, np.ufunc) or known.chooses):
        return _entrywise
    if known.reduces is not None:
        return _reduced
    if known.transform:
        return _transformed
    return _seen if known.views and known.moves else None
