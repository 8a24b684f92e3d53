"""Gradients step by step, then two models on real data: `make demo` runs this file.

1. Equations: five functions and their gradients, next to finite differences.
2. The chain rule, worked out: what one of them recorded, and every step of the sweep
   that turns the recording into its gradient, as text and as a page for the browser;
   a small network, whose arrays are shown entry by entry; a page to type functions in.
3. A logistic regression: exact gradient and exact Hessian, hence standard errors.
4. A small neural network on the same data, and a picture of what was fitted.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from optree.integrations.numpy import tree_ravel
from scipy.optimize import OptimizeResult, minimize
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tabulate import tabulate
from tqdm import tqdm

import chainrule as gd

OUTPUT = Path("demo_output")


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
    """Heron's sqrt(x), from y"""
    for _ in range(2):
        y = (y + x / y) / 2
    return y


EQUATIONS = (equation_1, equation_2, equation_3, equation_4, equation_5)


def central_differences(f: Callable[..., float], *point: float) -> list[float]:
    """Return the gradient by (f(x + h) - f(x - h)) / 2h, one argument at a time."""
    h = 1e-5
    steps = h * np.eye(len(point))
    return [float(f(*(point + s)) - f(*(point - s))) / (2 * h) for s in steps]


def gradient_table(*point: float) -> str:
    """Return the gradients of all equations, by the sweep and by differences."""
    rows: list[Sequence[Any]] = []
    for equation in EQUATIONS:
        x, y = map(gd.node, point)
        equation(x, y).backward()
        near_x, near_y = central_differences(equation, *point)
        rows.append([equation.__name__, "x", x.grad, near_x, abs(x.grad - near_x)])
        rows.append([equation.__doc__, "y", y.grad, near_y, abs(y.grad - near_y)])
    headings = ["", "d/d", "backward()", "differences", "apart by"]
    return tabulate(rows, headings, floatfmt=("", "", ".8f", ".8f", ".0e"))


# ------------------------------------------------------------- 3. logistic regression


@dataclass(frozen=True)
class Data:
    """Standardised features (cases x features) and outcomes (1: malignant)."""

    names: tuple[str, ...]
    x: np.ndarray
    y: np.ndarray
    held_out_x: np.ndarray
    held_out_y: np.ndarray

    def accuracy(self, scores: Callable[[np.ndarray], np.ndarray]) -> float:
        """Return the share of held-out cases whose score has the right sign."""
        return np.mean((scores(self.held_out_x) > 0) == (self.held_out_y == 1))


def load(*names: str) -> Data:
    """Load features of the Wisconsin diagnostic breast cancer data, 30 % held out.

    569 tumours, measured on images of their cells (Wolberg, Mangasarian, Street and
    Street, UCI Machine Learning Repository, 1993; CC BY 4.0). scikit-learn ships it.
    """
    bunch = load_breast_cancer()
    columns = [list(bunch.feature_names).index(f"mean {name}") for name in names]
    x, y = bunch.data[:, columns], 1.0 - bunch.target
    split = train_test_split(x, y, test_size=0.3, stratify=y, random_state=0)
    x, held_out_x, y, held_out_y = split
    scaler = StandardScaler().fit(x)
    return Data(names, scaler.transform(x), y, scaler.transform(held_out_x), held_out_y)


@contextmanager
def progress(task: str, steps: int) -> Iterator[Callable[..., None]]:
    """Show a bar on stderr, if that is a terminal; give the optimiser's callback."""
    with tqdm(total=steps, desc=task, unit="step", disable=None) as bar:

        def advance(intermediate_result: OptimizeResult) -> None:
            bar.set_postfix(loss=f"{intermediate_result.fun:.4f}", refresh=False)
            bar.update()

        yield advance
        bar.total = bar.n


def logistic_scores(w: Any, x: Any) -> Any:
    """Return the log odds of each case; ``w`` holds the intercept, then the slopes."""
    return w[0] + x @ w[1:]


def negative_log_likelihood(scores: Any, y: Any) -> Any:
    """Return -log p(y) of each case, log(1 + exp(s)) - y s."""
    return np.logaddexp(0.0, scores) - y * scores


def logistic_loss(w: Any, x: Any, y: Any) -> Any:
    """Return the negative log likelihood of all cases."""
    return np.sum(negative_log_likelihood(logistic_scores(w, x), y))


def fit_logistic(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Return the estimates and their standard errors.

    Newton's method in a trust region takes the exact Hessian. Its inverse at the
    solution is the covariance of the estimates (the observed Fisher information).
    """
    loss, hessian = gd.value_and_grad(logistic_loss), gd.hessian(logistic_loss)
    start, given = np.zeros(1 + data.x.shape[1]), (data.x, data.y)
    options = {"jac": True, "hess": hessian, "method": "trust-exact"}
    with progress("logistic regression", 20) as advance:
        fit = minimize(loss, start, given, callback=advance, **options)
    information = hessian(fit.x, data.x, data.y)
    return fit.x, np.sqrt(np.diag(np.linalg.inv(information)))


def estimate_table(data: Data, estimates: np.ndarray, errors: np.ndarray) -> str:
    """Return the estimates, their standard errors, and how many errors from zero."""
    names = ("intercept", *data.names)
    rows = zip(names, estimates, errors, estimates / errors, strict=True)
    headings = ["log odds per SD of", "estimate", "standard error", "z"]
    return tabulate(rows, headings, floatfmt=("", ".3f", ".3f", ".1f"))


# ------------------------------------------------------------ 4. a neural network


def network_scores(p: dict[str, Any], x: Any) -> Any:
    """Return the log odds of each case from one hidden layer."""
    hidden = np.tanh(x @ p["hidden weights"] + p["hidden bias"])
    return hidden @ p["weights"] + p["bias"]


def network_loss(p: dict[str, Any], x: Any, y: Any) -> Any:
    """Return the mean negative log likelihood, plus a penalty on large weights."""
    penalty = np.sum(p["hidden weights"] ** 2) + np.sum(p["weights"] ** 2)
    return np.mean(negative_log_likelihood(network_scores(p, x), y)) + 1e-3 * penalty


def explain_network() -> Any:
    """Explain the loss of a network with three units, on four cases."""
    rng = np.random.default_rng(0)
    p = {
        "hidden weights": rng.normal(size=(2, 3)).round(2),
        "hidden bias": np.zeros(3),
        "weights": rng.normal(size=3).round(2),
        "bias": np.zeros(()),
    }
    x, y = rng.normal(size=(4, 2)).round(2), np.array([0.0, 1.0, 1.0, 0.0])
    return gd.explain(network_loss)(p, x, y)


def fit_network(data: Data, units: int = 8, steps: int = 300) -> dict[str, Any]:
    """Return the parameters of a network with one hidden layer of ``units``.

    The gradient of a dict is a dict. SciPy's optimiser wants one vector instead, so
    both are laid out as one, and taken apart again.
    """
    rng = np.random.default_rng(0)
    initial = {
        "hidden weights": rng.normal(size=(data.x.shape[1], units)),
        "hidden bias": np.zeros(units),
        "weights": rng.normal(size=units) / np.sqrt(units),
        "bias": np.zeros(()),
    }
    start, as_parameters = tree_ravel(initial)

    def loss_and_gradient(vector: np.ndarray) -> tuple[float, np.ndarray]:
        p = as_parameters(vector)
        loss, gradient = gd.value_and_grad(network_loss)(p, data.x, data.y)
        return loss, tree_ravel(gradient)[0]

    options = {"jac": True, "method": "L-BFGS-B", "options": {"maxiter": steps}}
    with progress("neural network", steps) as advance:
        fit = minimize(loss_and_gradient, start, callback=advance, **options)
    return as_parameters(fit.x)


# ------------------------------------------------------------------------- the picture

FEATURES = ("radius", "texture", "smoothness", "concavity", "symmetry")
OUTCOMES = {0.0: ("benign", "o", "#1a4f8b"), 1.0: ("malignant", "^", "#8b1a1a")}


def draw_surface(axes: Axes, title: str, data: Data, scores: Callable[..., Any]) -> Any:
    """Draw the probability of malignancy over two features, and the held-out cases."""
    low, high = data.held_out_x.min(axis=0) - 0.3, data.held_out_x.max(axis=0) + 0.3
    grid = np.meshgrid(*np.linspace(low, high, 200).T)
    points = np.stack([g.ravel() for g in grid], axis=1)
    probability = (1.0 / (1.0 + np.exp(-scores(points)))).reshape(grid[0].shape)
    surface = axes.contourf(
        *grid, probability, levels=np.linspace(0, 1, 11), cmap="RdBu_r", alpha=0.6
    )
    axes.contour(*grid, probability, levels=[0.5], colors="black", linewidths=1.2)
    for outcome, (label, marker, colour) in OUTCOMES.items():
        cases = data.held_out_x[data.held_out_y == outcome].T
        style = {"marker": marker, "color": colour, "edgecolor": "white", "lw": 0.6}
        axes.scatter(*cases, s=30, label=label, **style)
    axes.set_title(f"{title}, {data.accuracy(scores):.0%} held-out accuracy")
    axes.set_xlabel(data.names[0])
    return surface


def draw_estimates(axes: Axes, data: Data, w: np.ndarray, errors: np.ndarray) -> None:
    """Draw the slopes of a logistic regression with their 95 % intervals."""
    rows = np.arange(len(data.names))[::-1]
    axes.axvline(0.0, color="grey", lw=0.8)
    axes.errorbar(w[1:], rows, xerr=1.96 * errors[1:], fmt="o", capsize=4, color="k")
    axes.set_yticks(rows, data.names)
    axes.margins(y=0.12)
    axes.set_title(f"{len(rows)} features: estimates, 95% intervals")
    axes.set_xlabel("log odds per standard deviation")


def draw(data: Data, w: np.ndarray, errors: np.ndarray, path: Path) -> None:
    """Save a picture: both models fitted to two features, and all the estimates."""
    two = load(*data.names[:2])
    logistic = partial(logistic_scores, fit_logistic(two)[0])
    network = partial(network_scores, fit_network(two))
    figure = Figure(figsize=(14, 4.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    draw_surface(left, "Logistic regression", two, logistic)
    surface = draw_surface(middle, "Neural network", two, network)
    left.set_ylabel(two.names[1])
    left.legend(loc="upper left", handletextpad=0.2)
    figure.colorbar(surface, ax=[left, middle], label="probability of malignancy")
    draw_estimates(right, data, w, errors)
    figure.savefig(path, dpi=150)


def fit_models(picture: Path) -> None:
    """Print parts 3 and 4, and save the picture."""
    data = load(*FEATURES)
    print("\n3. Logistic regression on the Wisconsin diagnostic breast cancer data\n")
    w, errors = fit_logistic(data)
    print(f"{len(data.y)} tumours to fit, {len(data.held_out_y)} held out.\n")
    print(estimate_table(data, w, errors))
    print(f"\nHeld-out accuracy: {data.accuracy(partial(logistic_scores, w)):.1%}")
    print("\n4. A neural network with one hidden layer on the same data\n")
    p = fit_network(data)
    print(f"Held-out accuracy: {data.accuracy(partial(network_scores, p)):.1%}")
    draw(data, w, errors, picture)


def main() -> None:
    """Run all parts and say where the files are."""
    print("\n1. Gradients of equations, next to central finite differences\n")
    x = gd.node(2.0)
    y = gd.node(3.0)
    f = equation_2(x, y)
    f.backward()
    print("Gradient of x:", x.grad)
    print("Gradient of y:", y.grad)
    print("\n" + gradient_table(2.0, 3.0))
    print("\n2. The chain rule, worked out\n")
    explained = gd.explain(equation_2)(2.0, 3.0)
    print(explained)
    OUTPUT.mkdir(exist_ok=True)
    page, picture = OUTPUT / "gradient.html", OUTPUT / "fit.png"
    network, typed = OUTPUT / "network.html", OUTPUT / "your_function.html"
    explained.save(page)
    explain_network().save(network)
    gd.explain().save(typed)
    fit_models(picture)
    print(f"\nFiles: {page} (every step, for the browser)")
    print(f"       {network} (the same of a small network)")
    print(f"       {typed} (the same of a function that you type)")
    print(f"       {picture} (what was fitted)")


if __name__ == "__main__":
    main()
