"""The accuracy of derivatives against mpmath, as the table that the library knows.

``python -m tests.scipy.accuracy`` measures value, first and second derivatives of each
function on a fixed sample of its domain, prints them and writes them into
``accuracy.csv``, which ``gd.supported`` and the documentation read. Names after it are
functions to measure alone; the others keep what was measured.
"""

from __future__ import annotations

import csv
import operator
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from itertools import combinations_with_replacement
from typing import Any

import mpmath as mp
import numpy as np

import chainrule as gd
from chainrule.rules import rule_of
from chainrule.support import ACCURACY, HEADINGS

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


def attribute(entry: Any) -> Callable[..., Any]:
    """Return what chainrule has of an entry's name."""
    home = entry.home.replace("np", "numpy")
    return operator.attrgetter(entry.title)(import_module(f"chainrule.{home}"))


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

    title: str
    exact: Callable[..., Any]
    ranges: tuple[Range, ...]
    limits: tuple[float, float, float] = (1e-12, 1e-10, 1e-10)
    """What the relative errors of value, first and second derivatives are at most."""
    call: Callable[..., Any] | None = None
    operands: str = ""

    home: str = "scipy.special"

    @property
    def name(self) -> str:
        """The function, as users write it."""
        return f"{self.home}.{self.title}"

    @property
    def function(self) -> Callable[..., Any]:
        """The function that is measured."""
        if self.call:
            return self.call
        return attribute(self)

    @property
    def names(self) -> Sequence[str]:
        """The names of the operands."""
        declared = rule_of(getattr(self.function, "__wrapped__", None))
        known = self.operands.split() or getattr(declared, "operand_names", ())
        return known or "xyz"[: len(self.ranges)]

    def points(self, count: int = POINTS) -> list[np.ndarray]:
        """Return the sample: one array per operand."""
        rng = np.random.default_rng(len(self.title) * 1000 + ord(self.title[0]))
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


def rows(entry: Entry) -> list[list[str]]:
    """Return the lines of the table: one per operand."""
    worst = measured(entry)
    lines: list[list[str]] = []
    for i, name in enumerate(entry.names):
        second = max(e for order, e in worst.items() if len(order) == 2 and i in order)
        numbers = (f"{e:.0e}" for e in (worst[()], worst[(i,)], second))
        lines.append([entry.name, name, str(entry.ranges[i]), *numbers])
    return lines


def main(names: Sequence[str]) -> None:
    """Measure the named functions, or all, and keep what was found."""
    from tests.scipy import accuracy_of_matrices
    from tests.scipy.accuracy_table import ENTRIES

    with ACCURACY.open(encoding="utf-8", newline="") as file:
        kept = list(csv.reader(file))[1:]
    lines: list[list[str]] = []
    for entry in [*ENTRIES, *accuracy_of_matrices.ENTRIES]:
        if names and entry.name not in names:
            own = [line for line in kept if line[0] == entry.name]
            lines += [line for line in own if line not in lines]
            continue
        of_matrix = isinstance(entry, accuracy_of_matrices.OfMatrix)
        found = accuracy_of_matrices.rows(entry) if of_matrix else rows(entry)
        lines += found
        print(*(" | ".join(line) for line in found), sep="\n", flush=True)
    with ACCURACY.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([HEADINGS, *lines])


if __name__ == "__main__":
    main(sys.argv[1:])
