"""A function derived from another one, and which of its arguments it is about."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.transforms.collector import CollectorPaused
from chainrule.values.shapes import describe
from chainrule.values.types import Operation

Argnums = int | Sequence[int]


class DerivedFunction:
    """A function derived from another one, such as ``grad(f)``.

    It is called like ``f``, carries its name and documentation, works as a method, and
    pickles if ``f`` does.
    """

    def __init__(
        self, method: Callable[..., Any], f: Operation, **options: Any
    ) -> None:
        """Keep how (``method``), of what (``f``), and with which options."""
        if not callable(f):
            raise ArgumentError(
                f"{method.__name__.strip('_')} needs a function; received "
                f"{describe(f)}. Write gd.grad(f)(x), not gd.grad(f(x))."
            )
        self.method = method
        self.f = f
        self.__wrapped__ = f  # inspect.signature finds the parameters of f
        self.options = options
        for name in ("__name__", "__qualname__", "__doc__", "__module__"):
            if hasattr(f, name):
                setattr(self, name, getattr(f, name))

    def __call__(self, *args: Any, **keywords: Any) -> Any:
        """Differentiate the call ``f(*args, **keywords)``."""
        with CollectorPaused():
            return self.method(self.f, args, keywords, **self.options)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Bind as a method does."""
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        """Show what it was made of."""
        return f"<{self.method.__name__.strip('_')} of {self.f!r}>"


def positions_of(argnums: Argnums, args: Sequence[Any]) -> tuple[list[int], bool]:
    """Return positions as non-negative numbers, and whether a single one was given."""
    single = isinstance(argnums, int | np.integer) and not isinstance(argnums, bool)
    numbers: list[Any] = [argnums] if single else list(argnums)  # type: ignore
    for i in numbers:
        if not isinstance(i, int | np.integer) or not -len(args) <= i < len(args):
            raise ArgumentError(
                f"argnums={argnums!r} is out of range: the function was called with "
                f"{len(args)} positional arguments. Pass the argument by position."
            )
    positions = [int(i) % len(args) for i in numbers]
    if len(set(positions)) != len(positions):
        raise ArgumentError(f"argnums={argnums!r} names an argument twice.")
    return positions, single
