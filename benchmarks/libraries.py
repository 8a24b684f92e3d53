"""How each library computes the gradient of a workload.

A *maker* takes a workload and returns a call without arguments that runs it forward and
backward and returns one plain gradient per argument. Leaves that a library keeps from
one run to the next are made outside the call. Peers are imported only when asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

import chainrule as gd
from benchmarks.workload import Workload

Call = Callable[[], list[Any]]
Maker = Callable[[Workload], Call]

RECURSION_LIMIT = 20_000
"""micrograd sorts its graph by recursion, a thousand operations deep."""


def chainrule_transform(workload: Workload) -> Call:
    """Differentiate as a user with NumPy code does: ``gd.value_and_grad``."""
    run = gd.value_and_grad(_numpy_function(workload), _argnums(workload))
    return lambda: list(run(*workload.arguments)[1])


def chainrule_backward(workload: Workload) -> Call:
    """Differentiate as the first example of the README does: ``z.backward()``."""

    def call() -> list[Any]:
        leaves = [gd.node(x) for x in workload.arguments]
        workload(np, *leaves).backward()
        return [leaf.grad for leaf in leaves]

    return call


def chainrule_hessian(workload: Workload) -> Call:
    """Differentiate twice: ``gd.hessian``."""
    run = gd.hessian(_numpy_function(workload))
    return lambda: [run(*workload.arguments)]


def numpy_forward(workload: Workload) -> Call:
    """Run forward on plain arrays, with no differentiation: the floor."""
    return lambda: [workload(np, *workload.arguments)]


def micrograd_backward(workload: Workload) -> Call:
    """Differentiate with ``micrograd.engine.Value``."""
    from micrograd.engine import Value

    def call() -> list[Any]:
        leaves = [Value(x) for x in workload.arguments]
        workload(None, *leaves).backward()
        return [leaf.grad for leaf in leaves]

    sys.setrecursionlimit(max(RECURSION_LIMIT, sys.getrecursionlimit()))
    return call


def torch_backward(workload: Workload) -> Call:
    """Differentiate with PyTorch: eager, float64, one thread."""
    import torch

    torch.set_num_threads(1)
    names = ("sin", "cos", "exp", "log", "tanh", "sqrt", "sum")
    xp = SimpleNamespace(**{n: getattr(torch, n) for n in names}, max=torch.amax)
    leaves = [
        torch.tensor(x, dtype=torch.float64, requires_grad=True)
        for x in workload.arguments
    ]
    constants = [torch.from_numpy(x) for x in workload.constants]

    def call() -> list[Any]:
        for leaf in leaves:
            leaf.grad = None
        workload(xp, *leaves, constants=constants).backward()
        return [leaf.grad.numpy() for leaf in leaves]

    return call


def autograd_transform(workload: Workload) -> Call:
    """Differentiate with HIPS autograd's ``value_and_grad``."""
    import autograd
    import autograd.numpy as anp

    run = autograd.value_and_grad(
        lambda *arguments: workload(anp, *arguments), _argnums(workload)
    )
    return lambda: list(run(*workload.arguments)[1])


def autograd_hessian(workload: Workload) -> Call:
    """Differentiate twice with HIPS autograd's ``hessian``."""
    import autograd
    import autograd.numpy as anp

    run = autograd.hessian(lambda x: workload(anp, x))
    return lambda: [run(*workload.arguments)]


def mygrad_backward(workload: Workload) -> Call:
    """Differentiate with MyGrad's tensors."""
    import mygrad

    def call() -> list[Any]:
        leaves = [mygrad.tensor(x) for x in workload.arguments]
        workload(mygrad, *leaves).backward()
        return [leaf.grad for leaf in leaves]

    return call


def jax_hessian(workload: Workload) -> Call:
    """Differentiate twice with ``jax.hessian``, operation by operation."""
    return _jax_hessian(workload, compiled=False)


def jax_jit_hessian(workload: Workload) -> Call:
    """Differentiate twice with ``jax.jit(jax.hessian(f))``; compiling is not timed."""
    return _jax_hessian(workload, compiled=True)


def _jax_hessian(workload: Workload, *, compiled: bool) -> Call:
    import jax

    jax.config.update("jax_enable_x64", True)
    run = jax.hessian(lambda x: workload(jax.numpy, x))
    run = jax.jit(run) if compiled else run
    arguments = [jax.numpy.asarray(x) for x in workload.arguments]
    return lambda: [run(*arguments).block_until_ready()]


MAKERS: dict[tuple[str, int], Maker] = {
    ("chainrule", 1): chainrule_transform,
    ("chainrule backward()", 1): chainrule_backward,
    ("chainrule", 2): chainrule_hessian,
    ("numpy forward", 1): numpy_forward,
    ("micrograd", 1): micrograd_backward,
    ("torch", 1): torch_backward,
    ("autograd", 1): autograd_transform,
    ("autograd", 2): autograd_hessian,
    ("mygrad", 1): mygrad_backward,
    ("jax", 2): jax_hessian,
    ("jax jit", 2): jax_jit_hessian,
}
"""How a library differentiates once (1) or twice (2)."""

OURS = ("chainrule", "chainrule backward()", "numpy forward")
"""What is there without any peer."""


def gradient_call(library: str, workload: Workload) -> Call:
    """Return the call that computes a workload's derivatives with a library."""
    return MAKERS[library, workload.order](workload)


def _numpy_function(workload: Workload) -> Callable[..., Any]:
    """Return the workload as the function of its arguments that a user would write."""

    def function(*arguments: Any) -> Any:
        return workload(np, *arguments)

    return function


def _argnums(workload: Workload) -> tuple[int, ...]:
    return tuple(range(len(workload.arguments)))
