"""custom_operation: an operation that users declare by its forward and derivative."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.errors import ArgumentError, EscapeError, ReadOnlyError, ShapeError
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import next_serial, record, stacked
from chainrule.rules import general
from chainrule.rules.declarations import returns_nothing
from chainrule.rules.namespace import plain
from chainrule.rules.supports import is_inexact, zeros_of
from chainrule.transforms.one_run import run_of, with_zeros
from chainrule.values.containers import Tree, flatten, is_container, unflatten
from chainrule.values.refusals import refuse
from chainrule.values.shapes import SEQUENCES, TUPLE, describe, ndarray, shape_of
from chainrule.values.types import Namespace, Parameters, Result, Value
from chainrule.values.versions import sealed
from chainrule.values.vertices import first_stand_in, raw, stand_in


def custom_operation(
    forward: Callable[..., Any],
    pullback: Callable[..., Any],
    pushforward: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
) -> Callable[..., Any]:
    """Declare a differentiable operation from its own forward and derivative.

    Parameters
    ----------
    forward
        ``forward(*operands, **keywords)`` computes the result from plain values. The
        result is a number or an array, or several of them in tuples, lists, dicts,
        named tuples and dataclasses.
    pullback
        ``pullback(z_grad, z, *operands, **keywords)`` returns a tuple with one
        cotangent per operand, ``None`` for one that has none. Written with NumPy or
        chainrule functions it serves every order: in a recorded sweep its arguments are
        nodes. Where there are several results, ``z`` and ``z_grad`` have their
        structure; the cotangent of one that nothing depends on is zero.
    pushforward
        ``pushforward(tangents, z, *operands, **keywords)`` returns the tangent of the
        result, in its structure; an absent tangent is ``None``. Where it is left out,
        forward mode uses the transpose of the pullback.
    name
        The operation's name in messages; the name of ``forward`` by default.

    Returns
    -------
    callable
        A function of nodes, numbers and arrays. Operands that are not numeric (strings,
        functions, containers) are passed on as they are and not differentiated. Arrays
        among them and among the keywords are copied, so that their owner may change
        them afterwards.

    Raises
    ------
    EscapeError
        When called, if ``forward`` uses a node from outside: pass it as an operand.
    ShapeError
        In a sweep, if the pullback returns another number of cotangents, or the
        pushforward tangents in another structure.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> def softplus_pullback(z_grad, z, x):
    ...     return (z_grad / (1 + np.exp(-x)),)
    >>> softplus = gd.custom_operation(lambda x: np.logaddexp(0, x), softplus_pullback)
    >>> gd.grad(softplus)(0.0)
    0.5

    Several results:

    >>> def polar(x, y):
    ...     return {"r": np.hypot(x, y), "angle": np.arctan2(y, x)}
    >>> def polar_pullback(z_grad, z, x, y):
    ...     r, turn = z["r"], z_grad["angle"] / z["r"] ** 2
    ...     return z_grad["r"] * x / r - turn * y, z_grad["r"] * y / r + turn * x
    >>> polar = gd.custom_operation(polar, polar_pullback)
    >>> gd.grad(lambda x: polar(x, 4.0)["angle"])(3.0)
    -0.16
    """
    _check_functions((forward, pullback, pushforward))
    label = name or getattr(forward, "__name__", "custom")
    functions = {"user": (forward, pullback, pushforward)}
    declared = type(f"{label}_grad", (_custom,), functions)

    @functools.wraps(forward)
    def operation(*operands: Any, **keywords: Any) -> Any:
        fixed = {i: x for i, x in enumerate(operands) if not _is_numeric(x)}
        numeric = [_operand(x) for i, x in enumerate(operands) if i not in fixed]
        if any(holds_nodes(k) for k in flatten(keywords)[0]):
            raise ArgumentError(
                f"{label}() received a node as a keyword argument; pass it by position."
            )
        arrangement = Arrangement(label)
        parameters = {"fixed": fixed, "keywords": keywords, "arrangement": arrangement}
        return arrangement.arranged(record(declared, numeric, parameters))

    operation.rule = declared  # type: ignore[attr-defined]
    return operation


def _check_functions(functions: Sequence[Callable[..., Any] | None]) -> None:
    """Raise for what is no function, and for one that forgets to return."""
    for function, what in zip(functions, _PARTS, strict=True):
        if function is None and what == "pushforward":
            continue
        if not callable(function):
            raise ArgumentError(
                f"custom_operation needs a function as {what}; received "
                f"{describe(function)}."
            )
        code = getattr(function, "__code__", None)
        if code is not None and returns_nothing(code):
            raise ArgumentError(
                f"The {what} given to custom_operation returns nothing. Write return "
                "before what it found."
            )


def _is_numeric(x: Any) -> bool:
    if isinstance(x, node | float | complex | np.ndarray | np.generic | int):
        return True
    return isinstance(x, SEQUENCES) and holds_nodes(x)


def _operand(x: Any) -> Any:
    return stacked(x) if isinstance(x, SEQUENCES) else x


class Arrangement:
    """The structure of a custom operation's results, known once its forward has run.

    Rules keep several results as one flat tuple; the user's functions are given, and
    give, dicts, lists and whatever else ``forward`` returned.
    """

    __slots__ = ("name", "structure")

    def __init__(self, name: str) -> None:
        """Keep the operation's name, for messages; a single result is expected."""
        self.name: str = name
        self.structure: Any = None

    def __repr__(self) -> str:
        """Show the structure of several results: the same text in every run."""
        return "one result" if self.structure is None else str(self.structure)

    def flat(self, z: Tree) -> Any:
        """Return several results as a flat tuple; note the structure they had."""
        if not is_container(z):
            return self._owned(z)
        leaves, structure = flatten(z)
        if self.structure not in (None, structure):
            raise ShapeError(
                f"The forward of custom operation {self.name!r} returned results in "
                f"the structure {structure}, and before in {self.structure}. Return "
                "the same one in each call."
            )
        self.structure = structure
        return tuple(map(self._owned, leaves))

    def _owned(self, x: Any) -> Any:
        """Return a result that nobody else can change."""
        if holds_nodes(x):
            raise EscapeError(
                f"The forward of custom operation {self.name!r} used a node from "
                "outside, whose derivative would be lost. Pass that node as an operand."
            )
        refuse(x, f"A result of the custom operation {self.name!r}")
        if not isinstance(x, ndarray):
            return x
        if x.dtype == object and first_stand_in(x) is not None:
            raise TypeError("an array of objects: run as one step of the trace")
        return np.array(x)

    def arranged(self, parts: Any) -> Any:
        """Return a flat tuple of results in their structure."""
        return parts if self.structure is None else unflatten(self.structure, parts)

    def cotangents(self, z_grad: Any, z: Any) -> Any:
        """Return cotangents in the results' structure; absent ones are zeros."""
        if self.structure is None:
            return z_grad
        pairs = zip(z_grad, z, strict=True)
        return self.arranged([_zeros_like(v) if g is None else g for g, v in pairs])

    def tangents(self, z_dot: Any, z: Any) -> Any:
        """Return the user's tangents as a flat tuple; ``None`` where it is absent."""
        if self.structure is None or z_dot is None:
            return z_dot
        try:
            parts: list[Any] = self.structure.flatten_up_to(z_dot)
        except ValueError:
            raise ShapeError(
                f"The pushforward of {self.name!r} must return tangents in the "
                f"structure of the results, {self.structure}; it returned "
                f"{flatten(z_dot)[1]}."
            ) from None
        pairs = zip(parts, z, strict=True)
        return tuple(t if is_inexact(raw(v)) else None for t, v in pairs)


def _zeros_like(v: Any) -> Any:
    """Return the cotangent zero of a result; ``None`` for what is no number."""
    value = raw(v)
    number = isinstance(value, int | float | complex | np.ndarray | np.generic)
    return zeros_of(value) if number or isinstance(value, stand_in) else None


class _custom(general, kind=True):
    """z = forward(x, y, ...), declared by the user"""

    user: tuple[Any, Any, Any]
    variadic = True

    def __init_subclass__(cls, *, kind: bool = True) -> None:
        """Keep operations made at run time out of the registry of rules."""
        super().__init_subclass__(kind=True)

    @classmethod
    def forward(
        cls,
        *operands: Value,
        fixed: dict[int, Any],
        keywords: Mapping[str, Any],
        arrangement: Arrangement,
    ) -> Any:
        """Call the user's forward; refuse nodes that it closes over."""
        merged = _merged([_guarded(x) for x in operands], fixed)
        return arrangement.flat(cls._called(0, merged, keywords))

    @classmethod
    def pullback(
        cls,
        xp: Namespace,
        z_grad: Result,
        z: Result,
        *operands: Value,
        fixed: dict[int, Any],
        keywords: Mapping[str, Any],
        arrangement: Arrangement,
    ) -> Any:
        """Call the user's pullback and take the cotangents of numeric operands."""
        z_grad, z = _guarded(z_grad), _guarded(z)
        merged = _merged([_guarded(x) for x in operands], fixed)
        seeds, results = arrangement.cotangents(z_grad, z), arrangement.arranged(z)
        grads = cls._called(1, [seeds, results, *merged], keywords)
        if not isinstance(grads, SEQUENCES) or len(grads) != len(merged):
            count = len(grads) if isinstance(grads, SEQUENCES) else describe(grads)
            raise ShapeError(
                f"The pullback of {cls.__name__!r} must return a tuple of "
                f"{len(merged)} cotangents, one per operand; it returned {count}."
            )
        if xp is plain and any(holds_nodes(g) for g in grads):
            raise EscapeError(
                f"The pullback of {cls.__name__!r} used a node from outside. Pass that "
                "node as an operand."
            )
        numeric = [g for i, g in enumerate(grads) if i not in fixed]
        for g, x in zip(numeric, operands, strict=True):
            if g is not None and shape_of(g) != shape_of(x):
                raise ShapeError(
                    f"The pullback of {cls.__name__!r} returned a cotangent of shape "
                    f"{shape_of(g)} for an operand of shape {shape_of(x)}."
                )
        return list(map(_copied, numeric))

    @classmethod
    def pushforward(
        cls,
        xp: Namespace,
        tangents: Sequence[Any],
        z: Result,
        *operands: Value,
        fixed: dict[int, Any],
        keywords: Mapping[str, Any],
        arrangement: Arrangement,
    ) -> Any:
        """Call the user's pushforward, or transpose the pullback."""
        user = cls.user[2]
        if user is None:
            parameters = {
                "fixed": fixed,
                "keywords": keywords,
                "arrangement": arrangement,
            }
            return transposed_pullback(cls, tangents, z, operands, parameters)
        dots = [_guarded(t) for t in tangents]
        for i in sorted(fixed):
            dots.insert(i, None)
        z, merged = _guarded(z), _merged([_guarded(x) for x in operands], fixed)
        arguments = [tuple(dots), arrangement.arranged(z), *merged]
        z_dot = arrangement.tangents(cls._called(2, arguments, keywords), z)
        return (
            tuple(map(_copied, z_dot)) if isinstance(z_dot, TUPLE) else _copied(z_dot)
        )

    @classmethod
    def _called(
        cls, which: int, args: Sequence[Any], keywords: Mapping[str, Any]
    ) -> Any:
        """Call one of the user's functions, which cannot write into what it is given.

        A value that it changed would be that of a node, and so would a cotangent.
        """
        what = f"The {_PARTS[which]} of {cls.__name__.removesuffix('_grad')!r}"
        try:
            with sealed(next_serial(), what, "which others use too;"):
                return cls.user[which](*args, **keywords)
        except ValueError as error:
            if "read-only" in str(error) and not isinstance(error, ReadOnlyError):
                error.add_note(
                    f"chainrule: {what} cannot write into its arguments, which are "
                    "values of nodes. Write into a copy: np.array(x)."
                )
            raise


_PARTS = ("forward", "pullback", "pushforward")


def _copied(x: Any) -> Any:
    return x.copy() if isinstance(x, ndarray) else x


def _guarded(x: Any) -> Any:
    """Return a value, or several, that a user's function cannot write into."""
    if isinstance(x, ndarray):
        x = x.view()
        x.flags.writeable = False
        return x
    if isinstance(x, stand_in):
        return x.guarded()
    return tuple(map(_guarded, x)) if isinstance(x, TUPLE) else x


def _merged(operands: Sequence[Any], fixed: dict[int, Any]) -> list[Any]:
    """Put the fixed arguments back in their places."""
    merged = list(operands)
    for i in sorted(fixed):
        merged.insert(i, fixed[i])
    return merged


def transposed_pullback(
    operation: type[general],
    tangents: Sequence[Any],
    z: Result,
    operands: Any,
    parameters: Parameters,
) -> Any:
    """Return J x_dot as the transpose of the linear map g -> J.T g.

    Source: J. Townsend, "A new trick for calculating Jacobian vector products" (2017).
    """
    several = isinstance(z, TUPLE)
    results: Any = z if several else (z,)
    moving = [i for i, x in enumerate(results) if is_inexact(raw(x))]

    def paired(*cotangents: Any) -> list[Any]:
        """Return the sum of the products of the pullback with the tangents."""
        z_grad: Any = cotangents if several else cotangents[0]
        grads = operation.pullback(operations, z_grad, z, *operands, **parameters)
        pairs = zip(grads, tangents, strict=True)
        products = [
            operations.sum(g * t) for g, t in pairs if not (g is None or t is None)
        ]
        return [sum(products, 0.0)]

    zeros = [zeros_of(raw(x)) if i in moving else None for i, x in enumerate(results)]
    run = run_of(paired, zeros, moving)
    one = 1.0 if type(raw(run.outputs[0])) is float else np.float64(1)
    bars, _ = run.pull({0: one})
    z_dot: list[Any] = [None] * len(results)
    for i, bar in zip(moving, with_zeros(bars, run.inputs), strict=True):
        z_dot[i] = bar
    return tuple(z_dot) if several else z_dot[0]
