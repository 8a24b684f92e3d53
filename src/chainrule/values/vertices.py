"""The vertex: what the layers below the node class know of a node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from chainrule.errors import EscapeError
from chainrule.values.buffered import buffered
from chainrule.values.foreign import full, is_foreign, made_like
from chainrule.values.operators import Operators
from chainrule.values.types import (
    ArrayValue,
    Mask,
    Operation,
    Order,
    Parameters,
    Shape,
    Value,
)

_ndarray: Any = np.ndarray
_where: Any = np.where


class vertex(Operators):
    """Anything a recording is made of: has ``value``, ``grad`` and ``grad_ops``.

    Results take the class of an operand whose class is ``watched``, and its ``created``
    is told of each.
    """

    __slots__ = ()
    watched: ClassVar[bool] = False
    runs_python: ClassVar[bool] = False
    """Whether compiled functions run as they are written on such vertices, so that each
    operation is seen."""
    transient: ClassVar[bool] = False
    """Whether it is an older version that makes its array again when it is read."""
    passes_on: ClassVar[bool] = False
    """Whether it is such a version, and was used by nothing younger than the write."""

    _value: Any
    _like: Any
    """The value, or an array of its shape and dtype whose entries say nothing."""
    _step: Any
    _grad: Any
    _parameters: Mapping[str, Any]
    _memory: Any
    operands: tuple[Any, ...]
    serial: int
    if TYPE_CHECKING:  # properties of the node class
        rule: Any
        operation: Any
        parameters: Any
        grad: Any
        grad_ops: Any
        changed: Any

        receive: Operation

    def __dask_tokenize__(self) -> str:
        """Refuse: functions of Dask's own ask for this name of a node's value."""
        raise EscapeError(
            "A function of Dask's own (da.sum) would take a node's value and lose its "
            "derivative. Call NumPy's on the node (np.sum), which calls Dask's, or "
            "pass gd.value(x) if it is to be treated as constant."
        )

    @classmethod
    def created(cls, z: Any) -> None:
        """Be told of a new result; only called where the class is ``watched``."""

    @classmethod
    def joined(cls, z: Any, beside: Any) -> None:
        """Be told of a constant that became a vertex beside one of a watched class."""

    @classmethod
    def exchanged(cls, x: Any, old: Any) -> None:
        """Be told that ``old`` now has the state of ``x``, which was written."""


class Count:
    """A number that only grows."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        """Start at zero."""
        self.count: int = 0


GRADIENTS = Count()
"""How often gradients were left on nodes, so that a node need not be asked for one."""
ASSIGNED = Count()
"""The serial number of the newest assignment to a leaf's value."""


class stand_in(Operators):
    """A plain value in a trace: shape and dtype are known, its entries may change.

    Whatever is computed with it is a step of the trace. A node may hold one as its
    value. Only ``chainrule.compiler`` makes them.
    """

    __slots__ = ()

    @property
    def shape(self) -> Shape:
        """The shape, the same in every call."""
        raise NotImplementedError

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype, the same in every call."""
        raise NotImplementedError

    def astype(self, dtype: DTypeLike) -> Any:
        """Return this in another dtype."""
        raise NotImplementedError

    def whole(
        self, function: Operation, operands: Sequence[Any], given: Parameters
    ) -> Any:
        """Return the result of a function, run as one step of the trace."""
        raise NotImplementedError

    def kept(self, x: NDArray[Any]) -> Any:
        """Return a copy of a constant array that nobody changes, made once."""
        raise NotImplementedError

    def over(self, f: Callable[[Any], list[Any]], seeds: ArrayValue) -> list[Any]:
        """Return the results of ``f`` for each seed, stacked; ``f`` is traced once."""
        raise NotImplementedError

    def body(self, f: Callable[..., list[Any]], examples: Sequence[Value]) -> Any:
        """Return a function of leaves as it is traced by itself, on examples.

        It has ``run``, which takes the leaves and what was ``captured`` of the trace,
        and ``closed``, the nodes from outside that its results depend on.
        """
        raise NotImplementedError

    def fixed(self) -> Any:
        """Return a handle on this that nobody else can write into."""
        raise NotImplementedError

    @property
    def root(self) -> Any:
        """The stand-in that this is a view of; itself, if it is none."""
        raise NotImplementedError

    def given_up(self) -> Any:
        """Return a handle for a node; this, and views of it, raise when used again."""
        raise NotImplementedError

    def guarded(self) -> Any:
        """Return a handle on this that nobody can write into."""
        raise NotImplementedError

    def laid_out(self, before: ArrayValue | None, order: Order = "K") -> Any:
        """Return this as an array that lies in memory as another one does.

        Where there is no other one, as a copy by itself does, in an order.
        """
        raise NotImplementedError

    @property
    def layout(self) -> Any:
        """The example, whose layout in memory decides what the program does."""
        raise NotImplementedError

    def receive(self, z: Any) -> None:
        """Hold a new result of this shape and dtype, which nobody else has."""
        raise NotImplementedError

    @property
    def example(self) -> Any:
        """The value in the call that is traced; others have other ones."""
        raise NotImplementedError

    @property
    def may_decide(self) -> bool:
        """Whether Python may branch on this: not in a body that a row repeats."""
        raise NotImplementedError

    @property
    def is_number(self) -> bool:
        """Whether this stands for a Python number, which adopts others' dtypes."""
        raise NotImplementedError

    def as_number(self) -> Any:
        """Return the result just made as the Python number that it is."""
        raise NotImplementedError

    def like(self, value: Value) -> Any:
        """Return this as a Python number where the value is one."""
        raise NotImplementedError

    def refuse_nan(self) -> None:
        """Say that the trace is wrong for arguments that make this hold a nan."""
        raise NotImplementedError


def refuse_nans(values: Iterable[Any]) -> None:
    """Say of all stand-ins among values, and under nodes, that none may be nan.

    A trace carries no supports of stand-ins. Leaving a support out can turn an entry
    into nan but never into another number, so a sweep without a nan is right.
    """
    for x in map(raw, values):
        if isinstance(x, stand_in):
            x.refuse_nan()
        elif isinstance(x, tuple):
            refuse_nans(x)  # pyright: ignore[reportUnknownArgumentType]


def first_stand_in(*trees: Any) -> stand_in | None:
    """Return the first stand-in in nested lists, tuples and mappings, if any."""
    return _first(stand_in, trees)


def first_vertex(*trees: Any) -> Any:
    """Return the first node in nested lists, tuples and mappings, if any."""
    return _first(vertex, trees)


def _first(kind: Any, trees: Iterable[Any]) -> Any:
    for x in trees:
        if isinstance(x, kind):
            return x
        if isinstance(x, list | tuple):
            first = _first(kind, x)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(x, dict):
            first = _first(kind, x.values())  # pyright: ignore
        elif isinstance(x, buffered):
            now = x.current()
            first = now if isinstance(now, kind) else None
        elif isinstance(x, _ndarray) and x.dtype == object:
            first = _first(kind, x.flat)
        else:
            continue
        if first is not None:
            return first
    return None


def is_internal(frame: FrameType) -> bool:
    """Tell whether a frame runs this library, NumPy, or text that the library made.

    It is told by the module's name, not by where its file lies.
    """
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0] in ("chainrule", "numpy")


def is_stand_in(x: Any) -> bool:
    """Tell whether a value is a stand-in: its entries are not known."""
    return isinstance(x, stand_in)


def surely_holds(mask: Mask) -> bool:
    """Tell whether a mask is known to hold somewhere.

    A stand-in's is not known, and a foreign one's is not asked.
    """
    return not (isinstance(mask, stand_in) or is_foreign(mask)) and bool(np.any(mask))


def is_refused(mask: Mask) -> bool:
    """Tell whether a mask holds somewhere, for which the caller raises an error.

    A stand-in's does not: the function itself answers, and raises, where it will.
    """
    if isinstance(mask, stand_in):
        refuse_nans([_where(mask, np.nan, 0.0)])
    return surely_holds(mask)


def may_hold(mask: Mask) -> bool:
    """Tell whether a mask may hold somewhere; a stand-in's and a foreign one's may."""
    if isinstance(mask, np.bool):
        return bool(mask)
    return isinstance(mask, stand_in) or is_foreign(mask) or bool(np.any(mask))


def as_array(x: ArrayLike) -> Any:
    """Return ``np.asarray(x)``; a stand-in and a foreign array as they are."""
    return x if isinstance(x, stand_in) or is_foreign(x) else np.asarray(x)


def asked_array(x: ArrayLike) -> Any:
    """Return ``np.asarray(x)``, which asks a stand-in for its entries.

    A rule's forward that does becomes one row of a trace. A foreign array is returned
    as it is.
    """
    return x if is_foreign(x) else np.asarray(x)


def raw(x: Any) -> Any:
    """Return the plain value under a node; anything else is returned as it is."""
    return x._value if isinstance(x, vertex) else x


def constant(x: ArrayLike, like: Any) -> Any:
    """Return a constant of a rule in the class of an operand, if that is foreign."""
    return made_like(x, raw(like))


def constant_full(shape: Sequence[int], entry: float, like: Any) -> Any:
    """Return an array of one number, in the class and dtype of an operand."""
    like = raw(like)
    return full(shape, entry, like) if is_foreign(like) else _full(shape, entry, like)


def _full(shape: Sequence[int], entry: float, like: Any) -> Any:
    return np.full(shape, entry, getattr(like, "dtype", None))


def likeness(x: Any) -> Any:
    """Return ``raw(x)``, or an array of its shape and dtype where that costs less."""
    return x._like if isinstance(x, vertex) else x


def unboxed(x: Any) -> Any:
    """Return the plain value under a node, a Python number as a NumPy float.

    NumPy's floats follow NumPy at poles and overflows, where Python's numbers raise.
    """
    x = raw(x)
    if type(x) is complex:
        return np.complex128(x)
    return np.float64(x) if type(x) in (float, int, bool) else x


def boxed(operands: Sequence[Any]) -> list[Any]:
    """Return operands with constants as NumPy's numbers; nodes stay."""
    return [x if isinstance(x, vertex) else unboxed(x) for x in operands]


ARITHMETIC_ERRORS = (ZeroDivisionError, OverflowError, ValueError)
"""What Python's floats raise where NumPy's return inf or nan."""
