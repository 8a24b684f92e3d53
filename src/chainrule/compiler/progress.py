"""Progress: bars of what takes long, where ``compile(progress=True)`` asked for them.

In: the rows of a trace, the rows that a pass goes through, the steps of a loop that
NumPy runs, the calls that a solver makes. Out: bars of tqdm on stderr, which appear
after ``DELAY`` seconds and vanish at the end. A thread shows one bar of the trace and
one of the innermost work at a time.

Where no bars were asked for, rows are collected in a plain list, and passes and loops
go through their own rows and steps: nothing is asked or counted for each of them.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from chainrule.errors import ArgumentError

T = TypeVar("T")

DELAY = 0.5
"""Seconds that something takes before its bar appears."""


class _Asked(threading.local):
    """What this thread shows: for which function, and which bars are open."""

    name: str | None = None
    traced: Any = None
    working: bool = False


_ASKED = _Asked()


def check() -> None:
    """Raise if tqdm, which draws the bars, is not installed."""
    if importlib.util.find_spec("tqdm") is None:
        raise ArgumentError(
            "progress=True needs tqdm, which is not installed. Install "
            "chainrule[progress], or leave progress= out."
        )


def active() -> bool:
    """Tell whether this thread shows bars."""
    return _ASKED.name is not None


@contextlib.contextmanager
def bars(name: str) -> Generator[None]:
    """Show bars in this thread, under the name of a function."""
    before, _ASKED.name = _ASKED.name, name
    try:
        yield
    finally:
        _ASKED.name = before


def tracing() -> AbstractContextManager[Any]:
    """Return a context in which the rows of new traces are counted by a bar."""
    if _ASKED.name is None or _ASKED.traced is not None:
        return contextlib.nullcontext()
    return _traced()


@contextlib.contextmanager
def _traced() -> Generator[None]:
    with _bar("tracing", None, "rows") as bar:
        _ASKED.traced = bar
        try:
            yield
        finally:
            _ASKED.traced = None


def new_rows() -> list[Any]:
    """Return the list that a trace collects its rows in."""
    bar = _ASKED.traced
    return [] if bar is None else _CountedRows(bar.update)


class _CountedRows(list[Any]):
    """Rows, each of which moves a bar."""

    def __init__(self, update: Callable[[], Any]) -> None:
        super().__init__()
        self._update = update

    def append(self, row: Any, /) -> None:
        super().append(row)
        self._update()


def watched(
    steps: Iterable[T], what: str, unit: str = "steps"
) -> AbstractContextManager[Iterable[T]]:
    """Return a context of these steps to go through, by a bar if there is none yet."""
    if _ASKED.name is None or _ASKED.working:
        return contextlib.nullcontext(steps)
    return _worked(steps, what, unit)


@contextlib.contextmanager
def _worked(steps: Iterable[T], what: str, unit: str) -> Generator[Iterable[T]]:
    with _bar(what, steps, unit) as bar:
        _ASKED.working = True
        try:
            yield bar
        finally:
            _ASKED.working = False


@contextlib.contextmanager
def counted(
    f: Callable[..., T], name: str, *, asked: bool
) -> Generator[Callable[..., T]]:
    """Yield a function whose calls move a bar; the function itself, if none is asked.

    The bar shows the last value, where that is a number, or the first of a tuple.
    """
    if not asked:
        yield f
        return
    check()
    with bars(name), _bar("solving", None, "calls") as bar:

        def called(*args: Any) -> T:
            result = f(*args)
            leaves: Any = result
            first = leaves[0] if leaves.__class__ is tuple else leaves
            if isinstance(first, float):
                bar.set_postfix_str(f"{first:.6g}", refresh=False)
            bar.update()
            return result

        yield called


def _bar(what: str, steps: Iterable[T] | None, unit: str) -> Any:
    tqdm: Any = importlib.import_module("tqdm").tqdm
    return tqdm(
        steps, desc=f"{_ASKED.name}: {what}", unit=f" {unit}", delay=DELAY, leave=False
    )


__all__ = ["active", "bars", "check", "counted", "new_rows", "tracing", "watched"]
