"""What a diagnosis consists of: findings, with the chain of factors to the result."""

from __future__ import annotations

import linecache
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, overload

from chainrule.explainer import showing
from chainrule.explainer.account.brief import counted, short
from chainrule.explainer.watching.source import SourceLocation

WHAT = {
    "nan": "nan",
    "infinity": "infinity",
    "zero": "zero",
    "kink": "kink",
    "cancellation": "digits lost",
    "vanishing": "vanishing factor",
    "exploding": "exploding factor",
}
"""The kinds of findings, and what they are called."""

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1.1em/1.5 system-ui, sans-serif; max-width: 46em; margin: 2em auto;
  padding: 0 1em }}
pre {{ padding: .5em; overflow-x: auto; background: color-mix(in srgb, currentColor 8%,
  transparent) }}
</style>
</head>
<body>{body}</body>
</html>"""
"""A diagnosis as a page of its own: nothing runs on it, and nothing is fetched."""

_ENDS = 3
"""How many factors at each end of a long chain are shown."""


@dataclass(frozen=True)
class Factor:
    """A local derivative on the way from the result; ``None`` where it is no number."""

    name: str
    value: float | None

    def __str__(self) -> str:
        """Write it as an equation."""
        return self.name if self.value is None else f"{self.name} = {short(self.value)}"


@dataclass
class Finding:
    """One place where something was born that a derivative suffers from.

    Attributes
    ----------
    kind
        ``"nan"``, ``"infinity"``, ``"zero"``, ``"kink"``, ``"cancellation"``,
        ``"vanishing"`` or ``"exploding"``.
    in_derivative
        Whether it was born in a derivative, and not in the value of an operation.
    operation, expression
        The operation, and the expression in the source that it stands for.
    location
        Where that is: ``filename``, ``line``, ``function``; ``None`` if unknown.
    operand, operand_name, index
        Which operand of the operation it is about, what the program calls it, and
        which entry; ``None`` where there is no one of them.
    values
        The numbers there, by the names of the operands and of the result.
    message, remedy
        What happened, and what to write instead.
    chain
        The factors that the chain rule multiplies from the result to this place.
    step, steps
        In a loop: in which execution of the expression it was first, of how many.
    """

    kind: str
    message: str
    operation: str
    expression: str
    location: SourceLocation | None = None
    operand: int | None = None
    operand_name: str = ""
    index: tuple[int, ...] | None = None
    values: dict[str, Any] = field(default_factory=dict[str, Any])
    remedy: str = ""
    in_derivative: bool = False
    chain: tuple[Factor, ...] = ()
    step: int = 1
    steps: int = 1
    age: int = field(default=0, repr=False)

    @property
    def line(self) -> int | None:
        """The line in the source, from 1."""
        return None if self.location is None else self.location.line

    @property
    def heading(self) -> str:
        """What was found and where, in one line."""
        where = " in the derivative" if self.in_derivative else ""
        place = f": {self.expression}" if self.expression else ""
        if self.location is not None:
            place += f", line {self.location.line}"
        if self.steps > 1 and self.kind not in ("vanishing", "exploding"):
            place += f", execution {self.step} of {self.steps}"
        return f"{WHAT[self.kind]}{where}{place}"

    def __str__(self) -> str:
        """Return the finding as text."""
        return "\n   ".join([self.heading, *self.lines()])

    def lines(self) -> Iterator[str]:
        """Yield what is said of it below the heading."""
        if self.location is not None:
            text = linecache.getline(self.location.filename, self.location.line)
            if text.strip():
                yield f"{self.location.line} | {text.strip()}"
        yield self.message
        if self.values:
            at = "" if not self.index else f" at {list(self.index)}"
            shown = ", ".join(f"{k} = {short(v)}" for k, v in self.values.items())
            yield f"There{at}: {shown}."
        if self.chain:
            yield f"From the result: {', '.join(shortened(self.chain))}."
        if self.remedy:
            yield self.remedy


def shortened(chain: Sequence[Factor]) -> list[str]:
    """Return the factors of a chain as text, of a long one its ends."""
    texts = list(map(str, chain))
    if len(texts) <= 2 * _ENDS + 1:
        return texts
    left_out = f"{len(texts) - 2 * _ENDS} more"
    return [*texts[:_ENDS], left_out, *texts[-_ENDS:]]


class Diagnosis(Sequence[Finding]):
    """The findings on one call, oldest operation first; ``print`` it.

    Attributes
    ----------
    title
        The name of the function.
    findings
        What was found; empty for a healthy function.
    operations
        How many operations were looked at.
    error
        The exception that ended the function early, if one did.
    """

    def __init__(
        self,
        title: str,
        findings: Sequence[Finding],
        operations: int,
        error: Exception | None = None,
    ) -> None:
        """Keep what was found."""
        self.title = title
        self.findings: list[Finding] = list(findings)
        self.operations = operations
        self.error = error

    def __len__(self) -> int:
        """Count the findings."""
        return len(self.findings)

    @overload
    def __getitem__(self, index: int) -> Finding: ...
    @overload
    def __getitem__(self, index: slice) -> list[Finding]: ...
    def __getitem__(self, index: int | slice) -> Finding | list[Finding]:
        """Return one finding, or some."""
        return self.findings[index]

    @property
    def heading(self) -> str:
        """The number of findings, in one line."""
        if not self.findings:
            looked = counted(self.operations, "operation")
            found = f"nothing found in {looked}"
        else:
            found = counted(len(self.findings), "finding")
        return f"diagnosis of {self.title}: {found}"

    def _failed(self) -> list[str]:
        if self.error is None:
            return []
        kind = type(self.error).__name__
        return [f"The function raised {kind}: {self.error}"]

    def to_text(self) -> str:
        """Return the diagnosis as text."""
        parts = [self.heading, *self._failed()]
        for i, finding in enumerate(self.findings, 1):
            parts.append(f"\n{i}. {finding}")
        return "\n".join(parts)

    def to_markdown(self) -> str:
        """Return the diagnosis as Markdown."""
        parts = [f"**{self.heading}**", *self._failed()]
        for i, finding in enumerate(self.findings, 1):
            code, *rest = finding.lines()
            body = "\n\n   ".join([f"`{code}`", *rest])
            parts.append(f"{i}. **{finding.heading}**\n\n   {body}")
        return "\n\n".join(parts)

    def to_html(self) -> str:
        """Return the diagnosis as HTML, for a notebook or a page."""
        items: list[str] = []
        for finding in self.findings:
            code, *rest = map(escape, finding.lines())
            body = "".join(f"<p style='margin:.2em 0'>{line}</p>" for line in rest)
            items.append(
                f"<li style='margin:.6em 0'><b>{escape(finding.heading)}</b>"
                f"<pre style='margin:.2em 0'>{code}</pre>{body}</li>"
            )
        failed = "".join(f"<p>{escape(line)}</p>" for line in self._failed())
        listed = f"<ol>{''.join(items)}</ol>" if items else ""
        return f"<div><b>{escape(self.heading)}</b>{failed}{listed}</div>"

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the diagnosis to a file, ``.html``, ``.md`` or ``.txt``."""
        forms: dict[str, showing.Form] = {
            ".html": self._page,
            ".htm": self._page,
            ".md": self.to_markdown,
            ".txt": self.to_text,
        }
        return showing.save(path, forms, "The page is .html.")

    def show(self) -> Path | None:
        """Show the diagnosis, in the notebook or as a page in a browser.

        Returns
        -------
        Path or None
            Where the page was written; ``None`` in a notebook. Where no browser opens,
            the path is printed.
        """
        title = f"diagnosis of {self.title}"
        return showing.show(self, title, self._page, ".html")

    def _page(self) -> str:
        """Return the diagnosis as one HTML document."""
        return _PAGE.format(title=escape(self.heading), body=self.to_html())

    def _repr_html_(self) -> str:
        return self.to_html()

    def __str__(self) -> str:
        """Return the diagnosis as text."""
        return self.to_text()

    def __repr__(self) -> str:
        """Say how much was found, in one line."""
        return f"<{self.heading}>"


__all__ = ["Diagnosis", "Factor", "Finding"]
