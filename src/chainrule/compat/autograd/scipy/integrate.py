"""``autograd.scipy.integrate``: SciPy's integrals, taking boxes."""

from chainrule.compat.namespaces import library_namespace as _library_namespace

globals().update(_library_namespace("integrate"))
