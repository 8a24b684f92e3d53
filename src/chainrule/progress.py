"""Progress: bars of what takes long, where ``progress=True`` asked for them.

In: the rows of a trace, the rows that a pass goes through, the steps of a loop, the
calls that a solver makes. Out: bars of tqdm on stderr, which appear after ``DELAY``
seconds and vanish at the end. A thread shows one bar of what grows and one of the
innermost work at a time.

A function asks for the bars of what it does, or ``gd.options`` for all of the main
thread. Where nobody asked, rows are collected in a plain list, and passes and loops
go through their own rows and steps: nothing is asked or counted for each of them.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from chainrule.settings import SETTINGS, need_tqdm

T = TypeVar("T")

DELAY = 0.5
"""Seconds that something takes before its bar appears."""


class _Asked(threading.local):
    """What this thread shows: for which function, and which bars are open."""

    name: str | None = None
    growing: Any = None
    working: bool = False


_ASKED = _Asked()


def asked(*, own: bool) -> bool:
    """Tell whether a function is to show its bars, which none above it shows yet."""
    return _ASKED.name is None and (own or _everywhere())


def active() -> bool:
    """Tell whether this thread shows bars."""
    return _ASKED.name is not None or _everywhere()


def _everywhere() -> bool:
    """Tell whether this is the main thread, whose bars ``gd.options`` asks for."""
    if not SETTINGS.progress:
        return False
    processes: Any = sys.modules.get("multiprocessing.process")
    is_main = processes is None or processes.parent_process() is None
    return is_main and threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def bars(name: str) -> Generator[None]:
    """Show bars in this thread, under the name of a function."""
    before, _ASKED.name = _ASKED.name, name
    try:
        yield
    finally:
        _ASKED.name = before


def growing(what: str, unit: str) -> AbstractContextManager[Any]:
    """Return a context in which a bar counts what is put in new lists, of rows."""
    if not active() or _ASKED.growing is not None:
        return contextlib.nullcontext()
    return _grown(what, unit)


@contextlib.contextmanager
def _grown(what: str, unit: str) -> Generator[None]:
    with _bar(what, None, unit) as bar:
        _ASKED.growing = bar
        try:
            yield
        finally:
            _ASKED.growing = None


def new_list() -> list[Any]:
    """Return a list of what a bar of this thread counts."""
    bar = _ASKED.growing
    return [] if bar is None else _CountedList(bar.update)


class _CountedList(list[Any]):
    """A list, of which each new item moves a bar."""

    def __init__(self, update: Callable[[], Any]) -> None:
        super().__init__()
        self._update = update

    def append(self, item: Any, /) -> None:
        super().append(item)
        self._update()


def watched(
    steps: Iterable[T], what: str, unit: str = "steps"
) -> AbstractContextManager[Iterable[T]]:
    """Return a context of these steps to go through, by a bar if there is none yet."""
    if _ASKED.working or not active():
        return contextlib.nullcontext(steps)
    return _worked(steps, what, unit)


def waited(what: str) -> AbstractContextManager[Any]:
    """Return a context of one long step, whose bar appears at once."""
    if _ASKED.working or not active():
        return contextlib.nullcontext()
    return _worked(None, what, "", delay=0.0, bar_format="{desc} ...")


@contextlib.contextmanager
def _worked(
    steps: Iterable[T] | None, what: str, unit: str, **looks: Any
) -> Generator[Iterable[T]]:
    with _bar(what, steps, unit, **looks) as bar:
        _ASKED.working = True
        try:
            yield bar
        finally:
            _ASKED.working = False


@contextlib.contextmanager
def counted(
    f: Callable[..., T], name: str, *, own: bool
) -> Generator[Callable[..., T]]:
    """Yield a function whose calls move a bar; the function itself, if none is asked.

    The bar shows the last value, where that is a number, or the first of a tuple.
    """
    if own:
        need_tqdm()
    if not own and not asked(own=False):
        yield f
        return
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


def _bar(what: str, steps: Iterable[T] | None, unit: str, **looks: Any) -> Any:
    tqdm: Any = importlib.import_module("tqdm").tqdm
    name = what if _ASKED.name is None else f"{_ASKED.name}: {what}"
    looks = {"delay": DELAY, "leave": False, **looks}
    return tqdm(steps, desc=name, unit=f" {unit}", **looks)


__all__ = ["active", "asked", "bars", "counted", "growing", "new_list", "waited"]
__all__ += ["watched"]
