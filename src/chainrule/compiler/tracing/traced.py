"""Traced values: what stands in for arrays and numbers while a function is traced.

A ``Traced`` value behaves as what it stands in for, in NumPy's functions, methods and
operators (``traced_operators``). Each call computes the value for the example and adds
a row to the trace.
"""

from __future__ import annotations

import math
import operator
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from chainrule.compiler.tracing.calls import by_position
from chainrule.compiler.tracing.columns import Column, of_columns
from chainrule.compiler.tracing.deferred import Deferred, outline_of
from chainrule.compiler.tracing.frames import in_forward, in_subscript, user_line
from chainrule.compiler.tracing.plain_operators import is_of_integers
from chainrule.compiler.tracing.rows import NO_KEYWORDS, Function, Row, mapped
from chainrule.errors import EscapeError
from chainrule.nodes.admission import object_array
from chainrule.nodes.beside_scipy import asked_by_sparse, one_object
from chainrule.nodes.out import without_out, write_result, write_ufunc
from chainrule.nodes.recorder import is_number
from chainrule.nodes.tables import FUNCTIONS
from chainrule.numpy.buffers import as_buffer
from chainrule.numpy.node_methods import item
from chainrule.operations_grad.indexing import getitem
from chainrule.rules.registry import traits_of
from chainrule.values.containers import declare_value
from chainrule.values.frames import Frame
from chainrule.values.shapes import Length, in_order, kind_of, laid_out, ndarray
from chainrule.values.types import ArrayValue, Index, Order, Value
from chainrule.values.vertices import first_vertex, stand_in, vertex

if TYPE_CHECKING:
    from chainrule.compiler.tracing.trace import Trace

FLAT: Any = object()
"""The index of ``x.flat``: all entries. What is read of it are copies."""
MAPS: list[Function] = []
"""What maps a function over seeds in a trace; set by ``batching.vmap``."""


class Traced(stand_in):
    """A value in a trace: see ``stand_in``."""

    __slots__ = ("__weakref__", "base", "cut", "home", "known", "row", "views")
    __array_priority__: float = 900.0
    __pandas_priority__: int = 5000

    def __init__(self, trace: Trace, row: Row, value: Any) -> None:
        """Stand for the result of a row, with its value for the example."""
        self.home: Trace = trace
        self.row: Row = row
        self.known: Any = value
        self.base: Any = None
        self.cut: Any = None
        self.views: list[weakref.ref[Traced]] | None = None

    @property
    def value(self) -> Any:
        """The value for the example, computed if it was deferred."""
        known = self.known
        return known.value if kind_of(known) is Deferred else known

    @value.setter
    def value(self, value: Any) -> None:
        self.known = value

    def seen_by(self, view: Traced) -> None:
        """Enter a view that is up to date."""
        if self.views is None:
            self.views = []
        self.views.append(weakref.ref(view))

    def touched(self) -> Traced:
        """Return this, made again from its base where that was written."""
        _ = self.row
        return self

    def fixed(self) -> Traced:
        """Return a handle that nobody else can write into."""
        row, value = self.row, self.known
        later = kind_of(value) is Deferred and self.shape
        alone = later or isinstance(value, ndarray)
        return Traced(self.home, row, value) if alone else self

    def guarded(self) -> Traced:
        """Return a handle that nobody can write into."""
        handle = self.fixed()
        if handle is not self:
            handle.base, handle.value = self, self.value.view()
            handle.value.flags.writeable = False
        return handle

    def laid_out(self, before: ArrayValue | None, order: Order = "K") -> Traced:
        """Return an array that lies in memory as another one, or by itself."""
        if isinstance(self.known, Column):
            return self
        row, known = self.row, self.known
        if before is None and self.shape and kind_of(known) is Deferred:
            return Traced(self.home, row, known.passed_to(in_order, order))
        array, value = self, np.asarray(self.value)
        like: Any = before.value if isinstance(before, Traced) else before
        if like is None:
            value = in_order(value, order)
        else:
            self.home.wrote()
            value = value if value.strides == like.strides else laid_out(value, like)
        if not isinstance(self.value, ndarray):
            array = self.home.call(np.asarray, (self,), None)
        return Traced(self.home, array.row, value)

    @property
    def shape(self) -> Any:
        """The shape, as it will be in every call; of a column, an entry's."""
        shape = self.row.shape
        return self.value.shape if shape is None else shape

    @property
    def dtype(self) -> Any:
        """The dtype, as it will be in every call; of a column, an entry's."""
        dtype = self.row.dtype
        return self.value.dtype if dtype is None else dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """The bytes of an element."""
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return self.size * self.itemsize

    def whole(
        self, function: Function, operands: Sequence[Any], given: Mapping[str, Any]
    ) -> Any:
        """Return the result of a function, run as one row."""
        if function is getitem and kind_of(operands[0]) is ndarray:  # a traced index
            return self.home.call(operator.getitem, (*operands, given["index"]), None)
        if self.row.shape is None:
            function = of_columns(function)
        return self.home.call(function, operands, given)

    def over(self, f: Function, seeds: ArrayValue) -> list[Any]:
        """Return the results of ``f`` for each seed, stacked; ``f`` is traced once."""
        return MAPS[0](self.home.innermost(), f, seeds)

    @property
    def example(self) -> Any:
        """The value for the example."""
        return self.value

    @property
    def may_decide(self) -> bool:
        """Whether a guard can be kept: not of what a loop, branch or map repeats."""
        return self.home.parent is None

    @property
    def is_number(self) -> bool:
        """Whether this stands for a Python number, which adopts others' dtypes."""
        return self.row.number is not None

    def as_number(self) -> Traced:
        """Return the result of the last row as the Python number that it is."""
        row = self.row
        if row.number is None and row.shape == () and row.dtype == np.float64:
            self.value, row.number = float(self.value), float
        return self

    def like(self, value: Any) -> Any:
        """Return this as a Python number where the value is one."""
        number = type(value) is float or is_number(value)
        if not number or self.row.number is not None or self.dtype != np.float64:
            return self
        return self.home.call(float, (self,), None)

    def refuse_nan(self) -> None:
        """Say that the program is wrong for arguments that make this hold a nan.

        The entries of a column were looked at where they were computed.
        """
        if self.row.shape is not None:
            self.home.checks.append(self.row)

    def __repr__(self) -> str:
        """Show what is known; the entries are those of the example only."""
        return f"traced({self.dtype}, shape {self.shape}, for example {self.value})"

    def __divmod__(self, y: Value | complex) -> tuple[Any, Any]:
        """Return quotient and remainder."""
        return self // y, self % y

    def __rdivmod__(self, y: Value | complex) -> tuple[Any, Any]:
        """Return quotient and remainder."""
        return y // self, y % self

    def __format__(self, spec: str) -> str:
        """Format the example's value."""
        return format(self.value, spec)

    def __getitem__(self, index: Index) -> Any:
        """Index as NumPy does; a view remembers its index."""
        z = self.home.call(operator.getitem, (self, index), None)
        if isinstance(z, Traced) and z.base is self:
            if self.cut is FLAT:
                return z.fixed()
            z.cut = index
        return z

    if TYPE_CHECKING:

        def __len__(self) -> int: ...
    else:
        __len__ = Length()

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the first axis."""
        if not self.shape:
            raise TypeError("iteration over a number")
        return (self[i] for i in range(self.shape[0]))

    def __bool__(self) -> bool:
        """Return the truth for the example: a guard. A rule's forward is one row."""
        if in_forward():
            raise escape("a branch on a value inside a rule")
        return self.home.guard(self, bool)

    def _whole_number(self, what: str) -> int:
        if self.dtype.kind not in "biu":
            raise escape(what)
        return self.home.guard(self, int)

    def __int__(self) -> int:
        """Return an integer or boolean for the example, a guard; refuse a float."""
        return self._whole_number("int(x)")

    def __index__(self) -> int:
        """Return an integer for the example, a guard; a truth is a mask to NumPy."""
        if self.dtype == np.bool_ and (self.row.number is None or in_subscript()):
            raise TypeError("Write table[int(x > 0)], or a if x > 0 else b.")
        if in_forward():
            raise escape("an index made of x inside a rule")
        return self._whole_number("using x as an integer")

    def __hash__(self) -> int:
        """Return an integer's hash, a guard; refuse a float."""
        if self.shape != () or self.dtype.kind not in "biu":
            raise escape("x as a key of a dictionary or set")
        return hash(self._whole_number("hash(x)"))

    def __float__(self) -> float:
        """Return a number that is made of integers, a guard; refuse a float."""
        if self.shape == () and is_of_integers(self.row):
            return self.home.guard(self, float)
        raise escape("float(x) or math.f(x)")

    def __complex__(self) -> complex:
        """Return an integer as a complex number, a guard; refuse a float."""
        return complex(self._whole_number("complex(x)"))

    def item(self, *index: int) -> Any:
        """Return one entry, or a single integer, a guard."""
        z = item(self, *index)
        return z if z.dtype.kind in "fc" else z._whole_number("x.item()")

    def tolist(self) -> Any:
        """Return integers for the example, a guard; refuse floats."""
        return self.__array__().tolist()

    def __array__(self, dtype: DTypeLike | None = None, copy: Any = None) -> Any:
        """Return integers or booleans, a guard; refuse floats, if there are any."""
        if asked_by_sparse():
            return one_object()
        if not self.size:
            return np.empty(self.shape, self.dtype if dtype is None else dtype)
        if in_forward():
            raise escape("an array made of x inside a rule")
        if self.dtype.kind in "biu":
            return np.array(self.home.guard(self, np.array), dtype)
        if dtype is not None and np.dtype(dtype) != np.dtype(object):
            raise escape(f"an array of dtype {np.dtype(dtype)} made of x")
        entries = object_array(self)
        if dtype is not None:
            return entries  # Python asks for objects
        return self.home.opened.opened(entries, user_line())

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any
    ) -> Any:
        """Add a ufunc's call, or one of its methods', as a row."""
        plain = not kwargs and _PLAIN.issuperset(map(kind_of, inputs))
        if plain and method == "__call__":
            return self.home.entrywise(ufunc, inputs)
        if any(isinstance(x, vertex | Frame) for x in inputs):
            return NotImplemented
        inside = first_vertex(inputs, kwargs)
        if inside is not None:
            return inside.__array_ufunc__(ufunc, method, *inputs, **kwargs)
        if method == "at":
            return FUNCTIONS[np.ufunc.at](ufunc, *inputs)
        if kwargs.get("out") is not None:
            return write_ufunc(ufunc, method, inputs, kwargs)
        if method != "__call__":
            return self.home.composed(getattr(ufunc, method), inputs, kwargs)
        return self.home.call(ufunc, inputs, kwargs)

    def __array_function__(
        self,
        func: Function,
        types: Sequence[type],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Add any other NumPy function's call as a row."""
        if any(issubclass(t, vertex | Frame) for t in types):
            return NotImplemented
        inside, known = first_vertex(args, kwargs), traits_of(func)
        if inside is not None:
            return inside.__array_function__(func, types, args, kwargs)
        if known.writes:
            return FUNCTIONS[func](*args, **kwargs)
        args, kwargs = by_position(func, args, kwargs)
        out, args, kwargs = without_out(func, args, kwargs)
        if out is not None:
            return write_result(out, func, args, kwargs)
        if known.of_shapes:
            result = func(*map(_with_shape, args), **kwargs)
            if not isinstance(result, Column):
                return as_buffer(result)
        if func is np.astype and args[0] is self:
            return self.astype(*args[1:], **kwargs)
        return self.home.composed(func, args, kwargs)

    def astype(self, dtype: DTypeLike, **given: Any) -> Any:
        """Return ``np.astype``, which Python's numbers do not have."""
        number, dtype = self.row.number, np.dtype(dtype)
        if self.row.shape is None:
            return self.whole(np.astype, (self, dtype), given)
        if number is None:
            return self.home.call(np.astype, (self, dtype), given)
        if number is not complex and dtype == np.float64:
            return self.home.call(float, (self,), None)
        value = np.asarray(self.value).astype(dtype)[()]
        row = self.row
        return self.home.result(np.astype, (row, dtype), NO_KEYWORDS, [row], value)


def escape(what: str) -> EscapeError:
    """Return the error that says what would freeze a traced value."""
    return EscapeError(
        f"{what} would freeze a value into the compiled function, although it depends "
        "on the arguments. Use NumPy's functions (np.sin(x), np.stack, np.where), or "
        "name the argument in static=, so that each of its values gets a program."
    )


def known_of(x: Any) -> Any:
    """Replace a stand-in by its value for the example, or by what computes it."""
    return x.known if isinstance(x, Traced) else value_of(x)


def _with_shape(x: Any) -> Any:
    """Replace stand-ins by what has their shapes, and lies in memory as they do."""
    flat = isinstance(x, Traced) and len(x.shape) < 2
    return outline_of(x.known) if flat else values_of(x)


def values_of(x: Any) -> Any:
    """Replace stand-ins by their values for the example."""
    return x.value if isinstance(x, Traced) else mapped(value_of, x)


def value_of(x: Any) -> Any:
    """Replace a stand-in, or an array of them, by its value for the example."""
    if isinstance(x, Traced):
        return x.value
    return values_of(x.tolist()) if kind_of(x) is ndarray and x.dtype == object else x


_PLAIN = {Traced, float, int, bool, complex}
"""Classes of operands that hold no nodes."""
declare_value(Traced)
