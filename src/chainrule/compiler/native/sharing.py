"""Shared machine code: what is described by the same text is compiled once.

In: a text that says all about some code, and what compiles it. Out: the code, for as
long as somebody holds it. Steps of a loop often ask for the same.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

from chainrule.locks import lock


class Pending(NamedTuple):
    """Code that is not compiled yet: its text, and about how many operations it has."""

    text: str
    operations: int


_SHARED: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
_SHARING = lock()


def is_shared(text: str) -> bool:
    """Tell whether code is there."""
    return text in _SHARED


def shared(text: str, compiled: Callable[[], Any]) -> Any:
    """Return the code of a text, which is compiled if nobody has it."""
    with _SHARING:
        code = _SHARED.get(text)
    if code is None:
        code = compiled()
        with _SHARING:
            code = _SHARED.setdefault(text, code)
    return code


class SharedCode:
    """What has machine code, which is compiled when somebody first asks for it.

    Attributes
    ----------
    text
        All that there is to say about the code.
    operations
        About how many operations of a loop take as long to compile.
    """

    text: str
    operations: int

    @functools.cached_property
    def code(self) -> Any:
        """The machine code, which may be another's too."""
        return shared(self.text, self.compiled)

    @property
    def pending(self) -> Pending | None:
        """What is still to be compiled."""
        return None if is_shared(self.text) else Pending(self.text, self.operations)

    def compiled(self) -> Any:
        """Compile it."""
        raise NotImplementedError


__all__ = ["Pending", "SharedCode", "is_shared", "shared"]
