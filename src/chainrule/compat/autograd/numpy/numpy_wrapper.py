"""``autograd.numpy.numpy_wrapper``: every name of NumPy's, functions taking boxes.

Its globals are NumPy's names, ``any`` and ``abs`` among them: no code of ours is here.
"""

import numpy as _np

from chainrule.compat.autograd.numpy import own_functions as _own_functions
from chainrule.compat.namespaces import namespace_of as _namespace_of
from chainrule.compat.namespaces import served as _served
from chainrule.compat.namespaces import wrap_intdtype as wrap_intdtype
from chainrule.compat.namespaces import wrap_namespace as wrap_namespace
from chainrule.compat.primitives import notrace_primitive as notrace_primitive
from chainrule.compat.primitives import primitive as primitive

globals().update(_namespace_of(_np))
globals().update(_own_functions.NAMES)
_astype = _served(_np.astype)  # type: ignore[attr-defined]
numpy_version: str = _np.__version__
