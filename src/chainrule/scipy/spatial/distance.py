"""``scipy.spatial.distance`` on nodes: metrics of vectors, cdist, pdist, squareform.

They are differentiable in vectors, weights and the parameters of a metric. Metrics of
truth values (dice, yule, ...) take no nodes; hamming and jaccard are locally constant.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.spatial.distance
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError, ShapeError
from chainrule.numpy import mirror
from chainrule.operations import namespace as ops
from chainrule.scipy.moving import array_of, floats_of, refused
from chainrule.scipy.spatial import metrics
from chainrule.scipy.spatial.metrics import Metric
from chainrule.values.types import Array
from chainrule.values.vertices import raw, stand_in
from chainrule.wrapping import implements

_scipy: Any = scipy.spatial.distance
_np: Any = np

_ALIASES = {
    "minkowski": "mi m pnorm",
    "euclidean": "euclid eu e",
    "sqeuclidean": "sqe sqeuclid",
    "seuclidean": "se s",
    "cityblock": "cblock cb c",
    "chebyshev": "chebychev cheby cheb ch",
    "cosine": "cos",
    "correlation": "co",
    "canberra": "",
    "braycurtis": "",
    "mahalanobis": "mahal mah",
    "jensenshannon": "js",
}
"""The metrics that take nodes, and other words for them."""
_METRICS: dict[str, Metric] = {
    word: getattr(metrics, name)
    for name, others in _ALIASES.items()
    for word in (name, *others.split())
}
_ROOTS = ("minkowski", "euclidean", "seuclidean", "mahalanobis", "jensenshannon")
"""Metrics without a derivative at 0."""


def _of_vectors(name: str) -> None:
    """Let a metric stand for SciPy's function of two vectors."""
    metric: Metric = getattr(metrics, name)
    theirs = getattr(_scipy, name)
    parameters = inspect.signature(theirs)

    def function(*args: Any, **keywords: Any) -> Any:
        given = parameters.bind(*args, **keywords).arguments
        u, v = (floats_of(x) for x in list(given.values())[:2])
        if u.ndim != 1 or v.ndim != 1:
            raise ValueError("Input vector should be 1-D.")
        options = dict(list(given.items())[2:])
        return metric(u, v, **_arrays(options))

    implements(theirs)(functools.update_wrapper(function, theirs))


def _arrays(options: dict[str, Any]) -> dict[str, Any]:
    """Return keywords with the parameters of a metric as arrays."""
    arrays = {
        k: floats_of(options[k])
        for k in ("w", "V", "VI")
        if k in options and options[k] is not None
    }
    return {k: v for k, v in options.items() if v is not None} | arrays


for _name in _ALIASES:
    if _name != "jensenshannon":
        _of_vectors(_name)


@implements(_scipy.jensenshannon)
def _jensenshannon(
    p: ArrayLike,
    q: ArrayLike,
    base: float | None = None,
    *,
    axis: int = 0,
    keepdims: bool = False,
) -> Any:
    """Return the distance of distributions along an axis."""
    u, v = (_np.moveaxis(floats_of(x), axis, -1) for x in (p, q))
    z = metrics.jensenshannon(u, v, base=base)
    return _np.expand_dims(z, axis) if keepdims else z


@implements(_scipy.hamming, _scipy.jaccard)
def _locally_constant(*args: ArrayLike, **keywords: ArrayLike) -> Any:
    raise refused(
        "A distance that asks which entries are equal (hamming, jaccard)",
        "Pass gd.value(u) and gd.value(v).",
    )


def _metric_of(metric: str | Metric, data: Sequence[Array], options: Any) -> Any:
    """Return a metric with its parameters, those of the data where none are given."""
    word = metric if isinstance(metric, str) else getattr(metric, "__name__", "")
    if not isinstance(metric, str) and (
        word not in _METRICS or metric is not getattr(_scipy, word, None)
    ):
        return functools.partial(_each_pair, metric, options)
    own = _METRICS.get(word.lower())
    if own is None:
        raise ArgumentError(
            f"The metric {metric!r} takes no nodes; those that do are "
            f"{', '.join(_ALIASES)}."
        )
    given = _arrays(options)
    if own is metrics.seuclidean and "V" not in given:
        given["V"] = _np.var(_np.concatenate(data), axis=0, ddof=1)
    if own is metrics.mahalanobis and "VI" not in given:
        rows = _np.concatenate(data)
        covariance = _np.reshape(_np.cov(_np.transpose(rows)), (rows.shape[1],) * 2)
        given["VI"] = _np.linalg.inv(covariance)
    return functools.partial(own, **given)


def _each_pair(metric: Metric, options: Any, u: Array, v: Array) -> Any:
    """Call a function of two vectors for all pairs of them."""
    shape = np.broadcast_shapes(u.shape, v.shape)
    u, v = (_np.reshape(_np.broadcast_to(x, shape), (-1, shape[-1])) for x in (u, v))
    found = [metric(u[i], v[i], **options) for i in range(u.shape[0])]
    if not found:
        return np.zeros(shape[:-1])
    return _np.reshape(ops.asarray(found), shape[:-1])


def _rows(x: ArrayLike, name: str) -> Any:
    rows = floats_of(x)
    if rows.ndim != 2:
        raise ValueError(f"{name} must be a 2-dimensional array.")
    return rows


def _refuse_out(out: object) -> None:
    if out is not None:
        raise ArgumentError("Distances of nodes take no out=. Use the result.")


@implements(_scipy.cdist)
def _cdist(
    XA: ArrayLike,
    XB: ArrayLike,
    metric: str | Metric = "euclidean",
    *,
    out: object = None,
    **kwargs: Any,
) -> Any:
    """Return the distances of all rows of ``XA`` to all of ``XB``, shape (m, n).

    Of an array to itself, the diagonal is 0 structurally.
    """
    _refuse_out(out)
    x = _rows(XA, "XA")
    y = x if XB is XA else _rows(XB, "XB")
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            "XA and XB must have the same number of columns (i.e. feature dimension.)"
        )
    found = _metric_of(metric, [x, y], kwargs)
    if y is x and any(
        getattr(found, "func", None) is getattr(metrics, name) for name in _ROOTS
    ):
        return _squareform(_pairs(x, found))
    return found(x[:, None, :], y[None, :, :])


@implements(_scipy.pdist)
def _pdist(
    X: ArrayLike,
    metric: str | Metric = "euclidean",
    *,
    out: object = None,
    **kwargs: Any,
) -> Any:
    """Return the distances of all pairs of rows, shape (m (m - 1) / 2,)."""
    _refuse_out(out)
    x = _rows(X, "X")
    return _pairs(x, _metric_of(metric, [x], kwargs))


def _pairs(x: Array, metric: Metric) -> Any:
    first, second = np.triu_indices(x.shape[0], 1)
    return metric(_np.take(x, first, axis=0), _np.take(x, second, axis=0))


@implements(_scipy.squareform)
def _squareform(
    X: ArrayLike,
    force: str = "no",
    checks: bool = True,
) -> Any:
    """Return the matrix of a vector of distances, or the vector of a matrix."""
    x = array_of(X)
    wanted = {"tomatrix": 1, "tovector": 2}.get(force.lower(), x.ndim)
    if x.ndim not in (1, 2) or x.ndim != wanted:
        raise ValueError(
            f"squareform needs a vector or a matrix of distances, with force={force!r} "
            f"of {wanted} axes; received {x.ndim}."
        )
    if x.ndim == 2:
        if x.shape[0] != x.shape[1]:
            raise ShapeError("The matrix argument must be square.")
        if checks and not isinstance(raw(x), stand_in):
            _scipy.is_valid_dm(raw(x), throw=True, name="X")
        return x[np.triu_indices(x.shape[0], 1)]
    count = int(np.ceil(np.sqrt(2 * x.shape[0]))) or 1
    if count * (count - 1) != 2 * x.shape[0]:
        raise ShapeError(
            "Incompatible vector size. It must be a binomial coefficient n choose 2 "
            "for some integer n >= 2."
        )
    place = np.full((count, count), x.shape[0])
    upper = np.triu_indices(count, 1)
    place[upper] = place.T[upper] = np.arange(x.shape[0])
    return _np.take(_np.concatenate([x, np.zeros(1, x.dtype)]), place)


__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.spatial.distance)
