"""``scipy.integrate`` on nodes: integrals of functions, and of samples.

An integral depends on its limits, on ``args``, and on the nodes that its integrand
closes over; its derivative is an integral too (``integrals.py``). The solution of a
differential equation is differentiated by the steps that SciPy's solver accepted
(``replay.py``), or by the equation of its cotangents (``flow.py``).
"""

import scipy.integrate

from chainrule.numpy import mirror
from chainrule.scipy.integrate import samples as samples
from chainrule.scipy.integrate.boundary_values import solve_bvp as solve_bvp
from chainrule.scipy.integrate.initial_values import solve_ivp as solve_ivp
from chainrule.scipy.integrate.nested import dblquad as dblquad
from chainrule.scipy.integrate.nested import nquad as nquad
from chainrule.scipy.integrate.nested import tplquad as tplquad
from chainrule.scipy.integrate.odepack import odeint as odeint
from chainrule.scipy.integrate.quadrature import fixed_quad as fixed_quad
from chainrule.scipy.integrate.quadrature import quad as quad
from chainrule.scipy.integrate.quadrature import quad_vec as quad_vec

__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.integrate)
