"""LSTM of ADBench: diagonal weights, trained to predict a text letter by letter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gradbench.eval import (
    Arguments,
    Differentiable,
    Eval,
    Function,
    Input,
    Size,
)
from benchmarks.tools import Tools
from benchmarks.workload import Workload

TEXT = Path(__file__).parents[1] / "data" / "sonnets.txt"

Layers = list[tuple[list[Any], list[Any]]]
"""The four weights and the four biases of each layer."""

Memory = list[tuple[Any, Any]]
"""What each layer hands to the next letter: its hidden values and its cell."""


def lstm(xp: Any, main: Any, extra: Any, state: Any, text: Any) -> Any:
    """Mean loss of an LSTM over a text, in a Python loop over its letters.

    Operations: slices of the parameters; per letter and layer 4 gates (product, sum,
    sigmoid or tanh), a new cell and a new hidden value (products, sum, tanh), then
    product, sum and the scores minus log(2 + sum(exp(z))), times the wanted letter.

    Parameters
    ----------
    main
        Weights in the even rows, biases in the odd ones: shape (2 layers, 4 bits).
    extra
        Weight of the input, weight and bias of the output: shape (3, bits).
    state
        Hidden values in the even rows, cells in the odd ones: shape (2 layers, bits).
    text
        One letter per row, as bits: shape (letters, bits).
    """
    layers, memory = split(main, state)
    total = 0.0
    for letter, wanted in pairwise(text):
        memory, guess = predict(xp, layers, extra, memory, letter)
        total = total + score(xp, guess, wanted)
    return -total / text[1:].size


def lstm_scanned(
    xp: Any,
    main: Any,
    extra: Any,
    state: Any,
    text: Any,
    *,
    scan: Callable[..., Any],
) -> Any:
    """Mean loss of the same LSTM, its loop over the letters a ``scan``.

    Operations: those of the loop, which stand in the body of the scan once.
    """
    layers, memory = split(main, state)

    def body(memory: Memory, letters: tuple[Any, Any]) -> tuple[Memory, Any]:
        letter, wanted = letters
        memory, guess = predict(xp, layers, extra, memory, letter)
        return memory, score(xp, guess, wanted)

    _, scores = scan(body, memory, (text[:-1], text[1:]))
    return -xp.sum(scores) / text[1:].size


def split(main: Any, state: Any) -> tuple[Layers, Memory]:
    """Return the parameters and the first memory of each layer."""
    bits = state.shape[1]
    columns = [slice(j * bits, (j + 1) * bits) for j in range(4)]
    layers: Layers = []
    memory: Memory = []
    for i in range(0, main.shape[0], 2):
        weights = [main[i, c] for c in columns]
        biases = [main[i + 1, c] for c in columns]
        layers.append((weights, biases))
        memory.append((state[i], state[i + 1]))
    return layers, memory


def predict(
    xp: Any, layers: Layers, extra: Any, memory: Memory, letter: Any
) -> tuple[Memory, Any]:
    """Return the new memory and the guess of the next letter."""
    after: Memory = []
    x = letter * extra[0]
    for (weights, biases), (hidden, cell) in zip(layers, memory, strict=True):
        hidden, cell = remember(xp, weights, biases, hidden, cell, x)
        after.append((hidden, cell))
        x = hidden
    return after, x * extra[1] + extra[2]


def remember(
    xp: Any,
    weights: Sequence[Any],
    biases: Sequence[Any],
    hidden: Any,
    cell: Any,
    x: Any,
) -> tuple[Any, Any]:
    """Return a layer's next hidden values and cell, all of shape (bits,)."""
    forget = sigmoid(xp, x * weights[0] + biases[0])
    enter = sigmoid(xp, hidden * weights[1] + biases[1])
    leave = sigmoid(xp, x * weights[2] + biases[2])
    change = xp.tanh(hidden * weights[3] + biases[3])
    cell = forget * cell + enter * change
    return leave * xp.tanh(cell), cell


def sigmoid(xp: Any, x: Any) -> Any:
    """Return 1 / (1 + exp(-x))."""
    return 1.0 / (1.0 + xp.exp(-x))


def score(xp: Any, guess: Any, wanted: Any) -> Any:
    """Return how much of the guess falls on the bits of the wanted letter."""
    return xp.sum(wanted * (guess - xp.log(2.0 + xp.sum(xp.exp(guess)))))


def build_objective(tools: Tools) -> Callable[..., Any]:
    """Return the loss, compiled."""
    return tools.compile(partial(lstm_scanned, tools.xp, scan=tools.scan))


def build_gradient(tools: Tools) -> Callable[..., Any]:
    """Return its gradient by both arrays of parameters, compiled."""
    loss = partial(lstm_scanned, tools.xp, scan=tools.scan)
    return tools.compile(tools.grad(loss, (0, 1)))


def prepare(given: Input) -> Arguments:
    """Return the parameters, the first memory, and the text."""
    names = "main_params", "extra_params", "state", "sequence"
    return tuple(np.array(given[name], dtype=float) for name in names), {}


def output(gradient: tuple[Any, Any]) -> list[float]:
    """Return the rows of both gradients, one after the other."""
    return np.concatenate([np.asarray(x).ravel() for x in gradient]).tolist()


def generate(*, layers: int, letters: int) -> Input:
    """Return random parameters, and the first letters of the sonnets."""
    text = bits_of(TEXT.read_text(encoding="utf-8")[:letters])
    bits = text.shape[1]
    rng = np.random.default_rng(6)
    return {
        "main_params": rng.random((2 * layers, 4 * bits)).tolist(),
        "extra_params": rng.random((3, bits)).tolist(),
        "state": rng.random((2 * layers, bits)).tolist(),
        "sequence": text.tolist(),
    }


def lstm_workload(
    *, layers: int, letters: int, scan: Callable[..., Any] | None = None
) -> Workload:
    """Return it as a workload of the other benchmarks; with ``scan``, scanned."""
    arrays, _ = prepare(generate(layers=layers, letters=letters))
    if scan is None:
        return Workload(lstm, arrays[:2], arrays[2:])
    return Workload(lstm_scanned, arrays[:2], arrays[2:], {"scan": scan})


def differences(given: Input) -> Differentiable:
    """Return the loss of the plain loop, as a function of the parameters."""
    arrays, _ = prepare(given)
    return lambda *x: lstm(np, *x, *arrays[2:]), arrays[:2]


def bits_of(text: str) -> np.ndarray:
    """Return a row of bits per letter, as many as the largest code needs."""
    codes = np.array([ord(letter) for letter in text])
    places = np.arange(int(codes.max()).bit_length())[::-1]
    return (codes[:, None] >> places & 1).astype(float)


EVAL = Eval(
    "lstm",
    {
        "objective": Function(build_objective, prepare, peers=("jax",)),
        "jacobian": Function(build_gradient, prepare, output, peers=("jax",)),
    },
    small=lambda: generate(layers=2, letters=4),
    sizes=(
        Size(
            "2 layers, 1,024 letters",
            "jacobian",
            lambda: generate(layers=2, letters=1024),
        ),
        Size(
            "6 layers, 4,096 letters",
            "jacobian",
            lambda: generate(layers=6, letters=4096),
            25.0,
            38.0,
        ),
    ),
    differences=differences,
)
