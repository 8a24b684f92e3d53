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
from chainrule.scipy.optimize.named_methods import (
    anderson,
    brent,
    broyden1,
    broyden2,
    diagbroyden,
    excitingmixing,
    fmin_cobyla,
    fmin_slsqp,
    fminbound,
    golden,
    linearmixing,
    newton_krylov,
)
from chainrule.scipy.optimize.refused import approx_fprime, bracket
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
from chainrule.scipy.optimize.searches import (
    basinhopping,
    brute,
    differential_evolution,
    direct,
    dual_annealing,
    shgo,
)

__all__ = [
    "anderson",
    "approx_fprime",
    "basinhopping",
    "bisect",
    "bracket",
    "brent",
    "brenth",
    "brentq",
    "broyden1",
    "broyden2",
    "brute",
    "confidence_band",
    "curve_fit",
    "diagbroyden",
    "differential_evolution",
    "direct",
    "dual_annealing",
    "excitingmixing",
    "fixed_point",
    "fmin",
    "fmin_bfgs",
    "fmin_cg",
    "fmin_cobyla",
    "fmin_l_bfgs_b",
    "fmin_ncg",
    "fmin_powell",
    "fmin_slsqp",
    "fmin_tnc",
    "fminbound",
    "fsolve",
    "golden",
    "least_squares",
    "leastsq",
    "linearmixing",
    "lsq_linear",
    "minimize",
    "minimize_scalar",
    "newton",
    "newton_krylov",
    "nnls",
    "ridder",
    "root",
    "root_scalar",
    "shgo",
    "toms748",
]

__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.optimize)
