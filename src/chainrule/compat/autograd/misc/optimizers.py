"""``autograd.misc.optimizers``: gradient descent on containers of arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compat.autograd.misc.flatten import flatten
from chainrule.compat.autograd.wrap_util import wraps

Function = Callable[..., Any]


def unflatten_optimizer(optimize: Function) -> Function:
    """Return an optimizer of vectors as one of containers."""

    @wraps(optimize)
    def of_containers(
        grad: Function,
        x0: Any,
        callback: Function | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        start, unflatten = flatten(x0)

        def flat_grad(x: Any, i: int) -> Any:
            return flatten(grad(unflatten(x), i))[0]

        def flat_callback(x: Any, i: int, g: Any) -> None:
            if callback is not None:
                callback(unflatten(x), i, unflatten(g))

        told = flat_callback if callback else None
        return unflatten(optimize(flat_grad, start, told, *args, **kwargs))

    return of_containers


@unflatten_optimizer
def sgd(
    grad: Function,
    x: Any,
    callback: Function | None = None,
    num_iters: int = 200,
    step_size: float = 0.1,
    mass: float = 0.9,
) -> Any:
    """Descend along ``grad(x, i)`` with momentum."""
    velocity: Any = np.zeros(len(x))
    for i in range(num_iters):
        g = grad(x, i)
        if callback:
            callback(x, i, g)
        velocity = mass * velocity - (1.0 - mass) * g
        x = x + step_size * velocity
    return x


@unflatten_optimizer
def rmsprop(
    grad: Function,
    x: Any,
    callback: Function | None = None,
    num_iters: int = 100,
    step_size: float = 0.1,
    gamma: float = 0.9,
    eps: float = 1e-8,
) -> Any:
    """Descend by steps over the root of the mean square of the gradient."""
    mean_square: Any = np.ones(len(x))
    for i in range(num_iters):
        g = grad(x, i)
        if callback:
            callback(x, i, g)
        mean_square = gamma * mean_square + (1.0 - gamma) * g**2
        x = x - step_size * g / (np.sqrt(mean_square) + eps)
    return x


@unflatten_optimizer
def adam(
    grad: Function,
    x: Any,
    callback: Function | None = None,
    num_iters: int = 100,
    step_size: float = 0.001,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
) -> Any:
    """Descend by the moments of the gradient. Source: Kingma and Ba (2015), sec. 2."""
    first: Any = np.zeros(len(x))
    second: Any = np.zeros(len(x))
    for i in range(num_iters):
        g = grad(x, i)
        if callback:
            callback(x, i, g)
        first = b1 * first + (1.0 - b1) * g
        second = b2 * second + (1.0 - b2) * g**2
        unbiased = first / (1.0 - b1 ** (i + 1))
        spread = second / (1.0 - b2 ** (i + 1))
        x = x - step_size * unbiased / (np.sqrt(spread) + eps)
    return x
