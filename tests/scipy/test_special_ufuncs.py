"""Every ufunc of ``scipy.special``: a rule, a constant, or an error that helps."""

from __future__ import annotations

import re

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import MissingRuleError
from chainrule.nodes.tables import LOCALLY_CONSTANT, REFUSED
from chainrule.rules import rule_of

special = pytest.importorskip("scipy.special")
import chainrule.scipy.special  # noqa: E402

UFUNCS = {
    name: f
    for name in dir(special)
    if isinstance(f := getattr(special, name), np.ufunc)
}


def called(f, i):
    """Call a ufunc with a node in operand ``i``, whole numbers where it needs them."""
    declared = rule_of(f)
    whole = () if declared is None else declared.refused
    args = [1 if n in whole else 1.5 for n in getattr(declared, "operand_names", ())]
    args = [*(args or [1.5] * f.nin)[:-1], 0.5]
    args[i] = gd.node(float(args[i]))
    return f(*args)


@pytest.mark.parametrize("name", UFUNCS)
def test_a_node_in_any_operand_is_met(name):
    f = UFUNCS[name]
    for i in range(f.nin):
        try:
            z = called(f, i)
        except MissingRuleError as error:
            words = str(error)
            assert re.search("Write|Pass|Find|Declare", words)
            assert "cannot be differentiated: " in words, "give a rule or a reason"
            continue
        results = z if isinstance(z, tuple) else (z,)
        if not any(isinstance(v, gd.node) for v in results):
            declared = rule_of(f)
            constant = getattr(declared, "constant_in", ())
            named = getattr(declared, "operand_names", ())[i : i + 1]
            assert f in LOCALLY_CONSTANT or set(named) <= set(constant)


def test_a_refused_function_has_no_rule():
    for f in UFUNCS.values():
        assert not (f in REFUSED and rule_of(f) is not None)
