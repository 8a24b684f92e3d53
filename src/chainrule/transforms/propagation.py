"""propagate: uncertainties of results, from those of what they are computed of."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError, ShapeError
from chainrule.nodes.admission import holds_nodes
from chainrule.transforms.matrices import jacobian
from chainrule.transforms.values import joined_entries, value
from chainrule.values.containers import Structure, flatten, unflatten
from chainrule.values.shapes import describe, ndarray
from chainrule.values.types import Array, Value
from chainrule.values.vertices import is_refused, stand_in

_np: Any = np


@dataclasses.dataclass(frozen=True, eq=False)
class Propagated:
    """What is known of a result whose arguments are uncertain.

    Attributes
    ----------
    value
        The function at the given values.
    mean
        The expected result, in the form of ``value``; to first order they are equal.
    covariance
        That of the entries of the result, flattened.
    sampled
        The same from random arguments, where ``samples`` were asked for: its ``value``
        is theirs, and its ``mean`` and ``covariance`` are those of the sample.

    Examples
    --------
    >>> import chainrule as gd
    >>> area = gd.propagate(lambda p: p[0] * p[1], (2.0, 3.0), (0.1**2, 0.2**2))
    >>> area.value, round(area.standard_errors(), 6)
    (6.0, 0.5)
    """

    value: Any
    mean: Any
    covariance: Any
    sampled: Propagated | None = None

    def standard_errors(self) -> Any:
        """Return the roots of the covariance's diagonal, in the form of ``value``."""
        leaves, structure = flatten(self.value)
        form = _Form(structure, list(map(np.shape, value(leaves))))
        return form.restored(_np.sqrt(_np.diagonal(self.covariance)))


class _Form:
    """A container of numbers and arrays, and the flat array of them."""

    def __init__(self, structure: Structure, shapes: list[tuple[int, ...]]) -> None:
        self.structure = structure
        self.shapes = shapes
        self.size: int = sum(map(math.prod, shapes))

    def restored(self, flat: Array) -> Any:
        """Return a flat array in this form."""
        parts: list[Any] = []
        begin = 0
        for shape in self.shapes:
            end = begin + math.prod(shape)
            part = flat[begin:end]
            parts.append(part.reshape(shape) if shape else _number(part))
            begin = end
        return unflatten(self.structure, parts)


def _number(part: Array) -> Any:
    """Return the one entry of an array, as a Python float where it is plain."""
    return float(part[0]) if isinstance(part, ndarray) else part[0]  # type: ignore[arg-type]


def _flat(tree: Any, name: str) -> tuple[Any, _Form]:
    """Return a container of real numbers as one array, and its form."""
    leaves, structure = flatten(tree)
    leaves = list(map(joined_entries, leaves))
    shapes = [np.shape(value(x)) for x in leaves]
    kinds = {_dtype(value(x)).kind for x in leaves}
    if not leaves or not kinds <= set("fiu"):
        raise ArgumentError(
            f"propagate needs real numbers as {name}; received {describe(tree)}."
        )
    parts = [_np.reshape(x, (-1,)) for x in leaves]
    return _np.concatenate(parts) * 1.0, _Form(structure, shapes)


def propagate(
    f: Callable[..., Any],
    values: Any,
    covariance: Any,
    *,
    order: int = 1,
    samples: int = 0,
    seed: int | None = 0,
) -> Propagated:
    """Return the result of ``f(values)`` with its covariance.

    With the Jacobian ``J`` and the Hessians ``H[i]`` of the entries of the result, and
    the covariance ``C`` of the values,

    - order 1: ``mean = f``, ``covariance = J C J.T``;
    - order 2: ``mean[i] = f[i] + tr(H[i] C) / 2``,
      ``covariance[i, j] = (J C J.T)[i, j] + tr(H[i] C H[j] C) / 2``.

    The first is exact where ``f`` is linear, and the second where it is quadratic and
    the values are normally distributed.

    Parameters
    ----------
    f
        A function of one argument: a number, an array, or a container of them; so is
        its result.
    values
        The argument.
    covariance
        A square matrix, of the flattened values; or variances, in the form of the
        values, if these are independent. (They are squares of standard deviations.)
    order
        1 or 2.
    samples
        With so many normally distributed random values, the mean and the covariance of
        the results are computed beside that, of values alone: ``sampled``. For nodes
        they are differentiated with the random numbers held; the covariance has to be
        positive definite then.
    seed
        Of the random values.

    Raises
    ------
    ArgumentError
        If ``covariance`` is not symmetric, or has a negative eigenvalue.
    ShapeError
        If it is neither a matrix of the values nor in their form.

    Notes
    -----
    Sources: JCGM 100:2008 (GUM), 5.1.2 and 5.2.2; for order 2 the moments of quadratic
    forms in normal variables, Magnus, Statistica Neerlandica 32 (1978); JCGM 101:2008
    for the sampling. What is returned is a node where a value or a covariance is one,
    so that an uncertainty can be minimised.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> power = gd.propagate(
    ...     lambda p: p["u"] ** 2 / p["r"],
    ...     {"u": 10.0, "r": 5.0},
    ...     {"u": 0.1**2, "r": 0.2**2},
    ... )
    >>> power.value, round(power.standard_errors(), 6)
    (20.0, 0.894427)
    >>> square = gd.propagate(np.square, 1.0, 0.25, order=2)
    >>> square.mean, square.covariance
    (1.25, array([[1.125]]))
    """
    if order not in (1, 2):
        raise ArgumentError(f"propagate has the orders 1 and 2; received {order!r}.")
    x, form = _flat(values, "values")
    c = _matrix(covariance, form)
    forms: list[_Form] = []

    def flat(x: Array) -> Any:
        z, made = _flat(f(form.restored(x)), "results")
        forms.append(made)
        return z

    first: Any = jacobian(flat)
    z, j = flat(x), first(x)
    mean, found = z, j @ c @ j.T
    if order == 2:
        second: Any = jacobian(first)
        products = second(x) @ c
        mean = z + 0.5 * _np.trace(products, axis1=1, axis2=2)
        found = found + 0.5 * _np.einsum("iab,jba->ij", products, products)
    result = forms[0]
    drawn = _sampled(flat, x, c, samples, seed, result) if samples else None
    return Propagated(result.restored(z), result.restored(mean), found, drawn)


def _dtype(x: Value) -> np.dtype[Any]:
    return x.dtype if isinstance(x, stand_in) else _np.asarray(x).dtype


def _matrix(covariance: ArrayLike, form: _Form) -> Any:
    """Return the covariance of flat values, which was given as it or by variances."""
    square = (form.size, form.size)
    leaves, structure = flatten(covariance)
    alike = structure == form.structure
    if alike and [np.shape(value(x)) for x in leaves] == form.shapes:
        matrix = _diagonal(_flat(covariance, "covariance")[0])
    else:
        given: Any = joined_entries(covariance)
        is_one = holds_nodes(given) or isinstance(given, stand_in)
        matrix = given if is_one else _np.asarray(given)
    if np.shape(value(matrix)) != square:
        raise ShapeError(
            f"propagate needs a covariance of shape {square}, or variances in the form "
            f"of the values; received {describe(covariance)}."
        )
    plain = value(matrix)
    scale = _np.max(_np.abs(plain), initial=0.0)
    if is_refused(~(_np.max(_np.abs(plain - plain.T), initial=0.0) <= 1e-10 * scale)):
        raise ArgumentError("propagate needs a symmetric covariance, without nan.")
    least = _np.min(_np.linalg.eigvalsh(plain), initial=0.0)
    if is_refused(least < -1e-10 * scale):
        raise ArgumentError(
            f"a covariance has no negative eigenvalues; this one has {least:.3g}."
        )
    return matrix


def _diagonal(variances: Array) -> Any:
    return variances[:, None] * _np.eye(variances.size)


def _sampled(
    f: Callable[..., Any],
    x: Value,
    covariance: Value,
    count: int,
    seed: int | None,
    form: _Form,
) -> Propagated:
    """Return the mean and the covariance of results of random values."""
    if count < 2:
        raise ArgumentError(f"a covariance needs 2 samples or more; received {count}.")
    drawn = x + _moves(covariance, count, seed)
    results = _np.stack([f(draw) for draw in drawn])
    mean = form.restored(_np.mean(results, axis=0))
    spread = _np.atleast_2d(_np.cov(results, rowvar=False))
    return Propagated(form.restored(f(x)), mean, spread)


def _moves(covariance: Value, count: int, seed: int | None) -> Any:
    """Return random vectors of a covariance, by its Cholesky factor.

    One that is only semidefinite has another root, by its eigenvectors; that is not
    differentiated.
    """
    numbers = _np.random.default_rng(seed).normal(size=(count, len(value(covariance))))
    try:
        return numbers @ _np.linalg.cholesky(covariance).T
    except np.linalg.LinAlgError:
        if holds_nodes(covariance):
            raise
    squares, vectors = _np.linalg.eigh(covariance)
    return numbers @ (vectors * _np.sqrt(_np.maximum(squares, 0.0))).T


__all__ = ["Propagated", "propagate"]
