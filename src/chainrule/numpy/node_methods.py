"""The methods and attributes of arrays, on nodes, whose form differs from a function's.

``x.sum()`` and others that are a NumPy function with the node first are set where that
function is declared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from chainrule.errors import EscapeError
from chainrule.nodes.node_class import node
from chainrule.numpy.in_place import assign, own
from chainrule.numpy.names import ABSENT
from chainrule.numpy.picking import compress
from chainrule.numpy.shape_functions import array_copy, matrix_transpose, ravel
from chainrule.numpy.writes import METHODS
from chainrule.operations import namespace as ops
from chainrule.values.foreign import is_foreign
from chainrule.values.shapes import TUPLE, is_complex, lies_in, ndarray
from chainrule.values.types import Order, Shape
from chainrule.values.versions import array_of, memory_of, note
from chainrule.values.vertices import raw, vertex
from chainrule.wrapping import implements

_np: Any = np


def _one_or_many(values: tuple[Any, ...]) -> Any:
    """Return what was given one by one, or as one tuple."""
    return values[0] if len(values) == 1 else values


def reshape(
    x: node, *shape: int | Shape, order: str = "C", copy: bool | None = None
) -> Any:
    """Return x with its elements in another shape: ``x.reshape(2, 3)``."""
    operate = ops.reshape if order == "C" else _np.reshape
    return operate(x, _one_or_many(shape), order=order, copy=copy)


def transpose(x: node, *axes: int | Shape | None) -> Any:
    """Return x with its axes permuted: ``x.transpose()``, ``x.transpose(1, 0)``."""
    if not axes or axes == (None,):
        return ops.transpose(x)
    axes = _one_or_many(axes)
    return ops.transpose(x, (axes,) if isinstance(axes, int) else tuple(axes))


def flatten(x: node, order: str = "C") -> Any:
    """Return x with one axis, a copy."""
    return own(ravel(x, order))


def copied(x: node, order: Order = "C") -> Any:
    """Return a node of its own: by rows, where ``np.copy(x)`` lies as x does."""
    return own(x, x, order=order)


def flat(x: node) -> Any:
    """The elements one by one; to write into them is to write into x."""
    z: Any = ops.reshape(x, (-1,))
    if array_of(x._value) is not None:
        note(z)
        memory_of(z).copies = True
    return z


def set_flat(x: node, value: ArrayLike) -> None:
    """Write into all elements, repeating the value: ``x.flat = value``."""
    assign(flat(x), slice(None), value)


def set_part(name: str) -> Callable[[node, Any], None]:
    """Return what writes into the real or imaginary part: ``x.real = value``."""

    def write(x: node, value: ArrayLike) -> None:
        if name == "imag" and not is_complex(x):
            raise TypeError("array does not have imaginary part to set")
        if isinstance(value, node) and memory_of(value).base is x:
            return  # by x.real *= 2.0 already
        part = getattr(x, name)
        if is_foreign(x._value) and part is not x:
            note(part)  # which may be a copy in other libraries
        assign(part, ..., value)

    return write


def compressed(
    x: node, condition: ArrayLike, axis: int | None = None, out: None = None
) -> Any:
    """Return entries of x where the condition holds."""
    return compress(condition, x, axis, out)


def conj(x: node, out: Any = None) -> Any:
    """Return the complex conjugate; of a real array, as NumPy's method, the array."""
    if out is not None:
        return np.conjugate(x, out=out)
    return ops.conjugate(x) if is_complex(x) else x


def astype(x: ArrayLike, dtype: DTypeLike, **options: Any) -> Any:
    """Return x in another dtype; x itself where it has that, with ``copy=False``."""
    z = ops.astype(x, dtype, **options)
    same = isinstance(x, node) and z.dtype == x.dtype
    return x if same and options.get("copy") is False else z


def cast(x: node, dtype: DTypeLike, order: Order = "K", **options: Any) -> Any:
    """Return what ``np.astype`` does, in an order."""
    z = astype(x, dtype, **options)
    return z if lies_in(array_of(raw(z)), order) else array_copy(z, order)


def view(x: node, dtype: DTypeLike | None = None, *kinds: type) -> Any:
    """Return a view of the same dtype; as another one, the memory shows no node."""
    if kinds or not (dtype is None or dtype is ndarray or np.dtype(dtype) == x.dtype):
        raise EscapeError(f"x.view(dtype) {_ESCAPES.format('view')}")
    return x if array_of(x._value) is None else x[...]


def item(x: Any, *index: Any) -> Any:
    """Return one entry as a number, a node: the only one, or that at an index."""
    if not index and x.size != 1:
        raise ValueError("can only convert an array of size 1 to a Python scalar")
    places: Any = _one_or_many(index) or (0,) * x.ndim
    if not isinstance(places, TUPLE):
        places = _np.unravel_index(range(x.size)[places], x.shape)
    if len(places) != x.ndim:
        raise ValueError("incorrect number of indices for array")
    return x[places]


implements(np.astype)(astype)
for _name, _method in {
    "astype": cast,
    "conj": conj,
    "copy": copied,
    "item": item,
    "reshape": reshape,
    "transpose": transpose,
    "view": view,
    "flatten": flatten,
    "compress": compressed,
    "T": property(transpose, doc="The node with its axes reversed."),
    "mT": property(matrix_transpose, doc="The node with its last two axes exchanged."),
    "flat": property(flat, set_flat),
}.items():
    setattr(node, _name, _method)
node.conjugate = conj  # type: ignore[attr-defined]
for _name in ("real", "imag"):
    _part: Any = getattr(node, _name)
    setattr(node, _name, _part.setter(set_part(_name)))


# ------------------------------------------------------------ plain and refused methods


def _plain(name: str) -> Callable[..., Any]:
    """Return a method whose result is locally constant: NumPy's, on the plain value."""
    function = getattr(np, name)

    def method(x: node, *args: Any, **kwargs: Any) -> Any:
        return function(x, *args, **kwargs)

    method.__name__ = name
    method.__doc__ = f"Return NumPy's {name} of the value: locally constant."
    return method


def _refused(name: str, reason: str) -> Callable[..., Any]:
    def method(x: node, *args: Any, **kwargs: Any) -> Any:
        raise EscapeError(f"x.{name}() {reason}")

    method.__name__ = name
    method.__doc__ = f"Refuse: x.{name}() {reason}"
    return method


CONSTANT_METHODS = (
    "all any argmax argmin argpartition argsort nonzero searchsorted".split()
)
"""Methods that return plain values."""

_CALLED_ON_ENTRIES = ("rint", "logical_xor")
"""Methods that arrays lack, which NumPy calls on the entries of object arrays."""

_IN_PLACE = "would change a node in place, without a derivative. Write {0}."
_ESCAPES = (
    "would turn a node into plain data and lose its derivative. Write "
    "gd.value(x).{0}() if it is to be treated as constant."
)
REFUSED_METHODS = {
    "resize": _IN_PLACE.format("np.resize(x, shape), which returns a new node"),
    "setfield": _IN_PLACE.format("x[...] = values"),
    "choose": "takes integers, and a node holds floating-point numbers. Write "
    "np.choose(gd.value(x).astype(int), choices).",
    "setflags": "would change how the array may be used, which a node does not keep.",
}
"""Methods that would change a node in place or lose its history, with the reason."""

_OF_MEMORY = "byteswap dump dumps getfield tobytes tofile tolist"
for _name in _OF_MEMORY.split():
    REFUSED_METHODS[_name] = _ESCAPES.format(_name)

for _name in (*CONSTANT_METHODS, *_CALLED_ON_ENTRIES):
    setattr(node, _name, _plain(_name))
for _name, _reason in REFUSED_METHODS.items():
    setattr(node, _name, _refused(_name, _reason))
for _name, _method in METHODS.items():
    setattr(node, _name, _method)

_OF_THE_LIBRARY = [name for name in vars(vertex) if not name.startswith("_")]
_HIDDEN = {*REFUSED_METHODS, *ABSENT, *_CALLED_ON_ENTRIES, *_OF_THE_LIBRARY, "receive"}


def _offered(x: node) -> list[str]:
    """List what a node offers: without names that only raise, or serve the library."""
    return sorted(set(object.__dir__(x)) - _HIDDEN)


setattr(node, "__dir__", _offered)  # noqa: B010
