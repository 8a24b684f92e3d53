"""Listening to sweeps: a listener is told whose turn it is, and what is passed on.

A sweep takes a listener as an argument. Recorded sweeps that a function starts by
itself are heard by the listener of ``listening``. Mostly nobody listens.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from contextvars import ContextVar
from typing import Self

from chainrule.rules.namespace import plain
from chainrule.rules.supports import supported
from chainrule.values.types import Namespace
from chainrule.values.vertices import vertex


class Listener:
    """What a sweep tells; these methods take no notice of it."""

    def __enter__(self) -> Self:
        """Be told that a sweep begins, maybe inside another one."""
        return self

    def __exit__(self, *error: object) -> None:
        """Be told that it has ended, or failed."""

    def vertex_reached(self, z: vertex) -> None:
        """Be told whose turn it is."""

    def contribution(
        self,
        z: vertex,
        position: int,
        product: supported,
        part: supported,
        total: supported,
    ) -> None:
        """Be told what a vertex passes on, in a sweep that is not recorded.

        Parameters
        ----------
        z, position
            The vertex, and which of its operands.
        product
            What its rule gives, before a sum undoes broadcasting.
        part, total
            What is added, and the sum so far: of the operand's cotangent or, in the
            forward sweep, of the tangent of ``z``.
        """


_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def listening(listener: Listener) -> Generator[None]:
    """Listen to the recorded sweeps of this thread, in a ``with`` block."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def heard(listener: Listener | None, xp: Namespace) -> Listener | None:
    """Return who hears a sweep with ``xp``: its listener, or this thread's."""
    return _listener.get() if listener is None and xp is not plain else listener


__all__ = ["Listener", "heard", "listening"]
