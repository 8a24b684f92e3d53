"""What all distributions of vectors and matrices share."""

from __future__ import annotations

import functools
import inspect
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import scipy.stats

from chainrule.nodes.admission import holds_nodes, unwrapped
from chainrule.nodes.recorder import as_operand
from chainrule.scipy.moving import moves
from chainrule.scipy.stats.distribution import (
    CONSTANT,
    INSTEAD,
    frozen,
    missing,
    named,
)
from chainrule.scipy.stats.namespaces import np
from chainrule.values.shapes import ndarray, shape_of
from chainrule.values.types import Value
from chainrule.values.vertices import first_stand_in, vertex

LOG_2 = math.log(2.0)
LOG_2_PI = math.log(2.0 * math.pi)


class multivariate:
    """A distribution of vectors or matrices of ``scipy.stats`` that takes nodes.

    The class of formulas declares ``logpdf`` (or ``logpmf``), and moments where they
    are formulas, with the arguments of SciPy's methods. What SciPy would refuse it
    refuses here: it is asked with plain values first. A covariance matrix has to be
    regular; its derivative is that of the lower triangle, which SciPy reads.
    """

    _methods: Mapping[str, str] = dict.fromkeys(
        ("pdf", "logpdf", "pmf", "logpmf", "cdf", "logcdf"), "x"
    )

    def __init__(self, formulas: type) -> None:
        """Read the formulas of the distribution that has the class's name."""
        self.name: str = formulas.__name__
        self.__name__: str = formulas.__name__
        self.formulas: Any = formulas
        self.__doc__ = formulas.__doc__
        self.__module__ = formulas.__module__
        self._scipy: Any = getattr(scipy.stats, self.name)
        moments = ("mean", "var", "cov", "entropy")
        self._of_parameters = tuple(n for n in moments if hasattr(formulas, n))

    def __repr__(self) -> str:
        """Show the name."""
        return f"<chainrule's scipy.stats.{self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Be found by name, in another process too."""
        return named, (self.name,)

    def __call__(self, *args: Any, **kwds: Any) -> frozen:
        """Return the distribution with its parameters fixed; they may be nodes."""
        return frozen(self, args, kwds)

    def __getattr__(self, name: str) -> Any:
        """Find a method of SciPy's, by formulas where an argument is a node."""
        if name.startswith("__") or name == "_scipy":
            raise AttributeError(name)
        theirs = getattr(self._scipy, name)
        if not callable(theirs):
            return theirs

        @functools.wraps(theirs)
        def method(*args: Any, **kwds: Any) -> Any:
            if not moves(*args, *kwds.values()):
                return theirs(*args, **kwds)
            return self._on_nodes(name, args, kwds)

        return method

    def why_refused(self, method: str) -> str:
        """Return why a method takes no nodes; nothing where it does."""
        known = self._formula(method) is not None
        return "" if known else INSTEAD.get(method, CONSTANT)

    def _formula(self, method: str) -> Any:
        log = {"pdf": "logpdf", "pmf": "logpmf"}.get(method, method)
        return getattr(self.formulas, log, None)

    def _arguments(self, args: Sequence[Any], kwds: Mapping[str, Any]) -> None:
        """Look at nothing: a method is asked when it is called."""

    def _on_nodes(self, name: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Any:
        formula = self._formula(name)
        if formula is None:
            raise missing(self.name, name, INSTEAD.get(name, CONSTANT))
        theirs = getattr(self._scipy, name)
        plain = [_value(unwrapped(v)) for v in (*args, *kwds.values())]
        if first_stand_in(plain) is None:
            theirs(
                *plain[: len(args)], **dict(zip(kwds, plain[len(args) :], strict=True))
            )
        bound = _signature_of(self.name, name).bind(*args, **kwds)
        bound.apply_defaults()
        given = {k: _operand(v) for k, v in bound.arguments.items()}
        for k, why in getattr(self.formulas, "refused", {}).items():
            if isinstance(given.get(k), vertex):
                raise missing(self.name, f"{name} in {k!r}", why)
        if given.pop("allow_singular", False) and _is_singular(given):
            raise missing(
                self.name, name, "a singular covariance matrix has no derivative."
            )
        z = squeezed(formula(**given))
        return np.exp(z) if name in ("pdf", "pmf") else z


@functools.cache
def _signature_of(name: str, method: str) -> inspect.Signature:
    return inspect.signature(getattr(getattr(scipy.stats, name), method))


def _is_singular(given: Mapping[str, Any]) -> bool:
    """Tell whether SciPy would take a covariance matrix as a singular one."""
    matrix = unwrapped(given.get("cov", given.get("shape")))
    if matrix is None or first_stand_in(matrix) is not None or np.ndim(matrix) < 2:
        return False
    eigenvalues: Any = np.linalg.eigvalsh(matrix)
    return bool(eigenvalues[0] <= 1e6 * sys.float_info.epsilon * eigenvalues[-1])


def _value(x: Any) -> Any:
    """Return a plain value as SciPy takes it: a number for an array of no axes."""
    return x[()] if isinstance(x, ndarray) and x.ndim == 0 else x


def _operand(x: Any) -> Any:
    """Return an argument that is an array or a node in float64; others as they are."""
    if x is None or isinstance(x, bool | str) or hasattr(x, "covariance"):
        return getattr(x, "covariance", x)
    if isinstance(x, list | tuple) and not holds_nodes(x):
        x = np.asarray(x)
    x = as_operand(x)
    return float(x) if isinstance(x, int) else x


def squeezed(z: Value) -> Any:
    """Return a result without axes of length 1, as SciPy does."""
    return z if len(shape_of(z)) == 0 else np.squeeze(z)


# --------------------------------------------------------------------------- matrices


def as_matrix(x: Value, dim: int) -> Any:
    """Return a covariance matrix given as a number, its diagonal or itself."""
    if len(shape_of(x)) == 0:
        return x * np.eye(dim)
    return (
        np.diag(x) if len(shape_of(x)) == 1 and dim > 1 else np.reshape(x, (dim, dim))
    )


def factor(matrix: Value) -> tuple[Any, Any]:
    """Return the Cholesky factor of matrices, and the logarithm of the determinant."""
    lower = np.linalg.cholesky(matrix)
    diagonal = np.diagonal(lower, axis1=-2, axis2=-1)
    return lower, 2.0 * np.sum(np.log(diagonal), axis=-1)


def centred(x: Value, mean: Value | None, dim: int) -> Any:
    """Return points, of ``dim`` coordinates along the last axis, without their mean."""
    if len(shape_of(x)) < 2 and dim == 1:
        x = np.reshape(x, (-1, 1))
    if mean is None and shape_of(x)[-1:] != (dim,):
        x = np.broadcast_to(x, (*shape_of(x)[:-1], dim))
    return x if mean is None else x - np.reshape(mean, (-1,))


def dimension(mean: Value | None, matrix: Value) -> int:
    """Return the number of coordinates that a mean or a matrix have."""
    if mean is not None:
        return math.prod(shape_of(mean))
    return shape_of(matrix)[0] if len(shape_of(matrix)) == 2 else 1


def distances(deviation: Value, lower: Value) -> Any:
    """Return ``d.T inv(L L.T) d`` for each deviation along the last axis."""
    points = np.reshape(deviation, (-1, shape_of(deviation)[-1]))
    whitened = np.linalg.solve(lower, np.transpose(points))
    return np.reshape(np.sum(whitened * whitened, axis=0), shape_of(deviation)[:-1])
