"""The wrapped functions: one line each, from a rule and the NumPy function it serves.

Each takes nodes, numbers and arrays, and returns a node if it was given one. NumPy's own
functions call these on nodes, so ``np.sin(x)`` and ``gd.sin(x)`` are the same operation.
Rules compute with this module (as ``xp``) when a sweep is itself recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from chainrule import nodes
from chainrule.nodes import node, plain_operand, record
from chainrule.operations_grad import (
    arithmetic,
    contraction,
    elementary,
    indexing,
    reductions,
    selection,
    shaping,
)
from chainrule.rules import rule
from chainrule.wrapping import operation


def apply(rule_class: type[rule], operands: Sequence[Any], given: Any) -> Any:
    """Record a rule on operands: what a recorded sweep's namespace needs."""
    return record(rule_class, operands, given)


# ---------------------------------------------------------------------- arithmetic

add = operation(arithmetic.addition_grad, np.add)
subtract = operation(arithmetic.subtraction_grad, np.subtract)
multiply = operation(arithmetic.multiplication_grad, np.multiply)
divide = operation(arithmetic.division_grad, np.divide)
power = operation(arithmetic.power_grad, np.power, np.float_power)
remainder = operation(arithmetic.remainder_grad, np.remainder)
negative = operation(arithmetic.negative_grad, np.negative)
positive = operation(arithmetic.positive_grad, np.positive)
absolute = operation(arithmetic.absolute_grad, np.absolute)


def supported_product(x: Any, y: Any, support: Any) -> Any:
    """Return ``x * y`` on the support; elsewhere a structural zero."""
    return record(arithmetic.multiplication_grad, (x, y), {"where": support})


# ---------------------------------------------------------------------- elementary

exp = operation(elementary.exp_grad, np.exp)
log = operation(elementary.log_grad, np.log)
sqrt = operation(elementary.sqrt_grad, np.sqrt)
sin = operation(elementary.sin_grad, np.sin)
cos = operation(elementary.cos_grad, np.cos)

# ----------------------------------------------------------------------- selection

where = operation(selection.where_grad, np.where)
maximum = operation(selection.maximum_grad, np.maximum)

# ------------------------------------------------------------ reductions and shapes

sum = operation(reductions.sum_grad, np.sum, (np.add, "reduce"), method="sum")
mean = operation(reductions.mean_grad, np.mean, method="mean")
prod = operation(reductions.prod_grad, np.prod)
max = operation(
    reductions.max_grad, np.max, np.amax, (np.maximum, "reduce"), method="max"
)
min = operation(
    reductions.min_grad, np.min, np.amin, (np.minimum, "reduce"), method="min"
)
cumsum = operation(
    reductions.cumsum_grad, np.cumsum, (np.add, "accumulate"), method="cumsum"
)
cumprod = operation(
    reductions.cumprod_grad, np.cumprod, (np.multiply, "accumulate")
)
sort = operation(reductions.sort_grad, np.sort)
reshape = operation(shaping.reshape_grad, np.reshape)
broadcast_to = operation(shaping.broadcast_to_grad, np.broadcast_to)
expand_dims = operation(shaping.expand_dims_grad, np.expand_dims)
squeeze = operation(shaping.squeeze_grad, np.squeeze, method="squeeze")
swapaxes = operation(shaping.swapaxes_grad, np.swapaxes, method="swapaxes")
flip = operation(shaping.flip_grad, np.flip)
roll = operation(shaping.roll_grad, np.roll)
repeat = operation(shaping.repeat_grad, np.repeat, method="repeat")
transpose = operation(shaping.transpose_grad, np.transpose)
stack = operation(shaping.stack_grad, np.stack)
concatenate = operation(shaping.concatenate_grad, np.concatenate)
astype = operation(shaping.astype_grad, np.astype, method="astype")
getitem = operation(indexing.getitem_grad)
unindex = operation(indexing.unindex_grad)
nodes.STACK.append(shaping.stack_grad)


def asarray(x: Any) -> Any:
    """Return a node as it is, anything else as an array."""
    x = nodes.as_operand(x)
    return x if isinstance(x, node) else np.asarray(x)


# ------------------------------------------- locally constant: plain values, no node


def sign(x: Any) -> Any:
    """Return the sign as a plain value: locally constant."""
    return np.sign(plain_operand(x))


def floor(x: Any) -> Any:
    """Return the floor as a plain value: locally constant."""
    return np.floor(plain_operand(x))


def argsort(x: Any, *, axis: Any = -1, kind: Any = None) -> Any:
    """Return the indices that sort ``x``, plain values: locally constant."""
    return np.argsort(plain_operand(x), axis=axis, kind=kind)
