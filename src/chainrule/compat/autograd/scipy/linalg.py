"""``autograd.scipy.linalg``: SciPy's linear algebra, taking boxes."""

from chainrule.compat.namespaces import library_namespace as _library_namespace

globals().update(_library_namespace("linalg"))
