"""Buffers: arrays of plain numbers that nodes can be written into.

NumPy's arrays cannot remember how an entry was computed. A buffer is such an array, in
every respect, until a node (or a traced value) is written into it. It then *hands
over*: there is a node with its entries, which is asked what the buffer is asked, and
its own memory, which code in C can read, is filled with nan. Views follow that node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, SupportsIndex, cast

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import AssignedError, EscapeError
from chainrule.nodes.node_class import node
from chainrule.nodes.out import without_out, write_result, write_ufunc
from chainrule.nodes.tables import FUNCTIONS
from chainrule.numpy.buffer_operands import (
    all_now,
    arrays_in,
    as_recorded,
    called,
    is_recorded,
    now,
    writable,
)
from chainrule.numpy.buffer_operators import operated
from chainrule.numpy.buffer_views import memory_shown, view_of
from chainrule.numpy.in_place import constant_node
from chainrule.operations_grad.indexing import getitem
from chainrule.rules import traits_of
from chainrule.values.buffered import buffered, current
from chainrule.values.foreign import may_be_written
from chainrule.values.indices import is_basic
from chainrule.values.shapes import SEQUENCES, TUPLE, kind_of, laid_out, ndarray
from chainrule.values.types import Index, Operation, Value
from chainrule.values.versions import LOCK
from chainrule.values.vertices import (
    first_stand_in,
    first_vertex,
    stand_in,
    vertex,
)

_NO_BUFFERS: Any = (node, float, np.float64, int)
_PLAIN: Any = (float, int, complex, bool, np.ndarray, np.float64)


class buffer(operated):  # noqa: N801
    """An array that takes nodes; ``gd.zeros`` and its relatives make them.

    Attributes
    ----------
    base_buffer
        The buffer that this is a view of; ``None`` if it is none.
    state
        The node that it has become; ``None`` while its numbers are plain. Of a view it
        is that view of the node of its base, once somebody has asked for it.
    index
        Of a view: which entries of its base it shows, where an index said so.
    made_as
        The class of what its methods make: copies, and what an index picks.
    """

    made_as: Any
    __slots__ = ("base_buffer", "index", "state")

    def __array_finalize__(self, source: object) -> None:
        """Find out whose memory this shows."""
        base = root_of(source) if isinstance(source, buffer) else None
        is_view = base is not None and np.may_share_memory(plain(self), plain(base))
        _BASE.__set__(self, base if is_view else None)
        _STATE.__set__(self, None)
        _INDEX.__set__(self, None)

    def __getattribute__(self, name: str) -> Any:
        """Find an attribute of the array, or of the node that it has become."""
        state = _state(self)
        if state is None or name in _OWN or name.startswith("__"):
            return object.__getattribute__(self, name)
        if name in _TAKING and not isinstance(state, vertex):
            return object.__getattribute__(self, name)
        found = getattr(self.current(), name)
        if isinstance(state, vertex):
            return found
        if not callable(found):
            return _held(found, self)

        def call(*args: Any, **given: Any) -> Any:
            return _held(found(*args, **given), self)

        return call

    def current(self) -> Any:
        """Return what this is now: a plain array on the same memory, or a node."""
        own, base, state = _state_of(self), _base_of(self), _state(self)
        if own is not None or state is None:
            return _view(self, ndarray) if own is None else own
        index: Any = _INDEX.__get__(self)
        shown = (state, plain(self), plain(base)) if index is None else None
        z = state[index] if shown is None else view_of(*shown)
        if isinstance(z, vertex):
            _STATE.__set__(self, z)
        return z

    def hand_over(self, value: object) -> None:
        """Become a node, or a traced array: a value of that kind is about to come.

        A traced array becomes a node, whose value it is; what was given out of it
        elsewhere raises afterwards, since it cannot follow.
        """
        with LOCK:
            if (state := _state(self)) is None:
                _hand_over(root_of(self), value)
            elif isinstance(state, stand_in) and first_vertex(value) is not None:
                _refuse_rounding(state, value)
                if state.root is not state:
                    raise AssignedError(_OF_A_VIEW)
                made = constant_node(first_vertex(value), state.given_up())
                _STATE.__set__(root_of(self), made)

    # ------------------------------------------------------------- reads and writes

    def __getitem__(self, index: Index) -> Any:  # type: ignore[override]
        """Return a part: a view as NumPy's is, or a node."""
        state = _state_of(self)
        if isinstance(state, vertex):
            return state[index]
        state = _state(self)
        if isinstance(state, stand_in) and is_basic(index):
            part = self._part_of_memory(index)  # it follows where a node comes
            if isinstance(part, buffer) and not (part.size and _base_of(part) is None):
                return part
        if state is not None or isinstance(index, vertex):
            part = self.current()[index]
        elif type(index) not in _INDICES and first_stand_in(index) is not None:
            part = getitem(self.current(), index=index)
        else:
            return self._part_of_memory(current(index))
        return part if is_basic(index) else holding(part, kind_of(self).made_as)

    def _part_of_memory(self, index: Index) -> Any:
        """Return a part of the memory; a view remembers its index."""
        part: Any = ndarray.__getitem__(self, index)
        if isinstance(part, buffer) and _base_of(part) is self:
            _INDEX.__set__(part, index)
        return part

    def __setitem__(self, index: Index, value: Value) -> None:  # type: ignore[override]
        """Write into a part; a node hands the array over."""
        state = _state_of(self)
        if isinstance(state, vertex):
            if type(value) not in _NO_BUFFERS:
                value = current(value)
            if type(index) is not int and type(index) not in _INDICES:
                index = current(index)
            state[index] = value
            return
        if type(value) not in _PLAIN or type(index) not in _INDICES:
            value, index = writable(value), current(index)
            if is_recorded(value) or first_stand_in(index) is not None:
                self.hand_over([index, value])
        if _state(self) is None:
            ndarray.__setitem__(self, index, value)
        else:
            self.current()[index] = value

    def fill(self, value: Value) -> None:
        """Write one number into all entries; a node hands the array over."""
        value = writable(value)
        if is_recorded(value):
            self.hand_over(value)
        kind_of(self).current(self).fill(value)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the first axis."""
        return iter([self[i] for i in range(len(self))])

    # -------------------------------------------------------------- NumPy's protocols

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, **given: Any
    ) -> Any:
        """Call a ufunc on what buffers are now, and write into those among ``out``."""
        if method == "at":
            if is_recorded(inputs):
                return FUNCTIONS[np.ufunc.at](ufunc, *inputs)
            return ufunc.at(*map(now, inputs))
        outs: Any = given.get("out", ())
        values = list(map(now, inputs))
        if outs and is_recorded([values, outs]):
            return write_ufunc(ufunc, method, values, given)
        results = getattr(ufunc, method)(*values, **all_now(given))
        if not outs:
            return kind_of(self).fresh(results)
        return tuple(outs) if isinstance(results, TUPLE) else outs[0]

    def __array_function__(  # type: ignore[override]
        self,
        func: Operation,
        types: Sequence[type],
        args: Sequence[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        """Call any other function on what buffers are now."""
        if traits_of(func).of_shapes and args and isinstance(args[0], buffer):
            return as_buffer(func(_view(args[0], ndarray), *args[1:], **kwargs))
        if _is_alone(self, args, kwargs):
            return _shown(func(_view(self, ndarray), *args[1:], **kwargs), [self])
        recorded = is_recorded([args, dict(kwargs)])
        if recorded and traits_of(func).writes:
            return FUNCTIONS[func](*args, **kwargs)
        out, rest, given = without_out(func, args, kwargs)
        if out is None or not recorded:
            result = called(func, args, kwargs)
            return shown_of(result, [args, kwargs]) if out is None else out
        return write_result(out, func, list(map(now, rest)), all_now(given))

    # ------------------------------------------------------------------ as an object

    def __repr__(self) -> str:
        """Show what it is now."""
        return repr(self.current())

    def __str__(self) -> str:
        """Show what it is now."""
        return str(self.current())

    def __format__(self, spec: str) -> str:
        """Write what it is now."""
        return format(self.current(), spec)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """Pickle what it is now."""
        return self.current().__reduce_ex__(protocol)

    def __copy__(self) -> Any:
        """Return a copy that takes nodes too."""
        z, kind = self.current().copy(), kind_of(self).made_as
        return z.view(kind) if type(z) is ndarray else holding(z, kind)

    def __deepcopy__(self, memo: object) -> Any:
        """Return a copy that takes nodes too."""
        return self.__copy__()


_slots: Any = buffer
_BASE, _STATE, _INDEX = _slots.base_buffer, _slots.state, _slots.index
_base_of, _state_of = _BASE.__get__, _STATE.__get__
buffer.made_as = buffer
_view = ndarray.view
_OWN = frozenset(("_part_of_memory", "current", "hand_over"))
_TAKING = frozenset(("fill", "flat", "put"))
"""What a traced array has too, but takes no nodes by."""
_OF_A_VIEW = (
    "A node would be written into a view of an array without derivatives, which would "
    "not see it. Write into the array, or into a copy: y.copy()."
)
_NO_ARRAYS: Any = frozenset([int, float, bool, str, type(None)])
_INDICES: Any = (int, slice, type(Ellipsis))


def root_of(x: buffer) -> Any:
    """Return the buffer whose memory a buffer shows."""
    base = _base_of(x)
    return x if base is None else base


def _hand_over(root: buffer, value: object) -> None:
    array = plain(root)
    _refuse_rounding(array, value)
    _STATE.__set__(root, as_recorded(array.copy("K"), value))
    if array.dtype.kind in "fc" and array.flags.writeable:
        array[...] = np.nan


def holding(z: Any, kind: type[buffer]) -> Any:
    """Return a traced array of floats as one that takes nodes; else, ``z`` itself.

    A view of another traced array refuses nodes.
    """
    is_array = isinstance(z, stand_in) and isinstance(z.example, ndarray)
    if not is_array or z.dtype.kind not in "fc":
        return z
    made = laid_out(np.nan, z.example).view(kind)
    _STATE.__set__(made, z)
    return made


def _held(z: Any, x: buffer) -> Any:
    """Return what was asked of a buffer that holds a traced array."""
    return holding(followed(z, [x]), kind_of(x).made_as)


def followed(z: Any, arrays: list[Any]) -> Any:
    """Return what shows a buffer's traced array as a view of the buffer, if it can be.

    So it sees a node that comes; what cannot raises then. What shows none of the arrays
    that a function was given is a new one.
    """
    if not isinstance(z, stand_in):
        return z
    for x in arrays:
        root = root_of(x) if isinstance(x, buffer) else None
        state = x if root is None else _state_of(root)
        if not isinstance(state, stand_in) or state.root is not z.root:
            continue
        if root is None or z is state:
            return z if root is None else root
        view = memory_shown(z, state, plain(root))
        return z if view is None else _view_in(root, view)
    return z.fixed()


def _view_in(root: buffer, view: NDArray[Any]) -> Any:
    made = view.view(kind_of(root))
    _BASE.__set__(made, root)
    return made


def _refuse_rounding(array: Any, value: object) -> None:
    if array.dtype.kind not in "fc" and first_vertex(value) is not None:
        raise EscapeError(
            f"A node was written into an array of {array.dtype}, which would round "
            "it and lose its derivative. Make the array of floats: np.zeros(n), "
            "gd.zeros(n)."
        )


def _state(x: buffer) -> Any:
    return _state_of(root_of(x))


def is_numbers_of_its_own(x: buffer) -> bool:
    """Tell whether a buffer is no view, and has not taken a node."""
    return _base_of(x) is None and _state_of(x) is None


def plain(x: NDArray[Any]) -> NDArray[Any]:
    """Return a plain array on a buffer's own memory."""
    return ndarray.view(x, ndarray)


def as_buffer(x: Any, args: object = ()) -> Any:
    """Return an array of numbers, made of ``args`` alone, as one that takes nodes."""
    if type(x) is ndarray and x.dtype.kind in "fcbiu":
        return x.view(buffer)
    return holding(followed(x, arrays_in(args)), buffer)


def taking_nodes(x: Any, *beside: Any) -> Any:
    """Return an array that a function of nodes made as one that takes nodes.

    Arrays of other libraries take none: that is a node of constants.
    """
    first = first_vertex(*beside)
    if first is not None and may_be_written(x) and x.dtype.kind in "fc":
        return constant_node(first, x)
    return as_buffer(x)


def _is_alone(x: buffer, args: Sequence[Any], given: Mapping[str, Any]) -> bool:
    """Tell whether a plain buffer is the only array of a call."""
    if not args or args[0] is not x or _state(x) is not None:
        return False
    others = (*args[1:], *given.values())
    return all(type(v) in _NO_ARRAYS for v in others)


def shown_of(results: Any, operands: object) -> Any:
    """Return results of a function: what shows a buffer's memory is a view of it.

    So what is written into the buffer later is seen by ``np.reshape(y, shape)`` too.
    """
    arrays = arrays_in(operands)
    is_any = any(isinstance(x, buffered) for x in arrays)
    return _shown(results, arrays) if is_any else results


def _shown(z: Any, arrays: list[Any]) -> Any:
    if isinstance(z, SEQUENCES):
        kind, parts = kind_of(z), [_shown(part, arrays) for part in z]
        if not hasattr(kind, "_fields"):
            return kind(parts)
        plainly: Any = tuple
        made = plainly.__new__(kind, parts)  # its __init__ may ask for more
        if hasattr(z, "__dict__"):
            made.__dict__.update(z.__dict__)
        return made
    is_view = type(z) is ndarray and z.base is not None
    z, kind = followed(z, arrays), cast("Any", buffer)
    for x in arrays:
        if isinstance(x, buffer):
            if is_view and np.may_share_memory(z, plain(root_of(x))):
                return _view_in(root_of(x), z)
            kind = kind_of(x) if isinstance(x, kind) else kind
    return kind.fresh(z)
