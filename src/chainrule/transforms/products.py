"""Products with the Jacobian: vjp, jvp, linearize and hvp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.transforms.collector import CollectorPaused
from chainrule.transforms.derived import described
from chainrule.transforms.gradients import grad
from chainrule.transforms.recorded_call import Recording
from chainrule.transforms.seeds import (
    check_some_numeric,
    check_tuples,
    seeds_of,
    tangent_tree,
    tangents_of,
    zeros_if_absent,
)
from chainrule.values.containers import relabelled, unflatten
from chainrule.values.shapes import TUPLE


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Return ``f(*primals)`` and its pullback, the product with J transposed.

    ``pullback(z_grad)`` takes a cotangent in the structure of the result and returns a
    tuple with one cotangent per primal, in their structures. It may be called often; it
    keeps the recording alive. The transpose is plain: nothing is conjugated. Whole
    numbers and truth values beside floats in the result take no cotangent: ``None``.

    Returns
    -------
    tuple
        ``(value, pullback)``, or ``(value, pullback, aux)`` with ``has_aux``.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> value, pullback = gd.vjp(lambda x, y: x * y, 2.0, 3.0)
    >>> value, pullback(1.0)
    (6.0, (3.0, 2.0))
    """
    with CollectorPaused():
        run = Recording(f, primals, range(len(primals)), {}, has_aux=has_aux, copy=True)
        check_some_numeric(run, "vjp")
        nested = run.nested()

    def pullback(z_grad: Any) -> tuple[Any, ...]:
        """Return the cotangents of the primals."""
        seeds = seeds_of(run, z_grad)
        bars, _ = run.pull(seeds)
        return tuple(run.arrange(map(zeros_if_absent, bars, run.inputs)))

    pullback.__qualname__ = f"pullback of {described(f)}"
    tree = unflatten(run.structure, run.outputs)
    value = run.settle(tree, recorded=nested, copy=True)
    if has_aux:
        return value, pullback, run.settle(run.aux, recorded=nested, copy=True)
    return value, pullback


def jvp(
    f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """Return ``f(*primals)`` and its tangent, the product of J with the tangents.

    The call is recorded and swept forwards, so memory grows with the recording. Whole
    numbers and truth values beside floats have the tangent ``None``.

    Parameters
    ----------
    primals, tangents
        Tuples of the same length; each tangent in the structure of its primal, ``None``
        where that is not differentiated.

    Raises
    ------
    ShapeError
        If tangents and primals differ in number, structure or shape.

    Examples
    --------
    >>> import chainrule as gd
    >>> gd.jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
    (6.0, 3.0)
    """
    check_tuples(primals, tangents, "jvp")
    with CollectorPaused():
        run = Recording(f, primals, range(len(primals)), {})
        check_some_numeric(run, "jvp")
        dots, recorded = run.push(tangents_of(run, tangents))
        recorded = recorded or run.nested()
        tree = unflatten(run.structure, run.outputs)
        value = run.settle(tree, recorded=recorded, copy=True)
        return value, tangent_tree(run, dots, recorded=recorded)


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """Return ``f(*primals)`` and its derivative there, a linear function of tangents.

    Examples
    --------
    >>> import chainrule as gd
    >>> value, pushforward = gd.linearize(lambda x: x**2, 3.0)
    >>> value, pushforward(1.0)
    (9.0, 6.0)
    """
    with CollectorPaused():
        run = Recording(f, primals, range(len(primals)), {}, copy=True)
        check_some_numeric(run, "linearize")
        nested = run.nested()

    def pushforward(*tangents: Any) -> Any:
        """Return the tangent of the result."""
        check_tuples(primals, tangents, "the linear function")
        dots, recorded = run.push(tangents_of(run, tangents))
        return tangent_tree(run, dots, recorded=recorded or nested)

    pushforward.__qualname__ = f"pushforward of {described(f)}"
    tree = unflatten(run.structure, run.outputs)
    return run.settle(tree, recorded=nested, copy=True), pushforward


def hvp(f: Callable[..., Any], primals: Sequence[Any], vectors: Sequence[Any]) -> Any:
    """Return the product of the Hessian of a scalar function with vectors.

    Forward over reverse: one recorded gradient, swept forwards once; the Hessian is
    never formed.

    Parameters
    ----------
    primals, vectors
        Tuples of arguments and of vectors like them; or one argument and one vector,
        which need not be put in tuples.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> gd.hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.ones(2),))
    (array([ 6., 12.]),)
    """
    if not isinstance(primals, TUPLE):
        return hvp(f, (primals,), (vectors,))[0]
    check_tuples(primals, vectors, "hvp")
    found = jvp(grad(f, tuple(range(len(primals)))), primals, vectors)[1]
    return relabelled(found, primals)
