"""``autograd.scipy.integrate``: SciPy's integrals, taking boxes, and ``odeint``."""

from chainrule.compat.namespaces import library_namespace as _library_namespace
from chainrule.compat.odes import odeint as odeint

globals().update({**_library_namespace("integrate"), "odeint": odeint})
