"""Where the links of the built pages lead: to files and places that are there."""

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ADDRESS = re.compile(r"https?://[\w-]+(\.[\w-]+)+(:\d+)?(/[^\s<>\"]*)?(#[^\s<>\"]*)?")
"""What an address of another site looks like; whether it answers is not asked."""

LISTINGS = "_modules"
"""The folder of sources that Sphinx lists: it links back by one name for each module,
also where the reference has a class under another."""


class Page(HTMLParser):
    """The links of a page, and the places in it that links can lead to."""

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what an element leads to, and by what it is found."""
        for name, value in attrs:
            if name in ("href", "src") and value is not None:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.places.add(value)


def broken(folder: Path) -> Iterator[str]:
    """Yield what is wrong with the links of the pages in a folder, each in words."""
    files = sorted(folder.rglob("*.html"))
    pages = {path.resolve(): Page(path.read_text("utf-8")) for path in files}
    for path, page in pages.items():
        if LISTINGS in path.parts:
            continue
        for link in dict.fromkeys(page.links):
            if fault := fault_of(link, path, pages):
                yield f"{path.relative_to(folder.resolve())}: {link!r} {fault}"


def fault_of(link: str, path: Path, pages: Mapping[Path, Page]) -> str:
    """Return what is wrong with a link of a page; "" if nothing is."""
    parts = urlsplit(link)
    if parts.scheme in ("http", "https"):
        return "" if ADDRESS.fullmatch(link) else "is no address"
    if parts.scheme:
        return "" if parts.scheme in ("data", "mailto") else "has an unknown scheme"
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return "leads to no file"
    steps = "=" in parts.fragment  # #step=3 of a page that steps through a gradient
    if target in pages and not steps:
        known = unquote(parts.fragment) in pages[target].places
        return "" if known else "leads to no place of that page"
    return ""
