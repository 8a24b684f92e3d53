"""``scipy.optimize`` with exact derivatives: what it takes are functions, and no more.

The signatures are SciPy's. Gradients, Hessians and Jacobians that are not given are
supplied, compiled. Where an argument is a node, or the function closes over one, the
solution is a node too: by the equation that it satisfies (``gd.implicit``).
"""

import scipy.optimize

from chainrule.numpy import mirror
from chainrule.scipy.optimize.classic import (
    fmin,
    fmin_bfgs,
    fmin_cg,
    fmin_l_bfgs_b,
    fmin_ncg,
    fmin_powell,
    fmin_tnc,
    leastsq,
    lsq_linear,
    nnls,
)
from chainrule.scipy.optimize.curves import confidence_band, curve_fit
from chainrule.scipy.optimize.fits import least_squares
from chainrule.scipy.optimize.minimization import minimize, minimize_scalar
from chainrule.scipy.optimize.roots import (
    bisect,
    brenth,
    brentq,
    fixed_point,
    fsolve,
    newton,
    ridder,
    root,
    root_scalar,
    toms748,
)

__all__ = [
    "bisect",
    "brenth",
    "brentq",
    "confidence_band",
    "curve_fit",
    "fixed_point",
    "fmin",
    "fmin_bfgs",
    "fmin_cg",
    "fmin_l_bfgs_b",
    "fmin_ncg",
    "fmin_powell",
    "fmin_tnc",
    "fsolve",
    "least_squares",
    "leastsq",
    "lsq_linear",
    "minimize",
    "minimize_scalar",
    "newton",
    "nnls",
    "ridder",
    "root",
    "root_scalar",
    "toms748",
]

__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.optimize)
