"""LSTM of ADBench: diagonal weights, trained to predict a text letter by letter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.workload import Workload

TEXT = Path(__file__).parents[2] / "data" / "sonnets.txt"

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


def lstm_workload(
    *, layers: int, letters: int, scan: Callable[..., Any] | None = None
) -> Workload:
    """Return the LSTM on the first letters of the sonnets; with ``scan``, scanned."""
    text = bits_of(TEXT.read_text(encoding="utf-8")[:letters])
    bits = text.shape[1]
    rng = np.random.default_rng(6)
    arguments = (
        rng.random((2 * layers, 4 * bits)),
        rng.random((3, bits)),
        rng.random((2 * layers, bits)),
    )
    if scan is None:
        return Workload(lstm, arguments[:2], (arguments[2], text))
    return Workload(lstm_scanned, arguments[:2], (arguments[2], text), {"scan": scan})


def bits_of(text: str) -> np.ndarray:
    """Return a row of bits per letter, as many as the largest code needs."""
    codes = np.array([ord(letter) for letter in text])
    places = np.arange(int(codes.max()).bit_length())[::-1]
    return (codes[:, None] >> places & 1).astype(float)
