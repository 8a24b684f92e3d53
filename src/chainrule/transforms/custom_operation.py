"""custom_operation: an operation that users declare by its forward and derivative."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.errors import ArgumentError, EscapeError, ReadOnlyError, ShapeError
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.recorder import next_serial, record
from chainrule.rules import general
from chainrule.rules.declarations import returns_nothing
from chainrule.rules.namespace import plain
from chainrule.rules.supports import is_inexact, zeros_of
from chainrule.transforms.arrangement import Arrangement
from chainrule.transforms.derived import P
from chainrule.transforms.one_run import run_of, with_zeros
from chainrule.transforms.operands import Layout, taken
from chainrule.values.containers import flatten
from chainrule.values.shapes import SEQUENCES, TUPLE, describe, ndarray, shape_of
from chainrule.values.types import Namespace, Parameters, Result, Value
from chainrule.values.versions import sealed
from chainrule.values.vertices import first_stand_in, raw, stand_in


def custom_operation(
    forward: Callable[P, Any],
    pullback: Callable[..., Any],
    pushforward: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    saves: bool = False,
    opaque: bool = False,
) -> Callable[P, Any]:
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
    saves
        Whether ``forward`` returns a pair: its result, and what it saves for the
        derivatives (a factorisation, say), which take it by keyword, ``saved=``. It is
        ``None`` in a recorded sweep, which differentiates by the operands; and in a
        compiled one, unless it is made of numbers and arrays.
    opaque
        Whether a compiled function calls ``forward`` as it is, with plain values in
        each call. Otherwise it is traced, where it can be.

    Returns
    -------
    callable
        A function of nodes, numbers and arrays; of containers that hold nodes, whose
        cotangents and tangents have their structure; and of functions that close over
        nodes. ``forward`` is given such a function of plain values. Its tangent is a
        function of the same arguments, and its cotangent what ``gd.closure_vjp``
        returns. A list of nodes of one shape is one array. All else (strings, functions
        and containers without nodes) is passed on and not differentiated. Arrays among
        it and among the keywords are copied, so that their owner may change them.

    Raises
    ------
    EscapeError
        When called, if ``forward`` uses a node from outside: pass it as an operand, or
        the function that reads it.
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

    A container as operand, and a value that is saved:

    >>> def scaled(p):
    ...     rate = np.exp(p["a"])
    ...     return rate * p["x"], rate
    >>> def scaled_pullback(z_grad, z, p, saved=None):
    ...     rate = np.exp(p["a"]) if saved is None else saved
    ...     return ({"a": np.sum(z_grad * z), "x": z_grad * rate},)
    >>> scaled = gd.custom_operation(scaled, scaled_pullback, saves=True)
    >>> gd.grad(lambda a: np.sum(scaled({"a": a, "x": np.ones(2)})))(0.0)
    2.0
    """
    _check_functions((forward, pullback, pushforward))
    label = name or getattr(forward, "__name__", "custom")
    functions = {"user": (forward, pullback, pushforward), "is_opaque": opaque}
    declared = type(f"{label}_grad", (_custom,), functions)

    @functools.wraps(forward)
    def operation(*operands: Any, **keywords: Any) -> Any:
        if any(holds_nodes(k) for k in flatten(keywords)[0]):
            raise ArgumentError(
                f"{label}() received a node as a keyword argument; pass it by position."
            )
        layout, numeric, fixed = taken(operands)
        arrangement = Arrangement(label, saves=saves)
        parameters: dict[str, Any] = {"fixed": fixed, "keywords": keywords}
        parameters |= {"layout": layout, "arrangement": arrangement}
        return arrangement.result(record(declared, numeric, parameters))

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


class _custom(general, kind=True):
    """z = forward(x, y, ...), declared by the user"""

    user: tuple[Any, Any, Any]
    is_opaque: bool = False
    variadic = True

    def __init_subclass__(cls, *, kind: bool = True) -> None:
        """Keep operations made at run time out of the registry of rules."""
        super().__init_subclass__(kind=True)

    @classmethod
    def forward(
        cls,
        *operands: Value,
        fixed: dict[int, Any],
        layout: Layout,
        keywords: Mapping[str, Any],
        arrangement: Arrangement,
    ) -> Any:
        """Call the user's forward; refuse nodes that it closes over."""
        if cls.is_opaque and first_stand_in(operands) is not None:
            raise TypeError("an opaque function: run as one step of the trace")
        merged = layout.merged([_guarded(x) for x in operands], fixed)
        return arrangement.flat(cls._called(0, merged, keywords))

    @classmethod
    def pullback(
        cls,
        xp: Namespace,
        z_grad: Result,
        z: Result,
        *operands: Value,
        fixed: dict[int, Any],
        layout: Layout,
        keywords: Mapping[str, Any],
        arrangement: Arrangement,
    ) -> Any:
        """Call the user's pullback and take the cotangents of numeric operands."""
        z_grad, z = _guarded(z_grad), _guarded(z)
        merged = layout.merged([_guarded(x) for x in operands], fixed)
        saved = arrangement.keywords(z, recorded=xp is not plain)
        z_grad, z = map(arrangement.without_saved, (z_grad, z))
        seeds, results = arrangement.cotangents(z_grad, z), arrangement.arranged(z)
        grads = cls._called(1, [seeds, results, *merged], {**keywords, **saved})
        if not isinstance(grads, SEQUENCES) or len(grads) != len(merged):
            count = len(grads) if isinstance(grads, SEQUENCES) else describe(grads)
            raise ShapeError(
                f"The pullback of {cls.__name__!r} must return a tuple of "
                f"{len(merged)} cotangents, one per operand; it returned {count}."
            )
        numeric = layout.cotangents(grads, fixed)
        if xp is plain and any(holds_nodes(g) for g in numeric):
            raise EscapeError(
                f"The pullback of {cls.__name__!r} used a node from outside. Pass that "
                "node as an operand."
            )
        cls._check_shapes(numeric, operands)
        return list(map(_copied, numeric))

    @classmethod
    def _check_shapes(cls, grads: Sequence[Any], operands: Sequence[Any]) -> None:
        for g, x in zip(grads, operands, strict=True):
            if g is not None and shape_of(g) != shape_of(x):
                raise ShapeError(
                    f"The pullback of {cls.__name__!r} returned a cotangent of shape "
                    f"{shape_of(g)} for an operand of shape {shape_of(x)}."
                )

    @classmethod
    def pushforward(
        cls,
        xp: Namespace,
        tangents: Sequence[Any],
        z: Result,
        *operands: Value,
        fixed: dict[int, Any],
        layout: Layout,
        keywords: Mapping[str, Any],
        arrangement: Arrangement,
    ) -> Any:
        """Call the user's pushforward, or transpose the pullback."""
        user = cls.user[2]
        if user is None:
            parameters: dict[str, Any] = {"fixed": fixed, "keywords": keywords}
            parameters |= {"layout": layout, "arrangement": arrangement}
            return transposed_pullback(cls, tangents, z, operands, parameters)
        z, merged = _guarded(z), layout.merged([_guarded(x) for x in operands], fixed)
        dots = layout.tangents([_guarded(t) for t in tangents], fixed, merged)
        saved = arrangement.keywords(z, recorded=xp is not plain)
        whole, z = z, arrangement.without_saved(z)
        arguments = [dots, arrangement.arranged(z), *merged]
        z_dot: Any = cls._called(2, arguments, {**keywords, **saved})
        z_dot = arrangement.with_absent(arrangement.tangents(z_dot, z), whole)
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
