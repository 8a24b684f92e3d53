"""Compile: trace a function once, replay it and its derivatives without its Python.

``trace`` -> ``program`` -> an executor, each its own file: ``replay`` (NumPy), or
``lowering`` and a ``tape`` for the interpreter or native code, with ``fusion`` between
the two for large arrays; ``executors`` chooses. ``compiled`` puts them together for
each kind of arguments, and ``text`` writes programs as NumPy code. ``control`` has the
loops and branches that are traced once; ``batching`` runs one example's rows on many.
"""

from chainrule.compiler.api import compile, program, source
from chainrule.compiler.batching.vmap import vmap
from chainrule.compiler.control.cond import cond
from chainrule.compiler.control.scan import scan
from chainrule.compiler.control.while_loop import while_loop

__all__ = ["compile", "cond", "program", "scan", "source", "vmap", "while_loop"]
