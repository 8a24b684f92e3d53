"""NumPy functions inside PyTorch: differentiated here, and called from there.

In: a function of arrays. Out: a function of tensors, whose derivatives PyTorch asks for
in its own ways: ``backward`` at every order, ``torch.func``, forward mode, ``vmap``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.interop.flat import (
    Base,
    Bases,
    Bridge,
    Flat,
    Outside,
    Positions,
    Recorded,
    is_number,
)
from chainrule.interop.torch_graphs import called_by_name, is_called_by_name
from chainrule.interop.torch_tensors import (
    Tensor,
    array_of,
    conjugate,
    is_inexact,
    outside_dynamo,
    tensor_of,
    torch,
)
from chainrule.values.types import Value


def function(f: Callable[..., Any]) -> Bridge:
    """Return ``f``, a function of NumPy's arrays, as a function of PyTorch's tensors.

    Parameters
    ----------
    f
        A function of arrays, numbers and containers of them, which returns such. It may
        be compiled: ``function(gd.compile(f))``.

    Returns
    -------
    Bridge
        It takes tensors where ``f`` takes arrays, and returns tensors with the dtypes
        and shapes of the arrays that ``f`` returns. What is no tensor is passed to
        ``f`` as it is and is not differentiated. Gradients flow through it at every
        order, with PyTorch's conjugate convention for complex numbers, and so do
        ``torch.func``'s transforms and forward mode.

    Raises
    ------
    ArgumentError
        When called, if a tensor is not in the memory of the CPU, is sparse, or has a
        dtype that NumPy has not (``bfloat16``); if ``f`` returns no numbers; where
        PyTorch knows shapes alone (``torch.export``).

    Notes
    -----
    ``f`` is given copies: it may write into them, and tensors may be changed after the
    call. With gradients it is called once, on nodes, and once more for each derivative
    of a derivative; a compiled one runs a compiled derivative instead.

    Examples
    --------
    >>> import chainrule as gd, numpy as np, torch
    >>> f = gd.interop.torch.function(lambda x: np.sum(np.sin(x) * x))
    >>> x = torch.tensor([0.0, 1.0], requires_grad=True)
    >>> f(x).backward()
    >>> x.grad
    tensor([0.0000, 1.3818])
    """
    bases = Bases(f, Base)

    def bridged(*args: Any, **keywords: Any) -> Any:
        base, operands = bases.taken(args, keywords, _is_operand)
        results = _called(base, operands)
        returned: Any = base.returned
        return returned.filled(results)

    return Bridge(function, f, outside_dynamo(bridged))


def _is_operand(x: Value | Tensor) -> bool:
    return isinstance(x, torch.Tensor) or is_number(x)


# ----------------------------------------------------------------------------- a call


def _called(
    flat: Flat, operands: Sequence[Any], answer: Callable[..., Any] | None = None
) -> list[Tensor]:
    """Call a function of arrays with tensors and numbers, as one step of PyTorch."""
    moving: list[int] = []
    if torch.is_grad_enabled() and flat.compiled is None and answer is None:
        moving = [
            i for i, x in enumerate(operands) if is_inexact(x) and x.requires_grad
        ]
    return list(_Step.apply(_Call(flat, tuple(moving), answer), *operands))


class _Call:
    """A call, and the recording that it leaves for its derivative."""

    def __init__(
        self, flat: Flat, moving: Positions, answer: Callable[..., Any] | None
    ) -> None:
        self.flat, self._moving, self._answer = flat, moving, answer
        self._recorded: Recorded | None = None

    def run(self, operands: Sequence[Any]) -> list[Any]:
        """Return the results, recorded if they are to be differentiated."""
        if self._answer is not None:
            return self._answer(operands)
        xs = list(map(array_of, operands))
        if not self._moving:
            return self.flat.run(*xs)
        self._recorded = Recorded(self.flat, xs, self._moving)
        return self._recorded.results

    def pulled(
        self, wanted: Positions, given: Positions
    ) -> tuple[Flat, Callable[..., list[Any]] | None]:
        """Return the derivative, and what answers for it at these operands."""
        recorded, pulled = self._recorded, self.flat.pulled(wanted, given)
        if recorded is None or not set(wanted) <= set(self._moving):
            return pulled, None

        def answer(operands: Sequence[Any]) -> list[Any]:
            bars = operands[len(operands) - len(given) :]
            return recorded.pull(wanted, given, list(map(array_of, bars)))

        return pulled, answer


class _Context(Outside):
    """What PyTorch keeps of a step."""

    call: _Call
    numbers: list[Any]
    inexact: list[bool]


class _Step(torch.autograd.Function):
    """A step of PyTorch's recording: a function of arrays, and its derivatives.

    Its operands are a call, then tensors and numbers.
    """

    @staticmethod
    def forward(call: _Call, *operands: Value | Tensor) -> tuple[Tensor, ...]:
        """Call the function."""
        if is_called_by_name(operands):
            return called_by_name(call.flat, operands, _called)
        return tuple(map(tensor_of, call.run(operands)))

    @staticmethod
    def setup_context(
        ctx: _Context, inputs: Sequence[Any], output: Sequence[Tensor]
    ) -> None:
        """Keep the operands; the results' dtypes say which have a derivative."""
        call, *operands = inputs
        tensors = [x for x in operands if isinstance(x, torch.Tensor)]
        ctx.call = call
        ctx.numbers = [None if isinstance(x, torch.Tensor) else x for x in operands]
        ctx.inexact = list(map(is_inexact, output))
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*(z for z in output if not is_inexact(z)))
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx: _Context, *bars: Any) -> tuple[Any, ...]:
        """Pull cotangents back, as a step that can be differentiated again."""
        operands = _operands(ctx)
        wanted = tuple(
            i
            for i, (x, w) in enumerate(
                zip(operands, ctx.needs_input_grad[1:], strict=True)
            )
            if w and is_inexact(x)
        )
        given = tuple(i for i, g in enumerate(bars) if g is not None and ctx.inexact[i])
        grads: list[Any] = [None] * len(operands)
        if wanted and given:
            flat, answer = ctx.call.pulled(wanted, given)
            seeds = [conjugate(bars[i]) for i in given]
            pulled = _called(flat, [*operands, *seeds], answer)
            for i, g in zip(wanted, pulled, strict=True):
                grads[i] = conjugate(g).to(operands[i].dtype)
        return None, *grads

    @staticmethod
    def jvp(ctx: _Context, _: None, *dots: Tensor | None) -> tuple[Any, ...]:
        """Push tangents forward, as a step that can be differentiated again."""
        moving = tuple(i for i, t in enumerate(dots) if isinstance(t, torch.Tensor))
        taken = tuple(i for i, inexact in enumerate(ctx.inexact) if inexact)
        tangents: list[Any] = [None] * len(ctx.inexact)
        if moving and taken:
            flat = ctx.call.flat.pushed(moving, taken)
            pushed = _called(flat, [*_operands(ctx), *(dots[i] for i in moving)])
            for i, t in zip(taken, pushed, strict=True):
                tangents[i] = t
        return tuple(tangents)

    @staticmethod
    def vmap(
        info: _Context,
        in_dims: Sequence[int | None],
        call: _Call,
        *operands: Value | Tensor,
    ) -> Any:
        """Call the function for each example."""
        del info
        results = _called(call.flat.mapped(tuple(in_dims[1:])), operands)
        return tuple(results), (0,) * len(results)


# PyTorch asks for it in each call, and Python takes 30 us to work it out.
_Step.forward.__signature__ = inspect.signature(_Step.forward)  # type: ignore


def _operands(ctx: _Context) -> list[Any]:
    """Return the operands that a step has kept."""
    tensors = iter(ctx.saved_tensors)
    return [next(tensors) if x is None else x for x in ctx.numbers]
