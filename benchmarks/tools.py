"""What each library offers for compiled functions, under the same names for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import scipy.special

import chainrule as gd

Call = Callable[..., Any]


@dataclass(frozen=True)
class Tools:
    """A library's array namespace and its transforms.

    Attributes
    ----------
    jacfwd, jacrev
        Jacobians by forward and by reverse sweeps; ``jacobian`` is either.
    special
        Its functions of scipy.special.
    array
        Makes the library's own array of one of NumPy's.
    wait
        Returns a result when its numbers are there.
    """

    xp: Any
    compile: Call
    value_and_grad: Call
    hessian: Call
    jacobian: Call
    vmap: Call | None
    scan: Call | None
    while_loop: Call | None
    special: Any
    grad: Call
    jvp: Call
    jacfwd: Call
    jacrev: Call
    array: Call
    wait: Call


def as_it_is(x: Any) -> Any:
    """Return ``x``."""
    return x


def chainrule_tools() -> Tools:
    """Return chainrule's."""
    return Tools(
        np,
        gd.compile,
        gd.value_and_grad,
        gd.hessian,
        gd.jacobian,
        *(getattr(gd, name, None) for name in ("vmap", "scan", "while_loop")),
        scipy.special,
        gd.grad,
        gd.jvp,
        partial(gd.jacobian, mode="forward"),
        partial(gd.jacobian, mode="reverse"),
        array=as_it_is,
        wait=as_it_is,
    )


def jax_tools(*, reverse: bool = False) -> Tools:
    """Return JAX's, in double precision; its Jacobians by forward sweeps or reverse."""
    import jax
    import jax.scipy

    jax.config.update("jax_enable_x64", True)
    return Tools(
        jax.numpy,
        jax.jit,
        jax.value_and_grad,
        jax.hessian,
        jax.jacrev if reverse else jax.jacfwd,
        jax.vmap,
        jax.lax.scan,
        jax.lax.while_loop,
        jax.scipy.special,
        jax.grad,
        jax.jvp,
        jax.jacfwd,
        jax.jacrev,
        array=jax.numpy.asarray,
        wait=jax.block_until_ready,
    )


def torch_tools() -> Tools:
    """Return PyTorch's: eager, in double precision, on one thread."""
    import torch

    torch.set_num_threads(1)
    names = (
        "arange concatenate exp linspace log sign sin cos sqrt stack sum swapaxes tanh "
        "where zeros_like"
    ).split()
    xp = SimpleNamespace(**{name: getattr(torch, name) for name in names})
    xp.max, xp.min = torch.amax, torch.amin
    xp.zeros = partial(torch.zeros, dtype=torch.float64)
    xp.linspace = partial(torch.linspace, dtype=torch.float64)
    f = torch.func
    return Tools(
        xp,
        as_it_is,
        f.grad_and_value,
        f.hessian,
        f.jacrev,
        f.vmap,
        None,
        None,
        torch.special,
        f.grad,
        f.jvp,
        f.jacfwd,
        f.jacrev,
        array=torch.from_numpy,
        wait=as_it_is,
    )
