"""Guesses: examples of loops that took no step; no decision may rest on them.

How many steps a loop takes may depend on values, and in a trace all steps would run on
NumPy, those of a long scan as well. What is traced needs their results' shapes and
dtypes only, unless Python decides on the values. Then ``NotExact`` is raised, and the
function is traced once more, with all steps of the example.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chainrule.compiler.tracing.rows import Row

if TYPE_CHECKING:
    from chainrule.compiler.tracing.trace import Trace


class NotExact(BaseException):
    """A decision rests on a guess. The user's code does not catch it."""


class Guesses:
    """The rows of a trace, and of the bodies inside, whose examples are guesses.

    Attributes
    ----------
    exact
        Whether there may be none.
    """

    def __init__(self, *, exact: bool) -> None:
        """Start with none."""
        self.exact = exact
        self._places: dict[Trace, set[int]] = {}

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self._places)

    def add_next(self, trace: Trace) -> None:
        """Note that the example of the row that comes next is a guess."""
        self._places.setdefault(trace, set()).add(len(trace.rows))

    def refuse(self, trace: Trace, row: Row) -> None:
        """Raise if the example of a row may depend on a guess."""
        if self._places and self._depends(trace, row):
            raise NotExact

    def _depends(self, trace: Trace, row: Row) -> bool:
        guessed = self._places.get(trace, set())
        seen, pending = {row}, [row]
        while pending:
            x = pending.pop()
            if x.function is None and trace.parent is not None:
                return True  # it may be one of the traces around this one
            if x.function is not None and x.serial in guessed:
                return True
            new = [y for y in x.operands if y not in seen]
            seen.update(new)
            pending += new
        return False


__all__ = ["Guesses", "NotExact"]
