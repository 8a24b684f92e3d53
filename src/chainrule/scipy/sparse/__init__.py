"""``scipy.sparse`` on nodes: matrices whose data are nodes, their products, solutions.

The makers (``csr_array``, ``csc_array``, ``coo_array``, ``diags_array``, and those of
``..._matrix``) return a ``SparseNode`` where their data hold a node, and SciPy's own
matrix where they do not. A matrix of SciPy's takes nodes in products, ``A @ x``.

>>> import chainrule as gd
>>> import numpy as np
>>> from chainrule.scipy import sparse
>>> def f(data):
...     a = sparse.csr_array((data, [0, 1, 1], [0, 1, 3]), shape=(2, 2))
...     return np.sum(a @ np.array([1.0, 2.0]))
>>> gd.grad(f)(np.array([3.0, 4.0, 5.0]))
array([1., 2., 2.])
"""

import importlib
import typing

import scipy.sparse

from chainrule.numpy import mirror
from chainrule.scipy.sparse import names as names
from chainrule.scipy.sparse.arrays import SparseNode

__all__ = ["SparseNode"]

_theirs: mirror.Lookup
__dir__: mirror.Listing
_theirs, __dir__ = mirror.mirror_of(scipy.sparse)


def __getattr__(name: str) -> typing.Any:
    """Find the solvers, or a name of SciPy's."""
    if name == "linalg":
        return importlib.import_module(f"{__name__}.linalg")
    return _theirs(name)
