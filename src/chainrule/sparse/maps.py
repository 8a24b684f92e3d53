"""Derivatives as linear maps: products with vectors, and no matrix."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse.linalg import LinearOperator

from chainrule.compiler.api import compile as compiled
from chainrule.errors import ArgumentError
from chainrule.sparse.arguments import (
    Argnums,
    Chosen,
    as_plain,
    inexact,
    is_followed,
    named_as,
    times_from_left,
)
from chainrule.sparse.matrices import SparseDerivative
from chainrule.values.containers import flatten, map_leaves
from chainrule.values.shapes import describe, ndarray, shape_of
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

    def __init__(
        self,
        f: Callable[..., Any],
        argnums: Argnums,
        args: Sequence[Any],
        keywords: Mapping[str, Any],
    ) -> None:
        """Take the point; the products are compiled when they are first asked for."""
        # The point stays when the arrays change.
        self._args, self._keywords = map_leaves(_copied, (list(args), dict(keywords)))
        self._chosen: Chosen = Chosen(f, argnums, args, keywords)
        self._f = f
        self.value: Any = f(*self._args, **self._keywords)
        parts = inexact(self.value)
        if not parts:
            raise ArgumentError(
                "a linear map is the derivative of real arrays; received "
                f"{describe(self.value)}."
            )
        self._shapes = list(map(shape_of, parts))
        shape = (sum(map(math.prod, self._shapes)), sum(self._chosen.sizes))
        _operator.__init__(self, dtype=self._chosen.dtype, shape=shape)

    @functools.cached_property
    def _forward(self) -> Any:
        def product(v: Array, *args: Any, **keywords: Any) -> Any:
            flat = self._chosen.function(self._f, args, keywords)
            return self._chosen.times(flat, self._chosen.leaves(args, keywords), v)

        return compiled(named_as(self._f, product))

    @functools.cached_property
    def _backward(self) -> Any:
        def product(u: Array, *args: Any, **keywords: Any) -> Any:
            flat = self._chosen.function(self._f, args, keywords)
            leaves = self._chosen.leaves(args, keywords)
            return times_from_left(flat, leaves, self._shapes, u)

        return compiled(named_as(self._f, product))

    def followed(self, x: Any) -> bool:
        """Tell whether the point or a vector is a node, or is traced."""
        leaves, _ = flatten((self._args, self._keywords, x))
        return any(map(is_followed, leaves))

    def dot(self, x: Any) -> Any:
        """Return the product with a vector, which may be a node or be traced."""
        return self._matvec(x) if self.followed(x) else _operator.dot(self, x)

    __matmul__ = dot

    def rdot(self, x: Any) -> Any:
        """Return the product of the transpose with a vector."""
        return self._rmatvec(x) if self.followed(x) else self.rmatvec(x)

    def _transpose(self) -> Any:
        return _Turned(self)

    _adjoint = _transpose  # it is real

    def _product(self, run: Any, v: Any) -> Any:
        if self.followed(v):
            return run(v, *self._args, **self._keywords)
        v = _np.ravel(v)
        if _np.iscomplexobj(v):
            return self._product(run, v.real) + 1j * self._product(run, v.imag)
        return run(_np.asarray(v, self.dtype), *self._args, **self._keywords)

    def _matvec(self, v: Any) -> Any:
        return self._product(self._forward, v)

    def _rmatvec(self, u: Any) -> Any:
        return self._product(self._backward, u)


class _Turned(_operator):
    """The transpose of a linear map."""

    def __init__(self, of: LinearMap) -> None:
        self._of = of
        _operator.__init__(self, dtype=of.dtype, shape=of.shape[::-1])

    def dot(self, x: Any) -> Any:
        """Return the product with a vector, which may be a node or be traced."""
        if self._of.followed(x):
            return self._of.rdot(x)
        return _operator.dot(self, x)

    __matmul__ = dot

    def _matvec(self, x: Any) -> Any:
        return self._of.rdot(x)

    def _rmatvec(self, x: Any) -> Any:
        return self._of.dot(x)

    def _transpose(self) -> Any:
        return self._of

    _adjoint = _transpose


def _copied(x: Any) -> Any:
    return x.copy() if isinstance(x, ndarray) else x


def linear_map(
    f: Callable[..., Any], *args: Any, argnums: Argnums = 0, **keywords: Any
) -> LinearMap:
    """Return the Jacobian of ``f`` at ``args`` as a ``LinearOperator`` of SciPy's.

    ``A @ v`` is the product ``J v`` (a forward sweep), ``A.T @ u`` is ``J.T u`` (a
    reverse sweep); no matrix is made. The products are compiled. Of a Hessian it is
    ``linear_map(gd.grad(f), x)``.

    Parameters
    ----------
    f
        A function of real arrays, or of containers of them.
    args, keywords
        Where the derivative is taken.
    argnums
        Which of these it is taken in: positions or names, the first by default. The
        others are held constant.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> A = gd.linear_map(lambda x: x[1:] * x[:-1], np.array([1.0, 2.0, 3.0]))
    >>> A.shape, A @ np.array([1.0, 0.0, 0.0]), A.T @ np.array([1.0, 1.0])
    ((2, 3), array([2., 0.]), array([2., 4., 2.]))
    """
    return LinearMap(f, argnums, args, keywords)


def hessian_diagonal(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """Return the function that computes the diagonal of the Hessian of a scalar ``f``.

    ``d2f / dx[i]**2``, in the shape of the argument; of containers, in one like it.
    Unknowns that are not neighbours in the Hessian are computed together.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> gd.hessian_diagonal(lambda x: np.sum(x**3) + x[0] * x[1])(np.array([1.0, 2.0]))
    array([ 6., 12.])
    """
    whole = SparseDerivative(f, argnums, symmetric=True, mode="diagonal")

    def diagonal(*args: Any, **keywords: Any) -> Any:
        if not any(map(is_followed, flatten((args, keywords))[0])):
            state, data = whole.evaluated(args, keywords)
        else:  # what to compute together is found at the values, then it is followed
            plain, named = map_leaves(as_plain, (args, keywords))
            state = whole.state_at(plain, named)
            data = state.entries(state.products(*state.passed, *args, **keywords))
        return state.chosen.arranged(state.chosen.parts(data))

    return functools.update_wrapper(diagonal, f, updated=())


__all__ = ["LinearMap", "hessian_diagonal", "linear_map"]
