"""An integral as one operation: of its limits, and of what its integrand closes over.

The quadrature calls the integrand at plain points and is given plain values. What nodes
these values depend on is noted; they and the limits are the operands. By Leibniz' rule

    d/dt (integral of f from a to b) = integral of df/dt + f(b) db/dt - f(a) da/dt,

and the integral of df/dt is taken by the same quadrature: it is an integral again, of
the product of a sweep of ``f`` with a seed, so every order is there. In a trace the
integrand is traced by itself, at one point, and each call integrates it with the values
that it then has.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.errors import ArgumentError
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial, record
from chainrule.rules import rule
from chainrule.rules.supports import supported
from chainrule.transforms.as_called import AsCalled
from chainrule.transforms.one_run import (
    are_values,
    closed_over,
    refuse_changed,
    run_backwards,
    run_forwards,
    with_zeros,
)
from chainrule.values.shapes import shape_of
from chainrule.values.types import Namespace, Parameters, Result, Shape, Value
from chainrule.values.vertices import first_stand_in, raw, stand_in

Integrand = Callable[[Any], Any]
"""A function of a point, which returns a number or an array, nodes among them."""
Quadrature = Callable[..., tuple[Any, ...]]
"""``quadrature(f, a, b, shape)`` returns the integral of a function of plain points,
whose values have a shape, and what else it says: the estimate of its error, ..."""
Weight = Callable[[Any], Any]
"""A factor of the integrand that the quadrature knows by itself."""


class Integral:
    """What an integral is of: the function, how it is integrated, what it reads."""

    def __init__(
        self,
        f: Integrand,
        how: Quadrature,
        shape: Shape | None,
        weight: Weight | None,
        inward: tuple[bool, bool] = (False, False),
    ) -> None:
        """Keep it; ``closed`` are the nodes that ``f`` closes over, once it has run.

        A ``shape`` of ``None`` is that of the values of ``f``, once they are known.
        ``inward`` tells at which limits ``f`` may jump: there its value is that inside.
        """
        self.f = f
        self.how = how
        self.shape: Any = shape
        self.weight = weight
        self.inward = inward
        self.closed: tuple[node, ...] = ()
        self.serial: int = 0

    def __repr__(self) -> str:
        """Show the function."""
        return f"<integral of {self.f!r}>"

    def again(self) -> Integral:
        """Return the integral of the function as it was, for a sweep."""
        made, f = copy.copy(self), self.f
        made.f = f.again() if isinstance(f, AsCalled) else f
        return made

    def flat(self, x: Value) -> list[Any]:
        """Return the value of ``f`` at a point, in a list."""
        z = operations.asarray(self.f(x))
        return [z if self.shape is None else operations.reshape(z, self.shape)]

    def at(self, i: int, limits: Sequence[Any], *, as_values: bool) -> Any:
        """Return ``f`` with its weight at the i-th limit; 0 at an infinite one."""
        x = limits[i]
        if self.inward[i]:
            here, other = raw(x), raw(limits[1 - i])
            size = np.abs(here) + np.abs(other - here)
            x = x + np.sign(other - here) * (_INSIDE * size)
        finite: Any = np.isfinite(raw(x))
        inside: Any = np.where(finite, x, 0.0)  # pyright: ignore
        z = self.flat(inside)[0]
        if self.weight is not None:
            z = z * self.weight(inside)
        z = np.where(finite, z, 0.0)
        return raw(z) if as_values else z

    def of(self, f: Integrand, a: Value, b: Value, shape: Shape) -> Any:
        """Return the integral of another function, taken in the same way."""
        refuse_changed(self.closed, self.serial, "a function that is integrated")
        return integrate(f, a, b, self.how, shape, self.weight, self.inward)[0]


_INSIDE = 4.0 * float(np.finfo(float).eps)
"""How far from a limit, relative to its size and the length, ``f`` is that inside."""


class MeetsTraceError(Exception):
    """The integrand returned a traced value: the quadrature is to be one row."""

    def __init__(self, value: stand_in, x: float) -> None:
        """Keep the value, and for which point it is."""
        super().__init__()
        self.value = value
        self.x = x


def integrate(
    f: Integrand,
    a: Value,
    b: Value,
    how: Quadrature,
    shape: Shape | None = (),
    weight: Weight | None = None,
    inward: tuple[bool, bool] = (False, False),
) -> tuple[Any, ...]:
    """Return the integral of ``f`` from ``a`` to ``b``, and what else ``how`` says."""
    integral = Integral(f, how, shape, weight, inward)
    ends = [raw(a), raw(b)]
    trace = first_stand_in(*ends)
    if trace is not None:
        return _in_trace(integral, trace, a, b, _middle(*ends))
    closed: dict[node, None] = {}

    def value_at(x: float) -> Any:
        start = next_serial()
        z = f(x)
        if type(z) is float:
            return z
        z = operations.asarray(z)
        if isinstance(z, node):
            closed.update(dict.fromkeys(closed_over([z], start)))
        value = raw(z)
        if isinstance(value, stand_in):
            raise MeetsTraceError(value, x)
        return value

    try:
        value, *rest = how(value_at, *ends, shape)
    except MeetsTraceError as met:
        return _in_trace(integral, met.value, a, b, met.x)
    integral.closed = tuple(closed)
    return _recorded(integral, a, b, value), *rest


def _middle(a: Value, b: Value) -> float:
    """Return a point between two limits, of which either may be infinite or traced."""
    ends: list[Any] = [x.example if isinstance(x, stand_in) else x for x in (a, b)]
    finite = [float(x) for x in ends if math.isfinite(x)] or [0.0]
    return sum(finite) / len(finite)


def _in_trace(
    integral: Integral, trace: stand_in, a: Value, b: Value, x: float
) -> tuple[Any, ...]:
    """Add the integral to a trace as one row, with its integrand traced by itself."""
    body = trace.body(integral.flat, [x])
    integral.closed = body.closed
    how, shape, run = integral.how, integral.shape, body.run
    names: list[str] = []

    def quadrature(a: float, b: float, *captured: Value) -> tuple[Any, ...]:
        def f(x: float) -> Any:
            return run(x, *captured)[0]

        value, error, *rest = how(f, a, b, shape)
        told = _numbers(rest)
        names[:] = told
        return value, error, *told.values()

    quadrature.__name__ = "integral"
    found: Any = trace.whole(quadrature, (raw(a), raw(b), *body.captured), {})
    value, error, *rest = found
    told = [dict(zip(names, rest, strict=True))] if names else []
    return _recorded(integral, a, b, value), error, *told


def _numbers(told: Sequence[Any]) -> dict[str, Any]:
    """Return what SciPy says of a computation, without its texts."""
    if not told or isinstance(told[0], dict):
        return dict(*told[:1])
    raise ArgumentError(
        "quad_vec has no full_output where it is compiled: of how many intervals it "
        "tells is not known before. Leave it away."
    )


def _recorded(integral: Integral, a: Value, b: Value, value: Value) -> Any:
    operands = [a, b, *integral.closed]
    if not any(isinstance(x, node) for x in operands):
        return value
    integral.f = AsCalled.now(integral.f)
    integral.serial, integral.shape = next_serial(), shape_of(value)
    if integral.shape == () and not isinstance(value, stand_in):
        value = float(value)  # pyright: ignore[reportArgumentType]
    return record(integral_grad, operands, {"integral": integral, "value": value})


class integral_grad(rule, kind=True):
    """z = integral of f(x) from a to b, where f reads nodes from outside"""

    outputs = 1

    @staticmethod
    def forward(*operands: Value, integral: Integral, value: Value) -> Value:
        """Return the integral, which was just taken."""
        return value

    @classmethod
    def pull(
        cls,
        xp: Namespace,
        z_bar: supported,
        z: Result,
        operands: Sequence[Any],
        wanted: Sequence[int],
        parameters: Parameters,
    ) -> Iterator[tuple[int, supported]]:
        """a_grad = -z_grad f(a), b_grad = z_grad f(b), t_grad = integral of df/dt"""
        integral: Integral = parameters["integral"].again()
        a, b = operands[:2]
        seed, plain = z_bar.value, are_values(operands)
        for i in wanted:
            if i < 2:
                part = xp.sum(seed * integral.at(i, (a, b), as_values=plain))
                yield i, supported(part if i else -part)
        read = [i for i in wanted if i >= 2]
        if not read:
            return
        closed = [integral.closed[i - 2] for i in read]

        def swept(x: Value) -> Any:
            bars = run_backwards(
                xp, integral.flat, [x], (), closed, [seed], as_values=plain
            )
            return xp.concatenate([xp.reshape(bar, (-1,)) for bar in bars])

        shapes = [shape_of(raw(c)) for c in closed]
        ends = np.cumsum([0, *map(math.prod, shapes)]).tolist()
        found = integral.of(swept, a, b, (ends[-1],))
        for i, shape, start, stop in zip(read, shapes, ends, ends[1:], strict=False):
            part = xp.getitem(found, index=slice(start, stop))
            yield i, supported(xp.reshape(part, shape))

    @classmethod
    def push(
        cls,
        xp: Namespace,
        tangents: Sequence[supported | None],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """z_dot = b_dot f(b) - a_dot f(a) + integral of df/dt t_dot"""
        integral: Integral = parameters["integral"].again()
        a, b = operands[:2]
        plain = are_values(operands)
        parts: list[Any] = []
        for i, sign in enumerate((-1.0, 1.0)):
            dot = tangents[i]
            if dot is not None:
                value = integral.at(i, (a, b), as_values=plain)
                parts.append(sign * dot.value * value)
        read = [i for i in range(2, len(operands)) if tangents[i] is not None]
        if read:
            closed = [integral.closed[i - 2] for i in read]
            dots = with_zeros([tangents[i] for i in read], closed)

            def swept(x: Value) -> Any:
                return run_forwards(
                    xp, integral.flat, [x], (), closed, dots, as_values=plain
                )[1][0]

            parts.append(integral.of(swept, a, b, integral.shape))
        return supported(sum(parts[1:], parts[0])) if parts else None
