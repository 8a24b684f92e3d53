"""``autograd``, as a program imports it, by chainrule."""

from chainrule.compat.autograd import core as core
from chainrule.compat.autograd import differential_operators as differential_operators
from chainrule.compat.autograd import extend as extend
from chainrule.compat.autograd import numpy as numpy
from chainrule.compat.autograd import tracer as tracer
from chainrule.compat.autograd import util as util
from chainrule.compat.autograd import wrap_util as wrap_util
from chainrule.compat.autograd.builtins import dict as dict
from chainrule.compat.autograd.builtins import isinstance as isinstance
from chainrule.compat.autograd.builtins import list as list
from chainrule.compat.autograd.builtins import tuple as tuple
from chainrule.compat.autograd.builtins import type as type
from chainrule.compat.autograd.core import primitive as primitive
from chainrule.compat.autograd.differential_operators import (
    checkpoint as checkpoint,
)
from chainrule.compat.autograd.differential_operators import (
    deriv as deriv,
)
from chainrule.compat.autograd.differential_operators import (
    elementwise_grad as elementwise_grad,
)
from chainrule.compat.autograd.differential_operators import (
    grad as grad,
)
from chainrule.compat.autograd.differential_operators import (
    grad_and_aux as grad_and_aux,
)
from chainrule.compat.autograd.differential_operators import (
    grad_named as grad_named,
)
from chainrule.compat.autograd.differential_operators import (
    hessian as hessian,
)
from chainrule.compat.autograd.differential_operators import (
    hessian_tensor_product as hessian_tensor_product,
)
from chainrule.compat.autograd.differential_operators import (
    hessian_vector_product as hessian_vector_product,
)
from chainrule.compat.autograd.differential_operators import (
    holomorphic_grad as holomorphic_grad,
)
from chainrule.compat.autograd.differential_operators import (
    jacobian as jacobian,
)
from chainrule.compat.autograd.differential_operators import (
    make_ggnvp as make_ggnvp,
)
from chainrule.compat.autograd.differential_operators import (
    make_hvp as make_hvp,
)
from chainrule.compat.autograd.differential_operators import (
    make_jvp as make_jvp,
)
from chainrule.compat.autograd.differential_operators import (
    make_vjp as make_vjp,
)
from chainrule.compat.autograd.differential_operators import (
    multigrad_dict as multigrad_dict,
)
from chainrule.compat.autograd.differential_operators import (
    tensor_jacobian_product as tensor_jacobian_product,
)
from chainrule.compat.autograd.differential_operators import (
    value_and_grad as value_and_grad,
)
from chainrule.compat.autograd.differential_operators import (
    vector_jacobian_product as vector_jacobian_product,
)

__version__ = "1.9.1"
"""The autograd whose names these are."""
