"""The accuracy of ``chainrule.scipy.special`` against mpmath, as a table.

``python -m tests.scipy.accuracy`` measures value, first and second derivatives of each
function on a fixed sample of its domain, prints the table and writes it into
``docs/special.md``. Names after it are functions to measure alone.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np

import chainrule as gd
from chainrule.rules import rule_of
from chainrule.scipy import special as ours

PAGE = Path(__file__).parents[2] / "docs" / "special.md"
BEGIN, END = "<!-- measured -->", "<!-- end -->"
POINTS = 12
DIGITS = 40
SMALLEST = 1e-290
NOISE = 1e-20
"""What mpmath's differences may have in the place of 0."""


@dataclass(frozen=True)
class Range:
    """An interval that an operand is drawn from; ``log``: evenly in its logarithm."""

    low: float
    high: float
    log: bool = False
    imaginary: float = 0.0

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Return numbers of the interval, with imaginary parts up to the bound."""
        low, high = (np.log(v) if self.log else v for v in (self.low, self.high))
        x = rng.uniform(low, high, count)
        x = np.exp(x) if self.log else x
        if self.imaginary:
            return x + 1j * rng.uniform(-self.imaginary, self.imaginary, count)
        return x

    def __str__(self) -> str:
        """Write the interval."""
        text = f"[{self.low:g}, {self.high:g}]"
        return (
            f"{text} + i [-{self.imaginary:g}, {self.imaginary:g}]"
            * bool(self.imaginary)
            or text
        )


def lin(low: float, high: float) -> Range:
    """Draw evenly."""
    return Range(low, high)


def log(low: float, high: float) -> Range:
    """Draw evenly in the logarithm."""
    return Range(low, high, log=True)


def plane(low: float, high: float, imaginary: float) -> Range:
    """Draw complex numbers."""
    return Range(low, high, imaginary=imaginary)


@dataclass(frozen=True)
class Entry:
    """A function, mpmath's form of it, and the interval of each operand."""

    name: str
    exact: Callable[..., Any]
    ranges: tuple[Range, ...]
    limits: tuple[float, float, float] = (1e-12, 1e-10, 1e-10)
    """What the relative errors of value, first and second derivatives are at most."""
    call: Callable[..., Any] | None = None
    operands: str = ""

    @property
    def function(self) -> Callable[..., Any]:
        """The function that is measured."""
        return self.call or getattr(ours, self.name)

    @property
    def names(self) -> Sequence[str]:
        """The names of the operands."""
        declared = rule_of(getattr(ours.__getattr__(self.name), "__wrapped__", None))
        known = self.operands.split() or getattr(declared, "operand_names", ())
        return known or "xyz"[: len(self.ranges)]

    def points(self, count: int = POINTS) -> list[np.ndarray]:
        """Return the sample: one array per operand."""
        rng = np.random.default_rng(len(self.name) * 1000 + ord(self.name[0]))
        drawn = [r.draw(rng, POINTS)[:count] for r in self.ranges]
        return drawn


def slope(f: Callable[..., Any], i: int) -> Callable[..., Any]:
    """Return the derivative in operand ``i`` of a function of each entry."""

    def derivative(*x: Any) -> Any:
        g = gd.grad(lambda *y: np.sum(np.real(f(*y))), i)(*x)
        return np.conj(g)

    return derivative


def error(found: Any, exact: Any) -> float:
    """Return the relative error, the absolute one of what is too small for a float."""
    if not np.isfinite(found):
        return np.inf
    if abs(exact) < (NOISE if found == 0 else SMALLEST):
        return float(abs(found))
    return float(abs(mp.mpmathify(complex(found)) - exact) / abs(exact))


def measured(entry: Entry, count: int = POINTS, orders: int = 2) -> dict[Any, float]:
    """Return the largest error by order of differentiation: (), (i,), (i, j)."""
    f, points = entry.function, entry.points(count)
    n = len(points)
    wanted: list[tuple[int, ...]] = [()]
    for k in range(1, orders + 1):
        wanted += combinations_with_replacement(range(n), k)
    worst = {}
    for order in wanted:
        g = f
        for i in order:
            g = slope(g, i)
        with np.errstate(all="ignore"):
            found = np.broadcast_to(g(*points), points[0].shape)
        counts = tuple(order.count(i) for i in range(n))
        errors = []
        for k in range(len(found)):
            at = tuple(mp.mpmathify(p[k].item()) for p in points)
            errors.append(error(found[k], truth(entry, at, counts)))
        worst[order] = max(errors)
    return worst


def truth(entry: Entry, at: tuple[Any, ...], counts: tuple[int, ...]) -> Any:
    """Return mpmath's derivative."""
    with mp.workdps(DIGITS):
        if not any(counts):
            return +entry.exact(*at)
        if len(at) == 1:
            return mp.diff(entry.exact, at[0], counts[0])
        return mp.diff(entry.exact, at, counts)


def rows(entry: Entry) -> list[tuple[str, ...]]:
    """Return the lines of the table: one per operand."""
    worst = measured(entry)
    lines = []
    for i, name in enumerate(entry.names):
        second = max(e for order, e in worst.items() if len(order) == 2 and i in order)
        numbers = (worst[()], worst[(i,)], second)
        bounds = f"{name} in {entry.ranges[i]}"
        lines.append((f"`{entry.name}`", bounds, *(f"{e:.0e}" for e in numbers)))
    return lines


HEADINGS = ("function", "argument", "value", "first", "second")


def table(lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    every = [HEADINGS, ["---"] * len(HEADINGS), *lines]
    return "\n".join("| " + " | ".join(line) + " |" for line in every)


def main(names: Sequence[str]) -> None:
    """Measure the named functions, or all, and write the table of all."""
    from tests.scipy.accuracy_table import ENTRIES

    lines: list[tuple[str, ...]] = []
    for entry in ENTRIES:
        if not names or entry.name in names:
            found = rows(entry)
            lines += found
            print(*(" | ".join(x) for x in found), sep="\n", flush=True)
    if not names:
        text = PAGE.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        after = rest.split(END)[1]
        PAGE.write_text(
            f"{before}{BEGIN}\n\n{table(lines)}\n\n{END}{after}", encoding="utf-8"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
