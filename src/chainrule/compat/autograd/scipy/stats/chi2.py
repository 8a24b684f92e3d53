"""``autograd.scipy.stats.chi2``: the distribution's functions, taking boxes."""

from chainrule.compat.namespaces import library_namespace as _library_namespace

globals().update(_library_namespace("stats.chi2"))
