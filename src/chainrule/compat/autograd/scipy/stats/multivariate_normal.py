"""``autograd.scipy.stats.multivariate_normal``: its functions, taking boxes."""

from chainrule.compat.namespaces import library_namespace as _library_namespace

globals().update(_library_namespace("stats.multivariate_normal"))
