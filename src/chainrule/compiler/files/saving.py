"""save and load: the programs of a compiled function, in a file and back."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chainrule.compiler.dispatch.arrivals import once
from chainrule.compiler.dispatch.compiled import Compiled
from chainrule.compiler.files.functions import (
    Loaded,
    function_json,
    function_of,
    options_of,
)
from chainrule.compiler.files.programs import Limits
from chainrule.compiler.files.values import Json
from chainrule.errors import ArgumentError, FileError, MissingLibraryError
from chainrule.values.shapes import describe, kind_of

VERSION = 1
"""The version of the format. A file of another one is refused."""

_HEAD = "chainrule program"
LARGEST = 1 << 30
"""Bytes that a value of a program may have, unless ``load`` is told otherwise."""


def save(compiled: Callable[..., Any], path: str | os.PathLike[str]) -> None:
    """Write what is compiled of a function into a file, for ``load``.

    The file holds all programs that the function has now: one for each kind of
    arguments that it was called with, each path through its branches, and those of its
    derivatives that were asked for. Call it with what it will be called with, before.

    Parameters
    ----------
    compiled
        A compiled function that was called.
    path
        The file, which is replaced at once if there is one.

    Raises
    ------
    CompileError
        If there is no program yet, or one that a file cannot hold, with the reason: it
        calls Python code (a rule or a function that is not the library's), returns an
        object, or has arguments in containers other than tuples, lists and dicts.
    ArgumentError
        If ``compiled`` is no compiled function.

    Notes
    -----
    The file is a text: a line with the version of the format and a checksum, then JSON.
    It holds numbers, arrays, shapes, and the names of operations; no code. Arrays that
    the function read from outside are in it. ``executor=`` and the other options of
    ``compile`` are kept.

    Examples
    --------
    >>> import chainrule as gd, numpy as np, tempfile, os
    >>> fast = gd.compile(gd.grad(lambda x: np.sum(np.sin(x) * x)))
    >>> fast(np.array([0.0, 1.0]))
    array([0.        , 1.38177329])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = os.path.join(folder, "slope.txt")
    ...     gd.save(fast, file)
    ...     loaded = gd.load(file)
    >>> loaded(np.array([0.0, 2.0]))
    array([0.        , 0.07700375])
    """
    if not isinstance(compiled, Compiled):
        raise ArgumentError(
            f"save needs a compiled function; received {describe(compiled)}. Write "
            "gd.save(gd.compile(f), path) after a call."
        )
    compiled.newest()  # or there is none
    _write(Path(path), text_of(compiled))


def load(
    path: str | os.PathLike[str], *, max_bytes: int = LARGEST
) -> Callable[..., Any]:
    """Return the compiled function of a file that ``save`` wrote.

    It runs the programs of the file: nothing is traced, and none of the function's
    Python is needed. It is called as the function was, can be differentiated, and
    pickles.

    Parameters
    ----------
    path
        The file.
    max_bytes
        How large any value in its programs may be; 1 GiB unless told otherwise.

    Raises
    ------
    FileError
        If the file is damaged, of another version, or asks for larger values; when
        called, if the file has no program for such arguments or their path through the
        branches, or a derivative is nan and no argument is.

    Notes
    -----
    Nothing of a file is evaluated or unpickled. Operations are looked up by their names
    among the rules of this library. Indices, shapes, dtypes and sizes are verified when
    it is loaded; in the first call of each program its rows are run one by one by NumPy
    and compared with what the file says of them, before native code may run it. Yet a
    program may compute anything, for as long as it likes: load files from people whose
    results you would use.

    Examples
    --------
    >>> import chainrule as gd, numpy as np, tempfile, os
    >>> fast = gd.compile(lambda x: np.sum(x**2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = os.path.join(folder, "squares.txt")
    ...     _ = fast(np.ones(3)), gd.save(fast, file)
    ...     loaded = gd.load(file)
    >>> loaded(np.array([1.0, 2.0, 3.0])), gd.grad(loaded)(np.array([1.0, 2.0, 3.0]))
    (np.float64(14.0), array([2., 4., 6.]))
    """
    if kind_of(max_bytes) is not int or max_bytes < 1:
        raise ArgumentError(
            f"load needs max_bytes= a number, 1 or more; received {max_bytes!r}."
        )
    return loaded_from(Path(path).read_bytes(), max_bytes)


def text_of(compiled: Compiled) -> str:
    """Return the text of a file."""
    body = _lines(function_json(compiled)) + "\n"
    return f"{_HEAD} {VERSION} {_checksum(body.encode())}\n{body}"


def _checksum(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _lines(x: Json) -> str:
    """Return JSON with a line for each member of an object and each row."""
    kind = kind_of(x)
    if kind is dict and len(x) > 1:
        parts = [f"{json.dumps(k)}: {_lines(v)}" for k, v in x.items()]
        return "{\n" + ",\n".join(parts) + "}"
    if kind is list and {dict, list}.intersection(map(kind_of, x)):
        parts = [_lines(v) if kind_of(v) is dict else json.dumps(v) for v in x]
        return "[\n" + ",\n".join(parts) + "]"
    return json.dumps(x, allow_nan=False)


def _write(path: Path, text: str) -> None:
    """Write a file as a whole: who reads it finds the old one or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def loaded_from(content: bytes, max_bytes: int) -> Loaded:
    """Return the function of a file's content."""
    head, _, body = content.partition(b"\n")
    kind, _, rest = head.decode("ascii", "replace").rpartition(" ")
    if not kind.startswith(_HEAD):
        raise FileError("This is no file of a compiled function, as gd.save writes it.")
    if kind != f"{_HEAD} {VERSION}":
        raise FileError(
            f"The file has version {kind[len(_HEAD) + 1 :][:20]!r} of the format, and "
            f"this library reads {VERSION}. Make it again with gd.save."
        )
    if rest != _checksum(body):
        raise FileError(
            "The file was changed or cut short. Make it again with gd.save."
        )
    try:
        found = json.loads(body, parse_constant=_no_constant)
        options = options_of(found["options"])
        loaded = function_of(found, Limits(max_bytes, options))
    except (FileError, MissingLibraryError):
        raise
    except Exception as error:  # whatever a file does not hold
        raise FileError(
            f"The file is no valid program ({type(error).__name__}: {str(error)[:200]}"
            "). Make it again with gd.save."
        ) from error
    return loaded


def arrived(content: bytes, max_bytes: int) -> Loaded:
    """Return the function of a file's content that was sent to this process."""
    return once((content, max_bytes), lambda: loaded_from(content, max_bytes))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
