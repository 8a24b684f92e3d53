"""Seeing a gradient: explained as text, drawn as a graph, or stepped through."""

from chainrule.explain.draw import Drawing, draw
from chainrule.explain.entry import explain
from chainrule.explain.model import Explanation

__all__ = ["Drawing", "Explanation", "draw", "explain"]
