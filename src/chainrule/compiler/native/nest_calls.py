"""Calls of loop nests from Python: generated text, which costs some microseconds.

In: a ``Nest``, and what its results are like elsewhere. Out: a function of operands and
of arrays for results. It has no loop over these, as they are few.
"""

from __future__ import annotations

import functools
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.native.loop_nests import Nest
from chainrule.compiler.native.sharing import shared
from chainrule.steps.text import compile_text, forget_with
from chainrule.values.shapes import ndarray


def call_of(nest: Nest, likes: Sequence[tuple[Any, Any]]) -> Callable[..., Any]:
    """Return the function that runs a nest; ``likes`` are shapes and dtypes.

    Nests of one plan share it, such as the steps of a loop.
    """
    if nest.team.count > 1:
        return _written(nest, likes)
    return shared(f"call {likes} {nest.text}", functools.partial(_written, nest, likes))


def _written(nest: Nest, likes: Sequence[tuple[Any, Any]]) -> Callable[..., Any]:
    code, inputs = nest.code, nest.plan.inputs
    xs = [f"x{i}" for i in range(len(inputs))]
    outs = [f"o{i}" for i in range(len(likes))]
    space: dict[str, Any] = {
        "array": array,
        "call": code.function.run,
        "empty": np.empty,
        "in_order": np.ascontiguousarray,
        "ndarray": ndarray,
    }
    lines = ["def run(operands, out):", f"    [{', '.join(xs)}] = operands"]
    for x, a in zip(xs, inputs, strict=True):
        space[f"t{x}"] = a.dtype
        fits = f"type({x}) is ndarray and {x}.dtype is t{x} and {x}.flags.c_contiguous"
        lines.append(f"    if not ({fits}): {x} = in_order({x}, t{x})")
    lines.append(f"    {', '.join(outs)}, *_ = (*out{', None' * len(outs)})")
    for o, like in zip(outs, nest.likes, strict=True):
        space[f"like{o}"] = like
        lines.append(f"    if {o} is None: {o} = empty(*like{o})")
    if nest.team.count == 1:
        ids = ", ".join(f"id({x})" for x in (*xs, *outs))
        lines.append(f"    record = array('q', (0, {code.turns}, {ids}))")
        lines.append("    call(record.buffer_info()[0])")
    else:
        space["bound"] = nest.bound
        lines.append(f"    bound([{', '.join(xs)}], [{', '.join(outs)}])()")
    parts = zip(outs, nest.likes, likes, strict=True)
    results = [_as(o, made, like, space) for o, made, like in parts]
    lines.append(f"    return ({''.join(f'{x}, ' for x in results)})")
    text = "\n".join(lines) + "\n"
    run: Any = compile_text(text, "run", f"nest at {id(nest):x}", space)
    forget_with(run)
    return run


def _as(o: str, made: Any, like: tuple[Any, Any], space: dict[str, Any]) -> str:
    """Return the text of a result with the shape and dtype that it has elsewhere."""
    shape, space[f"t{o}"] = like
    text = o
    if shape == ():
        text = f"{o}[{', '.join('0' * len(made[0]))}]"
    elif shape != made[0]:
        text = f"{o}.reshape({shape})"
    return text if space[f"t{o}"] == made[1] else f"{text}.astype(t{o})"


__all__ = ["call_of"]
