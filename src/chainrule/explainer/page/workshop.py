"""The page where a function is typed: it is read and differentiated in the browser.

The page carries every operation on numbers that has a form in JavaScript, with its
derivatives, written from the rules as for a replay.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.explainer import showing
from chainrule.explainer.account.views import Operand, VertexView
from chainrule.explainer.page.array_forms import array_script_of
from chainrule.explainer.page.javascript import Form, Script, script_of
from chainrule.explainer.page.javascript_forms import javascript_form
from chainrule.explainer.page.page import assembled, framed
from chainrule.nodes.admission import operation_name
from chainrule.operations_grad.contraction import dot_grad, matmul_grad
from chainrule.operations_grad.determinants import det_grad
from chainrule.operations_grad.indexing import getitem_grad
from chainrule.operations_grad.linalg import inv_grad, solve_grad
from chainrule.operations_grad.norms import vector_norm_grad
from chainrule.operations_grad.reductions import (
    cumsum_grad,
    max_grad,
    mean_grad,
    min_grad,
    sort_grad,
    sum_grad,
)
from chainrule.operations_grad.shaping import transpose_grad
from chainrule.rules import elementwise, rule
from chainrule.rules.declarations import is_of_library
from chainrule.rules.registry import EXPRESSED
from chainrule.rules.symbolic import partial_formulas

Presets = tuple[tuple[str, str, dict[str, float]], ...]

PRESETS: Presets = (
    ("A product and a sine", "x*y + sin(x)", {"x": 2, "y": 3}),
    ("Equation 2", "log(x) + x*y - sin(y)", {"x": 2, "y": 3}),
    ("Equation 3", "exp(-x/y) * (x - y) / (x + y)", {"x": 2, "y": 3}),
    ("Equation 4", "x**y + cos(x*y)**2", {"x": 2, "y": 3}),
    ("Rosenbrock", "(1 - x)**2 + 100*(y - x**2)**2", {"x": -1, "y": 2}),
    (
        "Softmax and its loss",
        "p = exp(a) / (exp(a) + exp(b) + exp(c))\n-log(p)",
        {"a": 2, "b": -1, "c": 0.5},
    ),
    (
        "Newton's square root",
        "x = (x + a/x) / 2\nx = (x + a/x) / 2\nx = (x + a/x) / 2\nx",
        {"x": 1, "a": 2},
    ),
    (
        "A 2-2-1 network",
        "h1 = tanh(w11*x1 + w12*x2 + b1)\nh2 = tanh(w21*x1 + w22*x2 + b2)\n"
        "error = u1*h1 + u2*h2 - target\nerror**2",
        {
            "w11": 0.5,
            "x1": 1,
            "w12": -0.3,
            "x2": 2,
            "b1": 0.2,
            "w21": -0.8,
            "w22": 0.3,
            "b2": 0,
            "u1": 0.7,
            "u2": -1.1,
            "target": 1,
        },
    ),
    ("A nan", "r = sqrt(x*x + y*y)\nlog(r) * x", {"x": 0, "y": 0}),
    ("A branch", "where(x > 0, sqrt(x), x**2)", {"x": 0.5}),
    ("A sum of squares", "x = [1, 2, 3]\nnp.sum(x**2)", {}),
    (
        "A layer, with arrays",
        "A = [[0.4, -0.7], [0.2, 0.5]]\nx = [1, 2]\nb = [0.1, -0.2]\n"
        "h = tanh(A @ x + b)\nsum((h - 1)**2)",
        {},
    ),
)
"""Functions to begin with: what each is called, its text, and its inputs."""


class Workshop:
    """A page where one types a function, and sees its gradient step by step."""

    def __init__(self, formula: str, inputs: Mapping[str, float]) -> None:
        """Begin with a formula in NumPy's spelling, and the values of its inputs."""
        self.formula = formula
        self.inputs: dict[str, float] = {k: float(x) for k, x in inputs.items()}

    def to_html(self) -> str:
        """Return the page as one HTML document that needs no network."""
        operations = [(r, s) for r in EXPRESSED if (s := _script(r)) is not None]
        scripts: list[Form] = [s for _, s in operations]
        arrays = [_array_function(name, axes, scripts) for name, axes in ARRAYS]
        data = {
            "format": 1,
            "runs": [],
            "functions": [
                _function(r, number) for number, (r, _) in enumerate(operations)
            ],
            "arrays": arrays,
            "presets": PRESETS,
            "formula": self.formula,
            "inputs": self.inputs,
        }
        return assembled("Your function", data, scripts)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file whose name ends in ``.html``; return its path."""
        forms = {".html": self.to_html, ".htm": self.to_html}
        return showing.save(path, forms, "It is a page.")

    def show(self) -> Path | None:
        """Show the page, in the notebook or a browser.

        Returns
        -------
        Path or None
            Where it was written; ``None`` in a notebook. Where no browser opens, the
            path is printed.
        """
        return showing.show(self, "your function", self.to_html, ".html")

    def _repr_html_(self) -> str:
        return framed("Your function", self.to_html())

    def __repr__(self) -> str:
        """Say how to see it."""
        return "<page to type a function in: .show(), .save('page.html')>"


ARRAYS: tuple[tuple[str, tuple[int, ...]], ...] = (
    *(
        (name, (-1,))
        for name in ("sum", "mean", "max", "min", "cumsum", "transpose", "getitem")
    ),
    ("matmul", (-1, -1)),
    ("dot", (-1, -1)),
    ("sort", (1,)),
    ("norm", (1,)),
    ("norm", (2,)),
    ("inv", (2,)),
    ("det", (2,)),
    ("solve", (2, 1)),
    ("solve", (2, 2)),
)
"""Functions of arrays, and how many axes their operands have; -1 for any number."""


def _array_function(
    name: str, axes: Sequence[int], scripts: list[Form]
) -> dict[str, Any]:
    """Return what the page knows of a function of arrays; its script is added.

    Those of any number of axes are linear or extremes, and become lists of terms.
    """
    operation = _OF_ARRAYS[name]
    general_doc = inspect.getdoc(getattr(operation, "pullback", None)) or ""
    parts: Any = operation.parts or dict.fromkeys(range(len(axes)), None)
    script = None
    if min(axes) > 0:
        samples = {1: np.array([1.0, 2.0]), 2: np.array([[2.0, 1.0], [0.5, 3.0]])}
        operands = [Operand(i, samples[n]) for i, n in enumerate(axes)]
        value = operation.forward(*(x.value for x in operands))
        value = float(value) if np.ndim(value) == 0 else value
        made = array_script_of(VertexView(0, "z", value, operation, "", operands))
        script = len(scripts)
        scripts += [] if made is None else [made]
    return {
        "name": name,
        "operands": list(operation.operand_names),
        "rule": operation.__name__,
        "formula": (inspect.getdoc(operation) or "").split("\n")[0],
        "parts": {
            i: (inspect.getdoc(part) or general_doc).split("\n")[0]
            for i, part in parts.items()
        },
        "script": script,
        "axes": list(axes),
    }


_OF_ARRAYS: dict[str, type[rule]] = {
    "sum": sum_grad,
    "mean": mean_grad,
    "max": max_grad,
    "min": min_grad,
    "cumsum": cumsum_grad,
    "sort": sort_grad,
    "transpose": transpose_grad,
    "getitem": getitem_grad,
    "matmul": matmul_grad,
    "dot": dot_grad,
    "norm": vector_norm_grad,
    "inv": inv_grad,
    "det": det_grad,
    "solve": solve_grad,
}


def _view(operation: type[rule]) -> VertexView:
    operands = [Operand(i, 1.0) for i in range(len(operation.operand_names))]
    return VertexView(0, "z", 1.0, operation, operation_name(operation), operands)


def _script(operation: type[rule]) -> Script | None:
    """Return an operation on numbers as JavaScript; without partials if constant."""
    if not is_of_library(operation) or operation.variadic:
        return None
    if not hasattr(np, operation_name(operation)) and not operation.forward_name:
        return None  # a part of other derivatives, under no public name
    if issubclass(operation, elementwise):
        return script_of(_view(operation))
    form = javascript_form(operation)
    count = len(operation.operand_names)
    if form is None or not count:
        return None
    forward = form.format(*(f"x{i}" for i in range(count)))
    return Script(f"({forward})", (), count, structural=False)


def _function(operation: type[rule], number: int) -> dict[str, Any]:
    partials: Mapping[str, str] = {}
    if issubclass(operation, elementwise):
        partials = partial_formulas(operation)
    names = operation.operand_names
    return {
        "name": operation_name(operation),
        "module": operation.forward_name.partition(":")[0] or "np",
        "operands": list(names),
        "script": number,
        "rule": operation.__name__,
        "formula": (inspect.getdoc(operation) or "").split("\n")[0],
        "partials": {i: partials[n] for i, n in enumerate(names) if n in partials},
        "remedy": operation.remedy,  # without one the page has its own words
    }


__all__ = ["PRESETS", "Workshop"]
