"""The kinds of derivative rule: what one operation declares, and what follows from it.

In: a class per operation with its partials, transposes or pullbacks. Out: both sweeps
(``pull``, ``push``), supports, formulas, and the ``REGISTRY`` of all rules.
"""

from chainrule.rules.kinds import (
    REGISTRY,
    elementwise,
    general,
    linear,
    multilinear,
    plain,
    rule,
    supported,
)

__all__ = [
    "REGISTRY",
    "elementwise",
    "general",
    "linear",
    "multilinear",
    "plain",
    "rule",
    "supported",
]
