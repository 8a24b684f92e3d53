"""Compile: trace a function once, replay it and its derivatives without its Python.

``tracing`` -> ``programs`` -> ``executors``: the NumPy calls of one run become rows,
passes simplify them, and what runs them is chosen by the clock: NumPy, or a ``tape``
that is interpreted or ``native`` code. ``dispatch`` has one specialisation for each
signature of arguments and path. ``control`` has the loops and branches that are traced
once; ``batching`` runs one example's rows on many. ``files`` has programs as text,
``c_source`` as C.
"""

from chainrule.compiler.api import compile, program, source, to_c
from chainrule.compiler.batching.vmap import vmap
from chainrule.compiler.control.cond import cond
from chainrule.compiler.control.scan import scan
from chainrule.compiler.control.while_loop import while_loop
from chainrule.compiler.files.saving import load, save

__all__ = [
    "compile",
    "cond",
    "load",
    "program",
    "save",
    "scan",
    "source",
    "to_c",
    "vmap",
    "while_loop",
]
