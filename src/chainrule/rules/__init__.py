"""The three kinds of derivative rule: elementwise, linear and general.

One operation is one class. Its docstring is its formula, ``forward`` computes it, and
the kind says what else it declares (take the weakest kind that fits):

``elementwise``
    one local partial derivative per operand, ``d_x(xp, z, x, y, **parameters)``.
    Both sweeps, broadcasting and the fast scalar code follow from it.
``linear``
    one transpose per operand, ``transpose_x(xp, z_grad, x, y, **parameters)``; the
    forward sweep is the operation itself on the tangents. ``multilinear`` is linear in
    each operand by itself (``matmul``), ``linear`` in all of them together (``stack``).
``general``
    an explicit ``pullback(xp, z_grad, z, x, y, **parameters)`` that returns one
    cotangent per operand, and ``pushforward(xp, tangents, z, x, y, **parameters)``.

``xp`` is the array namespace the rule computes with: NumPy in a plain sweep,
``chainrule.operations`` in a recorded one, which is what makes every rule work at every
order. A rule therefore branches on shapes and parameters, never on values (``xp.where``
does that), and never conjugates: sweeps use the plain transpose, and ``.grad`` and
``grad`` conjugate once, at the leaf.

The methods ``pull`` and ``push`` of a kind are its readable reference. They carry the
*support* of a cotangent or tangent: the entries that are not structurally zero.
Products are taken on the support only, so an untaken branch never makes
``0 * inf = nan``.
Source of the two sweeps: Griewank & Walther, Evaluating Derivatives, 2nd ed., ch. 3.

In: a class per operation with its partials, transposes or pullbacks. Out: both sweeps
(``pull``, ``push``), supports, formulas, and the ``REGISTRY`` of all rules.

>>> import numpy as np
>>> from chainrule.rules import elementwise, rule_of
>>> multiplication = rule_of(np.multiply)
>>> issubclass(multiplication, elementwise), multiplication.operand_names
(True, ('x', 'y'))
"""

from chainrule.rules.base import composed, declare, locally_constant, rule
from chainrule.rules.elementwise_rule import elementwise
from chainrule.rules.general_rule import general
from chainrule.rules.linear_rule import linear, multilinear
from chainrule.rules.namespace import plain
from chainrule.rules.registry import REGISTRY, rule_of, traits_of
from chainrule.rules.supports import supported

__all__ = [
    "REGISTRY",
    "composed",
    "declare",
    "elementwise",
    "general",
    "linear",
    "locally_constant",
    "multilinear",
    "plain",
    "rule",
    "rule_of",
    "supported",
    "traits_of",
]
