"""The page of one gradient: a single file that works offline, from disk.

The page is a template, a style sheet and a script (``assets/``, built from ``web/``)
with the explanation as JSON. A content policy lets only these scripts run, by their
hashes, and nothing be fetched; and every text of the program is data, never markup.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from chainrule.explainer.account.account import Account
from chainrule.explainer.page.array_forms import ArrayScript
from chainrule.explainer.page.javascript import Form, rules_text
from chainrule.explainer.page.payload import Payload

LARGEST = 2_000_000
"""How many bytes a page may have."""


def page(explained: Account) -> str:
    """Return the page of an explanation, as HTML in ASCII.

    Parameters
    ----------
    explained
        What ``gd.explain(f)(x, ...)`` returned.

    Examples
    --------
    >>> import chainrule as gd
    >>> text = page(gd.explain(lambda x: x * x)(3.0))
    >>> text.startswith("<!doctype html>"), len(text) < LARGEST
    (True, True)
    """
    payload = Payload(explained)
    title = f"Gradient of {explained.title}"
    return assembled(title, payload.data(), payload.scripts)


def assembled(title: str, data: Mapping[str, Any], scripts: Sequence[Form]) -> str:
    """Return a page of these data, with these operations in JavaScript."""
    of_arrays = any(isinstance(s, ArrayScript) for s in scripts)
    library, style = _asset("nd.js") if of_arrays else "", _asset("page.css")
    if "functions" in data:
        library, style = _asset("typing.js"), style + _asset("typing.css")
    rules, script = library + in_script(rules_text(scripts)), _asset("page.js")
    fields = {
        "title": html.escape(title),
        "hashes": f"{_hash_of(rules)} {_hash_of(script)}",
        "style": style,
        "data": in_script(json.dumps(data, separators=(",", ":"))),
        "rules": rules,
        "script": script,
    }
    text = re.sub(r"\{\{(\w+)\}\}", lambda field: fields[field[1]], _asset("page.html"))
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def frame(explained: Account, height: int = 860) -> str:
    """Return the page as an ``iframe`` that holds it, for a notebook."""
    return framed(f"Gradient of {explained.title}", page(explained), height)


def framed(title: str, text: str, height: int = 860) -> str:
    """Return a page in an ``iframe``.

    The frame is a sandbox: its scripts cannot reach the notebook around it. They may
    write to the clipboard, for those who click on Copy.
    """
    return (
        f'<iframe title="{html.escape(title)}" sandbox="allow-scripts" '
        'allow="clipboard-write *" '
        f'style="width: 100%; height: {height}px; border: 0" '
        f'srcdoc="{html.escape(text)}"></iframe>'
    )


def in_script(text: str) -> str:
    r"""Return JSON or JavaScript so that no text in it can end or open an element.

    >>> in_script('["</script>", "<!--"]')
    '["\\u003c/script>", "\\u003c!--"]'
    """
    escaped = re.sub(r"<(?=[/!a-zA-Z?])", r"\\u003c", text)
    return escaped.replace("\u2028", r"\u2028").replace("\u2029", r"\u2029")


def _hash_of(script: str) -> str:
    """Return the content policy's name of a script."""
    digest = hashlib.sha256(script.encode("ascii")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


@functools.cache
def _asset(name: str) -> str:
    folder = resources.files("chainrule.explainer").joinpath("assets")
    return folder.joinpath(name).read_text("utf-8")


__all__ = ["assembled", "frame", "framed", "page"]
