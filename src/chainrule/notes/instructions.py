"""What a call reads, from the code of its function: where there is no source.

Since Python 3.11 each instruction knows which part of the source it came from; it
belongs to a call's arguments where its part lies inside that of the call. Names of
instructions change from version to version, so only their first words are looked at.
Since Python 3.13 two reads may be one instruction, which knows the place of the first
one alone: then a name may be left out, but none is told that was not given.
"""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType

from chainrule.notes.reading import PLAIN_MAKERS, Chain, Read, Reading, Span
from chainrule.values.shapes import TUPLE

NOWHERE: Span = (0, 0), (0, 0)

_VARIABLES = ("FAST", "DEREF", "CLOSURE", "CLASSDEREF", "GLOBAL", "NAME", "FROM_DICT")
"""What follows ``LOAD_`` where a variable is read."""
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
_CALLEES = (*_ATTRIBUTES, "PUSH_NULL")
"""What follows the read of a variable at once, and starts where it does."""
_COMPUTING = ("CALL", "BINARY", "BUILD", "COMPARE", "UNARY")
_CLEARS = "LOAD_FAST_AND_CLEAR"
"""Starts a comprehension that runs in the frame of its function."""


class Instructions:
    """The instructions of a frame's code up to the one where it stands.

    Attributes
    ----------
    span
        The part of the source that the instruction belongs to.
    calls, assigns, raises, operates
        What the instruction does; ``operates`` is the operator's symbol.
    """

    def __init__(self, code: CodeType, lasti: int) -> None:
        """Read the code of a function."""
        instructions = list(dis.get_instructions(code))
        # A frame that called another one stands behind its call instruction.
        place = max(i for i, at in enumerate(instructions) if at.offset <= lasti)
        at = instructions[place]
        self.span: Span = _span(at)
        self.calls: bool = is_call(at)
        self.assigns: bool = at.opname in ("STORE_SUBSCR", "STORE_SLICE")
        self.raises: bool = at.opname in ("RAISE_VARARGS", "RERAISE")
        symbol = at.argrepr.removeprefix("bool(").removesuffix(")")
        operator = at.opname in ("BINARY_OP", "COMPARE_OP") and symbol != "[]"
        self.operates: str = symbol if operator else ""
        self._all = instructions[:place]
        self._before = [x for x in instructions[:place] if _inside(_span(x), self.span)]
        self._cleared = [
            x
            for x in instructions[:place]
            if x.opname == _CLEARS and _inside(self.span, _span(x))
        ]

    @property
    def comprehensions(self) -> dict[str, Span]:
        """The variables of the comprehensions around the instruction.

        They are lost when an error leaves the comprehension.
        """
        return {str(x.argval): _span(x) for x in self._cleared}

    def reading(self) -> Reading:
        """Return the names that are read for the instruction."""
        lost = self.comprehensions
        chains = list(self._chains())
        called = self._called(chains)
        reads: list[Read] = []
        for start, at, chain in chains:
            begins = self.calls and start == self.span[0]
            if chain[0] in lost or (begins and chain[:1] == called[:1]):
                continue
            if not self._made_plain(start, at, chains):
                reads.append(Read(".".join(chain), chain))
        return Reading(called, reads)

    def _chains(self) -> Iterator[tuple[tuple[int, int], dis.Instruction, Chain]]:
        """Yield the dotted names that are read: where, by which instruction, which."""
        for i, at in enumerate(self._all):
            start = _span(at)[0]
            following = self._all[i + 1 :]
            chains: list[tuple[tuple[int, int], Chain]] = [
                (start, (name,)) for name in variables(at)
            ]
            if len(chains) > 1 or not at.opname.startswith("LOAD_"):
                told = following[:1] and following[0].opname.startswith(_CALLEES)
                start = _span(following[0])[0] if told else start
            if chains:
                chains[-1] = start, (*chains[-1][1], *_attributes(following))
            if at.opname.startswith("LOAD_CONST") and isinstance(at.argval, CodeType):
                chains = [(start, (name,)) for name in at.argval.co_names]
            for start, chain in chains:
                if self.span[0] <= start < self.span[1]:
                    yield start, at, chain

    def _called(
        self, chains: list[tuple[tuple[int, int], dis.Instruction, Chain]]
    ) -> Chain:
        """Return the dotted name that the instruction's source starts with."""
        first = next((c for c in chains if c[0] == self.span[0]), None)
        if first is None or first[1].opname.startswith("LOAD_CONST"):
            return ()
        for at in self._before:
            starts = _span(at)[0] == self.span[0] and at.opname.startswith(_COMPUTING)
            if starts and at.offset > first[1].offset and _span(at) != self.span:
                return ()
        return first[2]

    def _made_plain(
        self,
        start: tuple[int, int],
        at: dis.Instruction,
        chains: list[tuple[tuple[int, int], dis.Instruction, Chain]],
    ) -> bool:
        """Tell whether a name is an argument of ``float(x)``, ``gd.value(x)``, ..."""
        for call in self._before:
            span = _span(call)
            if not is_call(call) or span == self.span or call.offset < at.offset:
                continue
            if span[0] <= start <= span[1]:
                called = [chain for begins, _, chain in chains if begins == span[0]]
                if called and PLAIN_MAKERS.intersection(called[0][-1:]):
                    return True
        return False


def is_call(at: dis.Instruction) -> bool:
    """Tell whether an instruction calls what the source calls."""
    return at.opname.startswith(("CALL", "PRECALL")) and "INTRINSIC" not in at.opname


def _span(at: dis.Instruction) -> Span:
    """Return where an instruction's source starts and ends."""
    place = at.positions
    if place is None or place.lineno is None or place.end_lineno is None:
        return NOWHERE
    if place.col_offset is None or place.end_col_offset is None:
        return (place.lineno, 0), (place.end_lineno, 1 << 30)
    return (place.lineno, place.col_offset), (place.end_lineno, place.end_col_offset)


def _inside(span: Span, whole: Span) -> bool:
    return whole[0] <= span[0] and span[1] <= whole[1]


def variables(at: dis.Instruction) -> tuple[str, ...]:
    """Return the variables that an instruction reads."""
    stores, _, loads = at.opname.rpartition("LOAD_")
    if not loads.startswith(_VARIABLES) or at.opname == _CLEARS:
        return ()
    if isinstance(at.argval, TUPLE):  # two at once, of which one may be assigned
        first = 1 if stores.startswith("STORE_") else 0
        return tuple(str(x) for x in at.argval[first:])
    return (at.argval,) if isinstance(at.argval, str) else ()


def _attributes(following: list[dis.Instruction]) -> list[str]:
    """Return the attributes that are taken of a name at once."""
    names: list[str] = []
    for at in following:
        if at.opname not in _ATTRIBUTES:
            break
        names.append(at.argval)
    return names
