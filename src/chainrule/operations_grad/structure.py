"""Rules that move values without computing: identity, item, and rules by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from chainrule.errors import RecordingError
from chainrule.locks import reentrant_lock
from chainrule.rules import rule
from chainrule.rules.namespace import plain
from chainrule.rules.supports import supported, zeros_of
from chainrule.steps.owned_arrays import add_into
from chainrule.steps.step import Step, reference_of
from chainrule.values.types import Namespace, Parameters, Result, Value
from chainrule.values.vertices import raw, vertex


class structure(rule, kind=True):
    """Book-keeping that moves values without computing: identity, item."""

    step: Any


class identity_grad(structure):
    """z = x"""

    also: tuple[Any, ...] = (float,)
    moves = in_order = returns_arrays = True
    operand_names: tuple[str, ...] = ("x",)

    @staticmethod
    def forward(x: Value) -> Value:
        """Return ``x`` itself."""
        return x

    @staticmethod
    def step(z: vertex, z_grad: Any, bars: dict[vertex, Any]) -> None:
        """Hand the cotangent on, which has the shape and dtype of both."""
        add_into(bars, z.operands[0], z_grad)

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
        """Hand the cotangent on."""
        for i in wanted:
            yield i, z_bar

    @classmethod
    def push(
        cls,
        xp: Namespace,
        tangents: Sequence[supported | None],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Hand the tangent on."""
        return tangents[0]


class item_grad(structure):
    """z = x[index], x the tuple of an operation's results"""

    operand_names: tuple[str, ...] = ("x",)

    @staticmethod
    def forward(x: Sequence[Value], *, index: int) -> Value:
        """Return one of the results."""
        return x[index]

    @staticmethod
    def step(z: vertex, z_grad: Any, bars: dict[vertex, Any]) -> None:
        """Put the cotangent in its place; the others are absent."""
        x = z.operands[0]
        parts: list[Any] = [None] * len(raw(x))
        parts[z.parameters["index"]] = z_grad
        add_into(bars, x, tuple(parts))

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
        """Put the cotangent in its place; the others are absent."""
        parts: list[Any] = [None] * len(raw(operands[0]))
        parts[parameters["index"]] = z_bar.value
        for i in wanted:
            yield i, supported(tuple(parts))

    @classmethod
    def push(
        cls,
        xp: Namespace,
        tangents: Sequence[supported | None],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Take the tangent of one result."""
        tangent = tangents[0]
        part = None if tangent is None else tangent.value[parameters["index"]]
        return None if part is None else supported(part)


class handwritten_grad(structure):
    """z = f(x, ...), with a gradient class that the user wrote in the seed's form.

    ``grad_ops.backward(z_grad)`` adds into ``x.grad``. A sweep saves and zeroes that,
    calls it, takes what was added and restores what was there, under a lock.
    """

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
        """Call ``backward`` and yield what it added to each vertex."""
        grad_ops = parameters["grad_ops"]
        if xp is not plain:
            raise RecordingError(
                getattr(grad_ops, "first_order_only", None)
                or f"{type(grad_ops).__name__}.backward reads plain values, so a "
                "second derivative through it would be lost. Declare the operation "
                "with gd.custom_operation(forward, pullback) to differentiate it again."
            )
        places: dict[Any, int] = {}
        for i, v in enumerate(grad_ops.vertices):
            places.setdefault(v, i)
        vertices = list(places)
        with _lock:
            saved = [v.grad for v in vertices]
            for v in vertices:
                v.grad = zeros_of(raw(v))
            try:
                grad_ops.backward(z_bar.value)
                added = [v.grad for v in vertices]
            finally:
                for v, grad in zip(vertices, saved, strict=True):
                    v.grad = grad
        for v, grad in zip(vertices, added, strict=True):
            if places[v] in wanted:
                yield places[v], supported(grad)

    @classmethod
    def push(
        cls,
        xp: Namespace,
        tangents: Sequence[supported | None],
        z: Result,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Refuse: a hand-written gradient class only knows the reverse direction."""
        grad_ops = parameters["grad_ops"]
        raise RecordingError(
            getattr(grad_ops, "first_order_only", None)
            or f"{type(grad_ops).__name__} is a hand-written gradient class and has "
            "no forward mode. Use reverse mode (gd.grad, gd.vjp), or declare the "
            "operation with gd.custom_operation(forward, pullback, pushforward)."
        )


_lock = reentrant_lock()
handwritten_step: Step = reference_of(handwritten_grad)
"""The step of every vertex whose ``grad_ops`` was written by hand."""
