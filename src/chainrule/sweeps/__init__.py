"""Sweeps: the vertices in order, and cotangents or tangents carried along them.

In: a recording and its seeds. Out: a cotangent for each input, or a tangent for each
result, as plain values or as nodes.
"""

from chainrule.sweeps.order import collect, generate_graph, topological_sort
from chainrule.sweeps.sweep import forward_sweep, reverse_sweep

__all__ = [
    "collect",
    "forward_sweep",
    "generate_graph",
    "reverse_sweep",
    "topological_sort",
]
