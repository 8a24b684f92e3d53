"""An explanation as LaTeX equations, for ``amsmath`` or MathJax."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from chainrule.explainer.account.account import Account
from chainrule.explainer.account.brief import as_numbers
from chainrule.explainer.account.derivatives import operand_terms
from chainrule.explainer.account.fold import Gap, Item, fold, key_of
from chainrule.explainer.account.sweep import Contribution
from chainrule.explainer.account.views import VertexView
from chainrule.explainer.forms.latex_terms import (
    escaped,
    number,
    operation,
    parenthesised,
    symbol,
    term,
)
from chainrule.explainer.forms.text import wrapped
from chainrule.explainer.forms.wording import title

_TEXT_WIDTH = 76
_BAR = r"\bar"
_DOT = r"\dot"


def to_latex(explained: Account, limit: int | None) -> str:
    """Return the equations of an explanation, one ``align*`` per part."""
    return "\n".join(_Equations(explained, limit).parts())


class _Equations:
    """Writes the equations of one explanation."""

    def __init__(self, explained: Account, limit: int | None) -> None:
        self.explained = explained
        self.vertices = explained.vertices
        self.limit = limit
        self.items = fold([key_of(v) for v in self.vertices], limit)
        self.steps = {s.vertex: s for s in explained.steps}

    def parts(self) -> Iterator[str]:
        explained = self.explained
        heading = title(explained)
        heading = explained.title if len(heading) > _TEXT_WIDTH else heading
        yield aligned(heading, self.listed(self.items, self.forward))
        if explained.mode == "reverse" and explained.steps:
            items = list(reversed(self.items))
            rows = self.listed(items, self.backward, backward=True)
            seed = f"{self.bar(explained.result)} &= 1"
            meaning = r"\bar{v} = \partial f / \partial v"
            yield aligned("Backward", [seed, *rows], meaning)
        if explained.error is not None:
            error = explained.error
            yield aligned("Error", _texts(f"{type(error).__name__}: {error}"))
        elif explained.ticks:
            yield aligned("Result", self.results())
        remarks = dict.fromkeys(r.message for r in explained.warnings)
        if remarks:
            texts = [text for r in list(remarks)[:9] for text in _texts(r)]
            yield aligned("Watch out", texts)
        for second in explained.seconds:
            yield to_latex(second, self.limit)

    def listed(
        self,
        items: Sequence[Item],
        rows: Callable[[VertexView], Iterator[str]],
        *,
        backward: bool = False,
    ) -> list[str]:
        """Return the rows of the vertices to show, with dots for the others."""
        written: list[str] = []
        for item in items:
            if isinstance(item, Gap):
                if not backward or any(
                    i in self.steps for i in range(item.first, item.end)
                ):
                    text = item.text(backward=backward).strip(" .")
                    written.append(rf"&\ \vdots && \text{{{escaped(text)}}}")
            else:
                written += rows(self.vertices[item.index])
        return written

    # ---------------------------------------------------------------------- the rows

    def forward(self, v: VertexView) -> Iterator[str]:
        """Yield what one vertex computes; in forward mode its tangent too."""
        value = number(v.value)
        if v.rule is None:
            yield f"{symbol(v.name)} &= {value}"
        else:
            terms = operand_terms(self.vertices, v)
            yield f"{symbol(v.name)} &= {operation(v, terms, v.value)} &&= {value}"
        if self.explained.mode == "forward" and v.index in self.explained.totals:
            yield self.tangent(v)

    def tangent(self, v: VertexView) -> str:
        """Return the tangent of one vertex."""
        total = number(self.explained.totals[v.index])
        dot = symbol(v.name, _DOT)
        if v.index not in self.steps:
            return f"{dot} &= {total}"
        parts = [
            f"{self.derivative(c)} \\cdot {self.accented(c.target, _DOT)}"
            for c in self.steps[v.index].contributions
        ]
        return f"{dot} &= {' + '.join(parts) or 0} &&= {total}"

    def backward(self, v: VertexView) -> Iterator[str]:
        """Yield what one vertex adds to the gradient of each operand."""
        if v.index not in self.steps:
            return
        step = self.steps[v.index]
        for c in step.contributions:
            bar, incoming = self.bar(c.target), self.bar(c.source)
            is_first = self.first_to(c)
            sign = "=" if is_first else r"\mathrel{+}="
            row = f"{bar} &{sign} {incoming} \\cdot {self.derivative(c)} &&= "
            if c.partial is not None and np.ndim(c.amount) == 0:
                factors = [number(step.incoming), number(as_numbers(c.partial))]
                row += " \\cdot ".join(map(_factor, factors)) + " = "
            row += number(c.amount)
            if not is_first:
                row += rf" \quad \Rightarrow \quad {bar} = {number(c.total)}"
            yield row

    def derivative(self, c: Contribution) -> str:
        """Return a local derivative: a formula, or the rule's words."""
        derivative = c.term
        if derivative is None:
            return rf"\left[\texttt{{{escaped(c.formula)}}}\right]"
        text = term(derivative)
        is_sum = derivative.head in ("+", "-", "negative", "where")
        tall = is_sum or text.startswith("-")
        return parenthesised(text) if tall else text

    def first_to(self, c: Contribution) -> bool:
        """Tell whether a contribution is the first to its operand."""
        return self.firsts[c.target] is c

    @functools.cached_property
    def firsts(self) -> dict[int, Contribution]:
        """The first contribution to each vertex."""
        firsts: dict[int, Contribution] = {}
        for step in self.explained.steps:
            for c in step.contributions:
                firsts.setdefault(c.target, c)
        return firsts

    def accented(self, index: int | None, accent: str) -> str:
        """Return a vertex' name with an accent."""
        return symbol(self.vertices[index or 0].name, accent)

    def bar(self, index: int | None) -> str:
        """Return the name of a vertex' gradient."""
        return self.accented(index, _BAR)

    def results(self) -> list[str]:
        """Return the gradient in each input, or the tangent of the result."""
        explained = self.explained
        ticks = explained.ticks if self.limit is None else explained.ticks[: self.limit]
        if explained.mode == "forward":
            return [
                f"{self.accented(t.vertex, _DOT)} &= {number(t.gradient)}"
                for t in ticks
            ]
        f = escaped(explained.title) if explained.called else "f"
        f = symbol(f) if f.isidentifier() else rf"\text{{({f})}}"
        return [
            rf"\frac{{\partial {f}}}{{\partial {self.accented(t.vertex, '')}}}"
            f" &= {number(t.gradient)}"
            for t in ticks
        ]


# ------------------------------------------------------------------------- small parts


def aligned(heading: str, rows: Sequence[str], meaning: str = "") -> str:
    """Return rows as equations under a heading."""
    head = rf"&\textbf{{{escaped(heading)}}}"
    head += rf" && {meaning}" if meaning else ""
    body = " \\\\\n".join([head, *rows])
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def _texts(message: str) -> list[str]:
    lines = wrapped(" ".join(message.split()), _TEXT_WIDTH)
    return [rf"&\text{{{escaped(line)}}}" for line in lines]


def _factor(text: str) -> str:
    return parenthesised(text) if text.startswith("-") else text


__all__ = ["aligned", "to_latex"]
