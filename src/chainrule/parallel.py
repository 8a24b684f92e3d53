"""pmap: a function called for many arguments, in processes, threads or a cluster.

In: a function and an executor. Out: a function of columns of arguments, which returns a
list of results. Calls are sent in chunks, with their function: a process traces a
compiled one once.
"""

from __future__ import annotations

import functools
import os
from collections.abc import (
    Callable,
    Iterable,
    Iterator,
    Mapping,
    MappingView,
    Sequence,
    Set,
)
from concurrent.futures import (
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from typing import Any, Protocol

from chainrule import progress as bars
from chainrule.errors import ArgumentError, ShapeError
from chainrule.parallel_work import (
    Chunk,
    Results,
    Row,
    Work,
    refuse_nodes,
    unpacked,
)
from chainrule.settings import need_tqdm
from chainrule.transforms.derived import described
from chainrule.values.shapes import describe


class Executing(Protocol):
    """What has ``map``, and perhaps ``submit``: an executor, a client, a pool."""

    def map(self, *args: Any, **keywords: Any) -> Any:
        """Call a function for each of some arguments."""
        ...


CHUNKS = 4
"""How many chunks each worker gets, so that none waits long for the last one."""


def pmap(
    f: Callable[..., Any],
    executor: Executing | None = None,
    *,
    chunksize: int | None = None,
    progress: bool = False,
) -> ParallelMap:
    """Return the function that calls ``f`` for many arguments, several at a time.

    Parameters
    ----------
    f
        A function. For processes and clusters it must pickle, as functions of modules,
        their transforms and compiled functions do; others do with cloudpickle.
    executor
        Where the calls run: an executor of ``concurrent.futures``, a Dask client, or
        whatever has their ``submit``, or a ``map``, such as ``multiprocessing.Pool``.
        By default processes, as many as there are cores, which stay for the next call.
    chunksize
        How many calls are sent at a time; by default a quarter of a worker's share.
    progress
        Whether a bar on stderr counts the calls. Needs tqdm (``chainrule[progress]``).

    Returns
    -------
    ParallelMap
        ``many(xs, ys, **shared)`` returns ``[f(x, y, **shared) for x, y in zip(xs,
        ys)]``. Arrays give their rows. ``many.close()`` ends its processes.

    Raises
    ------
    ArgumentError
        If ``f`` does not pickle. If an argument or a result holds a node, except with a
        ``ThreadPoolExecutor``: differentiate in the calls, ``gd.pmap(gd.grad(f))``.
    ShapeError
        When called with columns of different lengths.

    Notes
    -----
    An error of a call is raised with a note of its number, counted from 0; calls that
    have not begun are cancelled. A process keeps the programs of the last compiled
    functions that it got.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> def distance(x, centre):
    ...     return np.sum((x - centre) ** 2)
    >>> starts = np.array([[0.0, 1.0], [2.0, 3.0]])
    >>> with ThreadPoolExecutor(2) as pool:
    ...     many = gd.pmap(gd.compile(gd.grad(distance)), pool)
    ...     many(starts, centre=np.ones(2))
    [array([-2., 0.]), array([2., 4.])]
    """
    return ParallelMap(f, executor, chunksize=chunksize, progress=progress)


class ParallelMap:
    """A function that is called for many arguments, several at a time; see ``pmap``."""

    def __init__(
        self,
        f: Callable[..., Any],
        executor: Executing | None,
        *,
        chunksize: int | None,
        progress: bool,
    ) -> None:
        """Start nothing yet."""
        if not callable(f):
            raise ArgumentError(
                f"pmap needs a function; received {describe(f)}. Write gd.pmap(f)(xs)."
            )
        if not (executor is None or hasattr(executor, "submit") or _has_map(executor)):
            raise ArgumentError(
                "pmap needs an executor with submit or map, such as concurrent.futures'"
                f" or a Dask client; received {describe(executor)}."
            )
        if chunksize is not None and (type(chunksize) is not int or chunksize < 1):
            raise ArgumentError(
                f"pmap needs chunksize= a number, 1 or more; received {chunksize!r}."
            )
        if progress:
            need_tqdm()
        self.f = f
        self._executor, self._chunksize, self._progress = executor, chunksize, progress
        self._own: ProcessPoolExecutor | None = None
        self._process = 0
        functools.update_wrapper(self, f, updated=())

    def __call__(self, *columns: Iterable[Any], **shared: Any) -> list[Any]:
        """Return the results of the calls, in order."""
        rows = _rows(columns)
        executor: Any = self._running()
        if type(executor) is not ThreadPoolExecutor:
            refuse_nodes((rows, shared), "received")
        count = len(rows)
        size = self._chunksize or -(-count // (CHUNKS * _workers(executor))) or 1
        chunks = [(i, rows[i : i + size]) for i in range(0, count, size)]
        by_value = not isinstance(executor, ProcessPoolExecutor)
        work = Work(self.f, shared, by_value=by_value)
        parts = self._parts(executor, work, chunks)
        results = (z for part in parts for z in unpacked(part))
        if not bars.asked(own=self._progress):
            return list(results)
        name = getattr(self.f, "__name__", "calls")
        with bars.bars(name), bars.watched(range(count), "pmap", "calls") as counted:
            return [next(results) for _ in counted]

    def _parts(
        self, executor: Executing, work: Work, chunks: Sequence[Chunk]
    ) -> Iterator[Results]:
        """Yield the results of each chunk, in order."""
        submit: Callable[..., Any] | None = getattr(executor, "submit", None)
        if submit is None:
            yield from executor.map(work, chunks)
            return
        futures: list[Future[Results]] = []
        try:
            futures += [submit(work, chunk) for chunk in chunks]
            for future, chunk in zip(futures, chunks, strict=True):
                yield _result(future, chunk)
        except BrokenExecutor as error:
            self.close()
            error.add_note(
                "chainrule.pmap: a process ended in a call, for want of memory or by "
                "an error outside Python. The next call starts new ones."
            )
            raise
        except KeyboardInterrupt:  # which a terminal sends to the processes too
            self.close(wait=False)
            raise
        finally:
            for future in futures:
                future.cancel()

    def _running(self) -> Any:
        """Return the executor; start processes if there is none."""
        executor = self._executor
        if executor is not None:
            return _of_client(executor)
        if self._own is None or self._process != os.getpid():
            self._own, self._process = ProcessPoolExecutor(), os.getpid()
        return self._own

    def close(self, *, wait: bool = True) -> None:
        """End the processes that calls have started; the next call starts others.

        Without ``wait`` calls that run now may end later.
        """
        own, self._own = self._own, None
        if own is not None and self._process == os.getpid():
            own.shutdown(wait, cancel_futures=True)

    def __enter__(self) -> ParallelMap:
        """Return the function, whose processes end with the block."""
        return self

    def __exit__(self, *exception: object) -> None:
        """End the processes."""
        self.close()

    def __repr__(self) -> str:
        """Show what is called."""
        return f"<pmap of {described(self.f)}>"


def _result(future: Future[Results], chunk: Chunk) -> Results:
    """Return what a chunk's calls return; an error that names none names the chunk."""
    try:
        return future.result()
    except BrokenExecutor:
        raise
    except Exception as error:
        if not any(
            "chainrule.pmap: call" in x for x in getattr(error, "__notes__", ())
        ):
            first, rows = chunk
            which = f"call {first}" if len(rows) == 1 else f"calls from {first} on"
            error.add_note(f"chainrule.pmap: {which} ended so.")
        raise


def _has_map(executor: Executing) -> bool:
    return callable(getattr(executor, "map", None))


def _of_client(executor: Executing) -> Any:
    """Return an executor of ``concurrent.futures`` for a Dask client."""
    make = getattr(executor, "get_executor", None)
    return executor if make is None else make(pure=False)


def _workers(executor: Executing) -> int:
    count = getattr(executor, "_max_workers", None) or getattr(
        executor, "_processes", 0
    )
    return count if isinstance(count, int) and count > 0 else os.cpu_count() or 1


def _is_column(x: Iterable[Any]) -> bool:
    """Tell whether something gives an argument to each call; lists may be ragged."""
    if isinstance(x, MappingView):
        return True
    given: Any = x
    is_whole = isinstance(x, str | bytes | Mapping | Set) or hasattr(given, "columns")
    listed = hasattr(given, "__iter__") and getattr(given, "shape", None) != ()
    return listed and not is_whole


def _rows(columns: Sequence[Iterable[Any]]) -> list[Row]:
    """Return the arguments of each call."""
    if not columns:
        raise ArgumentError(
            "pmap needs columns of arguments: many(xs, ys). Arguments by name are the "
            "same in all calls."
        )
    given: list[Any] = list(columns)
    for x in given:
        if not _is_column(x):
            raise ArgumentError(
                f"pmap needs columns of arguments, one for each call; received "
                f"{describe(x)}. Give what all calls share by its name: many(xs, "
                "data=data)."
            )
    listed = [list(x) for x in given]
    lengths = [len(x) for x in listed]
    if len(set(lengths)) > 1:
        raise ShapeError(
            f"pmap needs columns of one length; received {lengths}. Give what all "
            "calls share by its name: many(xs, data=data)."
        )
    return list(zip(*listed, strict=True))


__all__ = ["ParallelMap", "pmap"]
