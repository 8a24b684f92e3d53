"""``scipy.linalg`` on nodes: rules of its functions, and functions composed of these.

Names and signatures are SciPy's. What is no function of its arguments alone, such as a
basis of a null space, is refused with the reason.

>>> import numpy as np
>>> import chainrule as gd
>>> from chainrule.scipy import linalg
>>> gd.grad(lambda t: np.trace(linalg.expm(t * np.eye(2))))(0.0)
2.0
"""

import scipy.linalg

from chainrule.numpy import mirror
from chainrule.scipy.linalg import banded as banded
from chainrule.scipy.linalg import equations as equations
from chainrule.scipy.linalg import factors as factors
from chainrule.scipy.linalg import functions as functions
from chainrule.scipy.linalg import least_squares as least_squares
from chainrule.scipy.linalg import names as names
from chainrule.scipy.linalg import patterns as patterns
from chainrule.scipy.linalg import roots as roots
from chainrule.scipy.linalg import solving as solving
from chainrule.scipy.linalg import spectra as spectra
from chainrule.scipy.linalg import symmetric_factors as symmetric_factors
from chainrule.scipy.linalg import toeplitz_systems as toeplitz_systems

__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.linalg)
