"""Kept programs: those of a function that ran last, up to a number of them.

In: specialisations, as they are traced and run. Out: for a signature of arguments those
that are kept. Arguments of ever new shapes would otherwise fill the memory.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from typing import Any

from chainrule.compiler.dispatch.signature import Signature
from chainrule.compiler.dispatch.specialisation import Specialisation, Specialisations
from chainrule.locks import lock


class Kept:
    """The programs of a function, of all signatures and paths.

    Attributes
    ----------
    limit, dropped
        How many are kept, and how many were dropped for others.
    signatures
        The specialisations for each signature, by its key.
    direct
        Those for arrays and floats in no container, by shapes, dtypes, classes.
    latest
        The one that ran last. Only where another runs, the order changes.
    """

    def __init__(self, limit: int) -> None:
        """Start empty."""
        self.limit = limit
        self.dropped: int = 0
        self.signatures: dict[tuple[Any, ...], Specialisations] = {}
        self.direct: dict[Any, Specialisations] = {}
        self.latest: Specialisation | None = None
        self._order: collections.OrderedDict[Specialisation, Specialisations]
        self._order = collections.OrderedDict()
        self._changing = lock()
        """Held while the order changes; never while the user's code runs."""

    def of(
        self, key: tuple[Any, ...], signature: Callable[[], Signature]
    ) -> Specialisations:
        """Return the specialisations of a signature; none are in a new one's."""
        known = self.signatures.get(key)
        if known is None:
            known = self.signatures.setdefault(key, Specialisations(signature()))
            if len(self.signatures) > self.limit:  # one has never got a program
                others = list(self.signatures.values())
                self._forget([x for x in others if not x.paths and x is not known][:1])
        return known

    def add(
        self, known: Specialisations, path: Specialisation, before: list[Specialisation]
    ) -> bool:
        """Add a path, unless another thread has added one to those ``before``."""
        if not known.add(path, before):
            return False
        dropped: list[tuple[Specialisation, Specialisations]] = []
        with self._changing:
            self._order[path], self.latest = known, path
            while len(self._order) > self.limit:
                dropped.append(self._order.popitem(last=False))
            self.dropped += len(dropped)
        for old, owner in dropped:
            owner.forget(old)
        self._forget([x for _, x in dropped if not x.paths])
        return True

    def used(self, path: Specialisation, known: Specialisations) -> None:
        """Note that a path has run, and another one before it; try it first."""
        with self._changing:
            if path in self._order:
                self._order.move_to_end(path)
        self.latest = path
        if path in known.paths[1:]:
            known.prefer(path)

    def forget(self, known: Specialisations, path: Specialisation) -> None:
        """Drop a path that is of no use."""
        known.forget(path)
        with self._changing:
            self._order.pop(path, None)

    def newest(self) -> tuple[Signature, Specialisation] | None:
        """Return the path that was traced or run last, and its signature."""
        with self._changing:
            last = next(reversed(self._order.items()), None)
        return None if last is None else (last[1].signature, last[0])

    def _forget(self, dropped: list[Specialisations]) -> None:
        """Drop signatures without programs."""
        for table in (self.signatures, self.direct) if dropped else ():
            for key in [k for k, x in list(table.items()) if x in dropped]:
                table.pop(key, None)


__all__ = ["Kept"]
