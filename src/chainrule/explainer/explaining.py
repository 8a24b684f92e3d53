"""Explaining and drawing a node, or a call of a function."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.explainer.account.account import Account, Differences
from chainrule.explainer.account.following import ELSEWHERE, replayed
from chainrule.explainer.explanation import Explanation
from chainrule.explainer.forms.drawing import Drawing
from chainrule.explainer.watching.run import Run
from chainrule.explainer.watching.watch import in_order, watch
from chainrule.nodes.node_class import node
from chainrule.progress import watched
from chainrule.sweeps.order import collect
from chainrule.transforms.gradients import grad
from chainrule.transforms.inputs import input_node
from chainrule.values.containers import flatten, unflatten
from chainrule.values.foreign import is_foreign
from chainrule.values.types import Result
from chainrule.values.vertices import asked_array, raw

BRANCHES = 8
"""How many branches are recorded beside the one that a call takes."""

_DIFFERENCED = 50
"""Inputs with more entries than this are not checked by finite differences."""

Keywords = Mapping[str, Any]


def run_of(z: node) -> Run:
    """Return what led to a node as a run without locations."""
    order = collect([z]).order
    leaves: list[Any] = [v for v in reversed(order) if v.rule is None]
    names = [v.parameters.get("name") or f"x{i}" for i, v in enumerate(leaves, 1)]
    run = Run(leaves, names, [v for v in reversed(order) if v.rule is not None])
    run.result = z
    return run


def explain_node(z: node, mode: str) -> Explanation:
    """Explain how a node was computed."""
    return Explanation(run_of(z), title=repr(z), mode=mode, called=False)


def draw_node(z: node, boxes: int) -> Drawing:
    """Draw what a node was computed from."""
    account = Account(run_of(z), title=repr(z), sweep=False, called=False)
    return Drawing(account, boxes)


def draw_call(
    f: Callable[..., Any], args: Sequence[Any], keywords: Keywords, boxes: int
) -> Drawing:
    """Run a function once, watched, and draw what it recorded."""
    run = watch(f, args, in_order(f, keywords))
    return Drawing(Account(run, title=_name_of(f), sweep=False), boxes)


def explain_call(
    f: Callable[..., Any],
    args: Sequence[Any],
    keywords: Keywords,
    mode: str,
    order: int,
    *,
    branches: bool = False,
) -> Explanation:
    """Run a function once, watched, and explain its gradient.

    With ``branches`` it is run again for each comparison, turned round.
    """
    keywords = in_order(f, keywords)

    run, first = _explained(f, args, keywords, mode, _name_of(f))
    if branches and first.error is None:
        for other in _turned_runs(f, args, keywords, run):
            first.branches.append(Explanation(other, title=_name_of(f), mode=mode))
    if order == 1 or first.error is not None or first.result is None:
        return first
    for i, x in enumerate(run.inputs):
        name = run.input_names[i]
        if x.size != 1 or np.iscomplexobj(x._value):
            first.notes.append(
                "Second derivatives are explained for single real numbers, so not "
                f"for {name}: use gd.hessian or gd.hvp."
            )
            continue
        derivative = _partial(f, run.leaf_numbers[i])
        title = f"d {_name_of(f)} / d {name}"
        _, second = _explained(derivative, args, keywords, mode, title)
        first.seconds.append(second)
    return first


def _explained(
    f: Callable[..., Any],
    args: Sequence[Any],
    keywords: Keywords,
    mode: str,
    title: str,
) -> tuple[Run, Explanation]:
    run = watch(f, args, keywords)
    made = Explanation(
        run,
        title=title,
        mode=mode,
        differences=_differences(f, args, keywords, run.leaf_numbers),
        follows=lambda: _follows(f, args, keywords, run, made),
    )
    return run, made


def _follows(
    f: Callable[..., Any],
    args: Sequence[Any],
    keywords: Keywords,
    run: Run,
    explained: Account,
) -> bool:
    """Tell whether a recording follows its function to other inputs.

    It is tried where the function decides as it did, as far as that is seen; where it
    decides more often, as in a loop that would not end, the run is given up.
    """
    leaves, call = _flat(args, keywords)
    inputs = [explained.vertices[i] for i in explained.inputs]
    for change in ELSEWHERE:
        given = list(leaves)
        values = {v.index: change(np.asarray(v.value, float))[()] for v in inputs}
        for number, i in zip(run.leaf_numbers, explained.inputs, strict=True):
            given[number] = values[i]
        args, keywords = call(given)
        with np.errstate(all="ignore"):
            other = watch(f, args, keywords, most=len(run.decisions))
            if other.error is not None or _decided(other) != _decided(run):
                continue
            result = explained.result or 0
            found = replayed(explained.vertices, values, result)
        if not np.allclose(found, raw(other.result), 1e-6, 1e-9, equal_nan=True):
            return False
    return True


def _decided(run: Run) -> list[Any]:
    """Return what a run decided, as far as that is seen."""
    return [(d.location, np.asarray(d.result).tolist()) for d in run.departures]


def _turned_runs(
    f: Callable[..., Any], args: Sequence[Any], keywords: Keywords, run: Run
) -> Iterator[Run]:
    """Yield runs in which comparisons come out the other way, at most ``BRANCHES``.

    Each is turned by itself first, then together with one of another place that comes
    after it. Of many comparisons in one place the first and the last are turned.
    """
    waiting: list[tuple[tuple[int, ...], Run]] = [((), run)]
    most = 10 * len(run.decisions) + 100
    with watched(range(BRANCHES), "branches", "runs") as rounds:
        numbers = iter(rounds)
        while waiting:
            turned, known = waiting.pop(0)
            for number in _turnable(known, turned):
                if next(numbers, None) is None:
                    return
                together = (*turned, number)
                other = watch(f, args, keywords, turned=together, most=most)
                if other.error is None and isinstance(other.result, node):
                    waiting.append((together, other))
                    yield other


def _turnable(run: Run, turned: Sequence[int]) -> list[int]:
    """Return the decisions after those that are turned, in places of their own."""
    begin = max(turned, default=-1) + 1
    known = {run.decisions[n] for n in turned}
    places: dict[Any, list[int]] = {}
    for number, location in enumerate(run.decisions[begin:], begin):
        if location not in known:
            places.setdefault(location, []).append(number)
    ends = [n for some in places.values() for n in dict.fromkeys((some[0], some[-1]))]
    return sorted(ends)


def _name_of(f: Callable[..., Any]) -> str:
    """Return a function's name, or its class's where it has none."""
    return getattr(f, "__name__", type(f).__name__)


def _partial(f: Callable[..., Any], number: int) -> Callable[..., Any]:
    """Return the derivative of ``f`` in one leaf of its arguments, by its number."""

    def first(*args: Any, **keywords: Any) -> Any:
        leaves, call = _flat(args, keywords)

        def in_leaf(x: Any) -> Any:
            args, keywords = call([*leaves[:number], x, *leaves[number + 1 :]])
            return f(*args, **keywords)

        gradient = grad(in_leaf)(leaves[number])
        return gradient if np.ndim(raw(gradient)) == 0 else gradient.reshape(())

    functools.update_wrapper(first, f)
    return first


def _flat(
    args: Sequence[Any], keywords: Keywords
) -> tuple[list[Any], Callable[[Sequence[Any]], tuple[list[Any], dict[str, Any]]]]:
    """Return the leaves of all arguments in turn, and what makes them arguments."""
    parts = [flatten(arg) for arg in (*args, *keywords.values())]

    def call(leaves: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        rest = iter(leaves)
        whole = [unflatten(s, [next(rest) for _ in some]) for some, s in parts]
        named = zip(keywords, whole[len(args) :], strict=True)
        return whole[: len(args)], dict(named)

    return [x for some, _ in parts for x in some], call


def _differences(
    f: Callable[..., Any],
    args: Sequence[Any],
    keywords: Keywords,
    inputs: Sequence[int],
) -> Differences:
    """Return a function of an input's number that gives central differences.

    ``inputs`` says which leaf of the arguments each input is.
    """
    leaves, call = _flat(args, keywords)

    def moved(number: int, index: tuple[int, ...], h: float) -> float:
        """Call ``f`` with one entry of one leaf moved."""
        changed = list(leaves)
        for i in inputs:  # as nodes, so that the function takes the same way
            value = np.array(raw(leaves[i]))
            if i == number:
                value = value.astype(float)
                value[index] += h
            changed[i] = input_node(
                value if value.ndim else value[()], copy=False, integers=True
            )
        args, named = call(changed)
        result = raw(f(*args, **named))
        return float(np.asarray(result).item())

    def difference(i: int) -> Result | None:
        value: Any = raw(leaves[inputs[i]])
        value = asked_array(value)
        if is_foreign(value) or value.size > _DIFFERENCED or value.dtype.kind == "c":
            return None
        out = np.zeros(value.shape)
        bar = watched(list(np.ndindex(value.shape)), "differences", "entries")
        # A function may fail beside the point it was called at.
        with contextlib.suppress(Exception), np.errstate(all="ignore"), bar as shown:
            for index in shown:
                h = 1e-6 * max(1.0, abs(float(value[index])))
                ends = [moved(inputs[i], index, s * h) for s in (1, -1)]
                out[index] = (ends[0] - ends[1]) / (2 * h)
            return out if value.ndim else float(out)
        return None

    return difference
