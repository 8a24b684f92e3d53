"""Threads: parts of one loop, run at the same time.

Native code holds no lock of Python's, so that threads run side by side. Every part
writes to memory of its own. A ``Team`` of threads shares a loop; it may find out first
whether that pays.
"""

from __future__ import annotations

import functools
import itertools
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from chainrule.compiler.trial import TURN, Trial
from chainrule.locks import lock

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor


def available() -> int:
    """Return how many cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class Team:
    """The threads that share a loop: so many, or as many as pay.

    Attributes
    ----------
    count
        How many threads at most.
    """

    def __init__(self, threads: int | str) -> None:
        """Take so many; with ``"auto"`` one per core or one alone, by the clock."""
        self.count: int = available() if threads == "auto" else int(threads)
        self._settled: bool = threads != "auto" or self.count == 1
        self._shared: bool = self.count > 1
        self._because: str = "asked for" if threads != "auto" else "there is one core"
        self._usual, self._runs = math.inf, 0
        self._trial: Trial | None = None
        self._deciding = lock()

    @property
    def alone(self) -> bool:
        """Whether one thread runs the loop from now on."""
        return self._settled and not self._shared

    def stay_alone(self) -> None:
        """Have one thread run the loop: it has one part."""
        if not self.alone:
            self._settled, self._shared = True, False
            self._because = "too small to share"

    def call(
        self, alone: Callable[[], Any], together: Callable[[], Any]
    ) -> Callable[[], Any]:
        """Return what runs a loop in one of two ways, as often as it is called."""
        if self._settled:
            return together if self._shared else alone
        return functools.partial(self._timed, alone, together)

    def _timed(self, alone: Callable[[], Any], together: Callable[[], Any]) -> None:
        """Run a loop, and note what that took until all is decided."""
        if self._settled or not self._deciding.acquire(blocking=False):
            (together if self._settled and self._shared else alone)()
            return
        try:
            trial = self._trial
            shared = trial is not None and trial.run
            start = time.perf_counter()
            (together if shared else alone)()
            self._note(time.perf_counter() - start)
        finally:
            self._deciding.release()

    def _note(self, seconds: float) -> None:
        if self._trial is None:
            self._usual, self._runs = min(self._usual, seconds), self._runs + 1
            if self._runs == TURN:
                self._trial = Trial(False, True, self._usual)
        elif self._trial.ends(seconds):
            self._shared, self._settled = self._trial.run, True
            gain = f"{self._trial.gain:.2g}"
            self._because = f"{self.count} are {gain} times as fast as one"

    def told(self) -> dict[str, Any]:
        """Return how many threads share the loop, and why, for ``stats()``."""
        if not self._settled:
            return {"threads": 1, "because": "not yet measured"}
        return {"threads": self.count if self._shared else 1, "because": self._because}


def parts_of(count: int, threads: int, block: int = 1) -> list[tuple[int, int]]:
    """Return the first and last of up to ``threads`` stretches of ``range(count)``.

    They are about equally long. Each has a whole block or more, where there is one, and
    starts at a multiple of it.
    """
    blocks = max(1, count // block)
    threads = min(threads, blocks)
    starts = [blocks * i // threads * block for i in range(threads)]
    return list(itertools.pairwise([*starts, count]))


def side_by_side(calls: Sequence[Callable[[], Any]]) -> None:
    """Make calls, each in a thread.

    It returns, or raises, when all have ended: what they write to may then go.
    """
    if len(calls) == 1:
        calls[0]()
        return
    from concurrent.futures import wait  # not before it is needed: it is large

    pool = _pool(len(calls))
    others = [pool.submit(call) for call in calls[1:]]
    try:
        calls[0]()
    finally:
        wait(others)  # also where Ctrl-C, or an error, ends this part
    for other in others:
        other.result()


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(threads - 1, thread_name_prefix="chainrule")


if hasattr(os, "register_at_fork"):  # a forked process has none of the threads
    os.register_at_fork(after_in_child=_pool.cache_clear)


__all__ = ["Team", "available", "parts_of", "side_by_side"]
