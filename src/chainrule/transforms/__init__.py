"""Transforms: functions that return the derivative of a function.

In: a function of plain values. Out: a function that records it, sweeps the recording
and arranges the results as the arguments are.
"""

from chainrule.transforms.gradients import elementwise_grad, grad, value_and_grad
from chainrule.transforms.matrices import hessian, jacobian
from chainrule.transforms.products import hvp, jvp, linearize, vjp
from chainrule.transforms.values import stop_gradient, value, zero_grad

__all__ = [
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linearize",
    "stop_gradient",
    "value",
    "value_and_grad",
    "vjp",
    "zero_grad",
]
