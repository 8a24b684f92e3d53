"""The NumPy namespace on nodes: ``chainrule.numpy.f`` is ``numpy.f``, differentiable.

NumPy's own functions take nodes too; the functions here also take lists of nodes, and
``array`` and ``asarray`` join them. Names without a derivative are NumPy's own.

In: NumPy's arguments, nodes among them. Out: what NumPy returns, as nodes: a function
that is composed of others is written here out of those that have a rule.

>>> import chainrule as gd
>>> import chainrule.numpy as np
>>> x, y = gd.node(3.0), gd.node(4.0)
>>> np.linalg.norm(np.array([x, y]))
node(5.0, vector_norm)
"""

import importlib
import typing

import numpy

from chainrule.numpy import creation as creation
from chainrule.numpy import differences as differences
from chainrule.numpy import elementwise as elementwise
from chainrule.numpy import fft as fft
from chainrule.numpy import fourier as fourier
from chainrule.numpy import joining as joining
from chainrule.numpy import linalg as linalg
from chainrule.numpy import making as making
from chainrule.numpy import matrices as matrices
from chainrule.numpy import mirror as mirror
from chainrule.numpy import names as names
from chainrule.numpy import nan_functions as nan_functions
from chainrule.numpy import node_methods as node_methods
from chainrule.numpy import one_by_one as one_by_one
from chainrule.numpy import order_statistics as order_statistics
from chainrule.numpy import padding as padding
from chainrule.numpy import picking as picking
from chainrule.numpy import pieces as pieces
from chainrule.numpy import polynomials as polynomials
from chainrule.numpy import products as products
from chainrule.numpy import segments as segments
from chainrule.numpy import shape_functions as shape_functions
from chainrule.numpy import standard as standard
from chainrule.numpy import statistics as statistics
from chainrule.numpy import writes as writes
from chainrule.numpy.one_by_one import fromiter as fromiter
from chainrule.numpy.one_by_one import vectorize as vectorize
from chainrule.numpy.standard import argsort as argsort
from chainrule.numpy.standard import clip as clip
from chainrule.numpy.standard import sort as sort

__dir__: mirror.Listing
_of_numpy, __dir__ = mirror.mirror_of(numpy)


def __getattr__(name: str) -> typing.Any:
    """Find a name of NumPy's; ``special`` is a name that SciPy asks namespaces for."""
    if name == "random":  # loaded when it is first asked for, as numpy.random is
        return importlib.import_module("chainrule.numpy.random")
    return standard.special() if name == "special" else _of_numpy(name)
