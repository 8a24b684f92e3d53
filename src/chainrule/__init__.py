"""chainrule: exact derivatives of ordinary Python and NumPy code, step by step."""

import importlib
import typing

from chainrule import errors, linalg, numpy, operations, operations_grad
from chainrule.explainer import diagnose, draw, explain
from chainrule.nodes.node_class import node
from chainrule.numpy.making import empty, full, ones, zeros
from chainrule.settings import options
from chainrule.sweeps.order import generate_graph, topological_sort
from chainrule.transforms.gradients import elementwise_grad, grad, value_and_grad
from chainrule.transforms.matrices import hessian, jacobian
from chainrule.transforms.products import hvp, jvp, linearize, vjp
from chainrule.transforms.values import stop_gradient, value, zero_grad

if typing.TYPE_CHECKING:
    from chainrule import interop as interop
    from chainrule import ipopt as ipopt
    from chainrule import scipy
    from chainrule import sparse as sparse
    from chainrule.about import versions
    from chainrule.chunks import map_reduce
    from chainrule.compiler import (
        compile,
        cond,
        load,
        program,
        save,
        scan,
        source,
        to_c,
        vmap,
        while_loop,
    )
    from chainrule.lifting import lift
    from chainrule.parallel import pmap
    from chainrule.solving import implicit, linear_solve
    from chainrule.sparse import hessian_diagonal as hessian_diagonal
    from chainrule.sparse import linear_map as linear_map
    from chainrule.support import supported
    from chainrule.testing import check_gradients
    from chainrule.transforms.checkpoint import checkpoint
    from chainrule.transforms.custom_operation import custom_operation
    from chainrule.transforms.numerical import numerical
    from chainrule.transforms.operands import closure_vjp
    from chainrule.transforms.propagation import propagate

__all__ = [
    "check_gradients",
    "checkpoint",
    "closure_vjp",
    "compile",
    "cond",
    "custom_operation",
    "diagnose",
    "draw",
    "elementwise_grad",
    "empty",
    "errors",
    "explain",
    "full",
    "generate_graph",
    "grad",
    "hessian",
    "hvp",
    "implicit",
    "interop",
    "jacobian",
    "jvp",
    "lift",
    "linalg",
    "linear_solve",
    "linearize",
    "load",
    "map_reduce",
    "node",
    "numerical",
    "numpy",
    "ones",
    "operations",
    "operations_grad",
    "options",
    "pmap",
    "program",
    "propagate",
    "save",
    "scan",
    "scipy",
    "source",
    "stop_gradient",
    "supported",
    "to_c",
    "topological_sort",
    "value",
    "value_and_grad",
    "versions",
    "vjp",
    "vmap",
    "while_loop",
    "zero_grad",
    "zeros",
]

__version__ = "0.2.0"


_OF_THE_COMPILER = (
    "compile cond load program save scan source to_c vmap while_loop".split()
)
"""The compiler is half of the library: it is loaded when it is first asked for."""
_HOMES = {
    "check_gradients": "chainrule.testing",
    "checkpoint": "chainrule.transforms.checkpoint",
    "closure_vjp": "chainrule.transforms.operands",
    "custom_operation": "chainrule.transforms.custom_operation",
    "implicit": "chainrule.solving",
    "lift": "chainrule.lifting",
    "linear_solve": "chainrule.solving",
    "map_reduce": "chainrule.chunks",
    "numerical": "chainrule.transforms.numerical",
    "pmap": "chainrule.parallel",
    "propagate": "chainrule.transforms.propagation",
    "register_arrays": "chainrule.values.foreign",
    "supported": "chainrule.support",
    "versions": "chainrule.about",
}
"""Other functions that are loaded when they are first asked for, and their modules."""
_WITH_SCIPY = ("ipopt", "sparse", "hessian_diagonal", "linear_map")
"""They need SciPy, so ``from chainrule import *`` leaves them out."""


def __getattr__(name: str) -> typing.Any:
    """Find a function of the compiler, or a wrapped one: ``gd.sin``."""
    if name in _HOMES:
        found = getattr(importlib.import_module(_HOMES[name]), name)
        return globals().setdefault(name, found)
    if name in ("interop", "ipopt", "scipy"):
        return importlib.import_module(f"chainrule.{name}")
    if name in _WITH_SCIPY:
        sparse = importlib.import_module("chainrule.sparse")
        return sparse if name == "sparse" else getattr(sparse, name)
    if name == "compiler" or name in _OF_THE_COMPILER:
        compiler = importlib.import_module("chainrule.compiler")
        for known in _OF_THE_COMPILER:
            globals()[known] = getattr(compiler, known)
        return globals()[name]
    if not name.startswith("_") and operations.is_public(name):
        return getattr(operations, name)
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, the wrapped functions among them."""
    return sorted(
        [*__all__, *_WITH_SCIPY, *filter(operations.is_public, dir(operations))]
    )
