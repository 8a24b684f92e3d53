"""Gradients: one recorded call, swept back once from its result.

Any nesting gives any order, because a sweep over a nested recording is itself recorded.
Arguments and results may be dicts, lists, tuples, named tuples and dataclasses; inside
them only inexact leaves are differentiated, others pass untouched and their entry is
``None``. A container whose numbers are all whole ones is taken as floats. No transform
touches ``node.grad``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.errors import NotScalarError
from chainrule.nodes.node_class import node
from chainrule.rules.supports import zeros_of
from chainrule.transforms.derived import (
    Argnums,
    DerivedFunction,
    P,
    by_position,
    positions_of,
)
from chainrule.transforms.recorded_call import Recording
from chainrule.transforms.seeds import (
    check_numeric,
    check_returned,
    entrywise,
    ones_of,
    zeros_if_absent,
)
from chainrule.values.containers import LEAF, is_container, relabelled, unflatten
from chainrule.values.shapes import describe, is_complex, shape_of
from chainrule.values.types import Operation
from chainrule.values.vertices import raw


def grad(
    f: Callable[P, Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> DerivedFunction[P]:
    """Return the function that computes the gradient of ``f``.

    The gradient of ``f: R^n -> R`` is the vector of partial derivatives; it has the
    structure and shapes of the argument. One forward run and one reverse sweep give it.

    Parameters
    ----------
    f
        Returns a real scalar (or, with ``has_aux``, a pair of it and anything).
    argnums
        The position or the name of the argument to differentiate, or a tuple of them,
        which gives a tuple of gradients.
    has_aux
        Whether ``f`` returns ``(result, aux)``; then ``(gradient, aux)`` is returned.

    Raises
    ------
    NotScalarError
        If ``f`` returns a complex or non-scalar result.
    ArgumentError
        If ``argnums`` is out of range, the argument holds no numbers, or the result is
        a whole number or a truth value, which is not differentiable.

    Notes
    -----
    For complex arguments the result is conjugated once, so that ``x - rate * grad``
    descends (PyTorch's convention). Source: Griewank & Walther, section 3.2.

    Whole numbers are differentiated as floats, also in a container that holds no other
    numbers: start values are often written so. Beside floats they are counts and
    indices, which stay as they are and have the entry ``None``.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.grad(lambda x, y: x * y + x**2)(2.0, 3.0)
    7.0
    >>> gd.grad(lambda x, y: x * y + x**2, "y")(x=2.0, y=3.0)
    2.0
    >>> gd.grad(lambda p: p["slope"] ** 2)({"slope": 3})
    {'slope': 6.0}
    >>> gd.grad(lambda p: sum(p["x"] for _ in range(p["n"])))({"x": 1.0, "n": 4})
    {'x': 4.0, 'n': None}
    """
    return DerivedFunction(_grad, f, argnums=argnums, has_aux=has_aux)


def _grad(
    f: Operation,
    args: Sequence[Any],
    keywords: Mapping[str, Any],
    *,
    argnums: Argnums,
    has_aux: bool,
) -> Any:
    run, _, gradient, recorded = _swept(f, args, keywords, argnums, has_aux=has_aux)
    if not has_aux:
        return gradient
    return gradient, run.settle(run.aux, recorded=recorded, copy=True)


def value_and_grad(
    f: Callable[P, Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> DerivedFunction[P]:
    """Return the function that computes ``(f(x), gradient)``; see ``grad``.

    With ``has_aux`` it returns ``((f(x), aux), gradient)``.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.value_and_grad(lambda x: x**3)(2.0)
    (8.0, 12.0)
    """
    return DerivedFunction(_value_and_grad, f, argnums=argnums, has_aux=has_aux)


def _value_and_grad(
    f: Operation,
    args: Sequence[Any],
    keywords: Mapping[str, Any],
    *,
    argnums: Argnums,
    has_aux: bool,
) -> Any:
    run, z, gradient, recorded = _swept(f, args, keywords, argnums, has_aux=has_aux)
    value = run.settle(z, recorded=recorded, copy=True)
    if has_aux:
        value = (value, run.settle(run.aux, recorded=recorded, copy=True))
    return value, gradient


def _swept(
    f: Operation,
    args: Sequence[Any],
    keywords: Mapping[str, Any],
    argnums: Argnums,
    *,
    has_aux: bool,
) -> tuple[Recording, Any, Any, bool]:
    """Return a run, its result, the gradient, and whether the sweep was recorded."""
    numbers, single = positions_of(argnums, args)
    run = Recording(f, args, numbers, keywords, has_aux=has_aux)
    z = _scalar_output(run)
    if isinstance(z, node) and z.serial > run.start:
        bars, recorded = run.pull({0: ones_of(z)})
        recorded = recorded or (has_aux and run.nested())
    else:
        bars, recorded = [None] * len(run.inputs), isinstance(z, node)
    grads = [_gradient(bar, x) for bar, x in zip(bars, run.inputs, strict=True)]
    arranged = run.arrange(grads)
    return run, z, arranged[0] if single else tuple(arranged), recorded


def _gradient(bar: Any, x: node) -> Any:
    """Return an input's gradient: its cotangent conjugated, or zeros."""
    if bar is None:
        return zeros_of(x._value)
    if type(bar) is float or bar.dtype.kind != "c":
        return bar
    return operations.conj(bar)


def elementwise_grad(f: Callable[P, Any], argnums: Argnums = 0) -> DerivedFunction[P]:
    """Return the derivative of an elementwise ``f``, entry by entry.

    It is the gradient of ``sum(f(x))``: right where each entry of the result depends on
    the matching entry of the argument only. Where the result is complex it is the
    complex derivative, which is not conjugated.

    Raises
    ------
    ArgumentError
        If a result is a whole number or a truth value, or if it is complex and the
        argument enters in a way that is not complex differentiable.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> gd.elementwise_grad(np.sin)(np.array([0.0, np.pi]))
    array([ 1., -1.])
    """
    return DerivedFunction(_elementwise_grad, f, argnums=argnums)


def _elementwise_grad(
    f: Operation, args: Sequence[Any], keywords: Mapping[str, Any], *, argnums: Argnums
) -> Any:
    numbers, single = positions_of(argnums, args)
    run = Recording(f, args, numbers, keywords)
    check_returned(run, "elementwise_grad")
    for z in run.outputs:
        check_numeric(z, "elementwise_grad")
    bars = entrywise(run)
    if not any(map(is_complex, run.outputs)):
        bars = [_gradient(bar, x) for bar, x in zip(bars, run.inputs, strict=True)]
    arranged = run.arrange(map(zeros_if_absent, bars, run.inputs))
    return arranged[0] if single else tuple(arranged)


def with_labels(
    f: Callable[..., Any], result: Any, args: Sequence[Any], keywords: Mapping[str, Any]
) -> Any:
    """Return a gradient with the labels that arguments had, of pandas, if ``f`` is one.

    ``result`` is that of ``f`` for these arguments without labels.
    """
    if not isinstance(f, DerivedFunction) or f.method not in _LIKE_ARGUMENTS:
        return result
    given: Any = by_position(f.f, tuple(args), dict(keywords), f.options["argnums"])
    numbers, single = positions_of(given[3], given[1])
    like: Any = tuple(given[1][i] for i in numbers)
    like = like[0] if single else like
    if f.method is _value_and_grad:
        return result[0], relabelled(result[1], like)
    if f.options.get("has_aux"):
        return relabelled(result[0], like), result[1]
    return relabelled(result, like)


_LIKE_ARGUMENTS = (_grad, _value_and_grad, _elementwise_grad)
"""Those whose result is arranged as the arguments are."""


def _scalar_output(run: Recording) -> Any:
    """Return the one real scalar output of a call, or raise."""
    if run.structure is not LEAF and (
        len(run.outputs) != 1 or is_container(unflatten(run.structure, run.outputs))
    ):
        raise NotScalarError(
            "grad needs a function that returns one real scalar; this one returned a "
            f"container of {len(run.outputs)} values. Return one of them, use "
            "has_aux=True for the others, or use gd.jacobian."
        )
    z = run.outputs[0]
    if type(z) is node and type(z._value) in (float, np.float64):
        return z
    check_numeric(z, "grad")
    if shape_of(z) != () or is_complex(z):
        remedy = (
            "Return np.real(z) or np.abs(z)**2, or use gd.vjp or gd.jacobian."
            if is_complex(z)
            else "Call np.sum(...) first, or use gd.jacobian or gd.vjp."
        )
        raise NotScalarError(
            f"grad needs a function that returns one real scalar; this one returned "
            f"{describe(raw(z))}. {remedy}"
        )
    return z
