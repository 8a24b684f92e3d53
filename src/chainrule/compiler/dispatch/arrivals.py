"""Compiled functions that arrive pickled: a process compiles each of them once.

Executors and clusters send a function with every task. What arrives is a new object
each time, so it is known by the hash of what it is pickled as, values that it closes
over included: equal ones are one function, with one set of programs.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import io
import pickle
from collections import OrderedDict
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, TypeVar

from chainrule.compiler.options import Options
from chainrule.locks import lock
from chainrule.values.types import Operation

Made = TypeVar("Made")

LIMIT = 32
"""How many functions a process keeps."""

_arrived: OrderedDict[bytes, Any] = OrderedDict()
_arriving = lock()


def once(parts: tuple[Any, ...], make: Callable[[], Made]) -> Made:
    """Return what was made of equal parts before; make it if nothing was."""
    key = _hash(parts)
    if key is None:
        return make()
    with _arriving:
        known = _arrived.get(key)
        if known is None:
            known = _arrived[key] = make()
        _arrived.move_to_end(key)
        while len(_arrived) > LIMIT:
            _arrived.popitem(last=False)
    return known


def rebuilt(
    kind: Callable[..., Made], f: Operation, static: Sequence[str], options: Options
) -> Made:
    """Return a compiled function that was pickled; its programs were not."""
    return once(
        (kind, f, static, options), lambda: kind(f, static=static, options=options)
    )


def _hash(parts: tuple[Any, ...]) -> bytes | None:
    """Return the hash of what parts are pickled as; ``None`` if they do not pickle.

    Large arrays are hashed where they lie.
    """
    arrays: list[pickle.PickleBuffer] = []
    text = io.BytesIO()
    hashing: Any = _pickler()(text, protocol=5, buffer_callback=arrays.append)
    codes: list[int] = []
    hashing.codes = codes
    try:
        hashing.dump(parts)
    except Exception:
        return None
    found = hashlib.blake2b(text.getbuffer())
    for array in arrays:
        found.update(array.raw())
    found.update(repr(codes).encode())
    return found.digest()


@functools.cache
def _pickler() -> Any:
    """Return a pickler, cloudpickle's if there is one, that notes code it refers to.

    A function of a module is pickled as its name, under which there may be another one
    after a reload.
    """
    try:
        base: Any = importlib.import_module("cloudpickle").Pickler
    except ImportError:
        base = pickle.Pickler
    inherited: Any = getattr(base, "reducer_override", None)

    class Noting(base):
        def reducer_override(self: Any, x: Any) -> Any:
            if isinstance(x, FunctionType):
                self.codes.append(hash(x.__code__))
            return NotImplemented if inherited is None else inherited(self, x)

    return Noting
