"""chainrule: exact derivatives of ordinary Python and NumPy code, step by step."""

from chainrule import numpy as numpy
from chainrule.custom import checkpoint, custom_operation
from chainrule.graph import generate_graph, topological_sort
from chainrule.nodes import node
from chainrule.operations import *  # noqa: F403
from chainrule.testing import check_gradients
from chainrule.transforms import (
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    linearize,
    stop_gradient,
    value,
    value_and_grad,
    vjp,
    zero_grad,
)
