"""What is installed: ``versions``, for reports of bugs."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

LIBRARIES = (
    "numpy optree scipy llvmlite cyipopt dask cupy torch jax xarray pandas matplotlib "
    "cairosvg rich tqdm"
).split()
"""The libraries that chainrule needs or can use, by their names on PyPI."""


class Versions(Mapping[str, str]):
    """Versions by name; ``print`` it for a report."""

    def __init__(self, known: Mapping[str, str]) -> None:
        """Keep the versions."""
        self._known = dict(known)

    def __getitem__(self, name: str) -> str:
        """Return the version of one."""
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self._known)

    def __len__(self) -> int:
        """Count them."""
        return len(self._known)

    def __repr__(self) -> str:
        """Return one line for each."""
        width = max(map(len, self._known))
        return "\n".join(f"{k:<{width}}  {v}" for k, v in self._known.items())


def versions() -> Versions:
    """Return the versions of chainrule, of Python, and of the libraries that are there.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.versions()["chainrule"] == gd.__version__
    True
    >>> "numpy" in gd.versions()
    True
    """
    known: dict[str, str] = {
        "chainrule": importlib.import_module("chainrule").__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
    has_lock: Any = getattr(sys, "_is_gil_enabled", None)
    if has_lock is not None and not has_lock():
        known["python"] += " without the global lock"
    for name in LIBRARIES:
        try:
            known[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return Versions(known)


__all__ = ["Versions", "versions"]
