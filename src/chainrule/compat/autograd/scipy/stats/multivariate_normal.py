"""``autograd.scipy.stats.multivariate_normal``: its functions, taking boxes."""

from chainrule.compat import singular_normal as _singular_normal

globals().update(_singular_normal.NAMES)
