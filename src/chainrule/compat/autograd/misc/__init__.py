"""``autograd.misc``: flat vectors of containers, optimizers, graphs, fixed points."""

from chainrule.compat.autograd.misc.flatten import flatten as flatten
from chainrule.compat.autograd.misc.tracers import const_graph as const_graph
