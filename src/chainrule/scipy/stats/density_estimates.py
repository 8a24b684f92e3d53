"""Gaussian kernel density estimates, differentiable in data, weights and points."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import scipy.stats
from numpy.typing import ArrayLike

from chainrule.nodes.admission import unwrapped
from chainrule.scipy.moving import floats_of, moves
from chainrule.scipy.special import logsumexp
from chainrule.scipy.stats.distribution import missing
from chainrule.scipy.stats.namespaces import np
from chainrule.values.shapes import shape_of
from chainrule.values.types import Value
from chainrule.values.vertices import first_stand_in

Bandwidth = str | Value | Callable[["gaussian_kde"], Value] | None
"""How wide a kernel is: a rule of SciPy's by name, a factor, or what returns one."""


_kde: Any = scipy.stats.gaussian_kde


class gaussian_kde(_kde):
    """A density estimate: a normal distribution around each of the data.

    With plain data it is SciPy's, whose points may be nodes; the data of shape
    ``(d, n)``, their weights and the factor of the bandwidth may be nodes too.

    >>> import chainrule as gd
    >>> from chainrule.scipy import stats
    >>> kde = stats.gaussian_kde([0.0, 1.0, 3.0])
    >>> gd.grad(lambda x: kde(x)[0])(1.0)
    -0.0135...
    """

    def __init__(
        self,
        dataset: ArrayLike,
        bw_method: Bandwidth = None,
        weights: ArrayLike | None = None,
    ) -> None:
        """Keep the data, and find the covariance of a kernel."""
        self._moves = moves(dataset, weights, bw_method)
        if not self._moves:
            _kde.__init__(self, dataset, bw_method, weights)
            return
        plain = [unwrapped(x) for x in (dataset, bw_method, weights)]
        if first_stand_in(plain) is None:
            _kde(*plain)  # refuses what SciPy does
        self.dataset: Any = np.atleast_2d(floats_of(dataset))
        self.d: int
        self.n: int
        self.d, self.n = shape_of(self.dataset)
        if weights is None:
            self._weights: Any = np.full(self.n, 1.0 / self.n)
        else:
            given = np.atleast_1d(floats_of(weights))
            self._weights = given / np.sum(given)
        self._neff: Any = 1.0 / np.sum(self._weights**2)
        self.set_bandwidth(bw_method)

    def set_bandwidth(self, bw_method: Bandwidth = None) -> None:
        """Choose the factor of the bandwidth, as SciPy does; it may be a node."""
        if not moves(bw_method):
            _kde.set_bandwidth(self, bw_method)
            return
        self._moves = True
        self.covariance_factor: Any = lambda: bw_method
        self._compute_covariance()

    def _compute_covariance(self) -> None:
        """Return the covariance of a kernel: that of the data times the factor."""
        if not self._moves:
            _kde._compute_covariance(self)
            return
        self.factor: Any = self.covariance_factor()
        apart = self.dataset - np.expand_dims(self.dataset @ self.weights, -1)
        self._data_covariance: Any = (apart * self.weights) @ np.transpose(apart)
        self._data_covariance /= 1.0 - 1.0 / self.neff
        self._data_cho_cov: Any = np.linalg.cholesky(self._data_covariance)
        self.covariance: Any = self._data_covariance * self.factor**2
        self.cho_cov: Any = self._data_cho_cov * self.factor
        widths = np.diagonal(self.cho_cov) * math.sqrt(2.0 * math.pi)
        self.log_det: Any = 2.0 * np.sum(np.log(widths))

    def evaluate(self, points: ArrayLike) -> Any:
        """Return the density at points of shape ``(d, m)``, or at one of shape (d,)."""
        if not self._moves and not moves(points):
            return _kde.evaluate(self, points)
        return np.exp(self._energies(points)) @ self.weights

    pdf: Any = evaluate
    __call__: Any = evaluate

    def logpdf(self, x: ArrayLike) -> Any:
        """Return the logarithm of the density at points."""
        if not self._moves and not moves(x):
            return _kde.logpdf(self, x)
        return logsumexp(self._energies(x) + np.log(self.weights), axis=-1)

    def _energies(self, points: ArrayLike) -> Any:
        """Return the logarithm of each kernel at each point, of shape ``(m, n)``."""
        points = np.atleast_2d(floats_of(points))
        if shape_of(points)[0] != self.d:
            if shape_of(points) != (1, self.d):
                raise ValueError(
                    f"points have dimension {shape_of(points)[0]}, dataset has "
                    f"dimension {self.d}"
                )
            points = np.reshape(points, (self.d, 1))
        data = np.linalg.solve(self.cho_cov, self.dataset)
        apart = np.expand_dims(np.linalg.solve(self.cho_cov, points), -1)
        apart = apart - np.expand_dims(data, 1)
        return -0.5 * (np.sum(apart * apart, axis=0) + self.log_det)


def _refusing(name: str) -> Any:
    theirs = getattr(_kde, name)

    def method(self: gaussian_kde, *args: Any, **kwds: Any) -> Any:
        if self._moves or moves(*args, *kwds.values()):
            raise missing("gaussian_kde", name, "make the estimate of plain data.")
        return theirs(self, *args, **kwds)

    method.__name__ = name
    method.__doc__ = theirs.__doc__
    return method


for _name in (
    "integrate_box",
    "integrate_box_1d",
    "integrate_gaussian",
    "integrate_kde",
    "marginal",
    "resample",
):
    setattr(gaussian_kde, _name, _refusing(_name))
