"""Gradients step by step, then two models on real data. `make demo` runs it.

1. Equations: five functions and their gradients, next to finite differences.
2. The chain rule worked out: what the recording of one of them holds, and what the
   backward sweep does with it, one line per step.
3. Logistic regression: exact gradient and exact Hessian, so exact standard errors.
4. A neural network on the same data, and a picture of both fits.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from optree.integrations.numpy import tree_ravel
from scipy.optimize import OptimizeResult, minimize
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tabulate import tabulate
from tqdm import tqdm

import chainrule as gd
from chainrule.rules import elementwise, plain, unboxed
from chainrule.symbolic import partial_formulas

mpl.use("Agg")  # draw into files; no window is opened
from matplotlib import pyplot as plt  # noqa: E402

OUTPUT = Path("demo_output")
WIDTH = 80


# ---------------------------------------------------------------------- 1. equations


def equation_1(x, y):
    """x*y + sin(x)"""
    return x * y + np.sin(x)


def equation_2(x, y):
    """log(x) + x*y - sin(y)"""
    return np.log(x) + x * y - np.sin(y)


def equation_3(x, y):
    """exp(-x/y) * (x - y) / (x + y)"""
    return np.exp(-x / y) * (x - y) / (x + y)


def equation_4(x, y):
    """x**y + cos(x*y)**2"""
    return x**y + np.cos(x * y) ** 2


def equation_5(x, y):
    """two steps of Heron's method for sqrt(x), started at y"""
    for _ in range(2):
        y = (y + x / y) / 2
    return y


EQUATIONS = (equation_1, equation_2, equation_3, equation_4, equation_5)


def differences(f: Callable[..., float], *point: float) -> list[float]:
    """Return the gradient by central differences, (f(x + h) - f(x - h)) / 2h."""
    h = 1e-5
    steps = h * np.eye(len(point))
    return [(f(*(point + s)) - f(*(point - s))) / (2 * h) for s in steps]


def gradient_table(x_value: float, y_value: float) -> str:
    """Return the gradient of every equation, from the sweep and from differences."""
    rows: list[tuple[Any, ...]] = []
    for equation in EQUATIONS:
        x, y = gd.node(x_value), gd.node(y_value)
        f = equation(x, y)
        f.backward()
        by_x, by_y = differences(equation, x_value, y_value)
        rows.append((equation.__name__, "x", x.grad, by_x, abs(x.grad - by_x)))
        rows.append((equation.__doc__, "y", y.grad, by_y, abs(y.grad - by_y)))
    headings = ("equation", "", "backward()", "differences", "apart")
    digits = ("", "", ".8f", ".8f", ".0e")
    return tabulate(rows, headings, floatfmt=digits)


# ------------------------------------------------------- 2. the chain rule, worked out


def worked_out(f: Callable[..., Any], /, **inputs: float) -> str:
    """Return the chain rule for one call of ``f``, step by step, as text.

    ``f`` is called on nodes of the inputs. Everything printed is read from what those
    nodes recorded, and from the rules of the operations that they recorded.

    Raises
    ------
    TypeError
        If an operation in ``f`` is not elementwise, so that it has no local derivative
        to print as a formula (``np.sum``, ``x @ y``, indexing).
    """
    leaves = {name: gd.node(value) for name, value in inputs.items()}
    z = f(**leaves)
    vertices: list[gd.node] = []
    edges: dict[gd.node, list[gd.node]] = {}
    gd.generate_graph(z, vertices, edges)
    order = gd.topological_sort(vertices, edges)
    names = names_of(order, leaves)
    grads, steps = sweep(order, names)
    z.backward()
    lines = [f"{x.grad:<12.8g} {name}.grad" for name, x in leaves.items()]
    rows = [
        (names[v], v.operation or "input", listed(v.operands, names), v.value)
        for v in reversed(order)
    ]
    call = ", ".join(f"{name}={value:g}" for name, value in inputs.items())
    return "\n".join(
        [
            f"{f.__name__}({call})",
            "",
            "Forward: each operation records its operands and its value.",
            "",
            tabulate(rows, ("vertex", "operation", "operands", "value")),
            "",
            "Backward: each vertex comes after all that used it. What comes in, times",
            "the local derivative, is the contribution to an operand's gradient.",
            "",
            fitted(steps),
            "",
            *lines,
        ]
    )
