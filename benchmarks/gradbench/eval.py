"""What an eval is: functions that messages ask for by name, and inputs to time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.tools import Tools

Input = Any
"""What a message brings, as JSON reads it: a number, or names with numbers and lists.
"""

Arguments = tuple[tuple[Any, ...], Mapping[str, Any]]
"""The arrays that a function takes, and the options that it is built with."""

Differentiable = tuple[Callable[..., Any], tuple[Any, ...]]
"""A function, and the arguments by which it is differentiated."""

EVERYWHERE = ("jax", "torch")


def listed(x: Any) -> Any:
    """Return a number or an array as JSON has it."""
    return np.asarray(x).tolist()


@dataclass(frozen=True)
class Function:
    """A function of an eval.

    Attributes
    ----------
    build
        Called with a library's tools and the options; returns the function of arrays
        that is timed, compiled by that library.
    prepare
        Returns what an input stands for. This is not timed.
    output
        Returns a result as JSON has it. This is not timed either.
    peers
        The libraries that run the same text.
    """

    build: Callable[..., Callable[..., Any]]
    prepare: Callable[[Input], Arguments]
    output: Callable[[Any], Any] = listed
    peers: tuple[str, ...] = EVERYWHERE

    def call(self, tools: Tools, given: Input) -> Callable[[], Any]:
        """Return the call that is timed, of a function that is new."""
        arrays, options = self.prepare(given)
        run = self.build(tools, **options)
        own = [tools.array(x) if isinstance(x, np.ndarray) else x for x in arrays]
        return lambda: tools.wait(run(*own))


@dataclass(frozen=True)
class Size:
    """An input to time; ``bar`` and ``suite`` are milliseconds.

    ``bar`` is what we aim at, ``suite`` what the suite's fastest C++ took for it.
    """

    label: str
    function: str
    make: Callable[[], Input]
    bar: float | None = None
    suite: float | None = None


@dataclass(frozen=True)
class Eval:
    """An eval of the suite.

    Attributes
    ----------
    functions
        By the names that messages use.
    small
        An input on which derivatives are checked and a conversation is tried.
    sizes
        Inputs to time.
    differences
        Returns, of an input, the function whose derivatives up to ``order`` central
        differences of this ``step`` are to confirm.
    """

    name: str
    functions: Mapping[str, Function]
    small: Callable[[], Input]
    sizes: tuple[Size, ...] = ()
    differences: (
        Callable[[Input], tuple[Callable[..., Any], tuple[Any, ...]]] | None
    ) = None
    order: int = 1
    step: float | None = None
