"""PyTorch's functions and networks inside ours: differentiated there, by ``backward``.

``from_torch`` makes an operation of them. The derivative of one is computed with a
graph where it is to be differentiated again, so that it is a function of tensors, too.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from chainrule.errors import ArgumentError
from chainrule.interop.flat import Bridge, Positions
from chainrule.interop.outer import Function, operation_of
from chainrule.interop.torch_tensors import (
    Tensor,
    array_of,
    conjugate,
    tensor_of,
    torch,
)
from chainrule.values.types import Value

forward_mode: Any = importlib.import_module("torch.autograd.forward_ad")


_TRANSPOSED: ContextVar[bool] = ContextVar("_TRANSPOSED", default=False)
"""Whether tangents are made by the transpose, and not by PyTorch's forward mode."""


def from_torch(f: Callable[..., Any]) -> Bridge | Network:
    """Return a function or a module of PyTorch as an operation of ours.

    Parameters
    ----------
    f
        A function of tensors and containers of them, or a ``torch.nn.Module``.

    Returns
    -------
    Bridge or Network
        It takes numbers, arrays and nodes where ``f`` takes tensors, and returns arrays
        where ``f`` returns tensors. It is differentiated at every order and in both
        directions, by PyTorch. A module's parameters come first:
        ``net(parameters, x)``, a dict of arrays by name, such as ``net.parameters()``
        returns. Those left out are the module's own, and constants.
        ``net.load(parameters)`` writes arrays into the module.

    Raises
    ------
    ArgumentError
        When called, if ``f`` draws random numbers, which would be others in the
        derivative; if it returns no tensors, or such as NumPy has no arrays for.

    Notes
    -----
    Tensors have the dtypes of the arrays: Python's floats and NumPy's arrays are in
    double precision, where a module is in single precision. Write ``module.double()``,
    or pass arrays of ``float32``. A module's buffers are copied for each call: what it
    writes into them, as batch normalisation does in training, is not kept.

    Examples
    --------
    >>> import chainrule as gd, numpy as np, torch
    >>> net = gd.interop.from_torch(torch.nn.Linear(2, 1).double())
    >>> def loss(p, x):
    ...     return np.sum(net(p, x) ** 2)
    >>> gd.grad(loss)(net.parameters(), np.ones((3, 2)))
    {'weight': array([[..., ...]]), 'bias': array([...])}
    """
    if isinstance(f, torch.nn.Module):
        return Network(f)
    return operation_of(Torch(), from_torch, f)


def _unnamed(f: Callable[..., Any]) -> Bridge:
    return operation_of(Torch(), _unnamed, f)


class Network:
    """A module of PyTorch, as an operation of its parameters and its arguments."""

    def __init__(self, module: Any) -> None:
        """Keep the module: its structure, its buffers, and what is not passed."""
        self.module = module

        def call(parameters: Mapping[str, Tensor], *args: Any, **keywords: Any) -> Any:
            buffers = {k: x.clone() for k, x in module.named_buffers()}
            state = {**buffers, **parameters}
            return torch.func.functional_call(module, state, args, keywords)

        call.__name__ = type(module).__name__
        self._operation: Bridge = operation_of(Torch(), _unnamed, call)

    def __reduce__(self) -> Any:
        """Pickle the module."""
        return Network, (self.module,)

    def __call__(
        self, parameters: Mapping[str, Any], *args: Any, **keywords: Any
    ) -> Any:
        """Call the module with these parameters."""
        known: dict[str, Tensor] = dict(self.module.named_parameters())
        if not (hasattr(parameters, "keys") and parameters.keys() <= known.keys()):
            raise ArgumentError(
                f"{type(self.module).__name__} takes its parameters first, a dict with "
                f"the names {', '.join(known)}. Write net(net.parameters(), x), or "
                "net({}, x) where they are constants."
            )
        return self._operation(dict(parameters), *args, **keywords)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the module as arrays, by their names."""
        return {k: array_of(x.cpu()) for k, x in self.module.named_parameters()}

    def load(self, parameters: Mapping[str, Any]) -> None:
        """Write arrays into the parameters of the module, by their names."""
        known = dict(self.module.named_parameters())
        with torch.no_grad():
            for name, x in parameters.items():
                known[name].copy_(tensor_of(x))


class Torch:
    """What PyTorch can do with a function of tensors."""

    name = "PyTorch"

    def is_array(self, x: Value | Tensor) -> bool:
        """Tell whether a value is a tensor."""
        return isinstance(x, torch.Tensor)

    def entering(self, x: Value) -> Tensor:
        """Return an array as a tensor."""
        return tensor_of(x)

    def leaving(self, x: Tensor) -> Any:
        """Return a tensor as an array, one without axes as a number."""
        return array_of(x)[()]

    def run(self, f: Function, xs: Sequence[Tensor]) -> list[Tensor]:
        """Call a function; refuse one that draws random numbers."""
        before = torch.random.get_rng_state()
        with torch.no_grad():
            results = f(xs)
        if not torch.equal(before, torch.random.get_rng_state()):
            raise ArgumentError(
                "A function of PyTorch drew random numbers, so that its derivative "
                "would be that of another draw. Pass them as an argument, or call "
                "module.eval() where they are those of dropout."
            )
        return results

    def pull(
        self,
        f: Function,
        wanted: Positions,
        given: Positions,
        xs: Sequence[Tensor],
        bars: Sequence[Tensor],
    ) -> list[Tensor]:
        """Return cotangents of the wanted operands, by ``torch.autograd.grad``.

        Some of PyTorch's tangents have no derivative (``logsumexp``): they are then
        made by the transpose.
        """
        try:
            return self._pulled(f, wanted, given, xs, bars)
        except RuntimeError:
            if _TRANSPOSED.get():
                raise
        token = _TRANSPOSED.set(True)
        try:
            return self._pulled(f, wanted, given, xs, bars)
        finally:
            _TRANSPOSED.reset(token)

    def _pulled(
        self,
        f: Function,
        wanted: Positions,
        given: Positions,
        xs: Sequence[Tensor],
        bars: Sequence[Tensor],
    ) -> list[Tensor]:
        nested = torch.is_grad_enabled()
        with torch.enable_grad():
            operands, inputs = _opened(xs, wanted)
            computed = f(operands)
        grads = _grad(
            [computed[i] for i in given],
            inputs,
            list(map(conjugate, bars)),
            graph=nested,
        )
        return list(map(conjugate, grads))

    def push(
        self,
        f: Function,
        moving: Positions,
        taken: Positions,
        xs: Sequence[Tensor],
        dots: Sequence[Tensor],
    ) -> list[Tensor]:
        """Return tangents of the results that are taken, if it can by forward mode.

        It cannot where a step has none, nor inside another tangent.
        """
        nested = torch.is_grad_enabled()
        if _TRANSPOSED.get():
            return _transposed(f, moving, taken, xs, dots, graph=nested)
        try:
            return _pushed(f, moving, taken, xs, dots)
        except (NotImplementedError, RuntimeError):
            return _transposed(f, moving, taken, xs, dots, graph=nested)


def _pushed(
    f: Function,
    moving: Positions,
    taken: Positions,
    xs: Sequence[Tensor],
    dots: Sequence[Tensor],
) -> list[Tensor]:
    """Return tangents by PyTorch's forward mode."""
    with torch.enable_grad(), forward_mode.dual_level():
        operands, inputs = _opened(xs, moving)
        for i, x, t in zip(moving, inputs, dots, strict=True):
            operands[i] = forward_mode.make_dual(x, t).clone()
        computed = f(operands)
        pairs = [forward_mode.unpack_dual(computed[i]) for i in taken]
        return [torch.zeros_like(z) if t is None else t for z, t in pairs]


def _transposed(
    f: Function,
    moving: Positions,
    taken: Positions,
    xs: Sequence[Tensor],
    dots: Sequence[Tensor],
    *,
    graph: bool,
) -> list[Tensor]:
    """Return tangents by the transpose of the linear map from cotangents.

    Source: J. Townsend, "A new trick for calculating Jacobian vector products" (2017).
    """
    with torch.enable_grad():
        operands, inputs = _opened(xs, moving)
        computed = f(operands)
        results = [computed[i] for i in taken]
        bars = [torch.zeros_like(z).requires_grad_() for z in results]
        pulled = _grad(results, inputs, bars, graph=True)
    return _grad(pulled, bars, dots, graph=graph)


def _grad(
    results: Sequence[Tensor],
    inputs: Sequence[Tensor],
    bars: Sequence[Tensor],
    *,
    graph: bool,
) -> list[Tensor]:
    """Return gradients, zeros where there are none, with a graph if they need one."""
    pairs = zip(results, bars, strict=True)
    seeds = [(z, bar) for z, bar in pairs if z.requires_grad]
    if not seeds:
        return list(map(torch.zeros_like, inputs))
    outputs, gradients = zip(*seeds, strict=True)
    return torch.autograd.grad(
        outputs,
        inputs,
        gradients,
        create_graph=graph,
        allow_unused=True,
        materialize_grads=True,
    )


def _opened(
    xs: Sequence[Tensor], places: Positions
) -> tuple[list[Tensor], list[Tensor]]:
    """Return operands of which some have a gradient, and what that is the gradient of.

    Operands are copies, since PyTorch lets nobody write into what has a gradient.
    """
    operands, inputs = list(xs), list[Tensor]()
    for i in places:
        x = operands[i]
        inputs.append(x.view_as(x) if x.requires_grad else x.detach().requires_grad_())
        operands[i] = inputs[-1].clone()
    return operands, inputs
