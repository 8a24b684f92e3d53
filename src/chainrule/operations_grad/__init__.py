"""Every derivative rule, one small class each, by topic.

A rule is declared once, here. Its docstring is its formula; the kinds of rule, and what
each must declare, are in ``chainrule.rules``. ``from chainrule.operations_grad import
multiplication_grad`` finds any of them by name.
"""

from chainrule.operations_grad.arithmetic import *  # noqa: F403
