"""Assembly: places for values, and instructions on them.

In: the shapes of values, constants, and operations by their names. Out: places in one
flat workspace, the constants to fill in there, and the instructions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.meanings import CannotLowerError
from chainrule.compiler.native.movements import Places
from chainrule.compiler.native.operations import OPCODES, single_of
from chainrule.compiler.tape.held import FLOAT, SINGLE
from chainrule.compiler.tape.instructions import LARGEST, Code
from chainrule.compiler.tape.parts import Outside, Region
from chainrule.compiler.tape.places import FEW, is_exact, is_one_piece, stretches
from chainrule.values.quiet import quietly
from chainrule.values.shapes import ndarray
from chainrule.values.types import Shape

_ALIGNED = 8  # arrays that start at multiples of 64 bytes are quicker
SHORT = 16
"""Numbers that many instructions should have each, on average."""


class Assembly:
    """Assigns places, and writes instructions."""

    def __init__(self) -> None:
        """Begin with nothing but the place of a zero."""
        self.size: int = 0
        self.single: bool = False
        """Whether what is written now computes with numbers of float32."""
        self.code: Code = Code()
        self.called: list[tuple[int, Outside | Region]] = []
        """What runs between instructions: before the one of a number."""
        self.filled: list[tuple[Places, Any]] = []
        self._even: dict[int, tuple[Places, int]] = {}
        """Arrays of places that follow each other, and the first of them."""
        self._numbers: dict[Any, int] = {}
        self._arrays: dict[int, tuple[Places, Any]] = {}
        """Those of constant arrays, which stay: no other may get such an array's id."""
        self.absent: int = self.new(())
        """The place 0 of all entries that a function leaves out: nothing to add."""
        self.filled.append((self.absent, 0.0))

    def as_single(self, single: bool) -> bool:  # noqa: FBT001
        """Have what is written next be of float32, or not; return what it was."""
        before = self.single
        self.single = single
        return before

    def new(self, shape: tuple[int, ...]) -> Places:
        """Return contiguous places of their own."""
        start = self.size
        if not shape:
            self.size += 1
            return start
        count = math.prod(shape)
        if count >= _ALIGNED:
            start = -(-start // _ALIGNED) * _ALIGNED
            self.size = start
        self.size += count
        if self.size > LARGEST:
            raise CannotLowerError("more entries than instructions can name")
        found = np.arange(start, start + count).reshape(shape)
        self._even[id(found)] = found, start
        return found

    def start_of(self, places: Places, shape: Shape) -> int | None:
        """Return the first place of what ``new`` returned for this shape, if it did."""
        known = self._even.get(id(places))
        return known[1] if known is not None and places.shape == shape else None

    def constant(self, x: Any) -> Places:
        """Return the places of a constant."""
        if self.single:
            x = _as_single(x)
        if type(x) is not float and isinstance(x, ndarray) and x.shape:
            known = self._arrays.get(id(x))
            if known is None:
                if x.dtype.kind not in "fbiu" or not is_exact(x):
                    raise CannotLowerError
                known = self._arrays[id(x)] = self.new(x.shape), x
                self.filled.append((known[0], x.astype(np.float64)))
            return known[0]
        if not isinstance(x, (float, int, np.generic, ndarray)) or isinstance(
            x, np.complexfloating
        ):
            raise CannotLowerError
        if type(x) is not float and not is_exact(x):
            raise CannotLowerError
        x = float(x)
        key = (x, math.copysign(1.0, x))
        found = self._numbers.get(key)
        if found is None:
            found = self._numbers[key] = self.new(())
            self.filled.append((found, x))
        return found

    def in_one_piece(self, places: Places) -> Places:
        """Return places that follow each other in memory, copied if need be."""
        if is_one_piece(places) or not np.size(places):
            return places
        return self.elementwise("copy", np.shape(places), places)

    def elementwise(self, name: str, shape: Shape, *operands: Places) -> Places:
        """Write an elementwise operation; return the places of its result."""
        if self.single and name != "copy":
            name = single_of(name)
        result = self.new(shape)
        if not shape:
            self.code.add_number(OPCODES[name], result, *operands)
            return result
        if not result.size:
            return result
        z = int(result.flat[0])
        if (at := self._evenly(shape, operands)) is not None:
            self.code.add(name, z, at, result.size)
            return result
        flat = np.stack([np.broadcast_to(p, shape).reshape(-1) for p in operands])
        found = list(stretches(flat))
        many = len(found) > max(FEW, len(self.code))
        if many and len(found) * SHORT > result.size:
            raise CannotLowerError  # entries in so many places are NumPy's to collect
        for start, count, steps in found:
            pairs = list(zip(flat[:, start].tolist(), steps, strict=True))
            self.code.add(name, z + start, pairs, count)
        return result

    def rounded(self, places: Places) -> Places:
        """Round numbers to float32."""
        return self.elementwise(single_of("copy"), np.shape(places), places)

    def _evenly(
        self, shape: Shape, operands: Sequence[Places]
    ) -> list[tuple[int, int]] | None:
        """Return first place and step of operands that are whole arrays or numbers."""
        found: list[tuple[int, int]] = []
        for x in operands:
            if type(x) is int:
                found.append((x, 0))
                continue
            start = self.start_of(x, shape)
            if start is None:
                return None
            found.append((start, int(math.prod(shape) > 1)))
        return found


def _as_single(x: Any) -> Any:
    """Return a constant of float numbers as float32."""
    if isinstance(x, (float, ndarray, np.generic)) and np.asarray(x).dtype == FLOAT:
        return quietly(np.asarray(x).astype, SINGLE)
    return x


__all__ = ["Assembly"]
