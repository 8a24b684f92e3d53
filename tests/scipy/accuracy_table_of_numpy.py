"""NumPy's functions of each entry, with what mpmath calls them and where."""

from __future__ import annotations

from functools import partial

import mpmath as mp

from tests.scipy.accuracy import Entry, lin, log

_entry = partial(Entry, home="np")

ENTRIES = [
    _entry("sin", mp.sin, (lin(-9, 9),)),
    _entry("cos", mp.cos, (lin(-9, 9),)),
    _entry("tan", mp.tan, (lin(-1.5, 1.5),)),
    _entry("arcsin", mp.asin, (lin(-0.99, 0.99),)),
    _entry("arccos", mp.acos, (lin(-0.99, 0.99),)),
    _entry("arctan", mp.atan, (lin(-9, 9),)),
    _entry("arctan2", mp.atan2, (lin(-9, 9), lin(-9, 9))),
    _entry("sinh", mp.sinh, (lin(-9, 9),)),
    _entry("cosh", mp.cosh, (lin(-9, 9),)),
    _entry("tanh", mp.tanh, (lin(-9, 9),)),
    _entry("arcsinh", mp.asinh, (lin(-99, 99),)),
    _entry("arccosh", mp.acosh, (lin(1.1, 99),)),
    _entry("arctanh", mp.atanh, (lin(-0.99, 0.99),)),
    _entry("exp", mp.exp, (lin(-99, 99),)),
    _entry("exp2", lambda x: mp.mpf(2) ** x, (lin(-99, 99),)),
    _entry("expm1", mp.expm1, (lin(-9, 9),)),
    _entry("log", mp.log, (log(1e-9, 1e9),)),
    _entry("log2", lambda x: mp.log(x, 2), (log(1e-9, 1e9),)),
    _entry("log10", mp.log10, (log(1e-9, 1e9),)),
    _entry("log1p", mp.log1p, (log(1e-9, 1e9),)),
    _entry("sqrt", mp.sqrt, (log(1e-9, 1e9),)),
    _entry("cbrt", mp.cbrt, (log(1e-9, 1e9),)),
    _entry("hypot", mp.hypot, (lin(-9, 9), lin(-9, 9))),
    _entry("power", mp.power, (log(0.1, 9), lin(-3, 3))),
    _entry(
        "logaddexp",
        lambda x, y: mp.log(mp.exp(x) + mp.exp(y)),
        (lin(-9, 9), lin(-9, 9)),
    ),
    _entry("sinc", mp.sincpi, (lin(-9, 9),), operands="x"),
    _entry("divide", lambda x, y: x / y, (lin(0.1, 9), lin(0.1, 9))),
]
