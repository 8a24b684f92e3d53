"""An explanation: the account of a gradient, with the forms in which it is shown."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from chainrule.explainer import showing
from chainrule.explainer.account.account import Account
from chainrule.explainer.forms.document import LIMIT, document
from chainrule.explainer.forms.document_parts import Block

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

_WIDEST = 120


class Explanation(Account):
    """One gradient, every step; ``print`` it, draw it, or save it as a page.

    What it says is in the attributes of ``Account``; each form is made when it is
    asked for.
    """

    def _document(self, limit: int | None = LIMIT) -> list[Block]:
        return document(self, limit=limit)

    def to_text(self, *, width: int = 80, limit: int | None = LIMIT) -> str:
        """Return the explanation as plain text.

        Parameters
        ----------
        width
            How many columns the text may take; at least 40.
        limit
            How many operations are shown at most, after loops are folded; ``None``
            shows all that are in no loop.
        """
        from chainrule.explainer.forms.text import plain_text

        return plain_text(self._document(limit), width)

    def to_markdown(self, *, limit: int | None = LIMIT) -> str:
        """Return the explanation as Markdown, with its tables."""
        from chainrule.explainer.forms.markdown import to_markdown

        return to_markdown(self._document(limit))

    def to_latex(self, *, limit: int | None = LIMIT) -> str:
        """Return the explanation as LaTeX equations, for the package ``amsmath``."""
        from chainrule.explainer.forms.latex import to_latex

        return to_latex(self, limit)

    def to_html(self) -> str:
        """Return the page that steps through the gradient, as one HTML document."""
        from chainrule.explainer.page.page import page

        return page(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the explanation to a file, and return its path.

        The suffix says in which form. ``.html`` is the page that steps through the
        gradient: one file that needs no network, with the recording, each step of both
        sweeps, the source and the gradient as code. ``.md``, ``.tex`` and ``.txt`` are
        the text; ``.svg``, ``.png`` and ``.pdf`` are the drawing of ``gd.draw``.

        Raises
        ------
        ArgumentError
            If the path ends in another suffix; nothing is written then.
        MissingLibraryError
            If a picture needs a library that is not installed.

        Examples
        --------
        >>> import tempfile, chainrule as gd
        >>> explained = gd.explain(lambda x, y: x * y)(2.0, 3.0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     explained.save(f"{folder}/gradient.html").stat().st_size < 2_000_000
        True
        """
        return showing.save(path, self._forms(), "The page that steps is .html.")

    def show(self) -> Path | None:
        """Show the page that steps through the gradient, in the notebook or a browser.

        Returns
        -------
        Path or None
            Where the page was written; ``None`` in a notebook. Where no browser opens,
            the path is printed.
        """
        return showing.show(self, self.title, self.to_html, ".html")

    def _forms(self) -> dict[str, showing.Form]:
        """Return what writes a file of each suffix."""
        pictures = (".svg", ".png", ".pdf")
        return {
            ".html": self.to_html,
            ".htm": self.to_html,
            ".md": self.to_markdown,
            ".tex": self.to_latex,
            ".txt": self.to_text,
            **{suffix: functools.partial(self._picture, suffix) for suffix in pictures},
        }

    def _picture(self, suffix: str) -> str | bytes:
        from chainrule.explainer.forms.drawing import Drawing

        return Drawing(self).forms()[suffix]()

    def _repr_html_(self) -> str:
        from chainrule.explainer.page.page import frame

        return frame(self)

    def print(self, file: TextIO | None = None) -> None:
        """Print the explanation, in colours if rich is there and the terminal has them.

        Parameters
        ----------
        file
            Where to print; the standard output if ``None``.
        """
        try:
            from rich.console import Console
        except ImportError:
            print(self, file=file)
            return
        Console(file=file, highlight=False).print(self)

    def __str__(self) -> str:
        """Return the explanation as text, 80 columns wide."""
        return self.to_text()

    def __repr__(self) -> str:
        """Say what is explained, in one line."""
        count = len(self.vertices)
        name = " ".join(self.title.split())
        return f"<explanation of {name}, {count} vertices; print it to read it>"

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[Text]:
        """Yield the lines for rich, in colours."""
        from chainrule.explainer.forms.text import coloured

        yield from coloured(self._document(), min(options.max_width, _WIDEST))

    def _repr_markdown_(self) -> str:
        return self.to_markdown()

    def _repr_latex_(self) -> str:
        return self.to_latex()
