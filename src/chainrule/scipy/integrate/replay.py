"""Steps that SciPy has accepted, taken again: the derivative of the discrete solution.

In: a right-hand side, and what its solver noted of each step. Out: the states, and the
polynomials between them, as nodes. The steps are a scan. It is compiled where the
right-hand side can be, and kept for the next solve of the same function; there it is
padded with steps of length 0, so that one program serves other numbers of steps.
"""

from __future__ import annotations

import collections
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule import operations
from chainrule.compiler.api import compile as compiled
from chainrule.compiler.control.scan import scan
from chainrule.nodes.node_class import node
from chainrule.scipy.integrate.steps import Method, Slope
from chainrule.values.shapes import shape_of
from chainrule.values.types import Value
from chainrule.values.vertices import raw

_np: Any = np
MANY = 300
"""Steps from which on a first solve is compiled; with fewer, the second one is."""
KEPT = 64
"""How many functions are kept compiled."""


@dataclass(frozen=True)
class Steps:
    """What is known of accepted steps, of their beginning, and what is asked of them.

    Attributes
    ----------
    given, begun
        As ``Method.note`` and ``Method.begin`` return it; of all steps, in arrays.
    dense
        Whether the polynomials between the steps are wanted.
    """

    given: dict[str, Any]
    begun: dict[str, Any]
    dense: bool


def as_slope(fun: Callable[..., Any], y: Value, *, vectorized: bool) -> Slope:
    """Return a right-hand side whose results are arrays like the state."""
    shape, dtype = shape_of(raw(y)), raw(y).dtype

    def slope(t: Value, y: Value) -> Any:
        state = _np.reshape(y, (*shape, 1)) if vectorized else y
        z: Any = operations.asarray(fun(t, state))
        if shape_of(raw(z)) != shape:
            z = _np.reshape(z, shape) if vectorized else _np.broadcast_to(z, shape)
        return z if raw(z).dtype == dtype else z * _np.ones((), dtype)

    return slope


@dataclass
class Program:
    """A right-hand side, and what is compiled of it when it pays.

    Attributes
    ----------
    fun
        Returns the right-hand side that reads given values.
    may_compile
        Whether it is the same in each call but for these values, and can be traced.
    uses
        How often its steps were taken.
    """

    fun: Callable[[Sequence[Any]], Callable[..., Any]]
    vectorized: bool
    may_compile: bool
    uses: int = 0
    runs: dict[Hashable, Any] = field(default_factory=dict[Hashable, Any])

    def slope(self, values: Sequence[Any], y: Value) -> Slope:
        """Return the right-hand side for states like ``y``."""
        return as_slope(self.fun(values), y, vectorized=self.vectorized)

    def called(self, key: Hashable, f: Callable[..., Any], *args: Any) -> Any:
        """Call a function made of it: compiled, if it may be."""
        if self.may_compile:
            fast = self.runs.get(key)
            if fast is None:
                fast = self.runs[key] = compiled(f)
            try:
                return fast(*args)
            except Exception:
                self.may_compile = False
        return f(*args)

    def taken(
        self, method: Method, steps: Steps, y0: Value, values: Sequence[Any]
    ) -> tuple[Any, Any]:
        """Return the states after each step, and the polynomials."""
        count = shape_of(raw(steps.given["h"]))[0]
        self.uses += 1

        def run(y0: Value, given: Any, begun: Any, values: Sequence[Any]) -> Any:
            return self._run(method, Steps(given, begun, steps.dense), y0, values)

        if self.may_compile and (self.uses > 1 or count > MANY):
            fast = self.runs.setdefault(("steps", steps.dense), compiled(run))
            padded = _padded(steps.given, count, method)
            try:
                states, rows = fast(y0, padded, steps.begun, list(values))
            except Exception:
                self.may_compile = False
            else:
                return states[:count], rows[:count] if steps.dense else rows
        return run(y0, steps.given, steps.begun, values)

    def _run(
        self, method: Method, steps: Steps, y0: Value, values: Sequence[Any]
    ) -> tuple[Any, Any]:
        f = self.slope(values, y0)

        def step(carry: Any, x: Any) -> tuple[Any, Any]:
            carry, y, rows = method.step(f, carry, x, dense=steps.dense)
            return carry, (y, rows)

        carry = method.start(f, steps.given["t"][0], y0, steps.begun)
        return scan(step, carry, steps.given)[1]


def _padded(given: Mapping[str, Any], count: int, method: Method) -> dict[str, Any]:
    """Return what is known of steps, with steps of length 0 up to a round number."""
    scale = 2 ** max(2, math.ceil(math.log2(count)) - 1)
    missing = -count % (scale // 2)
    if not missing:
        return dict(given)
    last = {name: x[-1] for name, x in given.items()}
    after = method.no_step(last) | {"t": last["t"] + last["h"], "h": 0.0 * last["h"]}
    return {
        name: _np.concatenate([x, _np.stack([after[name]] * missing)])
        for name, x in given.items()
    }


_programs: collections.OrderedDict[Hashable, Program] = collections.OrderedDict()


def program_for(key: Hashable | None, make: Callable[[], Program]) -> Program:
    """Return the program that was kept under a key, or a new one."""
    if key is None:
        return make()
    found = _programs.pop(key, None) or make()
    _programs[key] = found
    while len(_programs) > KEPT:
        _programs.popitem(last=False)
    return found


def times_of(
    notes: Sequence[Mapping[str, Any]], t0: Value, tf: Value
) -> tuple[Any, dict[str, Any]]:
    """Return the times between the steps, and what is known of each step.

    The steps move with ``t0`` as they are; one that ends at ``tf`` moves its end with
    that.
    """
    given = {name: _np.stack([n[name] for n in notes]) for name in notes[0]}
    ends = _np.concatenate([given["t"][:1], given.pop("end")])
    times = moved(ends, t0, tf)
    if isinstance(times, node):
        given["h"] = given["h"] + _np.diff(times - ends)
        given["t"] = given["t"] + (times - ends)[:-1]
    return times, given


def moved(times: Any, t0: Value, tf: Value) -> Any:
    """Return plain times as nodes that move with the first one, or with the last."""
    if not isinstance(t0, node) and not isinstance(tf, node):
        return times
    ends = times == raw(tf)
    ends[0] = False
    return times + _np.where(ends, tf - raw(tf), t0 - raw(t0))  # type: ignore[operator]
