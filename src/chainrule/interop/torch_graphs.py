"""Our functions as operators of PyTorch, where it does not call with numbers.

Graphs that PyTorch traces (``make_fx``, ``torch.func.linearize``) hold operators, and
its older ``vmap`` calls them for each example. There a function of arrays is called as
one: an operator for each number of operands and results, whose first operand is the
name of the function.
"""

from __future__ import annotations

import functools
import importlib
import sys
import uuid
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from chainrule.errors import ArgumentError
from chainrule.interop.flat import Base, Flat, Mapped, Pulled, Pushed
from chainrule.interop.torch_tensors import Tensor, array_of, tensor_of, torch
from chainrule.values.types import Value

_forward_ad: Any = importlib.import_module("torch.autograd.forward_ad")
_is_batched: Callable[[Tensor], bool] = torch._C._functorch.is_legacy_batchedtensor
_LIBRARY: Any = torch.library.Library("chainrule", "FRAGMENT")

Step = Callable[[Flat, Sequence[Any]], list[Tensor]]
"""Calls a function of arrays as a step of PyTorch's recording."""


class _Named(NamedTuple):
    """A function of arrays, and those of its operands that are Python's numbers."""

    flat: Flat
    numbers: tuple[tuple[int, Any], ...]
    kinds: tuple[type, ...]

    def operands(self, tensors: Sequence[Tensor]) -> list[Any]:
        """Return the tensors with the numbers between them."""
        operands: list[Any] = list(tensors)
        for i, x in self.numbers:
            operands.insert(i, x)
        return operands


_NAMES: dict[_Named, str] = {}
"""Names that graphs know functions by: kept as long as the process, as graphs are."""

_NAMED: dict[str, _Named] = {}


def is_called_by_name(operands: Sequence[Value | Tensor]) -> bool:
    """Tell whether PyTorch traces, or some operands are many tensors in one.

    Raises
    ------
    ArgumentError
        In ``torch.jit.trace``, and where tensors have shapes alone.
    """
    if torch.jit.is_tracing():
        raise ArgumentError(
            "torch.jit.trace would keep this call by the place of a Python object. "
            "Write make_fx(f)(x) of torch.fx.experimental.proxy_tensor, or "
            "torch.compile(f)."
        )
    tensors: list[Any] = [x for x in operands if isinstance(x, torch.Tensor)]
    fakes: Any = sys.modules.get("torch._subclasses.fake_tensor")
    if fakes is not None and any(isinstance(x, fakes.FakeTensor) for x in tensors):
        raise ArgumentError(
            "PyTorch has shapes alone here, as in torch.export, and a NumPy function "
            "needs numbers. Write make_fx(f, tracing_mode='real')(x), or "
            "torch.compile(f), which calls it between its graphs."
        )
    proxies: Any = sys.modules.get("torch.fx.experimental.proxy_tensor")
    if proxies is not None and proxies.get_proxy_mode():
        return True
    return any(map(_is_batched, tensors))


def called_by_name(
    flat: Flat, operands: Sequence[Value | Tensor], step: Step
) -> tuple[Tensor, ...]:
    """Call a function of arrays as an operator, which ``step`` differentiates."""
    count = _count(flat)
    if count is None:
        count = len(flat.run(*map(array_of, operands)))
    numbers: list[tuple[int, Any]] = []
    kinds: list[type] = []
    tensors: list[Tensor] = []
    for i, given in enumerate(operands):
        x: Any = given
        if isinstance(x, int | float | complex):
            numbers.append((i, x))
            kinds.append(type(x))
        else:
            tensors.append(x if isinstance(x, torch.Tensor) else tensor_of(x))
    named = _Named(flat, tuple(numbers), tuple(kinds))
    if named not in _NAMES:
        name = _NAMES[named] = f"{_title(flat)}-{uuid.uuid4().hex}"
        _NAMED[name] = named
    results = _operator(step, len(tensors), count)(_NAMES[named], *tensors)
    return (results,) if count == 1 else tuple(results)


def _count(flat: Flat) -> int | None:
    """Return how many results a function has; ``None`` if it was never called."""
    if isinstance(flat, Mapped):
        return _count(flat.of)
    if isinstance(flat, Pulled | Pushed):
        return len(flat.wanted if isinstance(flat, Pulled) else flat.taken)
    returned = flat.returned if isinstance(flat, Base) else None
    return None if returned is None else len(returned.places)


def _title(flat: Flat) -> str:
    """Return the name of the user's function, and of what is made of it."""
    if isinstance(flat, Mapped | Pulled | Pushed):
        return f"{_title(flat.of)}-{type(flat).__name__.lower()}"
    f = flat.f if isinstance(flat, Base) else flat
    return getattr(f, "__name__", "function")


def _known(name: str) -> _Named:
    if name not in _NAMED:
        raise ArgumentError(
            f"A graph of PyTorch calls {name}, a NumPy function that another process "
            "has traced. Trace it here."
        )
    return _NAMED[name]


def _run(name: str, tensors: Sequence[Tensor], count: int) -> list[Tensor]:
    """Return what a function returns for tensors that hold numbers."""
    named = _known(name)
    results = named.flat.run(*map(array_of, named.operands(tensors)))
    if len(results) != count:
        raise ArgumentError(
            f"A NumPy function returned {len(results)} arrays, where it returned "
            f"{count} while PyTorch traced it. Call it outside the graph."
        )
    return list(map(tensor_of, results))


@functools.cache
def _operator(step: Step, operands: int, count: int) -> Callable[..., Any]:
    """Return the operator that calls functions of so many operands and results."""
    kind = f"call_{operands}_{count}"
    taken = "".join(f", Tensor x{i}" for i in range(operands))
    _LIBRARY.define(f"{kind}(str name{taken}) -> ({', '.join(['Tensor'] * count)})")
    operator = getattr(torch.ops.chainrule, kind)

    def packed(results: Sequence[Tensor]) -> Any:
        return results[0] if count == 1 else tuple(results)

    def call(name: str, *tensors: Tensor) -> Any:
        return packed(_run(name, tensors, count))

    def differentiable(name: str, *tensors: Tensor) -> Any:
        if not _moves(tensors):
            with torch._C._AutoDispatchBelowAutograd():
                return operator(name, *tensors)
        if torch._C._are_functorch_transforms_active():
            raise ArgumentError(
                "torch.func would differentiate a graph that calls a NumPy function. "
                "Trace the derivative: make_fx(torch.func.grad(f))(x)."
            )
        named = _known(name)
        return packed(step(named.flat, named.operands(tensors)))

    _LIBRARY.impl(kind, call, "CompositeExplicitAutograd")
    _LIBRARY.impl(kind, differentiable, "Autograd")
    return operator


def _moves(tensors: Sequence[Tensor]) -> bool:
    """Tell whether results of these operands have a derivative."""
    if torch.is_grad_enabled() and any(x.requires_grad for x in tensors):
        return True
    if _forward_ad._current_level < 0:
        return False
    return any(_forward_ad.unpack_dual(x).tangent is not None for x in tensors)


__all__ = ["called_by_name", "is_called_by_name"]
