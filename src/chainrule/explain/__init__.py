"""Seeing a gradient: explain it as text, draw its graph, or step through it on a page."""

from chainrule.explain.draw import Drawing, draw
from chainrule.explain.entry import explain
from chainrule.explain.model import Explanation

__all__ = ["Drawing", "Explanation", "draw", "explain"]
