"""``scipy.spatial`` on nodes: distances, rotations, Procrustes' superposition.

Trees, hulls and triangulations are SciPy's, of plain points: what is nearest or inside
is locally constant, and what is computed with it need not be.
"""

import scipy.spatial

from chainrule.numpy import mirror
from chainrule.scipy.spatial import distance as distance
from chainrule.scipy.spatial import shapes as shapes
from chainrule.scipy.spatial import transform as transform

__getattr__: mirror.Lookup
__dir__: mirror.Listing
__getattr__, __dir__ = mirror.mirror_of(scipy.spatial)
