"""The instruction of a frame that failed: what it called, and with which names.

It is read from the frame's code, so that no source is needed. Since Python 3.11 each
instruction knows which part of the source it came from. An instruction belongs to a
call's arguments where its part lies inside that of the call.
"""

from __future__ import annotations

import builtins
import dis
import functools
import inspect
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

from chainrule.notes.holding import described
from chainrule.notes.targets import attribute_of
from chainrule.remedies import names
from chainrule.shapes import TUPLE, ndarray
from chainrule.vertices import vertex

_CALLS = ("CALL", "PRECALL")
_NO_VARIABLES = ("CONST", "ATTR", "METHOD", "SUPER_ATTR", "SPECIAL", "COMMON")
_READS_AHEAD = ("LOAD_ATTR", "LOAD_METHOD")
_PLAIN_ATTRIBUTES = names("value shape size ndim dtype grad")
_PLAIN_MAKERS = names(
    "value stop_gradient float int len bool repr str shape ndim size round"
)
"""Functions whose result holds no node, whatever they are given."""


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
        """Read the frame's code up to the instruction."""
        code = frame.f_code
        self.frame = frame
        self.file: str = code.co_filename
        self.line: int = line
        self.function: str = code.co_name
        found = list(dis.get_instructions(code))
        # A frame that called another one stands behind its call instruction.
        place = max(i for i, at in enumerate(found) if at.offset <= lasti)
        at = found[place]
        self._span = _span(at)
        self._before = [x for x in found[:place] if _inside(_span(x), self._span)]
        outside = [x for x in found[:place] if not _inside(_span(x), self._span)]
        self._opens: tuple[str, ...] = _names(outside[-1]) if outside else ()
        self.raises: bool = at.opname in ("RAISE_VARARGS", "RERAISE")
        self.calls: bool = at.opname.startswith(_CALLS)
        self.assigns: bool = at.opname == "STORE_SUBSCR"
        operator = at.opname in ("BINARY_OP", "COMPARE_OP")
        self.operates: str = at.argrepr.strip("bol()") if operator else ""

    @property
    def name(self) -> str:
        """What is called, as it is written; empty where it is no dotted name."""
        return ".".join(self._chain())

    @property
    def target(self) -> Any:
        """What is called; ``None`` where that cannot be told."""
        chain = self._chain()
        found = self._value(chain) if chain else None
        while isinstance(found, functools.partial):
            found: Any = found.func
        return found

    @property
    def assigned(self) -> tuple[Any, str]:
        """The object that an entry is assigned to, and how it is written."""
        chain = self._chain() or self._opening()
        return (self._value(chain), ".".join(chain)) if chain else (None, "")

    def functions(self) -> Iterator[tuple[str, Any]]:
        """Yield the names that were given and stand for something callable."""
        for _, chain in self._chains():
            value = self._value(chain)
            if callable(value):
                yield ".".join(chain), value

    def given(self) -> str:
        """Say which of the names that were given hold nodes, and how."""
        shown: dict[str, str] = {}
        skipped = self._chain()[:1] if self.calls else []
        for i, chain in self._chains():
            if chain[:1] == skipped and self._starts(self._before[i]):
                continue
            if self._made_plain(self._before[i]):
                continue
            value = self._value(chain)
            if text := described(value):
                known = isinstance(value, vertex) or text != "a node"
                shown.setdefault(".".join(chain) if known else chain[0], text)
        return " and ".join(f"{name} ({text})" for name, text in shown.items())

    # ------------------------------------------------------------- names in the code

    def _chains(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the dotted names that are read, each with its first instruction."""
        before = self._before
        for i, at in enumerate(before):
            if _is_code(at):
                yield from ((i, [name]) for name in at.argval.co_names)
            for name in _names(at):
                yield i, [name, *_attributes(before[i + 1 :])]

    def _chain(self) -> list[str]:
        """Return the dotted name that the instruction's source starts with."""
        for i, chain in self._chains():
            at = self._before[i]
            if not self._starts(at) or _is_code(at):
                return []
            rest = self._before[i + len(chain) :]
            longer = (x for x in rest if self._starts(x) and _computes(x))
            return [] if any(_span(x) != self._span for x in longer) else chain
        return []

    def _opening(self) -> list[str]:
        """Return the name that was read at once with the one before this source.

        Python 3.13 reads ``x`` and ``a`` of ``a[i] = x`` in one instruction, which
        stands at ``x``.
        """
        return [self._opens[1]] if len(self._opens) == 2 else []

    def _starts(self, at: dis.Instruction) -> bool:
        return _span(at)[0] == self._span[0]

    def _made_plain(self, at: dis.Instruction) -> bool:
        """Tell whether a name is an argument of ``float(x)``, ``gd.value(x)``, ..."""
        for call in self._before:
            span = _span(call)
            if not call.opname.startswith(_CALLS) or span == self._span:
                continue
            if _inside(_span(at), span) and call.offset > at.offset:
                called = [c for i, c in self._chains()
                          if _span(self._before[i])[0] == span[0]]  # fmt: skip
                if called and called[0][-1] in _PLAIN_MAKERS:
                    return True
        return False

    def _value(self, chain: list[str]) -> Any:
        """Look a dotted name up, without running anything."""
        frame, name = self.frame, chain[0]
        value: Any = None
        for scope in (frame.f_locals, frame.f_globals, vars(builtins)):
            if name in scope:
                value = scope[name]
                break
        for name in chain[1:]:
            if isinstance(value, vertex):
                return None if name in _PLAIN_ATTRIBUTES else value
            if isinstance(value, ndarray) and name in _PLAIN_ATTRIBUTES:
                return None
            value = attribute_of(value, name)
        return value


def _span(at: dis.Instruction) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return where an instruction's source starts and ends."""
    place = at.positions
    if place is None or place.lineno is None or place.end_lineno is None:
        return (0, 0), (0, 0)
    if place.col_offset is None or place.end_col_offset is None:
        return (place.lineno, 0), (place.end_lineno, 1 << 30)
    return (place.lineno, place.col_offset), (place.end_lineno, place.end_col_offset)


def _inside(span: Any, whole: Any) -> bool:
    return whole[0] <= span[0] and span[1] <= whole[1]


def _names(at: dis.Instruction) -> tuple[str, ...]:
    """Return the variables that an instruction reads."""
    kind = at.opname.removeprefix("LOAD_")
    if not at.opname.startswith("LOAD_") or kind.startswith(
        ("CONST", "ATTR", "METHOD")
    ):
        return ()
    read: Any = at.argval
    if isinstance(read, TUPLE):  # two at once, since Python 3.13
        return tuple(x for x in read if isinstance(x, str))
    return (read,) if isinstance(read, str) else ()


def _attributes(following: list[dis.Instruction]) -> list[str]:
    """Return the attributes that are taken of a name at once."""
    found: list[str] = []
    for at in following:
        if at.opname not in _READS_AHEAD:
            break
        found.append(at.argval)
    return found


def _is_code(at: dis.Instruction) -> bool:
    return at.opname == "LOAD_CONST" and isinstance(at.argval, CodeType)


def _computes(at: dis.Instruction) -> bool:
    return at.opname.startswith(("CALL", "BINARY", "BUILD", "COMPARE", "UNARY"))


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
