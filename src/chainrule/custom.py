"""Operations that users declare: custom_operation, and checkpoint built like it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.containers import flatten, unflatten
from chainrule.errors import ArgumentError, EscapeError, ShapeError
from chainrule.graph import collect
from chainrule.nodes import node
from chainrule.recorder import record, stacked
from chainrule.recording import Recording
from chainrule.rules import Parameters, general, plain, rule
from chainrule.shapes import SEQUENCES, describe, shape_of
from chainrule.supports import supported, zeros_of
from chainrule.sweeps import forward_sweep, reverse_sweep
from chainrule.values import holds_nodes
from chainrule.vertices import raw, vertex


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
        ``forward(*operands, **keywords)`` computes the result from plain values.
    pullback
        ``pullback(z_grad, z, *operands, **keywords)`` returns a tuple with one
        cotangent per operand, ``None`` for one that has none. Written with NumPy or
        chainrule functions it serves every order: in a recorded sweep its arguments are
        nodes.
    pushforward
        ``pushforward(tangents, z, *operands, **keywords)`` returns the tangent of the
        result; an absent tangent is ``None``. Where it is left out, forward mode uses
        the transpose of the pullback.
    name
        The operation's name in messages; the name of ``forward`` by default.

    Returns
    -------
    callable
        A function of nodes, numbers and arrays. Operands that are not numeric (strings,
        functions, containers) are passed on as they are and not differentiated.

    Raises
    ------
    EscapeError
        When called, if ``forward`` uses a node from outside: pass it as an operand.
    ShapeError
        In a sweep, if the pullback returns another number of cotangents.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> def softplus_pullback(z_grad, z, x):
    ...     return (z_grad / (1 + np.exp(-x)),)
    >>> softplus = gd.custom_operation(lambda x: np.logaddexp(0, x), softplus_pullback)
    >>> gd.grad(softplus)(0.0)
    0.5
    """
    for function, what in ((forward, "forward"), (pullback, "pullback")):
        if not callable(function):
            raise ArgumentError(
                f"custom_operation needs a function as {what}; received "
                f"{describe(function)}."
            )
    label = name or getattr(forward, "__name__", "custom")
    made = type(f"{label}_grad", (_custom,), {"user": (forward, pullback, pushforward)})

    @functools.wraps(forward)
    def operation(*operands: Any, **keywords: Any) -> Any:
        fixed = {i: x for i, x in enumerate(operands) if not _is_numeric(x)}
        numeric = [x for i, x in enumerate(operands) if i not in fixed]
        if any(holds_nodes(k) for k in flatten(keywords)[0]):
            raise ArgumentError(
                f"{label}() received a node as a keyword argument; pass it by position."
            )
        given = {"fixed": fixed, "keywords": keywords}
        return record(made, [_operand(x) for x in numeric], given)

    operation.rule = made  # type: ignore[attr-defined]
    return operation


def _is_numeric(x: Any) -> bool:
    if isinstance(x, node | float | complex | np.ndarray | np.generic | int):
        return True
    return isinstance(x, SEQUENCES) and holds_nodes(x)


def _operand(x: Any) -> Any:
    return stacked(x) if isinstance(x, SEQUENCES) else x


class _custom(general, kind=True):
    """z = forward(x, y, ...), declared by the user"""

    user: tuple[Any, Any, Any]
    variadic = True

    def __init_subclass__(cls, *, kind: bool = True) -> None:
        """Keep operations made at run time out of the registry of rules."""
        super().__init_subclass__(kind=True)

    @classmethod
    def forward(cls, *operands: Any, fixed: Any, keywords: Any) -> Any:
        """Call the user's forward; refuse nodes that it closes over."""
        z = cls.user[0](*_merged(operands, fixed), **keywords)
        if any(holds_nodes(x) for x in flatten(z)[0]):
            raise EscapeError(
                f"The forward of custom operation {cls.__name__!r} used a node from "
                "outside, whose derivative would be lost. Pass that node as an operand."
            )
        return z

    @classmethod
    def pullback(
        cls, xp: Any, z_grad: Any, z: Any, *operands: Any, fixed: Any, keywords: Any
    ) -> Any:
        """Call the user's pullback and take the cotangents of numeric operands."""
        merged = _merged(operands, fixed)
        grads = cls.user[1](z_grad, z, *merged, **keywords)
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
        kept = [g for i, g in enumerate(grads) if i not in fixed]
        for g, x in zip(kept, operands, strict=True):
            if g is not None and shape_of(g) != shape_of(x):
                raise ShapeError(
                    f"The pullback of {cls.__name__!r} returned a cotangent of shape "
                    f"{shape_of(g)} for an operand of shape {shape_of(x)}."
                )
        return kept

    @classmethod
    def pushforward(
        cls, xp: Any, tangents: Any, z: Any, *operands: Any, fixed: Any, keywords: Any
    ) -> Any:
        """Call the user's pushforward, or transpose the pullback."""
        user = cls.user[2]
        if user is None:
            given = {"fixed": fixed, "keywords": keywords}
            return _transposed_pullback(cls, tangents, z, operands, given)
        dots = list(tangents)
        for i in sorted(fixed):
            dots.insert(i, None)
        return user(tuple(dots), z, *_merged(operands, fixed), **keywords)


def _merged(operands: Sequence[Any], fixed: dict[int, Any]) -> list[Any]:
    """Put the fixed arguments back in their places."""
    merged = list(operands)
    for i in sorted(fixed):
        merged.insert(i, fixed[i])
    return merged


def _transposed_pullback(
    operation: type[general], tangents: Any, z: Any, operands: Any, given: Parameters
) -> Any:
    """Return J x_dot as the transpose of the linear map g -> J.T g.

    Source: J. Townsend, "A new trick for calculating Jacobian vector products" (2017).
    """

    def paired(*seeds: Any) -> Any:
        g = seeds if operation.outputs > 1 or isinstance(raw(z), tuple) else seeds[0]
        grads = operation.pullback(operations, g, z, *operands, **given)
        pairs = zip(grads, tangents, strict=True)
        terms = [
            operations.sum(g * t) for g, t in pairs if not (g is None or t is None)
        ]
        total: Any = 0.0
        for term in terms:
            total = total + term
        return total

    parts = z if isinstance(raw(z), tuple) else (z,)
    seeds = [zeros_of(raw(p)) for p in parts]
    run = Recording(paired, seeds, range(len(seeds)), {})
    bars, _ = run.pull(
        {0: 1.0 if type(raw(run.outputs[0])) is float else np.float64(1)}
    )
    found = [zeros_of(s) if b is None else b for b, s in zip(bars, seeds, strict=True)]
    return tuple(found) if isinstance(raw(z), tuple) else found[0]


# ------------------------------------------------------------------------- checkpoint


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``f`` as one operation that keeps its operands and forgets its inside.

    A sweep that reaches it runs ``f`` again, so memory is that of one run of ``f``
    instead of the sum over all of them, for one more evaluation. Nodes that ``f``
    closes over become operands. ``f`` must return the same for the same arguments.

    Source: Griewank & Walther, chapter 12.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> step = gd.checkpoint(lambda x: np.sin(np.sin(x)))
    >>> gd.grad(step)(0.0)
    1.0
    """
    if not callable(f):
        raise ArgumentError(
            f"checkpoint needs a function; received {describe(f)}. Write "
            "gd.checkpoint(f)(x), not gd.checkpoint(f(x))."
        )

    @functools.wraps(f)
    def checkpointed(*args: Any, **keywords: Any) -> Any:
        leaves, structure = flatten((args, keywords))
        places = [i for i, x in enumerate(leaves) if isinstance(x, node)]
        rerun = _rerun(f, leaves, places, structure)
        run = Recording(rerun, [leaves[i] for i in places], range(len(places)), {})
        outer = [leaves[i] for i in places]
        met = collect(run.roots(), run.start).older
        met += [z for z in run.outputs if isinstance(z, node) and z.serial <= run.start]
        known = set(outer)
        closed = tuple(dict.fromkeys(x for x in met if x not in known))
        if not places and not closed:
            return unflatten(run.structure, run.outputs)
        values = tuple(raw(z) for z in run.outputs)
        given = {"rerun": rerun, "closed": closed, "values": values}
        nodes = record(checkpoint_grad, [*outer, *closed], given)
        return unflatten(run.structure, nodes)

    return checkpointed


def _rerun(
    f: Callable[..., Any], leaves: list[Any], places: list[int], structure: Any
) -> Callable[..., Any]:
    """Return ``f`` as a function of the leaves that are nodes."""
    constants = [None if i in set(places) else x for i, x in enumerate(leaves)]

    def rerun(*inputs: Any) -> Any:
        filled = list(constants)
        for i, x in zip(places, inputs, strict=True):
            filled[i] = x
        args, keywords = unflatten(structure, filled)
        return f(*args, **keywords)

    return rerun


class checkpoint_grad(rule, kind=True):
    """z = f(x, y, ...), run again by each sweep that comes through"""

    outputs = 2

    @staticmethod
    def forward(*operands: Any, rerun: Any, closed: Any, values: Any) -> Any:
        """Return the values of the run that was just made."""
        return values

    @classmethod
    def pull(
        cls,
        xp: Any,
        z_bar: supported,
        z: Any,
        operands: Sequence[Any],
        wanted: Sequence[int],
        parameters: Parameters,
    ) -> Iterator[tuple[int, supported]]:
        """Run ``f`` again and sweep it back, to its inputs and what it closes over."""
        run, targets = cls._again(operands, parameters)
        seeds: dict[Any, supported] = {}
        for out, grad in zip(run.outputs, z_bar.value, strict=True):
            if isinstance(out, vertex) and grad is not None:
                have = seeds.get(out)
                seeds[out] = supported(grad if have is None else have.value + grad)
        order = collect(seeds, run.start).order
        bars = reverse_sweep(xp, order, seeds, targets)
        for i in wanted:
            if targets[i] in bars:
                yield i, bars[targets[i]]

    @classmethod
    def push(
        cls,
        xp: Any,
        tangents: Sequence[supported | None],
        z: Any,
        operands: Sequence[Any],
        parameters: Parameters,
    ) -> supported | None:
        """Run ``f`` again and sweep it forward."""
        run, targets = cls._again(operands, parameters)
        pairs = zip(targets, tangents, strict=True)
        seeds = {x: t for x, t in pairs if t is not None}
        order = collect(run.roots(), run.start).order
        dots = forward_sweep(xp, order, seeds)
        parts = [dots[o].value if o in dots else None for o in run.outputs]
        return supported(tuple(parts))

    @staticmethod
    def _again(
        operands: Sequence[Any], parameters: Parameters
    ) -> tuple[Recording, list[Any]]:
        closed = parameters["closed"]
        inputs = operands[: len(operands) - len(closed)]
        run = Recording(parameters["rerun"], inputs, range(len(inputs)), {})
        return run, [*run.inputs, *closed]
