"""The inner loops of ufuncs: what NumPy and SciPy run along an array.

In: the name of an operation, and a dtype. Out: where the loop of its ufunc is, for
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
from chainrule.compiler.native.expressions import is_plain, is_scalar
from chainrule.compiler.native.operations import ufunc_of
from chainrule.locks import has_global_lock
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
def loop_of(
    name: str, real: str = "d", *, of_complex: bool = False, is_complex: bool = False
) -> UfuncLoop | None:
    """Return the loop to call for an operation; ``None`` if our own code is better.

    ``real`` is the character of the dtype of real numbers. Operands may be complex, or
    the result: of these there is no code of ours.
    """
    ufunc = ufunc_of(name)
    if ufunc is None or not _is_known():
        return None
    of, to = (
        c.upper() if z else c for c, z in ((real, of_complex), (real, is_complex))
    )
    if real == "d" and not of_complex and not is_scalar(name):
        if not (traits_of(ufunc).vector_loop and _has_vectors()):
            return None
    elif not of_complex and is_plain(name):
        return None
    return _read(ufunc, name, of * ufunc.nin + "->" + to)


def _is_known() -> bool:
    """Tell whether this Python and NumPy are of the kinds that were looked at."""
    series = tuple(int(n) for n in np.__version__.split(".")[:2])
    return (
        sys.implementation.name == "cpython"
        and has_global_lock()
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


def _read(ufunc: Any, name: str, wanted: str = "") -> UfuncLoop | None:
    """Read the addresses of a loop of some dtypes, if all is as it should be."""
    if ufunc.nout != 1 or ufunc.signature is not None or ufunc.nin > 3:
        return None
    found = _Ufunc.from_address(id(ufunc) + object.__basicsize__)
    counts = found.nin, found.nout, found.nargs, found.ntypes
    if counts != (ufunc.nin, ufunc.nout, ufunc.nargs, ufunc.ntypes):
        return None
    wanted = wanted or "d" * ufunc.nin + "->d"
    if found.name != ufunc.__name__.encode() or wanted not in ufunc.types:
        return None
    codes = ctypes.string_at(found.types, ufunc.ntypes * ufunc.nargs)
    if codes != _codes(ufunc):
        return None
    i = ufunc.types.index(wanted)
    function, data = found.functions[i], found.data[i] if found.data else None
    if not function or not _agrees(ufunc, function, data, wanted):
        return None
    symbol = f"ufunc_{name}_{wanted.replace('->', '_')}"
    loop = UfuncLoop(symbol, f"{symbol}_data" if data else "")
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


def _agrees(ufunc: Any, function: int, data: int | None, types: str) -> bool:
    """Tell whether a loop gives the bits of its ufunc on some numbers."""
    some = np.linspace(-3.0, 3.0, 61)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e300, -1e-300, 1.0])
    real = np.concatenate([some, special])
    pairs = np.stack([real, np.roll(real, 5)], axis=1).view(complex)[:, 0]
    drawn = pairs if types[0] in "FD" else real
    operands = [
        quietly(np.roll(drawn, 7 * i).astype, types[0]) for i in range(ufunc.nin)
    ]
    expected = quietly(ufunc, *operands)
    result = np.empty(expected.shape, types[-1])
    arrays = [*operands, result]
    places = np.array([x.ctypes.data for x in arrays], dtype=np.intp)
    count = np.array([len(result)], dtype=np.intp)
    steps = np.array([x.itemsize for x in arrays], dtype=np.intp)
    _LOOP(function)(places.ctypes.data, count.ctypes.data, steps.ctypes.data, data)
    return expected.dtype == result.dtype and _same_bits(
        _parts(result), _parts(expected)
    )


def _parts(x: Any) -> Any:
    """Return an array's numbers: of complex ones, the parts."""
    return x.view(x.real.dtype)


def _same_bits(result: Any, expected: Any) -> bool:
    """Tell whether numbers are equal, also in their signs."""
    same = np.array_equal(result, expected, equal_nan=True)
    nan = np.isnan(expected)
    signs = np.signbit(result[~nan]) == np.signbit(expected[~nan])
    return same and bool(signs.all())


__all__ = ["UfuncLoop", "loop_of"]
