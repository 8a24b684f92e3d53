"""Seeing a gradient: explain it as text, draw its graph, or step through it on a page."""

from chainrule.explain.entry import explain
from chainrule.explain.model import Explanation

__all__ = ["Explanation", "explain"]
