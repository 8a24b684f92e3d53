"""``autograd.extend``: what a program uses to add functions and classes of values."""

from chainrule.compat.autograd.core import JVPNode as JVPNode
from chainrule.compat.autograd.core import SparseObject as SparseObject
from chainrule.compat.autograd.core import VJPNode as VJPNode
from chainrule.compat.autograd.core import VSpace as VSpace
from chainrule.compat.autograd.core import def_linear as def_linear
from chainrule.compat.autograd.core import defjvp as defjvp
from chainrule.compat.autograd.core import defjvp_argnum as defjvp_argnum
from chainrule.compat.autograd.core import defjvp_argnums as defjvp_argnums
from chainrule.compat.autograd.core import defvjp as defvjp
from chainrule.compat.autograd.core import defvjp_argnum as defvjp_argnum
from chainrule.compat.autograd.core import defvjp_argnums as defvjp_argnums
from chainrule.compat.autograd.core import vspace as vspace
from chainrule.compat.autograd.tracer import Box as Box
from chainrule.compat.autograd.tracer import Node as Node
from chainrule.compat.autograd.tracer import notrace_primitive as notrace_primitive
from chainrule.compat.autograd.tracer import primitive as primitive
from chainrule.compat.autograd.tracer import register_notrace as register_notrace
