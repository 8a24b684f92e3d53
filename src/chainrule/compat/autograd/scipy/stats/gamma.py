"""``autograd.scipy.stats.gamma``: the distribution's functions, taking boxes."""

from chainrule.compat.namespaces import library_namespace as _library_namespace

globals().update(_library_namespace("stats.gamma"))
