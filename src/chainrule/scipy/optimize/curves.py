"""Curves through data, with exact Jacobians, covariances and bands."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
import scipy.optimize as sopt
import scipy.special
from numpy.typing import ArrayLike

from chainrule.errors import ArgumentError
from chainrule.nodes.admission import holds_nodes
from chainrule.nodes.node_class import node
from chainrule.nodes.recorder import stacked
from chainrule.progress import counted
from chainrule.scipy.optimize.bounds import flat_bounds, spread
from chainrule.scipy.optimize.fits import as_bounds, half_squares
from chainrule.scipy.optimize.minima import minimum
from chainrule.scipy.optimize.problems import Problem
from chainrule.scipy.optimize.results import (
    filling_of,
    hessian_at,
    inverse,
    jacobian_at,
    scale_of,
)
from chainrule.scipy.optimize.runs import solved
from chainrule.scipy.optimize.stationary import activity_of, note_activity
from chainrule.scipy.optimize.unknowns import Unknowns
from chainrule.transforms.matrices import jacobian
from chainrule.transforms.values import joined_entries, value
from chainrule.values.shapes import ARRAYS, SEQUENCES, ndarray
from chainrule.values.types import Array, Value
from chainrule.values.vertices import first_stand_in, is_stand_in, stand_in

_np: Any = np
_scipy: Any = scipy.optimize
_special: Any = scipy.special
_Result: Any = scipy.optimize.OptimizeResult
Data = Value | ArrayLike
"""An array, a list of numbers and nodes, or one of them."""
Bounds = tuple[ArrayLike, ArrayLike] | sopt.Bounds
_BY_POSITION = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)
KINDS = ("jacobian", "hessian", "sandwich")
_TOLD = "infodict "
"""How the entries of SciPy's ``infodict`` are named in a result."""
_COMPILED = "ier says how it ended: a compiled function returns no texts of a solver's."


def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Data,
    p0: ArrayLike | None = None,
    sigma: Data | None = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Bounds = (-np.inf, np.inf),
    method: str | None = None,
    jac: Callable[..., Any] | str | None = None,
    *,
    full_output: bool = False,
    covariance: str = "jacobian",
    progress: bool = False,
    **options: Any,
) -> Any:
    """Return the parameters of a curve, and their covariance, as ``scipy.optimize``.

    The Jacobian in the parameters is supplied, exact and compiled. Where ``xdata``,
    ``ydata``, ``sigma`` or ``bounds`` are nodes, or ``f`` closes over one, the
    parameters are a node, and so is the covariance (unless it is infinite).

    Parameters
    ----------
    covariance
        ``"jacobian"``: SciPy's. ``"hessian"``: by the exact Hessian of half the sum of
        squares, with what the curvature of the curve adds. ``"sandwich"``: that which
        does not assume that the errors have the sizes ``sigma``. See
        ``least_squares(...).covariance``, which has the formulas.
    progress
        Whether a bar of the calls is shown (``chainrule[progress]``).

    Raises
    ------
    ArgumentError
        If the Hessian is not positive definite, or ``covariance`` is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.scipy.optimize import curve_fit
    >>> x = np.linspace(0.0, 4.0, 50)
    >>> p, covariance = curve_fit(
    ...     lambda x, a, b: a * np.exp(-b * x), x, 2.5 * np.exp(-1.3 * x)
    ... )
    >>> p.round(6)
    array([2.5, 1.3])
    """
    data: Any = (_array(xdata), _array(ydata), _array(sigma))
    if options.get("nan_policy") == "omit":
        data = _without_nan(*data)
    start = _first_guess(f, p0, bounds)
    limits = as_bounds(bounds)
    low, high = flat_bounds(limits, start.size)
    moves = any(map(holds_nodes, (*data, low, high)))
    unknowns = Unknowns(start)
    problems = _problems(f, unknowns, data, covariance, moves=moves)
    is_node = moves or problems[0].is_node
    plain = value(data)
    places = [i for i, x in enumerate(plain) if isinstance(x, (*ARRAYS, stand_in))]
    options |= {"full_output": full_output, "absolute_sigma": absolute_sigma}
    options |= {"check_finite": check_finite, "method": method}
    how: Any = (jac, covariance, options, progress, limits is not None, is_node)
    arrays = (unknowns.start, low, high, *(plain[i] for i in places))
    result = solved(_Run(plain, places, *how), problems, *arrays)
    p, active, found = result.x, activity_of(result), result.covariance
    if active is not None:
        p = minimum(problems[1], p, low, high, active)
        if is_stand_in(found) or _np.isfinite(found).all():
            found = _covariance(problems[1:], p, covariance, absolute=absolute_sigma)
    return (p, found, *(_told(result, problems, p) if full_output else ()))


def _told(found: Any, problems: Sequence[Problem], p: Value) -> Sequence[Any]:
    """Return what else SciPy says; of parameters that are a node, no plain arrays."""
    told = {k.removeprefix(_TOLD): x for k, x in found.items() if _TOLD in k}
    if isinstance(p, node):
        told = {"nfev": told["nfev"], "fvec": problems[2].of(p)}
    return told, found.get("mesg", _COMPILED), found.ier


def _problems(
    f: Callable[..., Any],
    unknowns: Unknowns,
    data: Sequence[Data | None],
    covariance: str,
    *,
    moves: bool,
) -> list[Problem]:
    """Return a curve at points; half the sum of its squares, and its deviations.

    The last two are wanted for a node, and for a covariance by the Hessian.
    """
    if covariance not in KINDS:
        raise ArgumentError(
            f"curve_fit has the covariances {', '.join(KINDS)}; received "
            f"{covariance!r}."
        )
    curve = Problem(_of_array(f), unknowns, (data[0],))
    if not (moves or curve.is_node) and covariance == "jacobian":
        return [curve]
    deviations = _deviations(f)
    squares = Problem(half_squares(deviations), unknowns, data)
    return [curve, squares, Problem(deviations, unknowns, data)]


@dataclass
class _Run:
    """A run of SciPy's ``curve_fit``, with what it is given."""

    data: Sequence[Any]
    places: Sequence[int]
    jac: Any
    covariance: str
    options: dict[str, Any]
    progress: bool
    is_bounded: bool
    is_node: bool

    def __call__(
        self,
        problems: Sequence[Problem],
        start: Array,
        low: Array,
        high: Array,
        *arrays: Value,
    ) -> Any:
        """Run it for the plain values of a call."""
        x, y, spread = _put(arrays, self.places, self.data)
        curve = problems[0]
        slopes = _spread(curve.jacobian) if curve.supplies(self.jac) else self.jac
        options = {**self.options, "sigma": _as_scipy_takes_it(spread, y)}
        if self.is_bounded:
            options["bounds"] = (low, high)
        with counted(_spread(curve.value), "curve_fit", own=self.progress) as f:
            p, found, *more = _scipy.curve_fit(f, x, y, start, jac=slopes, **options)
        if self.covariance != "jacobian":
            absolute = options["absolute_sigma"]
            found = _covariance(problems[1:], p, self.covariance, absolute=absolute)
        result = _Result(x=p, covariance=found)
        if more:
            told, result["mesg"], result["ier"] = more
            result.update({_TOLD + name: x for name, x in told.items()})
        if self.is_node:
            note_activity(result, problems[1], low, high)
        return result


def _put(arrays: Sequence[Any], places: Sequence[int], data: Sequence[Any]) -> Any:
    """Return data with arrays in their places."""
    found = list(data)
    for i, x in zip(places, arrays, strict=True):
        found[i] = x
    return found


def _of_array(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a curve as a function of its parameters in one array, and of points."""

    def curve(p: Array, x: Any) -> Any:
        return f(x, *[p[i] for i in range(p.shape[0])])

    return curve


def _spread(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of an array as one of points, not read, and of its entries."""

    def of_entries(x: Any, *p: float) -> Any:
        return f(_np.array(p, float))

    return of_entries


def _deviations(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return the deviations of a curve from data, in units of their errors."""
    curve = _of_array(f)

    def deviations(p: Array, x: Any, y: Array, s: Array | None) -> Any:
        r = curve(p, x) - y
        if s is None:
            return r
        if len(_np.shape(s)) < 2:
            return r / s
        return _np.linalg.solve(_np.linalg.cholesky(s), r)

    return deviations


def _without_nan(x: Array, y: Array, sigma: Array | None) -> tuple[Any, Any, Any]:
    """Return data without the points that are nan, as SciPy leaves them out."""
    if first_stand_in(x, y) is not None:
        raise ArgumentError(
            "which points are nan is not known while a function is compiled. Leave "
            "them out of the data before, without nan_policy='omit'."
        )
    is_nan = _np.isnan(value(x))
    is_nan = is_nan.any(axis=tuple(range(is_nan.ndim - 1)))
    kept = _np.flatnonzero(~(is_nan | _np.isnan(value(y))))
    if sigma is not None and _np.ndim(sigma):
        sigma = sigma[kept]
        sigma = sigma[:, kept] if _np.ndim(sigma) == 2 else sigma
    return x[..., kept], y[kept], sigma


def _as_scipy_takes_it(sigma: Data | None, y: Data) -> Any:
    """Return one number as an array: with a Jacobian SciPy takes it as a matrix."""
    if sigma is None or _np.size(sigma) != 1:
        return sigma
    return _np.full(_np.shape(y), _np.ravel(sigma)[0])


def _array(x: Any) -> Any:
    """Return data as an array, or as a node where a list holds some."""
    if isinstance(x, SEQUENCES) and holds_nodes(x):
        return stacked(x)
    x = joined_entries(x)
    return _np.asarray(x, float) if isinstance(x, (*SEQUENCES, ndarray)) else x


def _covariance(
    problems: Sequence[Problem], p: Array, kind: str, *, absolute: bool
) -> Any:
    """Return the covariance of parameters at a solution: a node, where that is one."""
    squares, residuals = problems
    at_node = isinstance(p, node)
    r = residuals.of(p) if at_node else residuals.value(p)
    if kind == "jacobian":
        slopes = jacobian_at(residuals, p)
        found = inverse(slopes.T @ slopes)
    else:
        found = inverse(hessian_at(squares, p))
    if kind == "sandwich":
        return found @ filling_of(jacobian_at(residuals, p), r) @ found
    return found if absolute else found * scale_of(r, p.size)


def _first_guess(f: Callable[..., Any], p0: ArrayLike | None, bounds: Bounds) -> Any:
    """Return the parameters that were given, or SciPy's: 1, or within the bounds."""
    if p0 is not None:
        first: Any = p0
        return spread(first, int(_np.size(p0)))
    parameters = inspect.signature(f).parameters.values()
    names = [p.name for p in parameters if p.kind in _BY_POSITION]
    if len(names) < 2:
        raise ArgumentError("curve_fit needs p0 where the parameters are not named.")
    limits = flat_bounds(as_bounds(bounds), len(names) - 1)
    low, high = map(value, limits)
    below, above = _np.isfinite(low), _np.isfinite(high)
    with _np.errstate(invalid="ignore"):
        middle = 0.5 * (low + high)
    guess = _np.where(below, low + 1.0, _np.where(above, high - 1.0, 1.0))
    return _np.where(below & above, middle, guess)


class Band(NamedTuple):
    """A curve at some points, and how far from it what is not known may lie."""

    curve: Any
    lower: Any
    upper: Any


def confidence_band(
    f: Callable[..., Any],
    xdata: Any,
    popt: Data,
    pcov: Data,
    *,
    level: float = 0.95,
    sigma: Data | None = None,
    freedom: int | None = None,
) -> Band:
    """Return a fitted curve at points, with the band in which the true one lies.

    ``f(x, p) -+ q sqrt(diag(J C J.T) + sigma**2)``, with the covariance ``C`` and the
    Jacobian ``J`` of the curve in its parameters; ``q`` is the quantile of Student's
    distribution, or the normal one. The level holds at each point by itself.

    Parameters
    ----------
    f, xdata, popt, pcov
        The curve, any points, and what ``curve_fit`` returned.
    level
        The probability.
    sigma
        Standard deviations of single observations at the points: then it is the band
        in which a new one lies (a prediction band).
    freedom
        Degrees of freedom of the estimated error: how many data there were, less the
        parameters. ``None`` for errors that are known.

    Returns
    -------
    Band
        A named tuple ``(curve, lower, upper)``, for a plot:
        ``plt.fill_between(x, band.lower, band.upper)``.

    Notes
    -----
    Source: Seber & Wild, Nonlinear Regression (1989), 5.1.

    Examples
    --------
    >>> import numpy as np
    >>> from chainrule.scipy.optimize import confidence_band
    >>> band = confidence_band(
    ...     lambda x, a, b: a + b * x, np.array([0.0, 1.0]), [1.0, 2.0], np.eye(2) / 4
    ... )
    >>> (band.upper - band.curve).round(3)
    array([0.98 , 1.386])
    """
    if not 0.0 < level < 1.0:
        raise ArgumentError(f"a level lies between 0 and 1; received {level}.")
    p, covariance, x = _array(popt), _array(pcov), _array(xdata)

    def curve(p: Array) -> Any:
        return f(x, *[p[i] for i in range(len(covariance))])

    center = curve(p)
    slopes = jacobian(curve, mode="forward")(p)
    variance = _np.einsum("...j,jk,...k->...", slopes, covariance, slopes)
    if sigma is not None:
        variance = variance + _array(sigma) ** 2
    q = 0.5 + 0.5 * level
    quantile = _special.ndtri(q) if freedom is None else _special.stdtrit(freedom, q)
    half = quantile * _np.sqrt(variance)
    return Band(center, center - half, center + half)


__all__ = ["Band", "confidence_band", "curve_fit"]
