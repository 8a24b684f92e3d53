"""Derivatives as linear maps: products with vectors, and no matrix."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from chainrule.compiler.api import compile as compiled
from chainrule.errors import ArgumentError
from chainrule.sparse.api import hessian
from chainrule.transforms.products import jvp, vjp
from chainrule.values.shapes import describe, ndarray
from chainrule.values.types import Array

_np: Any = np
_operator: Any = LinearOperator


class LinearMap(_operator):
    """The Jacobian of a function at a point, as an operator of SciPy's.

    Attributes
    ----------
    value
        That of the function at the point.
    shape
        The sizes of the flattened result and argument.
    """

    def __init__(self, f: Callable[..., Any], x: Array, rest: tuple[Any, ...]) -> None:
        """Take the point; the products are compiled when they are first asked for."""
        self._f = f
        x = _np.array(x)  # the point stays, when the array changes
        self._x: Any = x
        self._rest = rest
        self.value: Any = f(x, *rest)
        if not isinstance(self.value, (ndarray, float)):
            raise ArgumentError(
                f"a linear map is the derivative of one array; received "
                f"{describe(self.value)}."
            )
        size = int(_np.size(self.value))
        _operator.__init__(self, dtype=x.dtype, shape=(size, int(_np.size(x))))

    @functools.cached_property
    def _forward(self) -> Any:
        def product(x: Array, v: Array, *rest: Any) -> Any:
            return jvp(self._of(rest), (x,), (v,))[1]

        return compiled(product)

    @functools.cached_property
    def _backward(self) -> Any:
        def product(x: Array, u: Array, *rest: Any) -> Any:
            return vjp(self._of(rest), x)[1](u)[0]

        return compiled(product)

    def _of(self, rest: tuple[Any, ...]) -> Callable[[Any], Any]:
        """Return the function of its one argument."""

        def f(x: Array) -> Any:
            return self._f(x, *rest)

        return f

    def _matvec(self, v: Any) -> Any:
        if _np.iscomplexobj(v):
            return self._matvec(v.real) + 1j * self._matvec(v.imag)
        v = _np.asarray(v, self._x.dtype).reshape(self._x.shape)
        return _np.ravel(self._forward(self._x, v, *self._rest))

    def _rmatvec(self, u: Any) -> Any:
        if _np.iscomplexobj(u):
            return self._rmatvec(u.real) + 1j * self._rmatvec(u.imag)
        u = _np.asarray(u, self._x.dtype).reshape(_np.shape(self.value))
        seed = u if isinstance(self.value, ndarray) else float(u)
        return _np.ravel(self._backward(self._x, seed, *self._rest))


def linear_map(f: Callable[..., Any], x: Array, *rest: Any) -> LinearMap:
    """Return the Jacobian of ``f`` at ``x`` as a ``LinearOperator`` of SciPy's.

    ``A @ v`` is the product ``J v`` (a forward sweep), ``A.T @ u`` is ``J.T u`` (a
    reverse sweep); no matrix is made. The products are compiled. Of a Hessian it is
    ``linear_map(gd.grad(f), x)``.

    Parameters
    ----------
    f
        A function of an array, and of the ``rest``, which is held constant.
    x
        Where the derivative is taken: a real array.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> A = gd.linear_map(lambda x: x[1:] * x[:-1], np.array([1.0, 2.0, 3.0]))
    >>> A.shape, A @ np.array([1.0, 0.0, 0.0]), A.T @ np.array([1.0, 1.0])
    ((2, 3), array([2., 0.]), array([2., 4., 2.]))
    """
    if not isinstance(x, ndarray) or x.dtype.kind != "f":
        raise ArgumentError(
            f"linear_map needs a real array; received {describe(x)}. Pass "
            "np.asarray(x, float)."
        )
    return LinearMap(f, x, rest)


def hessian_diagonal(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """Return the function that computes the diagonal of the Hessian of a scalar ``f``.

    ``d2f / dx[i]**2``, in the shape of the argument. Entries whose rows do not meet are
    computed together, as ``gd.sparse.hessian`` does.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> gd.hessian_diagonal(lambda x: np.sum(x**3) + x[0] * x[1])(np.array([1.0, 2.0]))
    array([ 6., 12.])
    """
    whole = hessian(f, argnum)

    def diagonal(*args: Any, **keywords: Any) -> Any:
        found = whole(*args, **keywords)
        return _np.asarray(found.diagonal()).reshape(args[argnum].shape)

    return functools.update_wrapper(diagonal, f, updated=())


__all__ = ["LinearMap", "hessian_diagonal", "linear_map"]
