"""Sparse derivatives: Jacobians and Hessians of many unknowns, most entries zero.

In: a function. Out: functions that return SciPy's sparse matrices. Which entries there
are, and by which few products, ``compiler.sparsity`` finds; ``matrices`` computes them,
and ``api`` has the functions. ``maps`` has products with vectors instead of matrices.
"""

from chainrule.sparse.api import hessian, jacobian, sparsity
from chainrule.sparse.maps import LinearMap, hessian_diagonal, linear_map
from chainrule.sparse.matrices import SparseDerivative

__all__ = [
    "LinearMap",
    "SparseDerivative",
    "hessian",
    "hessian_diagonal",
    "jacobian",
    "linear_map",
    "sparsity",
]
