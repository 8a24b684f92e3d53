"""Common subexpression elimination (CSE): the same call of the same operands once."""

from __future__ import annotations

import hashlib
import itertools
import math
from typing import Any

from numpy.typing import NDArray

from chainrule.compiler.programs.program import Program, rewrite
from chainrule.compiler.tracing.picking import Unread
from chainrule.compiler.tracing.rows import Row
from chainrule.values.shapes import ARRAYS, kind_of, ndarray


def eliminate_common_subexpressions(program: Program) -> None:
    """Make one row of equal calls."""
    share_constants(program)
    known: dict[Any, Row] = {}

    def first(row: Row, rows: list[Row]) -> Row:
        equal = known.setdefault(call_key(row), row)
        if equal is row:
            rows.append(row)
        elif isinstance(equal.where, Unread):
            equal.where = row.where  # this one's shape may have been read
        return equal

    rewrite(program, first, "equal calls")


def share_constants(program: Program) -> None:
    """Have equal arrays be one, where they are constants that rows are given.

    A Python loop makes its constants anew in each step: ``np.fft.rfftfreq(n) ** 2``.
    Entries are only read where there are two of a shape and a dtype.
    """
    reading = [row for row in program.rows if ndarray in map(kind_of, row.args)]
    alike: dict[Any, dict[int, Any]] = {}
    for x in itertools.chain.from_iterable(row.args for row in reading):
        if kind_of(x) is ndarray and x.nbytes > _SMALL and is_plain(x):
            alike.setdefault((x.shape, x.dtype.str), {})[id(x)] = x
    first: dict[int, Any] = {}
    for arrays in alike.values():
        known: dict[bytes, Any] = {}
        for x in arrays.values() if len(arrays) > 1 else ():
            entries = hashlib.blake2b(x, digest_size=16).digest()
            first[id(x)] = known.setdefault(entries, x)
    for row in reading if first else ():
        row.args = tuple([first.get(id(x), x) for x in row.args])


def is_plain(x: NDArray[Any]) -> bool:
    """Tell whether the bytes of an array are its numbers, in order."""
    return x.flags.c_contiguous and x.dtype.kind in "biufc"


def call_key(row: Row) -> Any:
    """Return what is equal for calls that compute the same."""
    if not row.given:
        for x in row.args:
            kind = kind_of(x)
            if kind is not Row and (kind is not float or x == 0.0):
                break
        else:  # the arguments are their own keys, but for 0.0, which equals -0.0
            return (row.function, row.args, row.number)
    return (row.function, argument_key(row.args), argument_key(row.given), row.number)


_SMALL = 1024


def argument_key(x: Any) -> Any:
    """Return a hashable stand-in for an argument; equal ones compute the same."""
    kind = kind_of(x)
    if kind is Row:
        return id(x)
    if kind is float:
        return (float, x, math.copysign(1.0, x))
    if kind is complex:
        return (complex, argument_key(x.real), argument_key(x.imag))
    if kind is tuple or kind is list:
        return (kind, *[argument_key(v) for v in x])
    if kind is dict:
        return (kind, *[(k, argument_key(v)) for k, v in x.items()])
    if kind is slice:
        return (kind, argument_key(x.start), argument_key(x.stop), argument_key(x.step))
    if isinstance(x, ARRAYS):
        if x.nbytes <= _SMALL:
            return (kind, x.shape, x.dtype.str, x.tobytes())
        return id(x)
    try:
        hash(x)
    except TypeError:
        return id(x)
    return (kind, x)
