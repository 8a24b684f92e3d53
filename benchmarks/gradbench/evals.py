"""All evals, in the order of the table."""

from __future__ import annotations

from benchmarks.gradbench import (
    ba,
    det,
    gmm,
    hello,
    ht,
    kmeans,
    llsq,
    lse,
    lstm,
    ode,
    particle,
    saddle,
)

MODULES = hello, llsq, lse, kmeans, gmm, lstm, ode, det, ba, ht, particle, saddle

EVALS = {module.EVAL.name: module.EVAL for module in MODULES}
