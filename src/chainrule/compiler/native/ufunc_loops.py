"""The inner loops of ufuncs: what NumPy and SciPy run along an array.

In: the name of an operation. Out: where the loop of its ufunc over float64 is, for
machine code to call on stretches of arrays that stay in the cache. It gives NumPy's own
bits. A loop is taken where it is faster than code of ours: where that would call a
function of the C library for each number, or the rule says so (``traits.vector_loop``).

The addresses are read from the ufunc object, whose layout CPython's NumPy has kept; all
that can be compared is, and the loop is tried on numbers before it is used. Where
anything differs, and in Pythons without a global lock, there is none.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compiler.native import c_library
from chainrule.compiler.native.expressions import is_scalar
from chainrule.compiler.native.operations import ufunc_of
from chainrule.rules.registry import traits_of
from chainrule.values.quiet import quietly


@dataclass(frozen=True)
class UfuncLoop:
    """A loop: the symbols of its function and of the data that it is called with."""

    function: str
    data: str


class _Ufunc(ctypes.Structure):
    """The first fields of a ufunc object, after those of every object."""

    _fields_ = [
        ("nin", ctypes.c_int),
        ("nout", ctypes.c_int),
        ("nargs", ctypes.c_int),
        ("identity", ctypes.c_int),
        ("functions", ctypes.POINTER(ctypes.c_void_p)),
        ("data", ctypes.POINTER(ctypes.c_void_p)),
        ("ntypes", ctypes.c_int),
        ("reserved", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("types", ctypes.c_void_p),
    ]


@functools.cache
def loop_of(name: str) -> UfuncLoop | None:
    """Return the loop to call for an operation; ``None`` if our own code is better."""
    ufunc = ufunc_of(name)
    if ufunc is None or not _is_known():
        return None
    if not is_scalar(name) and not (traits_of(ufunc).vector_loop and _has_vectors()):
        return None
    return _read(ufunc, name)


def _is_known() -> bool:
    """Tell whether this Python and NumPy are of the kinds that were looked at."""
    of_threads = not getattr(sys, "_is_gil_enabled", lambda: True)()
    series = tuple(int(n) for n in np.__version__.split(".")[:2])
    return (
        sys.implementation.name == "cpython"
        and not of_threads
        and (2, 0) <= series < (2, 7)
    )


@functools.cache
def _has_vectors() -> bool:
    """Tell whether NumPy uses the instructions of AVX-512, for which it has loops."""
    core: Any = getattr(np, "_core", None)
    features: Any = getattr(
        getattr(core, "_multiarray_umath", None), "__cpu_features__", {}
    )
    return bool(features.get("AVX512_SKX"))


def _read(ufunc: Any, name: str) -> UfuncLoop | None:
    """Read a loop's addresses from a ufunc, if all is as it should be."""
    if ufunc.nout != 1 or ufunc.signature is not None or ufunc.nin > 3:
        return None
    found = _Ufunc.from_address(id(ufunc) + object.__basicsize__)
    counts = found.nin, found.nout, found.nargs, found.ntypes
    if counts != (ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.ntypes):
        return None
    wanted = "d" * ufunc.nin + "->d"
    if found.name != ufunc.__name__.encode() or wanted not in ufunc.types:
        return None
    codes = ctypes.string_at(found.types, ufunc.ntypes * ufunc.nargs)
    if codes != _codes(ufunc):
        return None
    i = ufunc.types.index(wanted)
    function, data = found.functions[i], found.data[i] if found.data else None
    if not function or not _agrees(ufunc, function, data):
        return None
    loop = UfuncLoop(f"ufunc_{name}", f"ufunc_{name}_data" if data else "")
    c_library.KNOWN[loop.function] = function
    if data:
        c_library.KNOWN[loop.data] = data
    return loop


def _codes(ufunc: Any) -> bytes:
    """Return the numbers of the dtypes of a ufunc's loops, as the object lists them."""
    chars = "".join(ufunc.types).replace("->", "")
    return bytes(np.dtype(c).num for c in chars)


_LOOP = ctypes.CFUNCTYPE(
    None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p
)


def _agrees(ufunc: Any, function: int, data: int | None) -> bool:
    """Tell whether a loop gives the bits of its ufunc on some numbers."""
    some = np.linspace(-3.0, 3.0, 61)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e300, -1e-300, 1.0])
    operands = [
        np.roll(np.concatenate([some, special]), 7 * i) for i in range(ufunc.nin)
    ]
    expected = quietly(ufunc, *operands)
    result = np.empty_like(expected)
    arrays = [*operands, result]
    places = np.array([x.ctypes.data for x in arrays], dtype=np.intp)
    count = np.array([len(result)], dtype=np.intp)
    steps = np.full(len(arrays), 8, dtype=np.intp)
    _LOOP(function)(places.ctypes.data, count.ctypes.data, steps.ctypes.data, data)
    same = np.array_equal(result, expected, equal_nan=True)
    nan = np.isnan(expected)
    signs = np.signbit(result[~nan]) == np.signbit(expected[~nan])
    return same and bool(signs.all())


__all__ = ["UfuncLoop", "loop_of"]
