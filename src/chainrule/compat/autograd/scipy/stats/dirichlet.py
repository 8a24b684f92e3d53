"""``autograd.scipy.stats.dirichlet``: the distribution's functions, taking boxes."""

from chainrule.compat import dirichlet as _dirichlet

globals().update(_dirichlet.NAMES)
