"""Threads: parts of one loop, run at the same time.

Native code holds no lock of Python's, so that threads run side by side. Every part
writes to memory of its own.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor


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


__all__ = ["parts_of", "side_by_side"]
