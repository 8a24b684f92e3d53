"""Settings of the whole process: ``gd.options``.

They are read where they matter, so that a change holds from the next call on.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import os
from collections.abc import Mapping
from typing import Any, Self

from chainrule.errors import ArgumentError


class Settings:
    """What is set now; without a place for machine code the environment says it."""

    def __init__(self) -> None:
        """Set what holds at the start."""
        self.progress: bool = False
        self.cache: str = ""
        self.keep_memory: bool = False


SETTINGS = Settings()


class options:
    """Set options of the whole process; in a ``with`` block, until it ends.

    What is left out stays as it is. Without arguments it tells what is set.

    Parameters
    ----------
    progress
        Whether bars on stderr show what takes longer than half a second: recordings
        that are explained, compiling, the loops of ``jacobian`` and ``vmap``, solvers,
        ``pmap``. It is asked of the main thread of the main process: others show no
        bars. Needs tqdm (``chainrule[progress]``). A function with a ``progress=`` of
        its own can show bars for itself.
    cache
        Where machine code is kept for later processes: a directory that is the user's
        alone, or ``"off"``. Where it is ``""``, as at the start, the environment
        variable ``CHAINRULE_CACHE`` says it, and else it is ``chainrule`` in
        ``$XDG_CACHE_HOME`` or ``~/.cache``.
    keep_memory
        Whether the memory of arrays that are gone stays with the process for the next
        ones. Fresh memory from the system may take longer than the arithmetic. As it is
        the process keeps up to 256 MB of it, for arrays below 32 MB; with this the most
        that it ever had. Needs the GNU C library.

    Raises
    ------
    ArgumentError
        If tqdm, which draws the bars, is not installed; or memory cannot be kept.

    Notes
    -----
    A setting is that of all threads, so that it holds for those of a pool and of a
    notebook. Blocks in two threads that overlap end each other's.

    Examples
    --------
    >>> import chainrule as gd
    >>> with gd.options(cache="off"):
    ...     gd.options()
    options(progress=False, cache='off', keep_memory=False)
    >>> gd.options().cache
    ''
    """

    def __init__(
        self,
        *,
        progress: bool | None = None,
        cache: str | os.PathLike[str] | None = None,
        keep_memory: bool | None = None,
    ) -> None:
        """Set what is given."""
        self._before: dict[str, bool | str] = dict(vars(SETTINGS))
        if progress is not None:
            if progress:
                need_tqdm()
            SETTINGS.progress = bool(progress)
        if cache is not None:
            SETTINGS.cache = os.fspath(cache)
        if keep_memory is not None:
            _set_memory(kept=bool(keep_memory))

    def __enter__(self) -> Self:
        """Leave it set."""
        return self

    def __exit__(self, *error: object) -> None:
        """Set what was set before."""
        kept = bool(self._before["keep_memory"])
        if kept is not SETTINGS.keep_memory:
            _set_memory(kept=kept)
        vars(SETTINGS).update(self._before)

    @property
    def progress(self) -> bool:
        """Whether bars are shown now."""
        return SETTINGS.progress

    @property
    def cache(self) -> str:
        """Where machine code is kept now."""
        return SETTINGS.cache

    @property
    def keep_memory(self) -> bool:
        """Whether memory stays with the process now."""
        return SETTINGS.keep_memory

    def __repr__(self) -> str:
        """Tell what is set."""
        told = (f"{name}={value!r}" for name, value in vars(SETTINGS).items())
        return f"options({', '.join(told)})"


_TRIM, _LARGE, _MAPPED = -1, -3, -4
"""``mallopt``'s numbers: from how much on what is free on top is given back; from which
size on arrays have memory of their own, which is given back with them; how many may."""
_USUAL = {_TRIM: 256 << 20, _LARGE: 32 << 20, _MAPPED: 1 << 16}
"""Where freed arrays are given back, most of the time of large ones is page faults. The
library itself starts from 128 KB, and adapts nothing once one number was set."""
_KEPT = {_TRIM: -1, _MAPPED: 0}
_OF_THE_USER = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
"""The environment's names for these numbers."""


@functools.cache
def keep_freed_memory() -> None:
    """Let the C library keep freed arrays below 32 MB, up to 256 MB in all.

    Other libraries take no notice, and what the environment says holds. Once is enough.
    """
    if not SETTINGS.keep_memory and not any(map(os.environ.get, _OF_THE_USER)):
        _tell_library(_USUAL)


def _tell_library(numbers: Mapping[int, int]) -> bool:
    """Set numbers of ``mallopt``; tell whether there is one."""
    try:
        mallopt: Any = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return False
    for number, value in numbers.items():
        mallopt(number, value)
    return True


def _set_memory(*, kept: bool) -> None:
    """Have the C library keep what is freed, or give it back."""
    if kept is SETTINGS.keep_memory:
        return
    if not _tell_library(_KEPT if kept else _USUAL):
        raise ArgumentError(
            "keep_memory=True needs the GNU C library, which this process does not "
            "use. Leave keep_memory= out."
        )
    SETTINGS.keep_memory = kept


def need_tqdm() -> None:
    """Raise if tqdm, which draws the bars, is not installed."""
    if importlib.util.find_spec("tqdm") is None:
        raise ArgumentError(
            "progress=True needs tqdm, which is not installed. Install "
            "chainrule[progress], or leave progress= out."
        )


__all__ = ["SETTINGS", "keep_freed_memory", "need_tqdm", "options"]
