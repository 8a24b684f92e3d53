"""How large the result of a call would be, before it is made.

In: a row of a program from a file, and the values of its arguments. Out: nothing, or
``FileError`` where a result would be larger than the file's reader allows.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.files.programs import Limits
from chainrule.compiler.tracing.calls import named, parameters
from chainrule.compiler.tracing.plain_operators import is_of_whole
from chainrule.compiler.tracing.rows import Function, Row
from chainrule.rules import traits_of
from chainrule.values.shapes import SEQUENCES, Shape, kind_of, ndarray

_of: Any = operator
_LENGTHS = ("shape", "newshape", "n", "s", "minlength", "pad_width")
"""Names of parameters that say how long a result is."""
_REPEATING = ("repeat", "tile", "outer", "kron")
"""Functions whose results are as large as the product of their arguments."""


def check_sizes(
    row: Row, args: Sequence[Any], given: Mapping[str, Any], limits: Limits
) -> None:
    """Raise before a call makes a value that is too large."""
    function: Any = row.function
    shapes: list[tuple[int, ...]] = [
        np.shape(x) for x in args if isinstance(x, ndarray)
    ]
    if type(function) is np.ufunc and len(shapes) < 2:
        return  # the commonest case: numbers, or one array and its shape
    known = traits_of(function)
    if function in (_of.pow, _of.lshift, _of.mul) and is_of_whole(row):
        limits.check((_bits(function, *args) // 8,), 1, "an integer")
    elif known.entrywise:
        broadcast: Any = np.broadcast_shapes
        limits.check(broadcast(*shapes), 8, "a result")
    elif known.contracts is not None and len(shapes) == 2:
        more = parameters(function, args, given, 2)
        limits.check(
            _product(known.contracts, shapes[0], shapes[1], more), 8, "a product"
        )
    elif function is np.einsum and kind_of(args[0]) is str and "." not in args[0]:
        labels, _, result = args[0].replace(" ", "").partition("->")
        dims = [n for shape in shapes for n in shape]
        lengths = dict(zip(labels.replace(",", ""), dims, strict=False))
        limits.check([lengths.get(x, 1) for x in result], 8, "a product")
    elif getattr(function, "__name__", "") in _REPEATING:
        counts = _counts((args, given))
        limits.check([*map(math.prod, shapes), *counts], 8, "a result")
    else:
        told = named(function, args, given)
        for n in _counts([told[k] for k in _LENGTHS if k in told]):
            limits.check((n,), 1, "a result")


def _bits(function: Function, x: int, y: int) -> int:
    """Return about how many bits a power, shift or product of integers has."""
    first, second = int(x).bit_length(), abs(int(y))
    if function is _of.pow:
        return first * second
    return first + (second if function is _of.lshift else second.bit_length())


def _product(
    contracts: Function, x: Shape, y: Shape, more: Mapping[str, Any]
) -> list[int]:
    """Return the lengths of a product's axes, in any order."""
    axes = contracts(len(x), len(y), **more)
    if axes is None:  # stacks of matrices
        stack = np.broadcast_shapes(x[:-2], y[:-2])
        return [*stack, *x[-2:-1], *y[-1:]]
    summed = [{i % len(s) for i in a} for s, a in zip((x, y), axes, strict=True)]
    return [
        n
        for s, left_out in zip((x, y), summed, strict=True)
        for i, n in enumerate(s)
        if i not in left_out
    ]


def _counts(x: Any) -> list[int]:
    """Return the integers among arguments; of a list of them, their product."""
    if isinstance(x, SEQUENCES):
        whole = [n for n in x if kind_of(n) is int]
        if whole and len(whole) == len(x):
            return [math.prod(max(1, abs(n)) for n in whole)]
        return [n for part in x for n in _counts(part)]
    if isinstance(x, dict):
        return _counts(list(x.values()))  # type: ignore[arg-type]
    return [abs(x)] if kind_of(x) is int else []


__all__ = ["check_sizes"]
