"""chainrule: exact derivatives of ordinary Python and NumPy code, step by step."""

from chainrule import numpy as numpy
from chainrule.graph import generate_graph, topological_sort
from chainrule.nodes import node

__all__ = ["generate_graph", "node", "numpy", "topological_sort"]
