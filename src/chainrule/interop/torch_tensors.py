"""PyTorch's tensors as NumPy's arrays, and back: copied, with their dtypes, checked."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.interop.flat import Outside
from chainrule.values.shapes import describe
from chainrule.values.types import Value

torch: Any = importlib.import_module("torch")


Tensor = Outside
"""A ``torch.Tensor``."""


def array_of(x: Value | Tensor) -> Any:
    """Return a tensor as an array with a memory of its own; numbers as they are."""
    if not isinstance(x, torch.Tensor):
        return x
    tensor: Any = x
    return _array_of(tensor)


def outside_dynamo(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function at which ``torch.compile`` leaves its graph, and enters again.

    It would compile the Python code that records, and fail. Its own decorator is called
    when it is loaded, since that takes seconds.
    """
    known: list[Callable[..., Any]] = []

    def called(*args: Any, **keywords: Any) -> Any:
        if "torch._dynamo" not in sys.modules:
            return f(*args, **keywords)
        if not known:
            known.append(torch.compiler.disable(f))
        return known[0](*args, **keywords)

    marked: Any = called
    marked._torchdynamo_disable = True
    marked._torchdynamo_disable_msg = _NO_FULL_GRAPH
    return called


_NO_FULL_GRAPH = (
    "a NumPy function needs numbers, and is called between graphs: leave fullgraph=True"
    " away, or write make_fx(f)(x) of torch.fx.experimental.proxy_tensor"
)


def _array_of(x: Tensor) -> Any:
    """Return a tensor as an array, or raise where NumPy has no such arrays."""
    if x.is_nested:
        raise ArgumentError(
            "A nested tensor has rows of several lengths, and NumPy's arrays have one. "
            "Write torch.nested.to_padded_tensor(x, 0.0); gradients flow through it."
        )
    if x.layout is not torch.strided:
        raise ArgumentError(
            f"NumPy's arrays are dense; received a tensor of shape {tuple(x.shape)} "
            f"in {x.layout}. Write x.to_dense(); gradients flow through it."
        )
    if x.device.type != "cpu":
        raise ArgumentError(
            "NumPy's arrays are in the memory of the CPU; received a tensor of shape "
            f"{tuple(x.shape)} on {x.device}. Write x.cpu(); gradients flow through it."
        )
    try:
        return np.array(x.detach().resolve_conj().resolve_neg().numpy())
    except TypeError:
        remedy = "x.dequantize()" if x.is_quantized else "x.float()"
        raise ArgumentError(
            f"NumPy has no {x.dtype}. Write {remedy}; gradients flow through it."
        ) from None
    except RuntimeError as error:
        raise ArgumentError(
            "A tensor stands for others here, as those of PyTorch's older vmap do, and "
            "has no numbers that NumPy could read. Write torch.func.vmap."
        ) from error


def tensor_of(x: Value) -> Tensor:
    """Return a number or an array as a tensor with a memory of its own."""
    array: Any = np.array(x, order="C")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    try:
        return torch.from_numpy(array)
    except TypeError:
        raise ArgumentError(
            f"PyTorch has no dtype for {describe(array)}. Write x.astype(np.float64)."
        ) from None


def is_inexact(x: Value | Tensor) -> bool:
    """Tell whether a value is a tensor of real or complex floats."""
    if not isinstance(x, torch.Tensor):
        return False
    tensor: Any = x
    return bool(tensor.is_floating_point() or tensor.is_complex())


def conjugate(x: Tensor) -> Tensor:
    """Return the complex conjugate; a real tensor as it is."""
    return x.conj() if x.is_complex() else x
