"""Calls of a function in another process: what is sent there, and what comes back.

In: a function and what its calls share. Out: ``Work``, which is pickled once, and is
called with chunks of arguments.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.values.containers import flatten
from chainrule.values.shapes import describe
from chainrule.values.vertices import stand_in

Row = tuple[Any, ...]
Chunk = tuple[int, list[Row]]
"""The number of the first call, and the arguments of the calls."""
Results = list[Any] | bytes
"""What the calls of a chunk return; pickled in another process."""


def refuse_nodes(x: Sequence[Any], what: str) -> None:
    """Raise if there is a node or a traced value in what was received or returned."""
    if any(holds_nodes(v) or isinstance(v, stand_in) for v in flatten(x)[0]):
        raise ArgumentError(
            f"pmap {what} a node or a traced value, whose derivative would be lost in "
            "another process. Differentiate, or compile, what is called: "
            "gd.pmap(gd.grad(f)), or gd.pmap(gd.value_and_grad(f)) and the sum of what "
            "that returns."
        )


class Work:
    """A function and the arguments that its calls share, called with a chunk.

    It is pickled once, for all chunks.
    """

    def __init__(
        self, f: Callable[..., Any], shared: Mapping[str, Any], *, by_value: bool
    ) -> None:
        """Keep the function; ``by_value`` sends its code, where it is a program's."""
        self._f, self._shared, self._by_value = f, shared, by_value
        self.__name__: str = getattr(f, "__name__", "calls")  # for Dask's dashboard
        self.away = False
        """Whether it was sent to this process."""

    def __call__(self, chunk: Chunk) -> Results:
        """Return the results of the calls of a chunk."""
        first, rows = chunk
        results: list[Any] = []
        for i, row in enumerate(rows, first):
            error: Exception | None = None
            try:
                results.append(self._f(*row, **self._shared))
                if self.away:
                    refuse_nodes(results[-1], "returned")
            except (Exception, SystemExit) as raised:
                note = f"chainrule.pmap: call {i} raised this."
                error = told(raised, note, away=self.away)
                if error is raised:
                    raise
            if error is not None:  # here, so that the one in its place stands alone
                raise error
        return _packed(results, first) if self.away else results

    def __reduce__(self) -> Any:
        """Pickle it as bytes."""
        return _received, (self._sent,)

    @functools.cached_property
    def _sent(self) -> bytes:
        try:
            return _pickled((self._f, self._shared), by_value=self._by_value)
        except Exception as error:
            raise ArgumentError(
                "pmap cannot send this function, or what its calls share, to another "
                f"process: {error}. Define it in a module with def, install "
                "cloudpickle, or pass a ThreadPoolExecutor."
            ) from error


def _pickled(x: Any, *, by_value: bool = False) -> bytes:
    """Pickle something; by cloudpickle if pickle does not, or would not do."""
    cloud = importlib.util.find_spec("cloudpickle") is not None
    if not (by_value and cloud):
        try:
            return pickle.dumps(x)
        except Exception:
            if not cloud:
                raise
    return importlib.import_module("cloudpickle").dumps(x)


def _received(sent: bytes) -> Work:
    """Return what was sent to this process."""
    f, shared = pickle.loads(sent)
    work = Work(f, shared, by_value=False)
    work.away = True
    return work


def _packed(results: list[Any], first: int) -> bytes:
    """Pickle results, the first of them of this call; say which does not."""
    try:
        return _pickled(results)
    except Exception:
        for i, z in enumerate(results, first):
            _check_sent(z, i)
        raise


def _check_sent(z: Any, i: int) -> None:
    try:
        _pickled(z)
    except Exception as error:
        error = ArgumentError(
            f"pmap cannot send back what a call returned, {describe(z)}: {error}. "
            "Return numbers, arrays and containers of them."
        )
        error.add_note(f"chainrule.pmap: call {i} returned this.")
        raise error from None


def unpacked(results: Results) -> list[Any]:
    """Return the results of a chunk, wherever it was."""
    return pickle.loads(results) if isinstance(results, bytes) else results


def told(error: Exception | SystemExit, note: str, *, away: bool) -> Exception:
    """Return an error with a note, or one in its place, to be raised by itself.

    In another process (``away``) that is one of a class that cannot be unpickled, and
    anywhere what would end the process. Pickled, an error may lose its cause: the note
    tells it.
    """
    cause = error.__cause__
    if away and cause is not None:
        note += f" Its cause was {type(cause).__name__}: {cause}"
    error.add_note(note)
    if isinstance(error, Exception) and (not away or _is_portable(error)):
        return error
    other = RuntimeError(f"{type(error).__name__}: {error}")
    other.__notes__ = error.__notes__
    return other


def _is_portable(error: BaseException) -> bool:
    """Tell whether an error can be unpickled elsewhere."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return False
    return True


__all__ = ["Chunk", "Results", "Row", "Work", "refuse_nodes", "told", "unpacked"]
