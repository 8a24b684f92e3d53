"""Showing and saving: in the notebook it is asked in, in the browser, in a file.

In: what displays itself, its page, and its other forms by their suffixes. Out: where
they were written.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chainrule.errors import ArgumentError

Form = Callable[[], str | bytes]
"""What returns the content of a file."""


def in_notebook() -> bool:
    """Tell whether a notebook shows what this process displays."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return hasattr(shell, "kernel")


def show(x: object, title: str, text: Callable[[], str], suffix: str) -> Path | None:
    """Display ``x`` in the notebook, or open its page in the browser.

    Parameters
    ----------
    x
        What a notebook displays.
    title
        What the page is about; its file is named after it.
    text, suffix
        What returns the page, which is called outside of notebooks only; and what the
        name of its file ends in.

    Returns
    -------
    Path or None
        Where the page is; ``None`` in a notebook. Where no browser opens, the path is
        printed.
    """
    if in_notebook():
        importlib.import_module("IPython.display").display(x)
        return None
    name = re.sub(r"\W+", "_", title.encode("ascii", "ignore").decode()).strip("_")
    folder = tempfile.mkdtemp(prefix="chainrule-")
    path = Path(folder) / f"{name[:40] or 'page'}{suffix}"
    path.write_text(text(), encoding="utf-8", newline="\n")
    if not (_has_display() and webbrowser.open(path.as_uri())):
        print(f"No browser opens here. The page is {path}")
    return path


def save(path: str | os.PathLike[str], forms: Mapping[str, Form], note: str) -> Path:
    """Write one of these forms, which the suffix of the path says; return the path.

    Raises
    ------
    ArgumentError
        If the path ends in another suffix; nothing is written then.
    """
    target = Path(path)
    form = forms.get(target.suffix.lower())
    if form is None:
        raise ArgumentError(
            f"save needs a path that ends in {', '.join(forms)}; received "
            f"{str(path)!r}. {note}"
        )
    content = form()
    if isinstance(content, str):
        content = (content.rstrip("\n") + "\n").encode("utf-8")
    target.write_bytes(content)
    return target


def _has_display() -> bool:
    """Tell whether there is a display; on others than X11 and Wayland there is.

    Without one Python finds browsers of text, which show no page that steps.
    """
    if sys.platform in ("win32", "darwin", "emscripten"):
        return True
    return any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")))


__all__ = ["in_notebook", "save", "show"]
