"""What solvers return: SciPy's results, and what derivatives add to them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import scipy.optimize
import scipy.sparse
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from chainrule.errors import ArgumentError
from chainrule.nodes.node_class import node
from chainrule.scipy.optimize.problems import Problem
from chainrule.transforms.gradients import grad
from chainrule.transforms.matrices import hessian, jacobian
from chainrule.values.types import Array, Parameters, Value
from chainrule.values.vertices import is_stand_in

_np: Any = np
_Result: Any = scipy.optimize.OptimizeResult
_sparse: Any = scipy.sparse
_is_sparse: Any = _sparse.issparse
_factors: Any = splu
Loss = str | Callable[..., Any]
"""One of SciPy's by its name, or a function."""
Matrix = Array | sp.csr_array[Any]
"""A dense matrix, or a sparse one."""
BLOCK = 256
"""Columns of the inverse of a sparse matrix that are computed together."""


PLAIN = (
    "constr final_simplex grad hess_inv jac lagrangian_grad multipliers v "
    "cov_x fjac qtf r population population_energies xl funl Jout"
).split()
"""What SciPy says of a solution in plain numbers: they have no derivative."""


class Found(_Result):
    """A result of SciPy's, without its plain numbers where the solution is a node."""

    _at: Any

    def __init__(self, found: Parameters, x: Value) -> None:
        """Keep what was found, and the solution as a flat array or a node of it."""
        self._keep(found, x)

    def _keep(self, found: Parameters, x: Value) -> dict[str, Any]:
        """Enter what was found; return what is kept beside it, and not printed."""
        dict[str, Any].__init__(self, found)
        kept = self.__dict__  # what is set as an attribute is an entry
        kept["_at"] = x if _moves(x) else _np.array(x)
        for name in PLAIN if isinstance(x, node) else ():
            self.pop(name, None)
        return kept

    def __getattr__(self, name: str) -> Any:
        if name in PLAIN and isinstance(self.__dict__.get("_at"), node):
            raise AttributeError(
                f"{name!r} is plain in SciPy's result, so that it is left out where "
                "the solution is a node: its derivative would be zero. There are x and "
                "fun; of minima and fits jac, hess and standard_errors() too."
            )
        return _Result.__getattr__(self, name)


class Minimum(Found):
    """What SciPy returns of a minimum, with the Hessian there.

    Attributes
    ----------
    hess
        The Hessian at ``x``, of the flat unknowns; of many a sparse matrix, where few
        products make it. Where ``x`` is a node, so are it and the standard errors.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.scipy.optimize import minimize
    >>> found = minimize(lambda x: np.sum((x - 1.0) ** 2 * [1.0, 4.0]), np.zeros(2))
    >>> found.x.round(6), found.hess, found.standard_errors()
    (array([1., 1.]), array([[2., 0.],
           [0., 8.]]), array([0.70710678, 0.35355339]))
    """

    _problem: Problem

    def __init__(self, found: Parameters, problem: Problem, x: Value) -> None:
        """Keep what was found, and the problem for derivatives that are asked for.

        They are those at ``x``, the flat array that was found or a node of it.
        """
        self._keep(found, x)["_problem"] = problem
        self.pop("hess", None)  # of the methods that have one

    def __reduce__(self) -> Any:
        """Pickle what SciPy found, without the functions."""
        return _Result, (dict(self),)

    @property
    def hess(self) -> Any:
        """The Hessian at the solution, of the flat unknowns."""
        return hessian_at(self._problem, self._at)

    @property
    def jac(self) -> Any:
        """The gradient at the solution, of the flat unknowns."""
        if isinstance(self._at, node):
            return grad(self._problem.of)(self._at)
        return self.__getattr__("jac")

    def standard_errors(self) -> Any:
        """Return the square roots of the diagonal of the inverse Hessian, as ``x`` is.

        They are those of maximum likelihood, where the function is minus a log
        likelihood. Raises ``ArgumentError`` where the Hessian is not positive definite.
        """
        found = standard_errors(diagonal_of_inverse(self.hess))
        return self._problem.unknowns.restored(found)


class Fit(Found):
    """What SciPy returns of least squares, with the Hessian and covariances there.

    Attributes
    ----------
    hess
        The Hessian of ``cost`` at ``x``, of the flat unknowns: ``J.T @ J`` and what
        the curvature of the residuals adds. Of many it is a sparse matrix, where few
        products make it.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.scipy.optimize import least_squares
    >>> t, y = np.arange(4.0), np.array([1.1, 2.9, 5.1, 6.9])
    >>> found = least_squares(lambda p: p[0] + p[1] * t - y, np.zeros(2))
    >>> found.x.round(6), found.standard_errors().round(6)
    (array([1.06, 1.96]), array([0.10583 , 0.056569]))
    """

    _squares: Callable[[], Problem]
    _problem: Problem
    _loss: Loss

    def __init__(
        self,
        found: Parameters,
        squares: Callable[[], Problem],
        loss: Loss,
        problem: Problem,
    ) -> None:
        """Keep what was found, and what makes the problem of its sum of squares.

        ``problem`` has the residuals; ``x`` is flat, and a node where these read one.
        """
        kept = self._keep(found, found["x"])
        kept["_squares"], kept["_loss"] = functools.cache(squares), loss
        kept["_problem"], kept["_made"] = problem, (found["jac"], found["fun"])

    def __reduce__(self) -> Any:
        """Pickle what SciPy found, without the functions."""
        return _Result, (dict(self),)

    @property
    def hess(self) -> Any:
        """The Hessian of half the sum of squares at the solution."""
        return hessian_at(self._squares(), self._at)

    @property
    def jac(self) -> Any:
        """The Jacobian of the residuals at the solution, in the flat unknowns."""
        if isinstance(self._at, node):
            return jacobian_at(self._problem, self._at)
        return self.__getattr__("jac")

    def covariance(
        self, kind: str = "jacobian", *, absolute_sigma: bool = False
    ) -> Any:
        """Return the covariance of the flat unknowns; bounds do not enter.

        With residuals ``r``, their Jacobian ``J`` and the Hessian ``H`` of half the sum
        of squares it is, by ``kind``,

        - ``"jacobian"``: ``s**2 inv(J.T J)``, as SciPy computes it;
        - ``"hessian"``: ``s**2 inv(H)``, that of the observed information;
        - ``"sandwich"``: ``inv(H) J.T diag(r**2) J inv(H)``, which holds for errors of
          other sizes than were assumed, and for a model that is not quite right.

        ``s**2`` is the sum of squares over its degrees of freedom, and 1 with
        ``absolute_sigma``: where residuals are in units of their standard deviations.

        Raises
        ------
        ArgumentError
            If the matrix is not positive definite: an unknown is not determined.

        Notes
        -----
        Sources: Seber & Wild, Nonlinear Regression (1989), 2.1 and 5.1; White,
        "Maximum likelihood estimation of misspecified models", Econometrica 50 (1982).
        """
        bread, filling = self._parts(kind)
        found = inverse(bread)
        if filling is not None:
            return found @ _dense(filling) @ found
        return found * self._scale(absolute_sigma=absolute_sigma)

    def standard_errors(
        self, kind: str = "jacobian", *, absolute_sigma: bool = False
    ) -> Any:
        """Return the roots of the diagonal of ``covariance``, in the form of ``x``."""
        bread, filling = self._parts(kind)
        found = diagonal_of_inverse(bread, filling)
        if filling is None:
            found = found * self._scale(absolute_sigma=absolute_sigma)
        return self._squares().unknowns.restored(standard_errors(found))

    def _parts(self, kind: str) -> tuple[Any, Any]:
        """Return what is inverted, and what stands between two of its inverses."""
        if kind not in ("jacobian", "hessian", "sandwich"):
            raise ArgumentError(
                "a covariance is that by 'jacobian', 'hessian' or 'sandwich'; "
                f"received {kind!r}."
            )
        self._refuse_losses()
        jacobian, residuals = self.__dict__["_made"]
        if isinstance(self._at, node):
            jacobian = self.jac
        if kind == "jacobian":
            return jacobian.T @ jacobian, None
        filling = filling_of(jacobian, residuals) if kind == "sandwich" else None
        return self.hess, filling

    def _refuse_losses(self) -> None:
        if self._loss != "linear":
            raise ArgumentError(
                f"with loss={self._loss!r} the residuals have no covariance here. "
                "Write the loss into them."
            )

    def _scale(self, *, absolute_sigma: bool) -> Any:
        if absolute_sigma:
            return 1.0
        return scale_of(self.__dict__["_made"][1], self._at.size)


def _moves(x: Value) -> bool:
    """Tell whether a solution is a node, or a value of a trace."""
    return isinstance(x, node) or is_stand_in(x)


def hessian_at(problem: Problem, x: Value) -> Any:
    """Return a Hessian at a solution: a node, dense, where that is one."""
    if _moves(x):
        return hessian(problem.of)(x)
    return (problem.sparse_hessian or problem.hessian)(x)


def jacobian_at(problem: Problem, x: Value) -> Any:
    """Return the Jacobian of residuals at a solution: a node, where that is one."""
    if _moves(x):
        return jacobian(problem.of, mode="forward")(x)
    return problem.jacobian(x)


def scale_of(residuals: Array, unknowns: int) -> Any:
    """Return the sum of squares over its degrees of freedom."""
    freedom = residuals.size - unknowns
    if freedom <= 0:
        raise ArgumentError(
            f"{residuals.size} residuals of {unknowns} unknowns leave no degrees of "
            "freedom, so their variance is not known. Pass absolute_sigma=True if they "
            "are in units of their standard deviations."
        )
    return _np.sum(residuals * residuals) / freedom


def filling_of(jacobian: Matrix, residuals: Array) -> Any:
    """Return what a sandwich has between its inverses: J.T diag(r**2) J."""
    if _is_sparse(jacobian):
        weighted = _sparse.diags_array(residuals**2) @ jacobian
    else:
        weighted = residuals[:, None] ** 2 * jacobian
    return jacobian.T @ weighted


def _dense(matrix: Matrix) -> Any:
    return _sparse.csr_array(matrix).toarray() if _is_sparse(matrix) else matrix


def diagonal_of_inverse(matrix: Matrix, filling: Matrix | None = None) -> Any:
    """Return the diagonal of the inverse of a symmetric positive definite matrix.

    With a ``filling`` it is that of ``inv(matrix) @ filling @ inv(matrix)``.
    """
    if not _is_sparse(matrix):
        found = inverse(matrix)
        if filling is None:
            return _np.diagonal(found)
        return _np.sum(found * (_dense(filling) @ found), axis=0)
    scale = _scale_of(matrix)
    factors, size = _factored(matrix, scale), scale.size
    diagonal = _np.empty(size)
    for begin in range(0, size, BLOCK):
        columns = _np.arange(begin, min(begin + BLOCK, size))
        units = _np.zeros((size, columns.size))
        units[columns, columns - begin] = scale[columns]
        x = scale[:, None] * factors.solve(units)
        if filling is None:
            diagonal[columns] = x[columns, columns - begin]
        else:
            diagonal[columns] = _np.sum(x * (filling @ x), axis=0)
    return diagonal


def _scale_of(matrix: Matrix) -> Any:
    """Return by what rows and columns are multiplied to have a diagonal of ones."""
    diagonal = cast(Any, matrix).diagonal()
    if not _is_true(diagonal > 0):
        raise _indefinite()
    return 1 / _np.sqrt(diagonal)


def _factored(matrix: Matrix, scale: Array) -> Any:
    """Return the factors of a scaled matrix, by pivots of its diagonal."""
    around = _sparse.diags_array(scale)
    try:
        factors = _factors(
            (around @ matrix @ around).tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
    except RuntimeError as error:
        raise _indefinite() from error
    if not _np.array_equal(factors.perm_r, factors.perm_c):
        raise _indefinite()
    _check_pivots(factors.U.diagonal())
    return factors


def _check_pivots(pivots: Array) -> None:
    """Raise where a pivot, of a diagonal of ones, is zero but for rounding."""
    least = 10 * pivots.size * np.finfo(float).eps
    if not _is_true(pivots > least):
        raise _indefinite()


def inverse(matrix: Matrix) -> Any:
    """Return the inverse of a symmetric positive definite matrix."""
    scale = _scale_of(matrix)
    scaled = scale[:, None] * _dense(matrix) * scale
    try:
        factor = _np.linalg.cholesky(scaled)
    except np.linalg.LinAlgError as error:
        raise _indefinite() from error
    _check_pivots(_np.diagonal(factor) ** 2)
    lower = _np.linalg.inv(factor) * scale
    return lower.T @ lower


def standard_errors(variances: Array) -> Any:
    """Return the square roots of variances, which have to be positive."""
    if not _is_true(variances > 0):
        raise _indefinite()
    return _np.sqrt(variances)


def _is_true(holds: Value) -> bool:
    """Tell whether all entries are; those of a trace are taken for true."""
    return is_stand_in(holds) or bool(_np.all(holds))


def _indefinite() -> ArgumentError:
    return ArgumentError(
        "the Hessian is not positive definite at the solution, so there are no "
        "standard errors: it is no strict minimum, or an unknown is not determined. "
        "Look at np.linalg.eigvalsh(result.hess)."
    )


__all__ = [
    "Fit",
    "Minimum",
    "diagonal_of_inverse",
    "filling_of",
    "hessian_at",
    "inverse",
    "jacobian_at",
    "scale_of",
    "standard_errors",
]
