"""Every ufunc of ``scipy.special``: a rule, a constant, or an error that helps."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest

import chainrule as gd
from chainrule.errors import MissingRuleError
from chainrule.nodes.tables import LOCALLY_CONSTANT, REFUSED
from chainrule.rules import rule_of
from tests.helpers import assert_close

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


@pytest.mark.parametrize(
    ("name", "at", "moving"),
    [
        ("bdtr", (2.6, 5.7, 0.4), 2),
        ("bdtrc", (2, 5.7, 0.4), 2),
        ("bdtri", (1.2, 5.7, 0.4), 2),
        ("nbdtr", (2.6, 5.7, 0.4), 2),
        ("nbdtrc", (2.6, 5, 0.4), 2),
        ("nbdtri", (2.6, 5.7, 0.4), 2),
        ("pdtri", (2.6, 0.3), 1),
        ("smirnov", (3.5, 0.3), 1),
        ("smirnovi", (3.5, 0.3), 1),
        ("kn", (2.6, 1.3), 1),
        ("yn", (2.6, 1.3), 1),
        ("expn", (2.6, 1.3), 1),
    ],
)
def test_numbers_that_scipy_cuts_to_whole_ones_are_cut_in_derivatives(name, at, moving):
    f = getattr(special, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = [x if i == moving else int(x) for i, x in enumerate(at)]
        assert f(*at) == f(*whole)
        for derivative in (gd.grad, gd.hessian):
            found, exact = derivative(f, moving)(*at), derivative(f, moving)(*whole)
            assert found == pytest.approx(exact, rel=1e-12)
            assert np.isfinite(exact)


def test_a_binomial_distribution_is_certain_at_its_end():
    assert gd.grad(special.bdtr, 2)(5, 5, 0.3) == 0.0
    assert gd.hessian(special.bdtrc, 2)(5, 5, 0.3) == 0.0


def test_noncentral_chi_square_without_noncentrality():
    x, df = 2.0, 3.0
    central = gd.grad(lambda x: special.chdtr(df, x))
    found = gd.grad(special.chndtr, (0, 2))(x, df, 0.0)
    assert found[0] == pytest.approx(central(x), rel=1e-14)
    more = gd.grad(lambda x: special.chdtr(df + 2, x))
    assert found[1] == pytest.approx(-more(x), rel=1e-14)
    near = gd.hessian(special.chndtr, (0, 2))(x, df, 1e-9)
    at = gd.hessian(special.chndtr, (0, 2))(x, df, 0.0)
    assert_close(np.array(at), np.array(near), 1e-7)
    assert special.chndtrinc(0.3, 5.7, 0.6) < 1e-300  # there is none
    assert gd.grad(special.chndtrinc, (0, 2))(0.3, 5.7, 0.6) == (0.0, 0.0)


def test_functions_with_a_pole_in_a_parameter_have_its_derivative_near_by():
    def second(q):
        return special.mathieu_modcem2(1, q, 0.5)[0]

    def radial(c):
        return special.obl_rad2(1, 2, c, 0.5)[0]

    for f in (second, radial):
        for at in (0.05, 0.31):
            h = 1e-4 * at
            slope = (f(at + h) - f(at - h)) / (2 * h)
            assert gd.grad(f)(at) == pytest.approx(slope, rel=1e-6)
