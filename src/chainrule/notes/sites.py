"""The place in a frame that failed: what it called, and with which names.

The names are read from the source, or from the code where there is no source.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from types import FrameType
from typing import Any

from chainrule.notes.holding import described
from chainrule.notes.instructions import Instructions
from chainrule.notes.reading import PLAIN_ATTRIBUTES, Chain
from chainrule.notes.targets import attribute_of
from chainrule.notes.written import written_at
from chainrule.values.shapes import ndarray
from chainrule.values.vertices import vertex


class Site:
    """The instruction at which a frame stands, and what it reads.

    Attributes
    ----------
    file, line, function
        Where it is.
    raises, calls, assigns, operates
        What it does; ``operates`` is the operator's symbol.
    """

    def __init__(self, frame: FrameType, lasti: int, line: int) -> None:
        """Read the frame's source or code at the instruction."""
        code = frame.f_code
        self.frame = frame
        self.file: str = code.co_filename
        self.line: int = line
        self.function: str = code.co_name
        at = Instructions(code, lasti)
        self.raises: bool = at.raises
        self.calls: bool = at.calls
        self.assigns: bool = at.assigns
        self.operates: str = at.operates
        self._reading = written_at(code, at.span, at.comprehensions) or at.reading()

    @property
    def name(self) -> str:
        """What is called, as it is written; empty where it is no dotted name."""
        return ".".join(self._reading.called)

    @property
    def target(self) -> Any:
        """What is called; ``None`` where that cannot be told."""
        called = self._reading.called
        function = self._value(called) if called else None
        while isinstance(function, functools.partial):
            function: Any = function.func
        return function

    @property
    def assigned(self) -> tuple[Any, str]:
        """The object that an entry is assigned to, and how it is written."""
        called = self._reading.called
        return (self._value(called), self.name) if called else (None, "")

    def functions(self) -> Iterator[tuple[str, Any]]:
        """Yield the names that were given and stand for something callable."""
        for shown, chain in self._reading.given:
            value = self._value(chain)
            if callable(value):
                yield shown, value

    def given(self) -> str:
        """Say which of the names that were given hold nodes, and how."""
        found: dict[str, str] = {}
        for shown, chain in self._reading.given:
            if text := described(self._value(chain)):
                found.setdefault(shown, text)
        return " and ".join(f"{shown} ({text})" for shown, text in found.items())

    def _value(self, chain: Chain) -> Any:
        """Look a dotted name up, without running anything."""
        frame, name = self.frame, chain[0]
        value: Any = None
        for scope in (frame.f_locals, frame.f_globals, frame.f_builtins):
            if name in scope:
                value = scope[name]
                break
        for name in chain[1:]:
            if isinstance(value, vertex):
                return None if name in PLAIN_ATTRIBUTES else value
            if isinstance(value, ndarray) and name in PLAIN_ATTRIBUTES:
                return None
            value = attribute_of(value, self._stored(name))
        return value

    def _stored(self, name: str) -> str:
        """Return the name under which a private attribute of a class is stored."""
        if not name.startswith("__") or name.endswith("__"):
            return name
        known = self.frame.f_code.co_names
        return next((x for x in known if x[:1] == "_" and x.endswith(name)), name)


# ---------------------------------------------------------------- arguments of a frame


def arguments_of(frame: FrameType) -> tuple[str, bool]:
    """Say which arguments of a frame hold nodes, and whether some cannot be told."""
    code, values = frame.f_code, frame.f_locals
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS)
    count += bool(code.co_flags & inspect.CO_VARKEYWORDS)
    opaque = False
    for name in code.co_varnames[:count]:
        value = values.get(name)
        if text := described(value):
            return text, opaque
        opaque = opaque or isinstance(value, Iterator)
    return "", opaque
