"""``autograd.numpy.random``: NumPy's, functions taking boxes."""

import numpy.random as _own

from chainrule.compat.namespaces import namespace_of as _namespace_of

globals().update(_namespace_of(_own))
