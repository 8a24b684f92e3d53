"""Functions of arrays that a trace calls as a whole, and so their derivatives.

In: a function of numbers and arrays that is differentiable where it is not traced. Out:
an operation. In a trace it is one row, and its derivative is another: the same function
called with its operands again, and swept.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.rules.supports import is_inexact
from chainrule.transforms.custom_operation import custom_operation
from chainrule.transforms.one_run import with_zeros
from chainrule.transforms.products import jvp, vjp
from chainrule.values.types import Value
from chainrule.values.vertices import first_stand_in, raw

Results = tuple[Any, ...]


class Whole:
    """A function of arrays, which returns a tuple of them, as one operation."""

    def __init__(self, f: Callable[..., Results], name: str) -> None:
        """Take the function."""
        self.f = f
        self.name = name
        self.operation: Any = custom_operation(
            self.forward, self.pullback, self.pushforward, name=name
        )
        self._derivatives: dict[tuple[str, int], Whole] = {}

    def forward(self, *x: Value) -> Results:
        """Call the function; in a trace its call is one row."""
        if first_stand_in(x) is not None:
            raise TypeError("called as a whole: run as one step of the trace")
        return self.f(*x)

    def _moving(self, *x: Value) -> Results:
        return tuple(z for z in self.f(*x) if is_inexact(raw(z)))

    def _back(self, count: int, *both: Value) -> Results:
        """Return the cotangents of ``count`` operands, which come last."""
        seeds, x = both[:-count], both[-count:]
        return vjp(self._moving, *x)[1](seeds)

    def _ahead(self, count: int, *both: Value) -> Results:
        """Return the tangents of the results."""
        dots, x = both[:-count], both[-count:]
        return jvp(self._moving, x, dots)[1]

    def _derived(self, what: str, count: int) -> Whole:
        key = (what, count)
        if key not in self._derivatives:
            f = self._back if what == "pullback" else self._ahead
            name = f"{what} of {self.name}"
            self._derivatives[key] = Whole(functools.partial(f, count), name)
        return self._derivatives[key]

    def pullback(self, z_grad: Results, z: Results, *x: Value) -> Any:
        """Return the cotangents of the operands, by one call."""
        pairs = zip(z_grad, z, strict=True)
        seeds = [g for g, v in pairs if is_inexact(raw(v))]
        return self._derived("pullback", len(x)).operation(*seeds, *x)

    def pushforward(self, tangents: Sequence[Any], z: Results, *x: Value) -> Any:
        """Return the tangents of the results, by one call."""
        ahead = self._derived("pushforward", len(x))
        dots = iter(ahead.operation(*with_zeros(tangents, x), *x))
        return tuple(next(dots) if is_inexact(raw(v)) else None for v in z)


__all__ = ["Results", "Whole"]
