"""The density of a normal vector whose covariance is singular, in x and the mean."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.compat.conventions import symmetric
from chainrule.compat.namespaces import library_namespace
from chainrule.values.vertices import first_vertex

_np: Any = np
_ours = library_namespace("stats.multivariate_normal")


def logpdf(
    x: Any, mean: Any = None, cov: Any = 1, *, allow_singular: bool = False
) -> Any:
    """Return -(r log 2 pi + log det+ C + d.T C+ d) / 2, with d = x - mean.

    C+ is the pseudoinverse, r the rank, det+ the product of the eigenvalues that are
    not zero. Outside of the support it is -inf. The other functions of the
    distribution, and this with a regular covariance, are ``chainrule.scipy.stats``'s.
    """
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


def pdf(x: Any, mean: Any = None, cov: Any = 1, *, allow_singular: bool = False) -> Any:
    """Return the exponential of ``logpdf``."""
    return _np.exp(logpdf(x, mean, cov, allow_singular=allow_singular))


def entropy(mean: Any = None, cov: Any = 1) -> Any:
    """Return log det(2 pi e cov) / 2."""
    return _ours["entropy"](mean, symmetric(cov))


NAMES: dict[str, Any] = {**_ours, "entropy": entropy, "logpdf": logpdf, "pdf": pdf}
"""What ``autograd.scipy.stats.multivariate_normal`` has."""
