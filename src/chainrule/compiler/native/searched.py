"""Searches in a sorted array, in machine code: ``np.searchsorted``.

In: how many numbers are sorted, and which side of equal ones is asked for. Out: a
function of these and of what is searched for. Many searches go on at once, by steps
that do not hang on what they meet: NumPy's search waits for each of its decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.calls import Function, call_on
from chainrule.compiler.native.llvm import Functions
from chainrule.compiler.native.sharing import SharedCode
from chainrule.compiler.native.text import VECTOR, WIDTH, Unit
from chainrule.compiler.native.writer import RECORD, Writer
from chainrule.compiler.tracing.calls import named
from chainrule.compiler.tracing.rows import Row

_np: Any = np
FEWEST = 512
"""Searches from which on they are worth code of their own."""
MOST = 1 << 20
"""Sorted numbers from which on searches wait for memory."""

TOGETHER = 4
"""Vectors of searches that go on at once, while each waits for its reads."""

_PLACES = f"<{WIDTH} x i64>"


class Searched(SharedCode):
    """The places of numbers among so many that are sorted."""

    __name__ = "searchsorted"
    keeps_shape = True
    operations = 8

    def __init__(self, count: int, side: str) -> None:
        """Describe it."""
        self.count = count
        self.side = side
        self.text: str = f"searched {count} {side}"

    def compiled(self) -> Any:
        """Compile it."""
        unit = Unit()
        _Search(unit, self.count, self.side).write("searched")
        return Function(Functions(unit, 2), "searched")

    def __call__(self, knots: Any, x: Any) -> Any:
        """Return the places; NumPy finds them among numbers with a nan."""
        knots, x = (np.ascontiguousarray(v, dtype=np.float64) for v in (knots, x))
        if knots[-1] != knots[-1]:
            return np.searchsorted(knots, x, self.side)  # type: ignore[call-overload]
        places = np.empty(np.shape(x), dtype=np.int64)
        call_on(self.code, 0, x.size, (knots, x, places))()
        return places


class _Search(Writer):
    """Writes the loop over what is searched for."""

    def __init__(self, unit: Unit, count: int, side: str) -> None:
        super().__init__(unit, [RECORD])
        self.count = count
        self.side = side

    def write(self, name: str) -> None:
        """Write the function: the last search is repeated where vectors have room."""
        self.opened(3)
        knots, x, z = map(self.entries, range(3))
        turn = TOGETHER * WIDTH
        whole = self.add(f"and i64 %last, -{turn}")
        with self.loop(whole, turn, certain=False) as loop:
            xs, zs = (self.moved(v, loop.i) for v in (x, z))
            starts = range(0, turn, WIDTH)
            found = self._found(
                knots, [self.load(self.moved(xs, i), WIDTH) for i in starts]
            )
            for i, places in zip(starts, found, strict=True):
                self.do(f"store {_PLACES} {places}, ptr {self.moved(zs, i)}, align 8")
        with self.loop("%last", start=whole, certain=False) as loop:
            (found,) = self._found(
                knots, [self.splat(self.load(self.moved(x, loop.i)))]
            )
            first = self.add(f"extractelement {_PLACES} {found}, i64 0")
            self.do(f"store i64 {first}, ptr {self.moved(z, loop.i)}, align 8")
        self.finish(name)

    def _found(self, knots: str, xs: Sequence[str]) -> list[str]:
        """Return the places of vectors: each step halves where they may be."""
        places, length = ["zeroinitializer"] * len(xs), self.count
        while length:
            half = max(1, length // 2)
            pairs = zip(xs, places, strict=True)
            places = [self._after(knots, x, place, half) for x, place in pairs]
            length -= half if length > 1 else 1
        return places

    def _after(self, knots: str, x: str, place: str, step: int) -> str:
        """Return places, a step on where the numbers before that are passed."""
        ahead = self.moved(knots, step - 1)
        pointers = self.add(f"getelementptr double, ptr {ahead}, {_PLACES} {place}")
        gather = f"llvm.masked.gather.v{WIDTH}f64.v{WIDTH}p0"
        kinds = f"<{WIDTH} x ptr>, i32, <{WIDTH} x i1>, {VECTOR}"
        self.unit.external.add(f"declare {VECTOR} @{gather}({kinds})")
        every = f"<{WIDTH} x i1> <{', '.join(['i1 1'] * WIDTH)}>"
        knot = self.add(
            f"call {VECTOR} @{gather}(<{WIDTH} x ptr> {pointers}, i32 8, {every}, "
            f"{VECTOR} poison)"
        )
        test = "ule" if self.side == "right" else "ult"  # nan comes after all
        passed = self.add(f"fcmp {test} {VECTOR} {knot}, {x}")
        steps = ", ".join([f"i64 {step}"] * WIDTH)
        moved = self.add(
            f"select <{WIDTH} x i1> {passed}, {_PLACES} <{steps}>, "
            f"{_PLACES} zeroinitializer"
        )
        return self.add(f"add {_PLACES} {place}, {moved}")


def as_searched(row: Row) -> bool:
    """Let native code search in sorted numbers; tell whether it will."""
    if row.function is not _np.searchsorted or row.shape is None:
        return False
    given = named(row.function, row.args, row.given)
    knots, x, side = given["a"], given["v"], given["side"]
    if given["sorter"] is not None or side not in ("left", "right"):
        return False
    if any(getattr(v, "dtype", None) != np.float64 for v in (knots, x)):
        return False
    if np.size(np.empty(row.shape)) < FEWEST or not 1 < knots.shape[0] < MOST:
        return False
    row.function, row.args, row.given = Searched(knots.shape[0], side), (knots, x), {}
    return True


__all__ = ["Searched", "as_searched"]
