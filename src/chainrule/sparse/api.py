"""The functions that users call: Jacobians and Hessians as sparse matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.sparse.matrices import SparseDerivative


def jacobian(
    f: Callable[..., Any],
    argnum: int = 0,
    *,
    sparsity: Any = None,
    mode: str = "auto",
    check: bool = False,
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
        A function of a real array, and of other arguments; its result is an array.
    argnum
        Which argument is differentiated.
    sparsity
        The pattern, if it is known: a matrix of SciPy's, or an array.
    mode
        ``"forward"`` multiplies from the right, ``"reverse"`` from the left; ``"auto"``
        takes what needs fewer products.
    check
        Whether a pattern is compared with the product with a random vector.

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
    if mode not in ("auto", "forward", "reverse"):
        raise ArgumentError(
            f"jacobian needs mode 'auto', 'forward' or 'reverse'; received {mode!r}."
        )
    return SparseDerivative(
        f, argnum, symmetric=False, mode=mode, given=sparsity, check=check
    )


def hessian(
    f: Callable[..., Any],
    argnum: int = 0,
    *,
    sparsity: Any = None,
    check: bool = False,
) -> SparseDerivative:
    """Return the function that computes the Hessian of ``f`` as a sparse matrix.

    ``H[i, j] = d2f / dx[i] dx[j]``, of the flattened argument. Symmetry halves what has
    to be computed: the columns are coloured so that each entry is alone on one side of
    the diagonal (Coleman and Moré, "Estimation of sparse Hessian matrices and graph
    coloring problems", 1984).

    Parameters
    ----------
    f, argnum, sparsity, check
        As for ``jacobian``.

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
    return SparseDerivative(
        f, argnum, symmetric=True, mode="symmetric", given=sparsity, check=check
    )


def sparsity(f: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
    """Return which entries of the Jacobian of ``f`` may be non-zero: boolean, CSR.

    It holds for all arguments that take the same path through ``f``.

    Examples
    --------
    >>> import chainrule as gd, numpy as np
    >>> gd.sparse.sparsity(np.diff, np.ones(3)).toarray().astype(int)
    array([[1, 1, 0],
           [0, 1, 1]])
    """
    found = SparseDerivative(f, 0, symmetric=False, mode="forward")
    _, pattern, _ = found.pattern_at(args, keywords)
    pattern.sort_indices()
    return pattern


__all__ = ["hessian", "jacobian", "sparsity"]
