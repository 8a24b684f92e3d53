"""``autograd.scipy.stats.multivariate_normal``: its functions, taking boxes."""

from chainrule.compat import normal as _normal

globals().update(_normal.NAMES)
