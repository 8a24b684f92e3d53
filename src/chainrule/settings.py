"""Settings of the whole process: ``gd.options``.

They are read where they matter, so that a change holds from the next call on.
"""

from __future__ import annotations

import importlib.util
import os
from dataclasses import asdict, dataclass
from typing import Self

from chainrule.errors import ArgumentError


@dataclass
class Settings:
    """What is set now; without a place for machine code the environment says it."""

    progress: bool = False
    cache: str = ""


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

    Raises
    ------
    ArgumentError
        If tqdm, which draws the bars, is not installed.

    Notes
    -----
    A setting is that of all threads, so that it holds for those of a pool and of a
    notebook. Blocks in two threads that overlap end each other's.

    Examples
    --------
    >>> import chainrule as gd
    >>> with gd.options(cache="off"):
    ...     gd.options()
    options(progress=False, cache='off')
    >>> gd.options()
    options(progress=False, cache='')
    """

    def __init__(
        self,
        *,
        progress: bool | None = None,
        cache: str | os.PathLike[str] | None = None,
    ) -> None:
        """Set what is given."""
        self._before: dict[str, bool | str] = asdict(SETTINGS)
        if progress is not None:
            if progress:
                need_tqdm()
            SETTINGS.progress = bool(progress)
        if cache is not None:
            SETTINGS.cache = os.fspath(cache)

    def __enter__(self) -> Self:
        """Leave it set."""
        return self

    def __exit__(self, *error: object) -> None:
        """Set what was set before."""
        vars(SETTINGS).update(self._before)

    @property
    def progress(self) -> bool:
        """Whether bars are shown now."""
        return SETTINGS.progress

    @property
    def cache(self) -> str:
        """Where machine code is kept now."""
        return SETTINGS.cache

    def __repr__(self) -> str:
        """Tell what is set."""
        return f"options(progress={self.progress}, cache={self.cache!r})"


def need_tqdm() -> None:
    """Raise if tqdm, which draws the bars, is not installed."""
    if importlib.util.find_spec("tqdm") is None:
        raise ArgumentError(
            "progress=True needs tqdm, which is not installed. Install "
            "chainrule[progress], or leave progress= out."
        )


__all__ = ["SETTINGS", "need_tqdm", "options"]
