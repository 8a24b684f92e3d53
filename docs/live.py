"""The live pages of the documentation: gradients to step through."""

from pathlib import Path
from typing import Any

import numpy as np

import chainrule as gd


def equation(x: float, y: float) -> Any:
    """Return the equation of the first page."""
    return x * y + np.sin(x)


def network(w: Any, b: Any, v: Any, x: Any) -> Any:
    """Return the loss of a small network."""
    h = np.tanh(w @ x + b)
    return (v @ h - 1.0) ** 2


def newton(a: float) -> Any:
    """Return a square root by Newton's method."""
    x = a
    for _ in range(4):
        x = 0.5 * (x + a / x)
    return x


def write_pages(folder: Path) -> None:
    """Write every live page into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    gd.explain(equation)(2.0, 3.0).save(folder / "equation.html")
    w, b = np.array([[0.4, -0.7], [0.2, 0.5]]), np.array([0.1, -0.2])
    network_page = gd.explain(network)(
        w, b, np.array([0.6, -0.3]), np.array([1.0, 2.0])
    )
    network_page.save(folder / "network.html")
    gd.explain(newton)(2.0).save(folder / "newton.html")
    gd.explain().save(folder / "yours.html")
