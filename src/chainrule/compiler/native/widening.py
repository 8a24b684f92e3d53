"""Copies of large arrays of float32 as float64, which instructions of a tape read."""

from __future__ import annotations

from chainrule.compiler.native.fusion import Fused
from chainrule.compiler.native.loop_nests import Nest
from chainrule.compiler.native.nest_plan import Plan, Step, contiguous
from chainrule.compiler.native.views import FLOAT
from chainrule.compiler.tracing.rows import Row


def widening(x: Row, shape: tuple[int, ...]) -> Row:
    """Return the row that copies an array of float32 as float64."""
    inputs = (contiguous(shape, x.dtype),)
    steps = (Step("copy", (("input", 0),)),)
    nest = Nest(Plan(shape, inputs, steps, ((0, FLOAT),), ()))
    return Row(Fused(nest, [(shape, FLOAT)]), ([x],), {}, [x], (), 0)


__all__ = ["widening"]
