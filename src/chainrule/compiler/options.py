"""Options: how a function is compiled, for its programs, loops and derivatives."""

from __future__ import annotations

from dataclasses import dataclass

from chainrule.settings import need_tqdm

PATHS = 64
"""How many paths through its branches a function may take for one signature."""

PROGRAMS = 256
"""How many programs of a function are kept: four signatures with all their paths, and
some 64 MiB of programs of a hundred rows."""


@dataclass(frozen=True)
class Options:
    """What they mean is said at ``compile``."""

    executor: str = "auto"
    paths: int = PATHS
    progress: bool = False
    fastmath: bool = False
    threads: int | str = 1
    max_programs: int = PROGRAMS

    def __post_init__(self) -> None:
        """Raise if the bars that are asked for cannot be drawn."""
        if self.progress:
            need_tqdm()


__all__ = ["PATHS", "PROGRAMS", "Options"]
