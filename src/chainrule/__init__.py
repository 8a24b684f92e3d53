"""chainrule: exact derivatives of ordinary Python and NumPy code, step by step."""

import typing

from chainrule import errors, linalg, numpy, operations, operations_grad
from chainrule.compile import (
    compile,
    cond,
    program,
    scan,
    source,
    vmap,
    while_loop,
)
from chainrule.custom import checkpoint, custom_operation
from chainrule.explain import draw, explain
from chainrule.graph import generate_graph, topological_sort
from chainrule.nodes import node
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

__all__ = [
    "check_gradients",
    "checkpoint",
    "compile",
    "cond",
    "custom_operation",
    "draw",
    "elementwise_grad",
    "errors",
    "explain",
    "generate_graph",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "linalg",
    "linearize",
    "node",
    "numpy",
    "operations",
    "operations_grad",
    "program",
    "scan",
    "source",
    "stop_gradient",
    "topological_sort",
    "value",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
    "zero_grad",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> typing.Any:
    """Find a wrapped function: ``gd.sin`` is ``gd.operations.sin``."""
    if not name.startswith("_") and operations.is_public(name):
        return getattr(operations, name)
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, the wrapped functions among them."""
    return sorted([*__all__, *filter(operations.is_public, dir(operations))])
