"""``scipy.interpolate`` on nodes: interpolants, differentiable in data and in points.

Objects are SciPy's, which check their arguments and serve plain numbers. What depends
on nodes is computed beside: piecewise polynomials and B-splines as functions of their
coefficients, breakpoints and points. FITPACK's smoothing splines are of plain data.
"""

import scipy.interpolate

from chainrule.numpy import mirror
from chainrule.scipy.interpolate import (
    grids,
    lines,
    piecewise,
    polynomials,
    scattered,
    smoothing,
    splines,
    triples,
    univariate,
)
from chainrule.values.types import Operation

Akima1DInterpolator: Operation = piecewise.Akima1DInterpolator
BSpline: Operation = splines.BSpline
BarycentricInterpolator: Operation = polynomials.BarycentricInterpolator
CubicHermiteSpline: Operation = piecewise.CubicHermiteSpline
CubicSpline: Operation = piecewise.CubicSpline
InterpolatedUnivariateSpline = univariate.InterpolatedUnivariateSpline
KroghInterpolator: Operation = polynomials.KroghInterpolator
LSQUnivariateSpline = univariate.LSQUnivariateSpline
LinearNDInterpolator: Operation = scattered.LinearNDInterpolator
NearestNDInterpolator: Operation = scattered.NearestNDInterpolator
PchipInterpolator: Operation = piecewise.PchipInterpolator
PPoly: Operation = piecewise.PPoly
RBFInterpolator: Operation = scattered.RBFInterpolator
RectBivariateSpline: Operation = grids.RectBivariateSpline
RegularGridInterpolator: Operation = grids.RegularGridInterpolator
UnivariateSpline = univariate.UnivariateSpline
barycentric_interpolate: Operation = polynomials.barycentric_interpolate
griddata: Operation = scattered.griddata
interp1d = lines.interp1d
interpn: Operation = grids.interpn
krogh_interpolate: Operation = polynomials.krogh_interpolate
lagrange: Operation = polynomials.lagrange
make_interp_spline: Operation = splines.make_interp_spline
make_lsq_spline: Operation = splines.make_lsq_spline
make_smoothing_spline: Operation = smoothing.make_smoothing_spline
pchip_interpolate: Operation = piecewise.pchip_interpolate
splantider: Operation = triples.splantider
splder: Operation = triples.splder
splev: Operation = splines.splev
splint: Operation = triples.splint
splrep: Operation = splines.splrep

__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.interpolate)
