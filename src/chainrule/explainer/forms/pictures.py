"""A drawing as PNG or PDF, by what is installed."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from chainrule.errors import MissingLibraryError

Format = Literal["png", "pdf"]

_SCALE = 2
"""How many pixels of a PNG one pixel of the SVG has."""

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
_PATIENCE = 60.0
"""How many seconds a program may take."""


def picture(svg: str, dot: str, form: Format) -> bytes:
    """Return a drawing as PNG or PDF.

    The package CairoSVG, librsvg's ``rsvg-convert``, Inkscape and browsers draw its
    SVG; Graphviz's ``dot`` lays its text out anew. The first that is there is taken.

    Parameters
    ----------
    svg, dot
        The drawing as SVG, and as text for Graphviz.
    form
        ``"png"`` or ``"pdf"``.

    Raises
    ------
    MissingLibraryError
        If nothing is installed that draws it.
    """
    cairo = _cairosvg()
    if cairo is not None:
        draw = cairo.svg2png if form == "png" else cairo.svg2pdf
        return draw(bytestring=svg.encode(), scale=_SCALE if form == "png" else 1)
    with tempfile.TemporaryDirectory(prefix="chainrule-") as folder:
        return _by_a_program(Path(folder), svg, dot, form)


def _cairosvg() -> Any:
    """Return the package; ``None`` if it or the library that it loads is not there."""
    try:
        return importlib.import_module("cairosvg")
    except (ImportError, OSError):
        return None


def _by_a_program(folder: Path, svg: str, dot: str, form: Format) -> bytes:
    made = folder / f"drawing.{form}"
    size = _size(svg)
    _write(folder, svg, dot, size)
    failed: list[str] = []
    for name, *arguments in _commands(folder, size, form):
        program = shutil.which(name)
        if program is None:
            continue
        command = [program, *arguments]
        try:
            subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=True)
            return made.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            failed.append(f" {name} is there, but: {error}.")
    raise MissingLibraryError(
        f"{form.upper()} needs one of these: the package CairoSVG (pip install "
        "cairosvg), rsvg-convert (apt install librsvg2-bin, brew install librsvg), "
        f"Inkscape, Graphviz's dot, or Chromium.{''.join(failed)} svg() needs nothing, "
        "nor do the texts mermaid and dot."
    )


def _size(svg: str) -> tuple[int, int]:
    """Return the width and height of a drawing.

    >>> _size('<svg viewBox="0 0 20 30">')
    (20, 30)
    """
    found = re.search(r'viewBox="0 0 (\d+) (\d+)"', svg)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _commands(
    folder: Path, size: tuple[int, int], form: Format
) -> Iterator[Sequence[str]]:
    """Return command lines that draw what is in a folder, in the order of trial."""
    svg, dot, page, made = (
        folder / f"drawing.{suffix}" for suffix in ("svg", "dot", "html", form)
    )
    zoom = [f"--zoom={_SCALE}"] if form == "png" else []
    yield ["rsvg-convert", f"--format={form}", *zoom, f"--output={made}", str(svg)]
    yield ["inkscape", f"--export-type={form}", f"--export-filename={made}", str(svg)]
    yield ["dot", f"-T{form}", f"-o{made}", str(dot)]
    shot = [f"--print-to-pdf={made}", "--no-pdf-header-footer"]
    if form == "png":
        shot = [
            f"--screenshot={made}",
            "--window-size={},{}".format(*size),
            f"--force-device-scale-factor={_SCALE}",
            "--hide-scrollbars",
        ]
    if getattr(os, "geteuid", lambda: 1)() == 0:
        shot.append("--no-sandbox")  # which Chromium does not give to root
    profile = f"--user-data-dir={folder / 'profile'}"
    for browser in _BROWSERS:
        yield [browser, "--headless", profile, *shot, page.as_uri()]


def _write(folder: Path, svg: str, dot: str, size: tuple[int, int]) -> None:
    """Write what the programs read."""
    style = "@page {{ size: {}px {}px; margin: 0 }} body {{ margin: 0 }}".format(*size)
    page = (
        f'<!doctype html><meta charset="utf-8"><style>{style} svg {{ display: block }}'
        f"</style>{svg}"
    )
    for suffix, text in (("svg", svg), ("dot", dot), ("html", page)):
        (folder / f"drawing.{suffix}").write_text(text, encoding="utf-8")


__all__ = ["Format", "picture"]
