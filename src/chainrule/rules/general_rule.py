"""Rules with an explicit pullback and pushforward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from chainrule.errors import RecordingError
from chainrule.rules.base import rule
from chainrule.rules.declarations import one_per_operand
from chainrule.rules.namespace import plain
from chainrule.rules.supports import full_is_none, is_empty, marked, project, supported
from chainrule.values.shapes import shape_of
from chainrule.values.types import Namespace, Parameters, Result
from chainrule.values.vertices import raw, vertex


class general(rule, kind=True):
    """A rule with explicit pullback and pushforward, free to share work.

    ``pullback(xp, z_grad, z, x, y, **parameters)`` returns one cotangent per operand
    (``None``: structurally zero; a function without arguments: called if it is wanted).
    ``pushforward(xp, tangents, z, x, y, **parameters)``
    takes one tangent or ``None`` per operand. Where there are several results, ``z``
    and ``z_grad`` are tuples, and an absent cotangent is ``None``.

    A rule with ``structural = True`` moves and averages entries (``max``, ``sort``):
    its partials are never negative, and where they are zero they are so structurally.
    Supports pass such a rule; they end at any other.
    """

    _main = "pullback"
    _heads: ClassVar[Mapping[str, int]] = {"pullback": 3, "pushforward": 3}
    pullback: Any
    pushforward: Any = None

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
        """Yield what ``pullback`` returns; supports end here, or pass if structural."""
        results = results_of(xp, z)
        grads = cls.pullback(xp, z_bar.value, results, *operands, **parameters)
        grads = one_per_operand(cls, grads, len(operands))
        marks: Any = None
        if cls.structural:
            values = [raw(x) for x in operands]
            ones = marked(z_bar.support, shape_of(z), raw(z_bar.value))
            marks = cls.pullback(plain, ones, raw(z), *values, **parameters)
        for i in wanted:
            x_grad = _called(grads[i])
            if x_grad is not None:
                taken = None if marks is None else full_is_none(_called(marks[i]) != 0)
                if not is_empty(taken):
                    yield i, supported(x_grad, taken)

    @classmethod
    def push(
        cls,
        xp: Namespace,
        tangents: Sequence[supported | None],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Return what ``pushforward`` returns; supports as in ``pull``."""
        if cls.pushforward is None:
            raise RecordingError(
                f"{cls.__name__} has no pushforward, so forward mode cannot pass it. "
                "Give custom_operation a pushforward, or use reverse mode."
            )
        dots = tuple(None if t is None else t.value for t in tangents)
        results = results_of(xp, z)
        z_dot = cls.pushforward(xp, dots, results, *operands, **parameters)
        if z_dot is None:
            return None
        taken: Any = None
        if cls.structural:
            ones = tuple(
                None if t is None else marked(t.support, shape_of(x), raw(t.value))
                for t, x in zip(tangents, operands, strict=True)
            )
            values = [raw(x) for x in operands]
            marks = cls.pushforward(plain, ones, raw(z), *values, **parameters)
            taken = full_is_none(marks != 0)
        return project(xp, supported(z_dot, taken), z)


def results_of(xp: Namespace, z: Result) -> Any:
    """Return several results as a tuple, also where a recorded sweep hands a node."""
    if isinstance(z, vertex) and isinstance(raw(z), tuple):
        return xp.items_of(z)
    return z


def _called(part: Any) -> Any:
    """Return a cotangent; one that is a function is computed now."""
    return part() if callable(part) else part
