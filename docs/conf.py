# How Sphinx builds the documentation: `make docs`.

import re
import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.errors import SphinxError

sys.path.insert(0, str(Path(__file__).parent))
import links
import literate
import live
import tables

project = "chainrule"
author = "The chainrule authors"
copyright = f"2026, {author}"
version = release = installed_version("chainrule")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "dev", "*.py"]  # the scripts of lessons/ are pages

autodoc_member_order = "bysource"
autodoc_typehints = "description"
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

myst_heading_anchors = 3
myst_enable_extensions = ["dollarmath"]

html_theme = "furo"
html_title = "chainrule"
html_static_path = ["static"]
html_css_files = ["lessons.css"]
html_js_files = ["filter.js"]
html_extra_path = ["_build/extra"]  # made by extras() below

here = Path(__file__).parent
relative_link = re.compile(r"\[([^]]*)\]\((?![\w+.-]+:|[#/])([^)#\s]+)([^)]*)\)")


def relink(app: Sphinx, path: Path, docname: str, content: list[str]) -> None:
    """Point the links of an included page of the repository at their place here."""

    def relinked(match: re.Match[str]) -> str:
        text, name, rest = match.groups()
        file = here.parent / name
        if name == "README.md":
            name = "readme.md"
        elif file.is_dir():  # a folder has no page here
            return text
        elif file.is_file() and not (here / name).is_file():
            name = f"../{name}"
        return f"[{text}]({name}{rest})"

    content[0] = relative_link.sub(relinked, content[0])


def fill(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put the generated tables in their places."""
    for name, table in tables.TABLES.items():
        content[0] = content[0].replace(f"```{{{name}}}\n```", table)


def run_lesson(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put the text, the code and the output of a lesson in place of its script."""
    script = app.env.doc2path(docname)
    if script.suffix == ".py":
        built = here / "_build"
        live = built / "extra" / "live"
        content[0] = literate.page(script, built / "lessons", live)


def extras(app: Sphinx) -> None:
    """Write the live pages, and the lessons as notebooks."""
    folder = here / "_build" / "extra"
    live.write_pages(folder / "live")
    literate.write_notebooks(here / "lessons", folder / "notebooks")


def lessons(app: Sphinx, *_: Any) -> set[str]:
    """Read the lessons in every build: what they print comes from the library."""
    found = app.env.found_docs
    return {name for name in found if app.env.doc2path(name).suffix == ".py"}


def check_links(app: Sphinx, exception: Exception | None) -> None:
    """Fail a build of pages with links that lead nowhere."""
    if exception is None and app.builder.format == "html":
        faults = list(links.broken(Path(app.outdir)))
        if faults:
            raise SphinxError("\n".join(["Links that lead nowhere:", *faults]))


def setup(app: Sphinx) -> None:
    app.add_source_suffix(".py", "markdown")
    extras(app)
    app.connect("env-get-outdated", lessons)
    app.connect("source-read", run_lesson)
    app.connect("include-read", relink)
    app.connect("source-read", fill)
    app.connect("build-finished", check_links, priority=900)  # behind the theme
