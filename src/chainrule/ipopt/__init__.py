"""Ipopt, with exact sparse derivatives: nonlinear programmes with constraints.

Ipopt is an interior-point method for large problems (Wächter and Biegler, Mathematical
Programming 106, 2006). In: functions of NumPy. Out: the solution that Ipopt finds from
their gradient, the Jacobian of the constraints and the Hessian of the Lagrangian. They
are compiled, and sparse by the patterns of ``chainrule.sparse``. ``problems`` has what
users call, ``limits`` constraints, ``runs`` what Ipopt calls.

Ipopt comes with ``pip install chainrule[ipopt]``.
"""

from chainrule.ipopt.problems import Problem, problem
from chainrule.ipopt.runs import Solution

__all__ = ["Problem", "Solution", "problem"]
