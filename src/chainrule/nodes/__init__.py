"""Nodes: values that remember how they were computed.

In: operations on nodes and plain values. Out: a new node per operation, with its rule,
its operands and its serial number; together they are the recording.
"""

from chainrule.nodes.node_class import node
from chainrule.nodes.tables import FUNCTIONS, LOCALLY_CONSTANT, UFUNCS

__all__ = ["FUNCTIONS", "LOCALLY_CONSTANT", "UFUNCS", "node"]
