"""The density of a normal vector: SciPy's value, and autograd's formulas for it."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from chainrule.compat.conventions import symmetric
from chainrule.compat.namespaces import library_namespace
from chainrule.nodes.recorder import record
from chainrule.rules import general
from chainrule.values.shapes import shape_of
from chainrule.values.types import Namespace, Value
from chainrule.values.vertices import first_vertex, raw, vertex

_np: Any = np
_ours = library_namespace("stats.multivariate_normal")
_theirs: Any = importlib.import_module("scipy.stats").multivariate_normal


class logpdf_grad(general, kind=True):  # noqa: N801
    """z = log of the density at x, of one point or of rows of points."""

    operand_names: tuple[str, ...] = ("x", "mean", "cov")

    @staticmethod
    def forward(x: Value, mean: Value, cov: Value) -> Any:
        """Return SciPy's value."""
        return _theirs.logpdf(x, mean, cov)

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, x: Value, mean: Value, cov: Value
    ) -> tuple[Any, ...]:
        """Return -g s, g s and g (s s.T - C**-1) / 2, with s = C**-1 d."""
        s = _whitened(x, mean, cov)
        scaled = _np.expand_dims(z_grad, -1) * s
        is_alone = len(shape_of(s)) == 1

        def mean_grad() -> Any:
            return scaled if is_alone else _np.sum(scaled, axis=0)

        def cov_grad() -> Any:
            squares = _np.outer(scaled, s) if is_alone else _np.matmul(scaled.T, s)
            count = z_grad if is_alone else _np.sum(z_grad)
            return 0.5 * (squares - count * _np.linalg.inv(cov))

        return -scaled, mean_grad, cov_grad

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Any, z: Value, x: Value, mean: Value, cov: Value
    ) -> Any:
        """z_dot = -s.T (x_dot - mean_dot) + (s.T C_dot s - tr(C**-1 C_dot)) / 2."""
        s = _whitened(x, mean, cov)
        x_dot, mean_dot, cov_dot = tangents
        parts = [] if x_dot is None else [-_np.sum(s * x_dot, axis=-1)]
        parts += [] if mean_dot is None else [_np.sum(s * mean_dot, axis=-1)]
        if cov_dot is not None:
            inner = _np.sum(_np.matmul(s, 0.5 * (cov_dot + cov_dot.T)) * s, axis=-1)
            parts.append(0.5 * (inner - _np.sum(_np.linalg.inv(cov) * cov_dot)))
        return sum(parts[1:], parts[0])


class entropy_grad(general, kind=True):  # noqa: N801
    """z = log det(2 pi e cov) / 2, of a matrix."""

    operand_names: tuple[str, ...] = ("cov",)

    @staticmethod
    def forward(cov: Value, *, mean: Value | None) -> Any:
        """Return SciPy's value."""
        return _theirs.entropy(mean, cov)

    @staticmethod
    def pullback(
        xp: Namespace, z_grad: Value, z: Value, cov: Value, *, mean: Value | None
    ) -> tuple[Any]:
        """Return g C**-1 / 2."""
        return (0.5 * z_grad * _np.linalg.inv(cov),)

    @staticmethod
    def pushforward(
        xp: Namespace, tangents: Any, z: Value, cov: Value, *, mean: Value | None
    ) -> Any:
        """z_dot = tr(C**-1 C_dot) / 2."""
        return 0.5 * _np.sum(_np.linalg.inv(cov) * tangents[0])


def _whitened(x: Any, mean: Any, cov: Any) -> Any:
    """Return C**-1 d for each d = x - mean, along the last axis."""
    return _np.linalg.solve(cov, (x - mean).T).T


def logpdf(
    x: Any, mean: Any = None, cov: Any = 1, *, allow_singular: bool = False
) -> Any:
    """Return -(r log 2 pi + log det+ C + d.T C+ d) / 2, with d = x - mean.

    C+ is the pseudoinverse, r the rank, det+ the product of the eigenvalues that are
    not zero. Outside of the support it is -inf. The other functions of the
    distribution, and this with a regular covariance, are ``chainrule.scipy.stats``'s.
    """
    if not allow_singular and _is_of_vectors(x, mean, cov):
        return record(logpdf_grad, (x, mean, cov))
    cov = symmetric(cov)
    singular = allow_singular and first_vertex(x, mean) is not None
    if not singular or first_vertex(cov) is not None:
        singularly = {"allow_singular": True} if allow_singular else {}
        return _ours["logpdf"](x, mean, cov, **singularly)
    eigenvalues, axes = _np.linalg.eigh(np.atleast_2d(cov))
    least = 1e6 * np.finfo(float).eps * np.max(np.abs(eigenvalues))
    held = eigenvalues > least
    d = _np.atleast_1d(x) if mean is None else _np.atleast_1d(x - mean)
    scaled = d @ (axes[:, held] / np.sqrt(eigenvalues[held]))
    constant = np.sum(np.log(2 * np.pi * eigenvalues[held]))
    z = -0.5 * (constant + _np.sum(scaled**2, axis=-1))
    away = _np.abs(d @ axes[:, ~held]) >= 1e3 * least
    return _np.where(_np.any(away, axis=-1), -np.inf, z)


def _is_of_vectors(x: Any, mean: Any, cov: Any) -> bool:
    """Tell whether a call is of points, a mean and a matrix that are given as such."""
    if mean is None or first_vertex(x, mean, cov) is None:
        return False
    points, center, matrix = map(shape_of, (x, mean, cov))
    whole = matrix == (*center, *center) and len(center) == 1 and center[0] > 1
    return whole and len(points) in (1, 2) and points[-1:] == center


def pdf(x: Any, mean: Any = None, cov: Any = 1, *, allow_singular: bool = False) -> Any:
    """Return the exponential of ``logpdf``."""
    return _np.exp(logpdf(x, mean, cov, allow_singular=allow_singular))


def entropy(mean: Any = None, cov: Any = 1) -> Any:
    """Return log det(2 pi e cov) / 2."""
    if isinstance(cov, vertex) and len(shape_of(cov)) == 2:
        return record(entropy_grad, (symmetric(cov),), {"mean": raw(mean)})
    return _ours["entropy"](mean, cov)


NAMES: dict[str, Any] = {**_ours, "entropy": entropy, "logpdf": logpdf, "pdf": pdf}
"""What ``autograd.scipy.stats.multivariate_normal`` has."""
