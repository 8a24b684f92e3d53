"""numerical: a foreign function whose derivatives are taken by differences."""

from __future__ import annotations

import functools
import math
import warnings
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.errors import ArgumentError, NumericalWarning
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.joined import holds_followed
from chainrule.rules.supports import is_inexact
from chainrule.transforms.custom_operation import custom_operation
from chainrule.transforms.derived import P
from chainrule.transforms.differences import directional
from chainrule.values.buffered import current
from chainrule.values.containers import Tree, flatten, unflatten
from chainrule.values.shapes import describe, is_complex, shape_of
from chainrule.values.types import Operation, Shape, Value
from chainrule.values.vertices import first_stand_in, raw

_np: Any = np


def numerical(
    f: Callable[P, Any],
    *,
    order: int = 8,
    step: float = 0.01,
    rtol: float = 1e-6,
    name: str | None = None,
) -> Callable[P, Any]:
    """Return a foreign function whose derivatives are taken by differences, checked.

    For what chainrule cannot look into: a function in C, a simulator. It is asked for,
    and never done by itself. Everywhere else derivatives are exact; a rule, or
    ``custom_operation``, is better than this where a derivative can be written down.

    Parameters
    ----------
    f
        A function of numbers and arrays, and of anything else, which is handed on. It
        returns a number, an array, or a container of them, as
        ``custom_operation``'s ``forward`` does, and the same for the same arguments.
    order
        The error of the differences falls with this power of the step: an even number.
    step
        The largest step, relative to the largest entry of the array that is moved.
    rtol
        The error that is asked for, relative to the largest entry of a derivative (or
        of the result over the size of the argument, where that is larger). One that is
        estimated to be worse warns.
    name
        The operation's name in messages; the name of ``f`` by default.

    Returns
    -------
    callable
        A function of nodes, numbers and arrays, differentiable in both directions and
        to higher orders, each less exact than the one before. Its method ``stats()``
        says how often ``f`` ran and how exact the worst derivative was. Compiled, ``f``
        is called as a whole; under ``vmap`` once per example.

    Warns
    -----
    NumericalWarning
        Where the estimate of a derivative's error is worse than ``rtol``.

    Raises
    ------
    ArgumentError
        If ``order``, ``step`` or ``rtol`` is none, or an argument is complex.

    Notes
    -----
    Where ``f`` takes complex numbers and a difference confirms it, derivatives are
    those of the complex step, exact to rounding. Else they are central differences with
    steps ``step``, ``step / 2``, ..., extrapolated (Richardson, Ridders): about 10 to
    20 calls of ``f`` for a product with a tangent, and for each entry of the arguments
    in reverse mode. A function with kinks or noise has estimates that say so.

    Examples
    --------
    >>> import math
    >>> import chainrule as gd
    >>> area = gd.numerical(lambda r: math.pi * float(r) ** 2)
    >>> round(gd.grad(area)(2.0), 8), area.stats()["method"]
    (12.56637061, 'differences')
    """
    if not callable(f):
        raise ArgumentError(
            f"numerical needs a function; received {describe(f)}. Write "
            "gd.numerical(f)(x), not gd.numerical(f(x))."
        )
    if order not in range(2, 100, 2):
        raise ArgumentError(
            f"numerical needs an even order, 2, 4, 6, ...; received {order!r}."
        )
    if not step > 0:
        raise ArgumentError(f"numerical needs a step above 0; received {step!r}.")
    if not rtol > 0:
        raise ArgumentError(f"numerical needs an rtol above 0; received {rtol!r}.")
    label = name or getattr(f, "__name__", "f").strip("<>")
    account = Account(label, order, float(step), float(rtol))
    foreign = _Foreign(functools.partial(_called, f), account, by_complex=True)

    @functools.wraps(f)
    def operation(*args: Any, **keywords: Any) -> Any:
        rest, moving = _split(args)
        if any(holds_nodes(k) for k in flatten(keywords)[0]):
            raise ArgumentError(
                f"{label}() received a node as a keyword argument; pass it by position."
            )
        return foreign.operation(rest, *moving, **keywords)

    operation.stats = account.told  # type: ignore[attr-defined]
    operation.rule = foreign.operation.rule  # type: ignore[attr-defined]
    return operation


# ------------------------------------------------------------------ what is known of it


class Account:
    """How derivatives of a function are taken, and how exact they were."""

    def __init__(self, name: str, order: int, step: float, rtol: float) -> None:
        """Start with nothing done."""
        self.name = name
        self.order = order
        self.step = step
        self.rtol = rtol
        self.calls: int = 0
        self.derivatives: int = 0
        self.error: float = 0.0
        self.method: str = "none yet"
        ACCOUNTS.add(self)

    def told(self) -> dict[str, Any]:
        """Return the method, the worst estimate of an error, and counts of calls."""
        return {
            "derivatives": str(self) if self.derivatives else "none yet",
            "method": self.method,
            "error": self.error,
            "calls": self.calls,
            "taken": self.derivatives,
        }

    def __str__(self) -> str:
        """Say it in words."""
        return f"numerical, error about {self.error:.0e}"

    def note(self, error: float, method: str) -> None:
        """Note a derivative; warn where it is less exact than was asked."""
        self.derivatives += 1
        self.error = max(self.error, error)
        if method and self.method != "differences":
            self.method = method
        if not error <= self.rtol:
            warnings.warn(
                f"A derivative of {self.name} by differences is estimated to be wrong "
                f"by {error:.1e} of its size; {self.rtol:.1e} was asked for. Is the "
                "function smooth and exact here? Try another step=, declare the "
                "derivative with gd.custom_operation, or ask for less by rtol=.",
                NumericalWarning,
                stacklevel=2,
            )


ACCOUNTS: weakref.WeakSet[Account] = weakref.WeakSet()
"""Those of all functions that there are."""


class _Rest:
    """The arguments of a call that are not differentiated, and the places of others."""

    def __init__(self, args: Sequence[Any], places: Sequence[int]) -> None:
        self.places = tuple(places)
        self.args: list[Any] = [
            x.copy() if isinstance(x, np.ndarray) else x for x in args
        ]
        for i in places:
            self.args[i] = None

    def __repr__(self) -> str:
        """Show the arguments, those that are differentiated as dots."""
        shown = [
            "..." if i in self.places else repr(x) for i, x in enumerate(self.args)
        ]
        return f"({', '.join(shown)})"

    def merged(self, moving: Sequence[Any]) -> list[Any]:
        args = list(self.args)
        for i, x in zip(self.places, moving, strict=True):
            args[i] = x
        return args


def _split(args: Sequence[Any]) -> tuple[_Rest, list[Any]]:
    """Part the arguments that are nodes or traced from the others."""
    places = [i for i, x in enumerate(args) if holds_followed(x)]
    moving = [operations.asarray(args[i]) for i in places]
    for x in moving:
        if is_complex(x):
            raise ArgumentError(
                "numerical takes derivatives in real arguments only; received "
                f"{describe(raw(x))}. Pass real and imaginary parts."
            )
    return _Rest(args, places), moving


def _called(f: Operation, rest: _Rest, *moving: Any, **keywords: Any) -> Any:
    return f(*map(current, rest.merged(moving)), **keywords)


# --------------------------------------------------------- the function as an operation


class _Foreign:
    """A function of ``rest`` and arrays as an operation, differentiated by differences.

    Its derivatives are such functions too, which gives the next order: one along a
    direction, and one of all entries.
    """

    def __init__(self, f: Operation, account: Account, *, by_complex: bool) -> None:
        self.f = f
        self.account = account
        self.by_complex = by_complex
        self.operation: Any = custom_operation(
            self.forward, self.pullback, self.pushforward, name=account.name
        )

    @functools.cached_property
    def along(self) -> _Foreign:
        """The derivative along a direction, a function of arrays and tangents."""
        return _Foreign(self._along, self.account, by_complex=False)

    @functools.cached_property
    def matrices(self) -> _Foreign:
        """The derivatives of all results in all entries, a function of the arrays."""
        return _Foreign(self._matrices, self.account, by_complex=False)

    # ------------------------------------------------------------------ plain values

    def forward(self, rest: _Rest, *x: Value, **keywords: Any) -> Any:
        """Call the function; in a trace its call is one row."""
        if first_stand_in(x) is not None:
            raise TypeError("a foreign function: run as one step of the trace")
        return self.f(rest, *map(_plain, x), **keywords)

    def _flat(
        self, rest: _Rest, like: Sequence[Value], keywords: Mapping[str, Any]
    ) -> Callable[[Sequence[Any]], list[Any]]:
        """Return the function of arrays, with its inexact results in a list."""
        numbers = [type(x) in (float, int) for x in like]

        def called(x: Sequence[Any]) -> list[Any]:
            self.account.calls += 1
            given = [
                v[()].item() if number else v
                for v, number in zip(map(np.asarray, x), numbers, strict=True)
            ]
            leaves = flatten(self.f(rest, *given, **keywords))[0]
            return [np.asarray(z) for z in leaves if is_inexact(z)]

        return called

    def _along(self, rest: _Rest, *both: Value, **keywords: Any) -> tuple[Any, ...]:
        """Return the tangents of the inexact results."""
        count = len(both) // 2
        x, t = both[:count], both[count:]
        return tuple(self._directional(rest, x, list(map(np.asarray, t)), keywords))

    def _directional(
        self,
        rest: _Rest,
        x: Sequence[Value],
        t: Sequence[Any],
        keywords: Mapping[str, Any],
    ) -> list[Any]:
        account = self.account
        found, error, method = directional(
            self._flat(rest, x, keywords),
            list(map(np.asarray, x)),
            t,
            order=account.order,
            step=account.step,
            rtol=account.rtol,
            by_complex=self.by_complex,
        )
        account.note(error, method)
        self.operation.rule.__doc__ = f"z = {account.name} ({account})"
        return found

    def _matrices(self, rest: _Rest, *x: Value, **keywords: Any) -> tuple[Any, ...]:
        """Return for each inexact result, and each array, the derivatives in entries.

        They have the axes of the result, then those of the array.
        """
        columns: list[list[Any]] = []
        shapes = list(map(shape_of, x))
        if not any(
            math.prod(s) for v, s in zip(x, shapes, strict=True) if is_inexact(v)
        ):
            results = self._flat(rest, x, keywords)(list(map(np.asarray, x)))
            return tuple(
                np.zeros((*np.shape(z), *s))
                for z in results
                for v, s in zip(x, shapes, strict=True)
                if is_inexact(v)
            )
        for j, shape in enumerate(shapes):
            if not is_inexact(x[j]):
                continue
            for index in np.ndindex(shape):
                t = [np.zeros(s) for s in shapes]
                t[j][index] = 1.0
                columns.append(self._directional(rest, x, t, keywords))
        return tuple(self._arranged(columns, x, shapes))

    def _arranged(
        self, columns: list[list[Any]], x: Sequence[Value], shapes: Sequence[Shape]
    ) -> list[Any]:
        """Return columns as one array for each result and each array."""
        found: list[Any] = []
        for i, first in enumerate(columns[0]):
            start = 0
            for v, shape in zip(x, shapes, strict=True):
                if is_inexact(v):
                    stop = start + int(np.prod(shape))
                    parts = [c[i] for c in columns[start:stop]]
                    whole = (
                        np.stack(parts, axis=-1)
                        if parts
                        else np.zeros((*first.shape, 0))
                    )
                    found.append(whole.reshape((*first.shape, *shape)))
                    start = stop
        return found

    # ---------------------------------------------------------- derivatives, any order

    def pushforward(
        self, tangents: Sequence[Any], z: Tree, rest: _Rest, *x: Value, **keywords: Any
    ) -> Any:
        """Return the tangents of the results, along all tangents at once."""
        dots = [
            np.zeros(shape_of(v)) if t is None else t
            for t, v in zip(tangents[1:], x, strict=True)
        ]
        found = iter(self.along.operation(rest, *x, *dots, **keywords))
        leaves, structure = flatten(z)
        return unflatten(
            structure, [next(found) if is_inexact(raw(v)) else v for v in leaves]
        )

    def pullback(
        self, z_grad: Tree, z: Tree, rest: _Rest, *x: Value, **keywords: Any
    ) -> tuple[Any, ...]:
        """Return the cotangents: products with the derivatives in all entries."""
        matrices = iter(self.matrices.operation(rest, *x, **keywords))
        results, structure = flatten(z)
        seeds = structure.flatten_up_to(z_grad)
        bars: list[Any] = [None] * len(x)
        for g, v in zip(seeds, results, strict=True):
            if not is_inexact(raw(v)):
                continue
            axes = len(shape_of(v))
            for j, like in enumerate(x):
                if is_inexact(raw(like)):
                    bar = _np.tensordot(g, next(matrices), axes=axes)
                    bars[j] = bar if bars[j] is None else bars[j] + bar
        return None, *bars


def _plain(x: Value) -> Value:
    """Return a value that a foreign function may keep and write into."""
    known: Any = x
    return known.copy() if type(known) is np.ndarray else known
