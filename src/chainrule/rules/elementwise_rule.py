"""Rules of functions of one entry each, declared by their partial derivatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from chainrule.rules.base import rule
from chainrule.rules.cases import Conventions
from chainrule.rules.declarations import needed
from chainrule.rules.supports import (
    accumulate,
    intersect,
    is_empty,
    nonzero,
    product,
    project,
    split_where,
    supported,
)
from chainrule.values.types import Namespace, Parameters, Result


class elementwise(rule, kind=True):
    """z[i] = f(x[i], y[i], ...): declared by one partial derivative per operand.

    ``d_x(xp, z, x, y, **parameters)`` returns dz/dx; the number 1 or -1 is allowed. An
    operand that the result is locally constant in has no partial and is named in
    ``constant_in``. ``domain`` maps an operand to the interval its tests draw from.
    ``conventions`` lists boundary points: ``((operands), (partials))``.
    """

    entrywise = True
    _prefix = "d_"
    _prefixes: ClassVar[Mapping[str, int]] = {"d_": 2}
    domain: Mapping[str, tuple[float, float]] = {}
    inline: ClassVar[bool] = True
    """Whether fast array steps write the partials out as formulas. Not where a partial
    uses a costly term twice, or has other forms for Python or complex numbers."""
    conventions: Conventions = ()

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
        """Yield ``z_grad * d_x`` for each wanted operand, on the support."""
        z_grad, support = z_bar
        where, parameters = split_where(parameters)
        support = intersect(support, where)
        for i in wanted:
            if i not in cls.parts:
                continue
            partial = cls.parts[i](xp, z, *operands, **parameters)
            partial = needed(cls, i, partial)
            taken = support
            if cls.structural:
                taken = intersect(support, nonzero(partial))
            if is_empty(taken):
                continue
            yield i, supported(product(xp, z_grad, partial, taken), taken)

    @classmethod
    def push(
        cls,
        xp: Namespace,
        tangents: Sequence[supported | None],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Return the sum over operands of ``d_x * x_dot``, on the support."""
        where, parameters = split_where(parameters)
        total: supported | None = None
        for i, tangent in enumerate(tangents):
            if tangent is None or i not in cls.parts:
                continue
            partial = cls.parts[i](xp, z, *operands, **parameters)
            partial = needed(cls, i, partial)
            taken = intersect(tangent.support, where)
            if cls.structural:
                taken = intersect(taken, nonzero(partial))
            if not is_empty(taken):
                term = supported(product(xp, tangent.value, partial, taken), taken)
                total = accumulate(xp, total, project(xp, term, z))
        return total
