"""Work in the background: one thread makes native code while calls go on.

In: a method of what waits for the work (``later``). Out: a ``Task``, which says when it
is done. The work of an object that is gone is left out.

The thread lives as long as there is work. LLVM runs beside the callers (``beside``),
who need not wait for it; what is Python holds Python's lock, and gives it back for as
long as it had it every millisecond (``pause``), so that a call takes at most twice as
long. The process forks in a pause only, when LLVM does nothing and no module is being
imported; the child goes on with what is left when it asks for it. When the process
ends, the thread stops at its next pause.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from chainrule.locks import lock

_SLICE = 1e-3
"""Seconds that the thread works, at least, between two pauses."""
_LONGEST = 2e-2
"""Seconds that it works at most: a pause is long where others hold Python's lock."""
_WAY = 5e-3
"""Seconds at most that a call leaves the lock to the thread."""


class Task:
    """A method that the background thread is to run."""

    def __init__(self, work: Callable[[], None]) -> None:
        """Keep the method, but not its object alive."""
        self._work: Any = weakref.WeakMethod(work)
        self.is_done: bool = False

    def run(self) -> None:
        """Run it, if its object is still there."""
        work = self._work()
        if work is not None:
            work()

    @property
    def done(self) -> bool:
        """Whether it has run. A forked process starts its own thread for it."""
        if not self.is_done and _thread is None:
            with _CHANGED:
                _start()
        return self.is_done

    def wait(self) -> None:
        """Wait until it has run."""
        while not self.done:
            with _CHANGED:
                _CHANGED.wait_for(lambda: self.is_done or _thread is None, _WAY)

    def make_way(self, seconds: float) -> None:
        """Leave Python's lock to the thread for as long as a call took, until done.

        Calls that give the lock back and take it again, as those of NumPy do, would
        else keep it from others.
        """
        if not self.done and not _beside:
            time.sleep(min(seconds, _WAY))


class _StopError(BaseException):
    """The process ends."""


class _Turn(threading.local):
    end: float = math.inf
    """When this thread is to pause: of all threads but one, never."""


_CHANGED = threading.Condition(lock())
_WORKING = lock()
"""Held by the thread, but in pauses; and while the process forks."""
_TASKS: deque[Task] = deque()
"""What is to be done; the first one is being done."""
_TURN = _Turn()
_thread: threading.Thread | None = None
_beside = False
"""Whether the thread does without Python's lock."""
_stopped = False


def later(work: Callable[[], None]) -> Task:
    """Have the background thread run a method, which raises nothing.

    It is ``RuntimeError`` where there can be no thread.
    """
    task = Task(work)
    with _CHANGED:
        _TASKS.append(task)
        try:
            _start()
        except RuntimeError:
            _TASKS.pop()
            raise
    return task


def wait(timeout: float | None = None) -> bool:
    """Wait until no native code is being made, for this function or others.

    Parameters
    ----------
    timeout
        Seconds to wait at most; ``None`` for as long as it takes.

    Returns
    -------
    bool
        Whether nothing is being made any more. What is there is tried in the calls that
        come next.
    """
    with _CHANGED:
        _start()
        return _CHANGED.wait_for(lambda: not _TASKS or _stopped, timeout)


def pause() -> None:
    """Let others have Python's lock, if this is the background thread and time for it.

    It is called between any two steps of long work.
    """
    if time.perf_counter() > _TURN.end:
        start = time.perf_counter()
        _WORKING.release()
        try:
            time.sleep(_SLICE)
        finally:
            _WORKING.acquire()
        _begin_turn(time.perf_counter() - start)


@contextlib.contextmanager
def beside() -> Generator[None]:
    """Mark work that does without Python's lock: nobody makes way for it."""
    global _beside  # noqa: PLW0603
    if _TURN.end == math.inf:  # another thread
        yield
        return
    _beside = True
    try:
        yield
    finally:
        _beside = False


def _begin_turn(seconds: float) -> None:
    if _stopped:
        raise _StopError
    _TURN.end = time.perf_counter() + min(max(seconds, _SLICE), _LONGEST)


def _start() -> None:
    """Have a thread, if there is work and none; the caller holds the lock."""
    global _thread  # noqa: PLW0603
    if _thread is None and _TASKS and not _stopped:
        thread = threading.Thread(target=_work, name="chainrule", daemon=True)
        thread.start()
        _thread = thread


def _work() -> None:
    """Run all tasks, the oldest first."""
    global _thread  # noqa: PLW0603
    try:
        with np.errstate(all="ignore"):
            while True:
                with _CHANGED:
                    if not _TASKS:
                        _thread = None
                        return
                    task = _TASKS[0]
                with _WORKING:
                    _begin_turn(_SLICE)
                    task.run()
                with _CHANGED:
                    _TASKS.popleft()
                    task.is_done = True
                    _CHANGED.notify_all()
    except _StopError:
        pass


def _stop() -> None:
    """End the thread: LLVM must not run while the process ends."""
    global _stopped  # noqa: PLW0603
    _stopped = True
    thread = _thread
    if thread is not None:
        thread.join()


def _forked() -> None:
    """Note that a forked process has no thread."""
    global _thread, _beside
    _thread, _beside = None, False


atexit.register(_stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_WORKING.acquire,
        after_in_parent=_WORKING.release,
        after_in_child=_forked,
    )


__all__ = ["Task", "beside", "later", "pause", "wait"]
