"""Integrals over several variables: nested ones, each by ``quad``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import scipy.integrate

from chainrule.errors import ArgumentError
from chainrule.scipy.integrate.quadrature import quad
from chainrule.transforms.as_called import AsCalled
from chainrule.values.types import Value
from chainrule.values.vertices import stand_in

_scipy: Any = scipy.integrate
Limit = Value | Callable[..., Any]
Limits = Sequence[Value] | Callable[..., Sequence[Value]]
"""A pair, or a function of the variables around that returns one."""
Options = Mapping[str, Any] | Callable[..., Mapping[str, Any]]
"""Keywords of ``quad``, or a function of the variables around that returns some."""


def nquad(
    func: Callable[..., Any],
    ranges: Sequence[Limits],
    args: Sequence[Value] | None = None,
    opts: Options | Sequence[Options] | None = None,
    full_output: bool = False,
) -> tuple[Any, ...]:
    """Return the integral over several variables, as ``scipy.integrate.nquad``.

    Parameters
    ----------
    func
        ``func(x0, ..., xn, *args)``; nodes may be among ``args``, or closed over.
    ranges
        The limits of each variable: a pair, of numbers or nodes, or a function of the
        variables after it and of ``args`` that returns one.
    args, opts, full_output
        As SciPy takes them.

    Returns
    -------
    tuple
        The integral, the largest estimate of an error, a plain number (compiled, that
        of the outermost integral), and with ``full_output`` how often ``func`` was
        called.

    Examples
    --------
    >>> import chainrule as gd
    >>> from chainrule.scipy.integrate import nquad
    >>> def box(c):
    ...     return nquad(lambda x, y: c * x * y, [[0.0, c], [0.0, 1.0]])[0]
    >>> round(box(2.0), 6), round(gd.grad(box)(2.0), 6)
    (2.0, 3.0)
    """
    given = () if args is None else tuple(args)
    if not callable(func):  # a LowLevelCallable
        return _scipy.nquad(func, ranges, given, opts, full_output)
    options: Any = opts or {}
    if isinstance(options, dict) or callable(options):
        options = [options] * len(ranges)  # pyright: ignore[reportUnknownVariableType]
    nested = _Nested(func, ranges, options, full_output=full_output)
    return nested.results(nested.over(len(ranges) - 1, given))


class _Nested:
    """Integrals over the variables up to each one, and the errors that they had."""

    def __init__(
        self,
        func: Callable[..., Any],
        ranges: Sequence[Limits],
        options: Sequence[Options],
        *,
        full_output: bool,
    ) -> None:
        self.func: Callable[..., Any] = AsCalled.now(func)
        self.ranges: list[Any] = [_as_called(r) for r in ranges]
        self.options = options
        self.full_output = full_output
        self.error: Any = 0
        self.calls = 0

    def over(self, depth: int, outer: tuple[Any, ...]) -> Any:
        """Return the integral over the variables up to ``depth``, the others given."""
        limits: Any = self.ranges[depth]
        options = self.options[depth]
        between: Any = limits(*outer) if callable(limits) else limits
        low, high = between
        given: Any = options(*outer) if callable(options) else options
        if given.get("points") is not None:
            inside = [x for x in given["points"] if low <= x <= high]
            given = {**given, "points": inside}
        f: Any = self.func if depth == 0 else self._inner(depth - 1)
        keywords: Any = {**given, "full_output": self.full_output}
        value, error, *rest = quad(f, low, high, outer, **keywords)
        if depth == 0 and self.full_output and rest:
            self.calls += _counted(rest[0]["neval"])
        self.error = _larger(self.error, error)
        return value

    def _inner(self, depth: int) -> Callable[..., Any]:
        def inner(*outer: Value) -> Any:
            return self.over(depth, outer)

        return inner

    def results(self, value: Value) -> tuple[Any, ...]:
        """Return what ``nquad`` does."""
        told = (value, self.error)
        return (*told, {"neval": self.calls}) if self.full_output else told


def _as_called(limits: Limits) -> Any:
    return AsCalled.now(limits) if callable(limits) else limits


def _counted(calls: Value) -> Any:
    """Return how often an inner integral called its function."""
    if isinstance(calls, stand_in):
        raise ArgumentError(
            "nquad has no full_output where it is compiled: an inner integral counts "
            "its calls anew for each point. Leave it away."
        )
    return calls


def _larger(error: Value, outer: Value) -> Any:
    """Return the larger of two errors; in a trace, that of the outer integral."""
    traced = any(isinstance(e, stand_in) for e in (error, outer))
    return outer if traced else max(error, outer)


def dblquad(
    func: Callable[..., Any],
    a: Value,
    b: Value,
    gfun: Limit,
    hfun: Limit,
    args: Sequence[Value] = (),
    epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
) -> tuple[Any, ...]:
    """Return the integral of ``func(y, x)``, x from a to b, y from gfun(x) to hfun(x).

    Examples
    --------
    >>> import chainrule as gd
    >>> from chainrule.scipy.integrate import dblquad
    >>> def triangle(c):
    ...     return dblquad(lambda y, x: y, 0.0, c, 0.0, lambda x: x)[0]
    >>> round(triangle(3.0), 6), round(gd.grad(triangle)(3.0), 6)
    (4.5, 4.5)
    """

    def limits(*outer: Value) -> list[Any]:
        return [_at(gfun, outer[:1]), _at(hfun, outer[:1])]

    options = {"epsabs": epsabs, "epsrel": epsrel}
    return nquad(func, [limits, [a, b]], args, options)


def tplquad(
    func: Callable[..., Any],
    a: Value,
    b: Value,
    gfun: Limit,
    hfun: Limit,
    qfun: Limit,
    rfun: Limit,
    args: Sequence[Value] = (),
    epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
) -> tuple[Any, ...]:
    """Return the integral of ``func(z, y, x)``, z from qfun(x, y) to rfun(x, y).

    x goes from a to b, and y from gfun(x) to hfun(x).

    Examples
    --------
    >>> import chainrule as gd
    >>> from chainrule.scipy.integrate import tplquad
    >>> def box(c):
    ...     return tplquad(lambda z, y, x: x, 0.0, c, 0.0, 2.0, 0.0, 1.0)[0]
    >>> round(box(2.0), 6), round(gd.grad(box)(2.0), 6)
    (4.0, 4.0)
    """

    def inner(*outer: Value) -> list[Any]:
        y, x = outer[:2]
        return [_at(qfun, (x, y)), _at(rfun, (x, y))]

    def middle(*outer: Value) -> list[Any]:
        return [_at(gfun, outer[:1]), _at(hfun, outer[:1])]

    options = {"epsabs": epsabs, "epsrel": epsrel}
    return nquad(func, [inner, middle, [a, b]], args, options)


def _at(limit: Limit, variables: tuple[Any, ...]) -> Any:
    return limit(*variables) if callable(limit) else limit
