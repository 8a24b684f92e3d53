"""Functions of another library's arrays, as operations of ours.

In: a function of another library, and what that library can do with one (``Library``).
Out: an operation, whose derivatives that library computes. They are functions of its
arrays as well, and so operations of ours: a derivative has any order.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.interop.flat import (
    KEPT,
    Bases,
    Bridge,
    Filling,
    Outside,
    Positions,
    is_number,
)
from chainrule.nodes.node_class import node
from chainrule.rules.namespace import opaque
from chainrule.rules.supports import is_inexact
from chainrule.transforms.custom_operation import custom_operation
from chainrule.values.containers import map_leaves
from chainrule.values.shapes import describe
from chainrule.values.types import Value
from chainrule.values.vertices import raw, stand_in

Function = Callable[[Sequence[Outside]], list[Outside]]


class Library(Protocol):
    """What another library can do, with functions of lists of its arrays."""

    name: str

    def is_array(self, x: Value | Outside) -> bool:
        """Tell whether a value is one of its arrays."""
        ...

    def entering(self, x: Value) -> Outside:
        """Return an array or a number as one of its arrays."""
        ...

    def leaving(self, x: Outside) -> Any:
        """Return one of its arrays as NumPy's."""
        ...

    def run(self, f: Function, xs: Sequence[Outside]) -> list[Outside]:
        """Call a function."""
        ...

    def pull(
        self,
        f: Function,
        wanted: Positions,
        given: Positions,
        xs: Sequence[Outside],
        bars: Sequence[Outside],
    ) -> list[Outside]:
        """Return cotangents of the wanted operands, by the plain transpose."""
        ...

    def push(
        self,
        f: Function,
        moving: Positions,
        taken: Positions,
        xs: Sequence[Outside],
        dots: Sequence[Outside],
    ) -> list[Outside]:
        """Return tangents of the results that are taken."""
        ...


def operation_of(
    library: Library,
    make: Callable[..., Any],
    f: Callable[..., Any],
) -> Bridge:
    """Return a function of another library as an operation of ours, ``make(f)``."""
    bases = Bases(f, functools.partial(OuterBase, library))

    def called(*args: Any, **keywords: Any) -> Any:
        args, keywords = map_leaves(_decided, (args, keywords))
        base, operands = bases.taken(args, keywords, _is_operand)
        results = base.called(operands)
        return base.returned.filled(results)

    return Bridge(make, f, called)


def _is_operand(x: Value) -> bool:
    """Tell whether a leaf enters as an array; Python's numbers stay what they are."""
    return is_number(x) and type(x) not in (bool, int, float, complex)


def _decided(x: Any) -> Any:
    """Return a traced whole number or truth value of Python's as a plain one."""
    if not (isinstance(x, stand_in) and x.is_number):
        return x
    number: Any = x
    if x.dtype.kind == "b":
        return bool(number)
    return operator.index(number) if x.dtype.kind == "i" else x


class Outer:
    """A function of lists of another library's arrays."""

    def __init__(self, library: Library) -> None:
        """Keep the library, and the derivatives that are asked for."""
        self.library = library
        kept = functools.lru_cache(KEPT)
        self.pulled: Callable[..., Outer] = kept(functools.partial(OuterPulled, self))
        self.pushed: Callable[..., Outer] = kept(functools.partial(OuterPushed, self))

    def call(self, xs: Sequence[Outside]) -> list[Outside]:
        """Return the results, in the other library."""
        raise NotImplementedError

    def called(self, operands: Sequence[Any]) -> list[Any]:
        """Return the results for numbers, arrays and nodes."""
        places = tuple(
            i for i, x in enumerate(operands) if isinstance(x, node | stand_in)
        )
        if not places:
            return self._plain(operands)
        constants = [None if i in places else x for i, x in enumerate(operands)]
        moving = [operands[i] for i in places]
        return self._operation(*moving, constants=constants, places=places)

    def _plain(self, operands: Sequence[Any]) -> list[Any]:
        library = self.library
        results = library.run(self.call, list(map(library.entering, operands)))
        return list(map(library.leaving, results))

    @functools.cached_property
    def _operation(self) -> Callable[..., Any]:
        name = self.library.name

        @opaque
        def forward(
            *xs: Value, constants: Sequence[Any], places: Positions
        ) -> list[Any]:
            return self._plain(_merged(xs, constants, places))

        def pullback(
            bars: Any, z: Any, *xs: Value, constants: Sequence[Any], places: Positions
        ) -> tuple[Any, ...]:
            pairs = list(zip(places, xs, strict=True))
            wanted = tuple(i for i, x in pairs if is_inexact(raw(x)))
            given = tuple(i for i, bar in enumerate(bars) if _is_given(bar, z[i]))
            if not given:
                return (None,) * len(xs)
            operands = [*_merged(xs, constants, places), *(bars[i] for i in given)]
            pulled = iter(self.pulled(wanted, given).called(operands))
            return tuple(next(pulled) if i in wanted else None for i in places)

        def pushforward(
            dots: Any, z: Any, *xs: Value, constants: Sequence[Any], places: Positions
        ) -> list[Any]:
            pairs = list(zip(places, dots, strict=True))
            moving = tuple(i for i, t in pairs if t is not None)
            taken = tuple(i for i, v in enumerate(z) if is_inexact(raw(v)))
            operands = [*_merged(xs, constants, places)]
            operands += [t for t in dots if t is not None]
            pushed = iter(self.pushed(moving, taken).called(operands))
            return [next(pushed) if i in taken else None for i in range(len(z))]

        return custom_operation(forward, pullback, pushforward, name=name)


def _is_given(bar: Value, z: Value) -> bool:
    """Tell whether a result has a cotangent that is not zero, as that of an unused is.

    A zero that meets the infinite derivative of a result that nobody reads is nan.
    """
    if not is_inexact(raw(z)):
        return False
    return isinstance(bar, node | stand_in) or bool(np.any(bar))


def _merged(
    xs: Sequence[Any], constants: Sequence[Any], places: Positions
) -> list[Any]:
    operands = list(constants)
    for i, x in zip(places, xs, strict=True):
        operands[i] = x
    return operands


class OuterBase(Outer):
    """A user's function of another library, for arguments of one structure."""

    def __init__(
        self, library: Library, f: Callable[..., Any], arguments: Filling
    ) -> None:
        """Keep the function, and what its arguments are filled into."""
        super().__init__(library)
        self._f, self._arguments = f, arguments
        self.returned: Any = None
        """How the results of its last call are arranged."""

    def call(self, xs: Sequence[Outside]) -> list[Outside]:
        """Call the function; return the arrays in its result."""
        args, keywords = self._arguments.filled(xs)
        result = self._f(*args, **keywords)
        returned = Filling(result, self.library.is_array)
        if not returned.taken:
            raise ArgumentError(
                f"A function of {self.library.name} must return arrays of its own; "
                f"{getattr(self._f, '__name__', 'this one')}() returned "
                f"{describe(result)}."
            )
        arrays, returned.taken = returned.taken, []
        self.returned = returned
        return arrays


class OuterPulled(Outer):
    """The product of J transposed with cotangents."""

    def __init__(self, of: Outer, wanted: Positions, given: Positions) -> None:
        """Take the operands, then cotangents of the results that are ``given``."""
        super().__init__(of.library)
        self._of, self._wanted, self._given = of, wanted, given

    def call(self, xs: Sequence[Outside]) -> list[Outside]:
        """Return the cotangents of the operands that are ``wanted``."""
        count = len(xs) - len(self._given)
        return self.library.pull(
            self._of.call, self._wanted, self._given, xs[:count], xs[count:]
        )


class OuterPushed(Outer):
    """The product of J with tangents."""

    def __init__(self, of: Outer, moving: Positions, taken: Positions) -> None:
        """Take the operands, then tangents of the ``moving`` ones."""
        super().__init__(of.library)
        self._of, self._moving, self._taken = of, moving, taken

    def call(self, xs: Sequence[Outside]) -> list[Outside]:
        """Return the tangents of the results that are ``taken``."""
        count = len(xs) - len(self._moving)
        return self.library.push(
            self._of.call, self._moving, self._taken, xs[:count], xs[count:]
        )
