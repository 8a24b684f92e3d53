"""An explanation as JSON, for the page: every number, formula, line and remark."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.errors import ArgumentError
from chainrule.explainer.account.account import Account
from chainrule.explainer.account.brief import (
    as_numbers,
    is_tuple,
    short,
)
from chainrule.explainer.account.derivatives import operand_expression
from chainrule.explainer.account.fold import key_of, representatives
from chainrule.explainer.account.remarks import Remark, remedy
from chainrule.explainer.account.sweep import Contribution, SweepStep
from chainrule.explainer.account.views import Operand, Tick, VertexView
from chainrule.explainer.page.array_forms import ArrayScript, array_script_of
from chainrule.explainer.page.encoding import ENTRIES, clipped, encoded
from chainrule.explainer.page.javascript import (
    Form,
    is_real,
    script_of,
    sign_of,
)
from chainrule.explainer.page.numpy_code import gradient_code
from chainrule.explainer.page.terms import Terms, terms_of
from chainrule.explainer.watching.source import SourceLocation
from chainrule.values.vertices import vertex

MOST = 1500
"""How many vertices the page holds; of a longer recording it has the newest."""

_WAITING = 12
_NUMBERS = 60_000
"""About how many entries of arrays a page holds in all."""


class Payload:
    """The data of a page: one entry per explanation, and the operations to replay."""

    def __init__(self, explained: Account) -> None:
        """Collect the explanation and those of its derivatives."""
        self._scripts: dict[Form, int] = {}
        self.runs: list[dict[str, Any]] = [
            self._run(e) for e in (explained, *explained.seconds)
        ]

    def _run(self, explained: Account) -> dict[str, Any]:
        run = _RunData(explained, self._scripts).data()
        others = explained.branches if run["live"] else []
        data = [_RunData(b, self._scripts).data() for b in others]
        run["branches"] = [b for b in data if b["live"]]
        return run

    @property
    def scripts(self) -> Sequence[Form]:
        """The operations in JavaScript, in the order in which vertices number them."""
        return list(self._scripts)

    def data(self) -> dict[str, Any]:
        """Return what becomes the page's JSON."""
        return {"format": 1, "runs": self.runs}


class _RunData:
    """One explanation, with its vertices numbered anew where it is cut."""

    def __init__(self, explained: Account, scripts: dict[Form, int]) -> None:
        self.explained = explained
        self.scripts = scripts
        inputs = set(explained.inputs)
        newest = [v.index for v in explained.vertices[-MOST:]]
        self.shown = sorted(inputs.union(newest))
        self.number = {old: new for new, old in enumerate(self.shown)}
        self.like = representatives([key_of(v) for v in explained.vertices])
        self.files: dict[str, int] = {}
        self.locations: dict[SourceLocation, int] = {}
        sizes = [_size(explained.vertices[i].value) for i in self.shown]
        self.entries = ENTRIES if 5 * sum(sizes) < _NUMBERS else 16
        self.written: dict[int, Terms | None] = {}
        self.arrays: dict[int, ArrayScript | None] = {}
        self.rules: dict[Any, int] = {}
        self.remedies: dict[str, int] = {}

    def data(self) -> dict[str, Any]:
        """Return the explanation as plain data."""
        e = self.explained
        views = [e.vertices[i] for i in self.shown]
        vertices = [self._vertex(v) for v in views]
        code, no_code = _code_of(e)
        live, why_not = self._liveness()
        return {
            "title": e.title,
            "mode": e.mode,
            "error": None if e.error is None else _error_text(e.error),
            "vertices": vertices,
            "inputs": [self.number[i] for i in e.inputs],
            "result": None if e.result is None else self.number.get(e.result),
            "steps": [self._step(s) for s in e.steps if s.vertex in self.number],
            "totals": {
                self.number[i]: self._encoded(x)
                for i, x in e.totals.items()
                if i in self.number
            },
            "ticks": [self._tick(t) for t in e.ticks],
            "warnings": [
                self._warning(w) for w in e.warnings if w.vertex in self.number
            ],
            "guards": self._guards() if live else [],
            "watched": e.called,
            "notes": [clipped(text) for text in e.notes],
            "live": live,
            "notLive": why_not,
            "code": code,
            "noCode": no_code,
            "cut": len(e.vertices) - len(self.shown),
            "rules": [_rule_data(r) for r in self.rules],
            "places": [self._location_data(where) for where in self.locations],
            "files": [self._file(name) for name in self.files],
            "remedies": list(self.remedies),
        }

    # ----------------------------------------------------------------------- vertices

    def _vertex(self, v: VertexView) -> dict[str, Any]:
        written = script_of(v)
        vertex_data = {
            "name": clipped(v.name),
            "operation": v.operation,
            "expression": clipped(v.expression),
            "value": self._encoded(v.value),
            "shape": [] if is_tuple(v.value) else list(np.shape(v.value)),
            "operands": [self._operand(x) for x in v.operands],
            "parameters": clipped(_parameters_text(v.parameters)),
            "rule": None if v.rule is None else self._numbered(self.rules, v.rule),
            "place": None if v.location is None else self._located(v.location),
            "repeat": v.repeat if v.repeats > 1 else None,
            "repeats": v.repeats if v.repeats > 1 else None,
            "like": self.like[v.index],
            "unused": None if v.used else True,
            "terms": None if written else self._terms(v),
            "remedy": self._remedy(v) if v.rule else None,
            "script": self._script(written),
            "array": self._script(self._array(v)),
        }
        return _without_none(vertex_data)

    def _script(self, form: Form | None) -> int | None:
        return None if form is None else self._numbered(self.scripts, form)

    def _array(self, v: VertexView) -> ArrayScript | None:
        """Return an operation on whole arrays, where there is no simpler form."""
        if v.index not in self.arrays:
            simple = script_of(v) or self._terms(v) or self.entries < ENTRIES
            self.arrays[v.index] = None if simple else array_script_of(v)
        return self.arrays[v.index]

    def _remedy(self, v: VertexView) -> int:
        names = [
            operand_expression(self.explained.vertices, v, i)
            for i in range(len(v.operands))
        ]
        return self._numbered(self.remedies, clipped(remedy(v, names)))

    def _operand(self, x: Operand) -> dict[str, Any]:
        if x.index in self.number:
            return {"vertex": self.number[x.index]}
        name = x.name if x.index is None else self.explained.vertices[x.index].name
        return {"value": self._encoded(as_numbers(x.value)), "name": clipped(name)}

    def _encoded(self, x: Any) -> Any:
        return encoded(x, self.entries)

    def _terms(self, v: VertexView) -> Terms | None:
        if v.index not in self.written:
            live = self.entries == ENTRIES and v.rule is not None
            self.written[v.index] = terms_of(v) if live else None
        return self.written[v.index]

    def _departed(self, x: Any) -> Operand:
        """Return what a plain value was computed from."""
        if isinstance(x, vertex):
            return Operand(self.explained.index_of(x), x._value)
        return Operand(None, x)

    @staticmethod
    def _numbered(table: dict[Any, int], key: Any) -> int:
        return table.setdefault(key, len(table))

    def _located(self, location: SourceLocation) -> int:
        self._numbered(self.files, location.filename)
        return self._numbered(self.locations, location)

    # -------------------------------------------------------------------------- steps

    def _step(self, s: SweepStep) -> dict[str, Any]:
        parts = [c for c in s.contributions if c.target in self.number]
        ready = [self.number[i] for i in s.ready if i in self.number]
        step = {
            "vertex": self.number[s.vertex],
            "incoming": self._encoded(s.incoming),
            "contributions": [self._contribution(c) for c in parts],
            "ready": ready[:_WAITING],
            "waiting": max(0, len(ready) - _WAITING) or None,
        }
        return _without_none(step)

    def _contribution(self, c: Contribution) -> dict[str, Any]:
        contribution = {
            "operand": self.number[c.target],
            "position": c.position,
            "formula": clipped(c.formula),
            "partial": self._encoded(as_numbers(c.partial)),
            "amount": self._encoded(c.amount),
            "total": self._encoded(c.total),
            "reduction": c.reduction,
        }
        return _without_none(contribution)

    def _tick(self, t: Tick) -> dict[str, Any]:
        return {
            "vertex": self.number[t.vertex],
            "gradient": self._encoded(t.gradient),
            "difference": self._encoded(t.difference),
            "agrees": t.agrees,
        }

    def _warning(self, w: Remark) -> dict[str, Any]:
        return {
            "vertex": self.number[w.vertex],
            "kind": w.kind,
            "message": clipped(w.message),
            "inSweep": w.in_sweep,
        }

    # ------------------------------------------------------------- replay in the page

    def _liveness(self) -> tuple[bool, str]:
        """Tell whether the page can replay this run at other inputs, and why not."""
        e = self.explained
        if e.error is not None or not e.steps:
            return False, "The function did not run to its end, so it is not replayed."
        if len(self.shown) < len(e.vertices):
            return False, "The recording is too long to be replayed here."
        if self.entries < ENTRIES or any(self._is_large(v) for v in e.vertices):
            return False, "The arrays are too large to be replayed here."
        for v in e.vertices:
            if v.rule is None and not is_real(v.value):
                return False, f"{v.name} is not real, in double precision."
            if v.rule is not None and not self._has_form(v):
                return False, (
                    f"Pages do not compute {v.expression}: run gd.explain again for "
                    "other inputs."
                )
        for d in e.departures:
            operands = map(self._departed, d.operands)
            if sign_of(d.operation) is None or not all(map(_is_plain, operands)):
                where = f" in line {d.location.line}" if d.location else ""
                return False, (
                    f"The program took a plain value from the recording{where} "
                    f"({d.operation}), which a replay would hold constant."
                )
        if not e.follows():
            return False, (
                "At other inputs the function decides otherwise, where that is not "
                "seen, so a replay would be wrong."
            )
        return True, ""

    def _has_form(self, v: VertexView) -> bool:
        return bool(script_of(v) or self._terms(v) or self._array(v))

    @staticmethod
    def _is_large(v: VertexView) -> bool:
        return any(
            _size(x) > ENTRIES for x in (v.value, *(x.value for x in v.operands))
        )

    def _guards(self) -> list[dict[str, Any]]:
        guards: dict[Any, dict[str, Any]] = {}
        for d in self.explained.departures:
            sides = [self._operand(self._departed(x)) for x in d.operands]
            if len(sides) == 1:
                nothing = {"value": 0, "name": ""}
                sides.append(sides[0] if d.operation == "isnan" else nothing)
            guard = {
                "sign": sign_of(d.operation),
                "text": clipped(d.location.text) if d.location else "",
                "sides": sides,
                "truth": np.asarray(d.result, dtype=bool).ravel().tolist(),
                "shape": list(np.shape(d.result)),
                "place": None if d.location is None else self._located(d.location),
            }
            guards.setdefault(repr(guard), guard)
        return list(guards.values())

    # ------------------------------------------------------------------------- source

    def _location_data(self, location: SourceLocation) -> dict[str, Any]:
        line, end_line = location.line, location.end_line
        lines = self.explained.source.get(location.filename, {})
        return {
            "file": self.files[location.filename],
            "function": location.function,
            "line": line,
            "endLine": end_line,
            "start": _characters(lines.get(line, ""), location.column),
            "end": _characters(lines.get(end_line, ""), location.end_column),
        }

    def _file(self, filename: str) -> dict[str, Any]:
        lines = sorted(self.explained.source.get(filename, {}).items())
        last = max(p.end_line for p in self.locations if p.filename == filename)
        while lines[-1:] and lines[-1][0] > last:
            if _indent(lines[-1][1]) > _indent(lines[0][1]):
                break
            lines.pop()  # the start of what comes after the function
        return {
            "name": Path(filename).name,
            "lines": [[n, clipped(text)] for n, text in lines],
        }


# ------------------------------------------------------------------------- small parts


def _without_none(data: dict[str, Any]) -> dict[str, Any]:
    """Return data without what is none, or an empty text: most of a long page."""
    return {k: x for k, x in data.items() if x is not None and x != ""}


def _size(value: Any) -> int:
    """Return how many entries a value has, or the results of an operation together."""
    return sum(map(_size, value)) if is_tuple(value) else np.size(value)


def _is_plain(x: Operand) -> bool:
    kinds = bool | int | float | np.integer | np.floating | np.ndarray | np.bool_
    return isinstance(x.value, kinds) and np.asarray(x.value).dtype.kind in "fiub"


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip()) if line.strip() else 0


def _characters(line: str, column: int) -> int:
    """Return a column that counts bytes of UTF-8 as one that counts UTF-16 units."""
    text = line.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "replace")
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _rule_data(rule: Any) -> dict[str, Any]:
    doc = (inspect.getdoc(rule) or "").split("\n")[0]
    parts = {
        i: (inspect.getdoc(part) or "").split("\n")[0] for i, part in rule.parts.items()
    }
    return {
        "name": rule.__name__,
        "formula": clipped(doc),
        "operands": list(rule.operand_names),
        "parts": {i: clipped(text) for i, text in parts.items()},
    }


def _parameters_text(parameters: Mapping[str, Any]) -> str:
    array: Any = np.ndarray
    texts = {
        k: short(x) if isinstance(x, array) else repr(x) for k, x in parameters.items()
    }
    return ", ".join(f"{k}={text}" for k, text in texts.items())


def _error_text(error: BaseException) -> str:
    return clipped(f"{type(error).__name__}: {error}")


def _code_of(explained: Account) -> tuple[str | None, str]:
    try:
        return gradient_code(explained), ""
    except ArgumentError as error:
        return None, str(error)


__all__ = ["Payload"]
