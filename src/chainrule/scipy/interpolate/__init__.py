"""``scipy.interpolate`` on nodes: interpolants, differentiable in data and in points.

Objects are SciPy's, which check their arguments and serve plain numbers. What depends
on nodes is computed beside: piecewise polynomials and B-splines as functions of their
coefficients, breakpoints and points. Smoothing splines are of plain data.
"""

import scipy.interpolate

from chainrule.numpy import mirror
from chainrule.scipy.interpolate import (
    grids,
    lines,
    piecewise,
    polynomials,
    scattered,
    splines,
    univariate,
)

Akima1DInterpolator = piecewise.Akima1DInterpolator
BSpline = splines.BSpline
BarycentricInterpolator = polynomials.BarycentricInterpolator
CubicHermiteSpline = piecewise.CubicHermiteSpline
CubicSpline = piecewise.CubicSpline
InterpolatedUnivariateSpline = univariate.InterpolatedUnivariateSpline
KroghInterpolator = polynomials.KroghInterpolator
LSQUnivariateSpline = univariate.LSQUnivariateSpline
LinearNDInterpolator = scattered.LinearNDInterpolator
NearestNDInterpolator = scattered.NearestNDInterpolator
PchipInterpolator = piecewise.PchipInterpolator
PPoly = piecewise.PPoly
RBFInterpolator = scattered.RBFInterpolator
RectBivariateSpline = grids.RectBivariateSpline
RegularGridInterpolator = grids.RegularGridInterpolator
UnivariateSpline = univariate.UnivariateSpline
barycentric_interpolate = polynomials.barycentric_interpolate
griddata = scattered.griddata
interp1d = lines.interp1d
interpn = grids.interpn
krogh_interpolate = polynomials.krogh_interpolate
lagrange = polynomials.lagrange
make_interp_spline = splines.make_interp_spline
make_lsq_spline = splines.make_lsq_spline
pchip_interpolate = piecewise.pchip_interpolate
splev = splines.splev
splrep = splines.splrep

__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.interpolate)
