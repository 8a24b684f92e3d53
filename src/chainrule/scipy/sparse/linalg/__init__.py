"""``scipy.sparse.linalg`` on nodes: direct and iterative solutions of linear systems.

Matrices may have a node as their data, and right sides may be nodes; cotangents are
solutions with the transpose (adjoint solves). Iterative solvers take sparse and dense
matrices, operators of SciPy's with ``rmatvec``, and linear functions of nodes.

>>> import chainrule as gd
>>> import numpy as np
>>> from chainrule.scipy.sparse.linalg import cg
>>> a = np.array([[2.0, 1.0], [1.0, 3.0]])
>>> gd.grad(lambda b: cg(a, b, rtol=1e-12)[0][0])(np.array([1.0, 2.0])).round(9)
array([ 0.6, -0.2])
"""

import scipy.sparse.linalg

from chainrule.numpy import mirror
from chainrule.scipy.sparse.linalg.least_squares import lsmr, lsqr
from chainrule.scipy.sparse.linalg.solvers import (
    bicg,
    bicgstab,
    cg,
    cgs,
    factorized,
    gcrotmk,
    gmres,
    lgmres,
    minres,
    qmr,
    splu,
    spsolve,
    tfqmr,
)

__all__ = [
    "bicg",
    "bicgstab",
    "cg",
    "cgs",
    "factorized",
    "gcrotmk",
    "gmres",
    "lgmres",
    "lsmr",
    "lsqr",
    "minres",
    "qmr",
    "splu",
    "spsolve",
    "tfqmr",
]

__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.sparse.linalg)
