"""What a library does with a sample call, held to differences of its own function."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from benchmarks.coverage.libraries import Library
from benchmarks.coverage.samples import STEP, Sample, direction, of_one, slope, total

SECONDS = 60
RIGHT = 2e-4
"""The relative error at which a derivative still agrees with differences."""

LETTERS = {
    "r": "reverse",
    "R": "reverse, in every operand",
    "f": "forward",
    "s": "second order",
    "c": "compiled",
    "w": "wrong: differs from differences, without an error",
    "e": "raises an error",
    "m": "is not there",
}
"""What is kept of a function: a letter for each thing that holds."""


@contextmanager
def limited() -> Iterator[None]:
    """Raise ``TimeoutError`` in a block that takes long."""

    def stop(number: int, frame: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def quietly(call: Callable[[], Any]) -> Any:
    """Return the result of a call, or the error that it raised."""
    try:
        with limited(), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return call()
    except Exception as error:
        return error


def agrees(got: Any, wanted: float, scale: float = 0.0) -> bool:
    """Tell whether a derivative is the one by differences."""
    try:
        got = float(np.asarray(got))
    except (TypeError, ValueError):
        return False
    return abs(got - wanted) <= RIGHT * max(abs(wanted), scale, 1e-3)


class Checked:
    """The function of one operand of a sample, in a library."""

    def __init__(self, library: Library, f: Any, sample: Sample, i: int) -> None:
        """Take the i-th operand as the one that moves."""
        operands = [library.from_plain(x) for x in sample.operands]
        self.library = library
        self.x = operands[i]
        self.d: Any = library.from_plain(direction(sample.operands[i]))
        self.f = of_one(f, operands, i)

    def reverse(self) -> str:
        """Return whether reverse mode is right, wrong, or an error."""
        wanted = quietly(lambda: slope(self.f, self.x))
        if isinstance(wanted, Exception):
            return "e"
        got = quietly(lambda: np.sum(self.library.reverse(self.f, self.x) * self.d))
        if isinstance(got, Exception):
            return "e"
        self.wanted: float = wanted
        return "r" if agrees(got, wanted) else "w"

    def forward(self) -> bool:
        """Tell whether forward mode is right."""
        got = quietly(lambda: self.library.forward(self.f, self.x, self.d))
        return agrees(got, self.wanted)

    def second(self) -> bool:
        """Tell whether the derivative of the gradient is right."""
        grad, d, x = self.library.reverse, self.d, self.x
        along = lambda x: self.library.xp.sum(grad(self.f, x) * d)  # noqa: E731
        wanted = quietly(
            lambda: (along(x + STEP * d) - along(x - STEP * d)) / (2 * STEP)
        )
        got = quietly(lambda: np.sum(grad(along, x) * d))
        if isinstance(wanted, Exception):
            return False
        return agrees(got, float(wanted), abs(self.wanted))

    def compiled(self) -> bool:
        """Tell whether the compiled gradient is right."""
        way = self.library.compiled
        if way is None:
            return False
        got = quietly(lambda: np.sum(np.asarray(way(self.f, self.x)) * self.d))
        return agrees(got, self.wanted)


def outcome(library: Library, sample: Sample) -> str:
    """Return the letters of what a library does with a sample."""
    function = library.found(sample.namespace, sample.name)
    if function is None:
        return "m"

    def f(*x: Any) -> Any:
        return total(library.xp, sample.call(function, *x))

    checked = [Checked(library, f, sample, i) for i in sample.moving]
    words = [each.reverse() for each in checked]
    right = [each for each, word in zip(checked, words, strict=True) if word == "r"]
    if not right:
        return "w" if "w" in words else "e"
    letters = "rR" if len(right) == len(checked) else "r"
    letters += "w" if "w" in words else ""
    for letter, way in (
        ("f", Checked.forward),
        ("s", Checked.second),
        ("c", Checked.compiled),
    ):
        letters += letter if all(way(each) for each in right) else ""
    return letters
