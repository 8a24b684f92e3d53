"""The functions that users call: Jacobians and Hessians as sparse matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.sparse.arguments import Argnums
from chainrule.sparse.matrices import SparseDerivative, State


def jacobian(
    f: Callable[..., Any],
    argnums: Argnums | ArrayLike = 0,
    *,
    sparsity: Any = None,
    mode: str = "auto",
    check: bool = True,
) -> SparseDerivative:
    """Return the function that computes the Jacobian of ``f`` as a sparse matrix.

    ``J[i, j] = dz[i]/dx[j]``, of the flattened result and argument. What may be other
    than zero is found by tracing ``f`` once; columns that meet in no row are computed
    together, so that a stencil of five points takes some five products for any number
    of unknowns (Curtis, Powell and Reid, "On the estimation of sparse Jacobian
    matrices", 1974).

    Parameters
    ----------
    f
        A function of real arrays, of containers of them, and of other arguments. As
        with ``gd.compile``, what it reads from outside stays as it was.
    argnums
        Which arguments are differentiated: positions or names. For several, and for
        containers in arguments and result, there is a matrix for each array by each
        array, arranged as by ``gd.jacobian``. An array in this place, or a container of
        arrays, is a first argument to find the pattern at, before the first call.
    sparsity
        The pattern, if it is known: a matrix of SciPy's, or an array.
    mode
        ``"forward"`` multiplies from the right, ``"reverse"`` from the left,
        ``"bidirectional"`` does so with the fullest rows only; ``"auto"`` takes what
        needs the fewest products.
    check
        Whether a given pattern is compared, where it is used first, with the product
        with a random vector.

    Raises
    ------
    ArgumentError
        If the matrix would not be sparse, or ``sparsity`` leaves something out.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> J = gd.sparse.jacobian(lambda x: x[1:] * x[:-1])
    >>> J(np.array([1.0, 2.0, 3.0])).toarray()
    array([[2., 1., 0.],
           [0., 3., 2.]])
    >>> J.sweeps, J.mode
    (2, 'forward')
    """
    at, which = _split(argnums)
    made = SparseDerivative(
        f, which, mode=_known(mode, JACOBIANS), given=sparsity, check=check
    )
    return _prepared(made, at)


def hessian(
    f: Callable[..., Any],
    argnums: Argnums | ArrayLike = 0,
    *,
    sparsity: Any = None,
    mode: str = "auto",
    check: bool = True,
) -> SparseDerivative:
    """Return the function that computes the Hessian of ``f`` as a sparse matrix.

    ``H[i, j] = d2f / dx[i] dx[j]``, of the flattened argument. Symmetry halves what has
    to be computed: the columns are coloured so that each entry is alone on one side of
    the diagonal (Coleman and Moré, "Estimation of sparse Hessian matrices and graph
    coloring problems", 1984).

    Parameters
    ----------
    f, argnums, sparsity, check
        As for ``jacobian``. The matrices are arranged as by ``gd.hessian``.
    mode
        ``"star"`` reads each entry from a product. ``"acyclic"`` needs fewer products,
        and takes entries that are known out of sums; the result is compared with a
        product in the first call. ``"auto"`` does so where that is faster, and no
        entry waits for many others.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> def f(x):
    ...     return np.sum((x[1:] - x[:-1] ** 2) ** 2)
    >>> H = gd.sparse.hessian(f)
    >>> H(np.array([1.0, 2.0, 3.0])).toarray()
    array([[ 4., -4.,  0.],
           [-4., 38., -8.],
           [ 0., -8.,  2.]])
    """
    at, which = _split(argnums)
    made = SparseDerivative(
        f,
        which,
        symmetric=True,
        mode=_known(mode, HESSIANS),
        given=sparsity,
        check=check,
    )
    return _prepared(made, at)


JACOBIANS = ("auto", "forward", "reverse", "bidirectional")
HESSIANS = ("auto", "star", "acyclic")


def _known(mode: str, modes: tuple[str, ...]) -> str:
    if mode not in modes:
        raise ArgumentError(
            f"mode= is one of {', '.join(map(repr, modes))}; received {mode!r}."
        )
    return mode


def sparsity(
    f: Callable[..., Any], *args: Any, argnums: Argnums = 0, **keywords: Any
) -> Any:
    """Return which entries of the Jacobian of ``f`` may be non-zero: boolean, CSR.

    It holds for all arguments that take the same path through ``f``. Of several arrays
    it has all entries of the result by all of the arguments.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> gd.sparse.sparsity(np.diff, np.ones(3)).toarray().astype(int)
    array([[1, 1, 0],
           [0, 1, 1]])
    """
    pattern = State(SparseDerivative(f, argnums), args, keywords).found(args, keywords)[
        0
    ]
    pattern.sort_indices()
    return pattern


__all__ = ["hessian", "jacobian", "sparsity"]


def _split(argnums: Any) -> tuple[tuple[Any, ...], Any]:
    """Return the argument to prepare for, if one was given, and the positions."""
    several = isinstance(argnums, tuple | list)
    parts: list[Any] = list(argnums) if several else [argnums]  # type: ignore
    if all(isinstance(i, int | str) for i in parts):
        return (), argnums
    return (argnums,), 0


def _prepared(made: SparseDerivative, at: tuple[Any, ...]) -> SparseDerivative:
    """Find the pattern and the colours at an argument, if there is one."""
    if at:
        made.state_at(at, {})
    return made
