"""Distribution functions and quantiles by the density: SciPy's value, and a rule."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import scipy.stats

from chainrule.rules import general
from chainrule.rules.cases import Cases, Dtypes, case, within
from chainrule.rules.namespace import opaque
from chainrule.scipy.stats.distribution import DISTRIBUTIONS, TAILS
from chainrule.transforms import jvp, vjp
from chainrule.values.types import Namespace, Operation, Value
from chainrule.wrapping import operation


@opaque
def cumulative(x: Value, *shapes: Value, of: str, upper: bool) -> Value:
    """Return SciPy's ``cdf`` of a standard distribution, or its ``sf``."""
    dist = getattr(scipy.stats, of)
    return (dist.sf if upper else dist.cdf)(x, *shapes)


@opaque
def quantile(q: Value, *shapes: Value, of: str, upper: bool) -> Value:
    """Return SciPy's ``ppf`` of a standard distribution, or its ``isf``."""
    dist = getattr(scipy.stats, of)
    return (dist.isf if upper else dist.ppf)(q, *shapes)


def _density(of: str, x: Value, shapes: Sequence[Value], *, upper: bool) -> Any:
    """Return the derivative of a distribution function in its point."""
    dist = DISTRIBUTIONS[of]
    if dist.declares("pmf", "logpmf"):
        return None  # a count, which does not move
    density = dist.standard("pdf", x, shapes)
    return -density if upper else density


def _slopes(of: str, x: Value, shapes: Sequence[Value], *, upper: bool) -> Any:
    """Return the derivatives of a distribution function in its shapes, if declared."""
    declared: Operation | None = getattr(DISTRIBUTIONS[of].formulas, "cdf_slopes", None)
    if declared is None:
        return None
    found = declared(x, *shapes)
    return [None if s is None else -s if upper else s for s in found]


def _of_shapes(of: str, x: Value, *, upper: bool) -> Operation | None:
    """Return a distribution function as one of its shape parameters."""
    dist = DISTRIBUTIONS[of]
    method = "sf" if upper else "cdf"
    if dist.declares("cdf_of_shapes"):
        sign = -1.0 if upper else 1.0
        return lambda *shapes: sign * dist.standard("cdf_of_shapes", x, shapes)
    if dist.declares(*TAILS):
        return lambda *shapes: dist.standard(method, x, shapes)
    return None


def _pulled(
    of: str, x: Value, shapes: Sequence[Value], z_grad: Value, *, upper: bool
) -> list[Any]:
    """Return the cotangents of the shapes, each a function that computes it."""
    slopes = _slopes(of, x, shapes, upper=upper) if shapes else None
    if slopes is not None:
        return [None if s is None else z_grad * s for s in slopes]
    function = _of_shapes(of, x, upper=upper) if shapes else None
    if function is None:
        return [None] * len(shapes)

    def cotangent(i: int) -> Any:
        def of_one(shape: Value) -> Any:
            return function(*shapes[:i], shape, *shapes[i + 1 :])

        z, pullback = vjp(of_one, shapes[i])
        return pullback(z_grad + 0.0 * z)[0]

    return [partial(cotangent, i) for i in range(len(shapes))]


def _pushed(
    of: str, x: Value, shapes: Sequence[Value], tangents: Any, *, upper: bool
) -> Any:
    """Return the tangent of a distribution function by those of its shapes."""
    moved = [(i, t) for i, t in enumerate(tangents) if t is not None]
    slopes = _slopes(of, x, shapes, upper=upper) if moved else None
    if slopes is not None:
        return sum((slopes[i] * t for i, t in moved), 0.0)
    function = _of_shapes(of, x, upper=upper) if moved else None
    if function is None:
        return 0.0

    def of_moved(*some: Value) -> Any:
        every = list(shapes)
        for (i, _), s in zip(moved, some, strict=True):
            every[i] = s
        return function(*every)

    return jvp(of_moved, [shapes[i] for i, _ in moved], [t for _, t in moved])[1]


class cumulative_grad(general):
    """z = the probability of values up to x, or with ``upper`` above x

    The derivative in x is the density; that in the shapes follows from a formula of
    the distribution function, where there is one.
    """

    forward = cumulative
    entrywise = True
    variadic = True
    dtypes: Dtypes = ("float64",)
    cases: Cases = (
        case((3,), of="cosine", upper=False),
        case(within(0.5, 2.0, 4), within(2.0, 3.0, 4), of="dgamma", upper=True),
    )

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, *operands: Value, of: str, upper: bool
    ) -> tuple[Any, ...]:
        """x_grad = z_grad pdf(x), s_grad = z_grad dF/ds"""
        x, *shapes = operands
        slope = _density(of, x, shapes, upper=upper)
        x_grad = None if slope is None else z_grad * slope
        return x_grad, *_pulled(of, x, shapes, z_grad, upper=upper)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Any],
        z: Value,
        *operands: Value,
        of: str,
        upper: bool,
    ) -> Any:
        """z_dot = pdf(x) x_dot + sum over s of dF/ds s_dot"""
        x, *shapes = operands
        z_dot = _pushed(of, x, shapes, tangents[1:], upper=upper)
        if tangents[0] is None:
            return z_dot
        return z_dot + _density(of, x, shapes, upper=upper) * tangents[0]


class quantile_grad(general):
    """z = the x with F(x) = q, or with ``upper`` with 1 - F(x) = q

    The derivative is that of the equation, at SciPy's solution.
    """

    forward = quantile
    entrywise = True
    variadic = True
    dtypes: Dtypes = ("float64",)
    cases: Cases = (
        case(within(0.2, 0.8, 3), within(2.0, 3.0, 3), of="gamma", upper=False),
        case(within(0.2, 0.8, 2, 1), within(2.0, 3.0, 3), of="gamma", upper=True),
    )

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, *operands: Value, of: str, upper: bool
    ) -> tuple[Any, ...]:
        """q_grad = z_grad / pdf(z), s_grad = -q_grad dF/ds"""
        _, *shapes = operands
        q_grad = z_grad / _density(of, z, shapes, upper=upper)
        return q_grad, *_pulled(of, z, shapes, -q_grad, upper=upper)

    @staticmethod
    def pushforward(
        xp: Namespace,
        tangents: Sequence[Any],
        z: Value,
        *operands: Value,
        of: str,
        upper: bool,
    ) -> Any:
        """z_dot = (q_dot - sum over s of dF/ds s_dot) / pdf(z)"""
        q_dot, *others = tangents
        moved = _pushed(of, z, operands[1:], others, upper=upper)
        q_dot = 0.0 if q_dot is None else q_dot
        return (q_dot - moved) / _density(of, z, operands[1:], upper=upper)


cumulative_of: Operation = operation(cumulative_grad)
quantile_of: Operation = operation(quantile_grad)
