"""The cache of machine code: object files in a directory of the user's own.

In: what machine code was made of: the text of a module, the processor, the versions.
Out: the object file that an earlier process kept for it. The directory is
``chainrule`` in ``$XDG_CACHE_HOME``, or ``~/.cache``; ``gd.options(cache=)``, or the
environment variable ``CHAINRULE_CACHE``, names another one, or says ``off``. It must be
the user's, and closed to others (mode 0700): what lies in it is run. A file is found by
the hash of what it was made of, and never by a name from elsewhere, and is used only if
its checksum is right.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path

from chainrule.settings import SETTINGS

VERSION = "1"
"""Of the files; and of machine code that one text becomes."""

LARGEST = 256 << 20
"""Bytes of all files. Above that, those go that were not used for longest."""

_OFF = ("off", "0", "no", "none")
_SUM = hashlib.sha256().digest_size
_WRITES = 64
"""How many files are written before the directory is looked through again."""


def key_of(parts: Iterable[str]) -> str:
    """Return the name of the file for machine code that was made of these texts."""
    whole = hashlib.sha256(VERSION.encode())
    for part in parts:
        text = part.encode()
        whole.update(len(text).to_bytes(8, "little"))
        whole.update(text)
    return whole.hexdigest()


def directory() -> Path | None:
    """Return where object files are kept; ``None`` if they are not."""
    asked = SETTINGS.cache or os.environ.get("CHAINRULE_CACHE", "")
    if asked.lower() in _OFF or not hasattr(os, "getuid"):
        return None
    return _made(asked, os.environ.get("XDG_CACHE_HOME", ""))


@functools.cache
def _made(asked: str, base: str) -> Path | None:
    """Return a directory that was made, if it is this user's own."""
    try:
        cache = Path(base) if base else Path.home() / ".cache"
        found = Path(asked) if asked else cache / "chainrule"
        found.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_private = _is_private(found)
    except (OSError, RuntimeError):  # no home, or one that nobody may write to
        return None
    if is_private:
        return found
    warnings.warn(
        f"{found} is no directory of this user's own, closed to others, so machine "
        f"code is not kept there. Run: chmod 700 {found}; or gd.options(cache='off')",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


def _is_private(path: Path) -> bool:
    """Tell whether a directory is the user's, and nobody else may open it."""
    found = path.lstat()
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.getuid()
        and not found.st_mode & 0o077
    )


def read(key: str) -> bytes | None:
    """Return the object file of a key; ``None`` if there is none. A broken one goes."""
    where = directory()
    if where is None:
        return None
    path = where / key
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with open(handle, "rb") as file:
        about = os.fstat(handle)
        own = stat.S_ISREG(about.st_mode) and about.st_uid == os.getuid()
        held = file.read() if own and about.st_size < LARGEST else b""
    if held[:_SUM] != _checksum(key, held[_SUM:]):
        with contextlib.suppress(OSError):
            path.unlink()
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # it was used
    return held[_SUM:]


def _checksum(key: str, code: bytes) -> bytes:
    return hashlib.sha256(key.encode() + code).digest()


def write(key: str, code: bytes) -> None:
    """Keep an object file, as a whole or not at all."""
    where = directory()
    if where is None or len(code) > LARGEST // 16:
        return
    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(dir=where, prefix="new-")
        try:
            with open(handle, "wb") as file:
                file.write(_checksum(key, code) + code)
            Path(name).replace(where / key)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _count(where)


_written = 0


def _count(where: Path) -> None:
    """Look through the directory at the first write, and again after many."""
    global _written  # noqa: PLW0603
    if _written % _WRITES == 0:
        evict(where, LARGEST)
    _written += 1


def evict(where: Path, most: int) -> None:
    """Drop the files that were not used for longest, until all have ``most`` bytes."""
    found: list[tuple[float, int, Path]] = []
    for path in where.iterdir():
        with contextlib.suppress(OSError):
            about = path.lstat()
            found.append((about.st_mtime, about.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= most:
            break
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size


__all__ = ["directory", "evict", "key_of", "read", "write"]
