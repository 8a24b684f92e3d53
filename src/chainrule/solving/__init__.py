"""Results of solvers, differentiated by the equations that they satisfy.

In: a solver, and the residual that its result makes zero; or a linear map and a right
side. Out: the result, as a node where it depends on one. SciPy is asked for where a
matrix is factorised once for several sweeps, is sparse, or is never made.
"""

from chainrule.solving.implicit import implicit
from chainrule.solving.linear import linear_solve

__all__ = ["implicit", "linear_solve"]
