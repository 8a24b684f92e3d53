"""Rules of linear and multilinear maps, declared by their transposes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from chainrule.rules.base import rule
from chainrule.rules.declarations import needed, one_per_operand
from chainrule.rules.namespace import plain
from chainrule.rules.supports import (
    accumulate,
    full_is_none,
    is_empty,
    is_inexact,
    is_mask,
    marked,
    project,
    supported,
    zeros_of,
)
from chainrule.values.foreign import alike, is_foreign, made_like, zeros
from chainrule.values.shapes import shape_of
from chainrule.values.types import Namespace, Parameters, Result, Support, Value
from chainrule.values.vertices import constant_full, raw, stand_in


class linear(rule, kind=True):
    """A linear map of all operands together: declared by one transpose per operand.

    ``transpose_x(xp, z_grad, x, y, **parameters)`` returns the cotangent of ``x``. A
    variadic rule (``einsum``) declares ``transpose(xp, z_grad, i, *operands,
    **parameters)`` for operand ``i``, or, where all cotangents are found together
    (``stack``), ``transposes(xp, z_grad, *operands, **parameters)`` for the sequence of
    them. Parameters that make the operation affine are named in ``zeroed`` with the
    value the forward sweep gives them.

    Where a transpose is mostly zeros (``x[index]``), ``accumulate_x(buffer, z_grad,
    **parameters)`` may say how to add it into an array in place; plain sweeps then make
    one array per operand instead of one per use. Where the operation leaves most of an
    operand as it is (``x[index] = y``), ``overwrite_x(buffer, part, **parameters)`` may
    say how to write the rest into its tangent, and zeros into the cotangent, in place.

    ``structural`` says that the transposes make structural zeros (``x[index]``),
    ``scatters`` that the operation itself does. ``nonnegative`` rules have no negative
    coefficient (they move, repeat and add entries), so that supports go through them as
    masks and cannot cancel.
    """

    _main = "transpose"
    _heads: ClassVar[Mapping[str, int]] = {"transposes": 2, "transpose": 3}
    _prefix = "transpose_"
    _prefixes: ClassVar[Mapping[str, int]] = {
        "transpose_": 2,
        "accumulate_": 2,
        "overwrite_": 2,
    }
    zeroed: ClassVar[Mapping[str, Any]] = {}
    jointly: ClassVar[bool] = True
    scatters: ClassVar[bool] = False
    nonnegative: ClassVar[bool] = False
    transpose: ClassVar[Callable[..., Any]]
    transposes: ClassVar[Callable[..., Any]]

    def __init_subclass__(cls, *, kind: bool = False) -> None:
        """Tell whether a variadic rule finds all cotangents together."""
        if hasattr(cls, "transposes"):
            cls._main = "transposes"
        super().__init_subclass__(kind=kind)

    @classmethod
    def apply_transpose(
        cls,
        xp: Namespace,
        i: int,
        z_grad: Value,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> Any:
        """Return the cotangent of operand ``i``, or ``None`` if it has none."""
        if cls._main == "transposes":
            return cls.transposes(xp, z_grad, *operands, **parameters)[i]
        if cls.variadic:
            return cls.transpose(xp, z_grad, i, *operands, **parameters)
        if i not in cls.parts:
            return None
        x_grad = cls.parts[i](xp, z_grad, *operands, **parameters)
        return needed(cls, i, x_grad)

    @classmethod
    def put(cls, xp: Namespace, z: Value, x: Value, parameters: Parameters) -> Any:
        """Return ``x`` with the entries that a view shows replaced by ``z``.

        A view of all entries only moves them, so that its transpose moves them back.
        """
        shape = shape_of(x)
        size = math.prod(shape)
        if math.prod(shape_of(z)) == size:
            return cls.apply_transpose(xp, 0, z, [x], parameters)
        places = cls.forward(np.arange(size).reshape(shape), **parameters)
        return xp.setitem(x, z, index=np.unravel_index(places, shape))

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
        """Yield the transpose applied to ``z_grad``; supports go the same way."""
        z_grad, support = z_bar
        if cls._main == "transposes":
            yield from cls._pull_together(xp, z_bar, operands, wanted, parameters)
            return
        for i in wanted:
            x_grad = cls.apply_transpose(xp, i, z_grad, operands, parameters)
            if x_grad is None:
                continue
            taken = None
            if support is not None or cls.structural_for(parameters):
                if cls.ends_supports(z_grad):
                    yield i, supported(x_grad)
                    continue
                marks = cls.marks(support, shape_of(z), raw(z_grad))

                def through(xp: Namespace, g: Value, others: Any, i: int = i) -> Any:
                    return cls.apply_transpose(xp, i, g, others, parameters)

                x_grad, taken = _supported_map(
                    through, xp, x_grad, supported(z_grad, marks), operands, i
                )
            if not is_empty(taken):
                yield i, supported(x_grad, taken)

    @classmethod
    def _pull_together(
        cls,
        xp: Namespace,
        z_bar: supported,
        operands: Sequence[Any],
        wanted: Sequence[int],
        parameters: Parameters,
    ) -> Iterator[tuple[int, supported]]:
        transposes = cls.transposes
        parts = transposes(xp, z_bar.value, *operands, **parameters)
        parts = one_per_operand(cls, parts, len(operands))
        marks: Any = None
        if z_bar.support is not None and not cls.ends_supports(z_bar.value):
            values = [raw(x) for x in operands]
            shown = cls.marks(z_bar.support, np.shape(z_bar.support))
            marks = transposes(plain, shown, *values, **parameters)
        for i in wanted:
            taken = None if marks is None else full_is_none(marks[i] != 0)
            if not is_empty(taken):
                yield i, supported(parts[i], taken)

    @classmethod
    def push(
        cls,
        xp: Namespace,
        tangents: Sequence[supported | None],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Return the operation applied to the tangents."""
        parameters = zeroed_in(cls, parameters)
        moving = {
            i: t
            for i, t in enumerate(tangents)
            if t is not None and (cls.variadic or i in cls.parts)
        }
        if not moving:
            return None
        if cls.jointly:
            return cls._push_jointly(xp, moving, z, operands, parameters)
        total: supported | None = None
        for i, tangent in moving.items():

            def through(xp: Namespace, t: Value, others: Any, i: int = i) -> Any:
                return xp.apply(cls, [*others[:i], t, *others[i + 1 :]], parameters)

            value, taken = through(xp, tangent.value, operands), None
            if tangent.support is not None and not cls.ends_supports(tangent.value):
                shape = shape_of(operands[i])
                marks = cls.marks(tangent.support, shape, raw(tangent.value))
                moved = supported(tangent.value, marks)
                value, taken = _supported_map(through, xp, value, moved, operands, i)
            total = accumulate(xp, total, project(xp, supported(value, taken), z))
        return total

    @classmethod
    def _push_jointly(
        cls,
        xp: Namespace,
        moving: Mapping[int, supported],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported:
        values, supports = list(operands), [raw(x) for x in operands]
        masked = cls.scatters or is_mask(parameters.get("where"))
        for i, x in enumerate(operands):
            t = moving.get(i)
            if t is not None:
                values[i] = t.value
                masked = masked or t.support is not None
            elif cls.variadic or i in cls.parts:
                values[i] = zeros_of(raw(x))
                masked = True
        value = xp.apply(cls, values, parameters)
        if not masked or cls.ends_supports(value):
            return project(xp, supported(value), z)
        for i, x in enumerate(operands):
            if i in moving:
                t = moving[i]
                supports[i] = cls.marks(t.support, shape_of(x), raw(t.value))
            elif cls.variadic or i in cls.parts:
                supports[i] = zeros(shape_of(x), bool, like=raw(x))
        taken = full_is_none(plain.apply(cls, alike(supports), parameters) != 0)
        return project(xp, supported(value, taken), z)

    @classmethod
    def marks(cls, support: Support, shape: tuple[int, ...], like: Any = None) -> Any:
        """Return what is sent through the map to find the support of its result."""
        if not cls.nonnegative:
            return marked(support, shape)
        if support is not None:
            return support
        return made_like(np.broadcast_to(True, shape), like)

    @classmethod
    def ends_supports(cls, part: Value) -> bool:
        """Tell whether supports end here, as those of foreign arrays do at most rules.

        They pass what moves and adds entries. A product of matrices would take another
        product for them; where it meets an infinite entry the result is nan.
        """
        return not cls.nonnegative and is_foreign(raw(part))


class multilinear(linear, kind=True):
    """Linear in each operand by itself: matmul, einsum, outer, multiplication."""

    jointly = False


def zeroed_in(operation: type[linear], parameters: Parameters) -> Parameters:
    """Return parameters with those that make the operation affine set to zero."""
    if not operation.zeroed:
        return parameters
    present = {k: v for k, v in operation.zeroed.items() if k in parameters}
    return {**parameters, **present} if present else parameters


def _supported_map(
    through: Callable[[Any, Any, Any], Any],
    xp: Namespace,
    value: Result,
    part: supported,
    operands: Sequence[Any],
    position: int,
) -> tuple[Any, Any]:
    """Return a linear map's value and support, unsupported entries left out.

    ``through(xp, t, operands)`` is linear in ``t`` and multilinear in the operands
    other than ``position``. The support goes through the same map with those operands
    all one. Where they hold inf or nan, a result is only touched by it through
    supported entries.
    """
    values = [raw(x) for x in operands]
    others = [
        constant_full(shape_of(v), 1.0, v) if j != position and is_inexact(v) else v
        for j, v in enumerate(values)
    ]
    taken = full_is_none(through(plain, part.support, others) != 0)
    rough = [
        j
        for j, v in enumerate(values)
        if j != position
        and is_inexact(v)
        and not isinstance(v, stand_in)
        and not is_foreign(v)
        and not np.all(np.isfinite(v))
    ]
    if not rough or (not is_foreign(part.support) and np.all(part.support)):
        return value, taken
    finite = list(operands)
    touched: Any = False
    for j in rough:
        good = np.isfinite(values[j])
        finite[j] = xp.where(good, operands[j], 0.0)
        marks = [*others[:j], 1.0 * ~good, *others[j + 1 :]]
        touched = np.logical_or(touched, through(plain, part.support, marks) != 0)
    return xp.where(touched, value, through(xp, part.value, finite)), taken
