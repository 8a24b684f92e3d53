"""Values in files: numbers, arrays and what holds them, exactly, as JSON.

In: what a row is given besides other rows. Out: JSON, and from it the same value, bit
for bit. Integers, finite floats, strings, booleans, ``None`` and lists are JSON's own;
all else is an object of one member that says what it is: ``{"array": ...}``. An array
is read from as many bytes as it has, so that no file can ask for more than it holds.
"""

from __future__ import annotations

import base64
import functools
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.compiler.files.errors import refuse, require
from chainrule.compiler.tracing.rows import NUMBERS
from chainrule.values.shapes import describe, generic, kind_of, ndarray

Json = Any
Members = Mapping[str, Any]
"""An object of JSON."""
Items = Sequence[Any]
"""A list of JSON."""
Special = Callable[[Any], Json]
"""What else a value may be: rows, in a program. It returns ``None`` for the others."""

DEPTH = 64
"""How deeply containers may lie inside each other."""

_NAMES = (
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 "
    "complex64 complex128"
).split()
_KINDS = {np.dtype(name).str[1:]: name for name in _NAMES}
_TYPES: Mapping[str, Any] = {
    **{x.__name__: x for x in NUMBERS},
    **{f"np.{name}": np.dtype(name).type for name in _NAMES},
}
"""Classes of numbers, which rows take as dtypes."""
_TYPE_NAMES = {x: name for name, x in _TYPES.items()}


# ---------------------------------------------------------------------------- writing


def written(x: Any, special: Special | None = None) -> Json:
    """Return a value as JSON; refuse what is neither number, array nor container."""
    found = None if special is None else special(x)
    if found is not None:
        return found
    kind = kind_of(x)
    if x is None or kind is bool or kind is str:
        return x
    if kind is int:
        return x if -(2**63) <= x < 2**63 else {"int": hex(x)}
    if kind is float:
        return x if math.isfinite(x) else {"float": struct.pack(">d", x).hex()}
    if kind is list:
        return [written(v, special) for v in x]
    if kind in _WRITERS:
        name, write = _WRITERS[kind]
        return {name: write(x, special)}
    if kind is ndarray or isinstance(x, generic):
        return _array(x)
    if isinstance(x, np.dtype):
        return {"dtype": dtype_text(x)}  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(x, type) and x in _TYPE_NAMES:
        return {"type": _TYPE_NAMES[x]}
    raise refuse(f"it holds {describe(x)}, which is no number or array")


def _parts(x: Items, special: Special | None) -> Json:
    return [written(v, special) for v in x]


def _pairs(x: Mapping[Any, Any], special: Special | None) -> Json:
    return [[written(k), written(v, special)] for k, v in x.items()]


def _limits(x: slice, special: Special | None) -> Json:
    return [written(v, special) for v in (x.start, x.stop, x.step)]


def _complex(x: complex, special: Special | None) -> Json:
    return [written(x.real), written(x.imag)]


def _ellipsis(x: EllipsisType, special: Special | None) -> Json:
    return True


_WRITERS: Mapping[type, tuple[str, Any]] = {
    tuple: ("tuple", _parts),
    dict: ("dict", _pairs),
    slice: ("slice", _limits),
    complex: ("complex", _complex),
    type(...): ("ellipsis", _ellipsis),
}


def _array(x: NDArray[Any]) -> Json:
    """Return an array, or a NumPy number, by its bytes."""
    dtype = dtype_text(x.dtype)
    if isinstance(x, generic):
        return {"number": [dtype, x.tobytes().hex()]}
    by_columns = x.flags.f_contiguous and not x.flags.c_contiguous
    order = "F" if by_columns else "C"
    data = base64.b64encode(x.tobytes(order=order)).decode()
    return {"array": [dtype, list(x.shape), order, data]}


def dtype_text(dtype: np.dtype[Any]) -> str:
    """Return a dtype as NumPy writes it, with its order of bytes."""
    text: str = dtype.str
    if text[1:] not in _KINDS:
        raise refuse(f"it has values of dtype {dtype}, which differs by machine")
    return text


# ---------------------------------------------------------------------------- reading


def read(x: Json, special: Special | None = None, depth: int = 0) -> Any:
    """Return the value that JSON describes; raise if it describes none."""
    require(depth < DEPTH, "containers lie too deeply inside each other")
    kind = kind_of(x)
    if x is None or kind in (bool, str, float):
        number: Any = x
        require(kind is not float or math.isfinite(number), f"{x} is no number")
        return x
    if kind is int:
        require(-(2**63) <= x < 2**63, "an integer is too large")
        return x
    if kind is list:
        return [read(v, special, depth + 1) for v in x]
    require(kind is dict and len(x) == 1, f"{str(x)[:40]} is no value")
    ((name, content),) = x.items()
    if special is not None:
        found = special(x)
        if found is not None:
            return found
    require(name in _READERS, f"{name[:40]!r} is no kind of value")
    return _READERS[name](content, special, depth + 1)


def _tuple(x: Items, special: Special | None, depth: int) -> Any:
    require(kind_of(x) is list, "a tuple is no list")
    return tuple([read(v, special, depth) for v in x])


def _dict(x: Items, special: Special | None, depth: int) -> Any:
    found = {read(k): read(v, special, depth) for k, v in x}
    require(len(found) == len(x), "a key stands twice")
    return found


def _slice(x: Items, special: Special | None, depth: int) -> Any:
    start, stop, step = (read(v, special, depth) for v in x)
    return slice(start, stop, step)


def _complex_of(x: Items, special: Special | None, depth: int) -> Any:
    real, imag = map(read, x)
    require(
        kind_of(real) is kind_of(imag) is float, "a complex number has no two floats"
    )
    return complex(real, imag)


def _float(x: str, special: Special | None, depth: int) -> Any:
    return struct.unpack(">d", bytes.fromhex(x))[0]


def _int(x: str, special: Special | None, depth: int) -> Any:
    require(kind_of(x) is str, "an integer is no text")
    return int(x, 16)


def _ellipsis_of(x: Json, special: Special | None, depth: int) -> Any:
    return ...


def _number(x: Items, special: Special | None, depth: int) -> Any:
    text, data = x
    dtype, held = dtype_of(text), bytes.fromhex(data)
    require(len(held) == dtype.itemsize, f"a {dtype} has {len(held)} bytes")
    return np.bool(any(held)) if dtype.kind == "b" else np.frombuffer(held, dtype)[0]


def _array_of(x: Items, special: Special | None, depth: int) -> Any:
    text, shape, order, data = x
    dtype, shape = dtype_of(text), shape_of(shape)
    require(order in ("C", "F"), f"{order!r} is no order of entries")
    held = base64.b64decode(data, validate=True)
    require(
        len(held) == math.prod(shape) * dtype.itemsize,
        f"an array of shape {shape} has {len(held)} bytes",
    )
    array = np.frombuffer(held, dtype).reshape(shape, order=order)
    if dtype.kind == "b":  # a byte that is neither 0 nor 1 is no boolean
        array = array.view(np.uint8) != 0
    array.flags.writeable = False
    return array


def _dtype(x: str, special: Special | None, depth: int) -> Any:
    return dtype_of(x)


def _type(x: str, special: Special | None, depth: int) -> Any:
    return _TYPES[x]


_READERS: Mapping[str, Callable[[Any, Special | None, int], Any]] = {
    "tuple": _tuple,
    "dict": _dict,
    "slice": _slice,
    "complex": _complex_of,
    "float": _float,
    "int": _int,
    "ellipsis": _ellipsis_of,
    "number": _number,
    "array": _array_of,
    "dtype": _dtype,
    "type": _type,
}


@functools.lru_cache(maxsize=256)
def dtype_of(text: str) -> np.dtype[Any]:
    """Return the dtype of a text, if it is one of numbers."""
    known = kind_of(text) is str and text[:1] in ("<", ">", "|") and text[1:] in _KINDS
    require(known, f"{str(text)[:20]!r} is no dtype")
    return np.dtype(text)


def shape_of(x: Items) -> tuple[int, ...]:
    """Return a shape: a list of a few lengths."""
    require(kind_of(x) is list and len(x) <= 32, "a shape is no short list")
    require(all(kind_of(n) is int and n >= 0 for n in x), f"{x} is no shape")
    return tuple(x)


__all__ = ["Json", "dtype_of", "dtype_text", "read", "shape_of", "written"]
