"""Arrays of lifted functions: buffers whose results are buffers too.

NumPy code makes arrays by arithmetic as often as by ``np.zeros``: ``rho = mass / 2``,
then ``rho += flux``. In a lifted function every array that it makes can take a node.
One that it was given cannot: its memory is the caller's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import AssignedError
from chainrule.numpy.buffer_operands import arrays_in
from chainrule.numpy.buffers import (
    buffer,
    followed,
    holding,
    is_numbers_of_its_own,
    plain,
    root_of,
)
from chainrule.values.shapes import SEQUENCES, kind_of, ndarray
from chainrule.values.vertices import first_vertex, stand_in


class lifted(buffer):  # noqa: N801
    """An array that a lifted function has made."""

    __slots__ = ()

    @staticmethod
    def fresh(results: Any) -> Any:
        """Return new arrays as lifted ones, also in tuples and lists."""
        kind = kind_of(results)
        if kind is ndarray:
            return results.view(lifted) if results.dtype.kind in "fcbiu" else results
        if kind in SEQUENCES:
            return kind(map(lifted.fresh, results))
        return holding(results, lifted)


_lifted: Any = lifted
_lifted.made_as = lifted


class given(lifted):  # noqa: N801
    """An array that a lifted function was given, or reads by a global name.

    It is written through where numbers are, and refuses nodes: they would leave nan in
    memory that others read.
    """

    __slots__ = ()

    def __array_finalize__(self, source: object) -> None:
        """Be a view of what was given, or an array of the function's own."""
        super().__array_finalize__(source)
        if isinstance(source, given) and root_of(self) is self:
            self.__class__ = _lifted

    def hand_over(self, value: object) -> None:
        """Refuse a node; a traced array goes into one as it would by itself."""
        if isinstance(self.current(), stand_in) and first_vertex(value) is None:
            return
        raise AssignedError(
            "A node would be written into an array that a lifted function was given, "
            "or reads by a global name; its memory is not the function's own. Write "
            "into a copy: y = y.copy()."
        )


def as_given(x: Any) -> Any:
    """Return a caller's array of numbers as it is in a lifted function.

    One that takes nodes takes them there, too; a plain or a traced one refuses them.
    """
    if isinstance(x, buffer):
        return x.view(lifted) if kind_of(x) is buffer else x
    if isinstance(x, stand_in):
        return holding(x, given)
    return x.view(given) if x.dtype.kind in "fcbiu" else x


def as_made(results: Any, args: Any) -> Any:
    """Return the results of a function that makes arrays, as a lifted one has them.

    New ones are lifted; one whose memory may be somebody else's is a given one.
    """
    if isinstance(results, SEQUENCES):
        if kind_of(results) not in SEQUENCES:
            return results
        return kind_of(results)(as_made(part, args) for part in results)
    if isinstance(results, stand_in):
        return lifted.fresh(followed(results, arrays_in(args)))
    kind = kind_of(results)
    if kind is not ndarray and not (kind is buffer and is_numbers_of_its_own(results)):
        return results
    array = plain(results)
    if _may_be_of(array, args):
        return results if kind is buffer else as_given(array)
    return lifted.fresh(array)


def as_returned(results: Any) -> Any:
    """Return results of a lifted function: plain arrays where there is no node."""
    kind = kind_of(results)
    if kind is dict:
        return {k: as_returned(x) for k, x in results.items()}
    if kind in SEQUENCES:
        return kind(map(as_returned, results))
    return results.current() if isinstance(results, lifted) else results


_OWN_NOTHING: Any = (int, float, complex, str, list, tuple, type, type(None), np.dtype)


def _may_be_of(array: NDArray[Any], args: Any) -> bool:
    """Tell whether an array may show memory that somebody else has."""
    base = array.base
    if not array.flags.writeable or not (base is None or isinstance(base, ndarray)):
        return True
    shown = [x for x in args if isinstance(x, ndarray)]
    if any(np.may_share_memory(array, x) for x in shown):
        return True
    others = (x for x in args if not isinstance(x, ndarray))
    return not all(isinstance(x, _OWN_NOTHING) or callable(x) for x in others)


__all__ = ["as_given", "as_made", "as_returned", "given", "lifted"]
