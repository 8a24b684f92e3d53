"""A small reader of LaTeX that fails where LaTeX would."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"\\(?:begin|end)\{([a-z*]+)\}|\\(left|right)(\\?[|.()\[\]{}]|\\[lr]floor|\\[lr]ceil)"
    r"|\\([A-Za-z]+|.)|([{}^_&%#$~])|[^\\{}^_&%#$~]",
    re.DOTALL,
)


def check(text: str) -> None:
    """Raise where braces, environments, sizes, scripts or characters are wrong."""
    opened: list[str] = []
    scripts: list[set[str]] = [set()]
    in_text: list[int] = []
    end = 0
    previous = ""
    for token in _TOKEN.finditer(text):
        assert token.start() == end, f"unreadable: {text[end : token.start()]!r}"
        end = token.end()
        environment, size, _, _, character = token.groups()
        if environment:
            if token[0].startswith(r"\begin"):
                opened.append(environment)
                scripts.append(set())
            else:
                assert opened.pop() == environment, token[0]
                scripts.pop()
        elif size:
            if size == "left":
                opened.append("left")
                scripts.append(set())
            else:
                assert opened.pop() == "left", text
                scripts.pop()
                scripts[-1] = set()
        elif character == "{":
            opened.append("{")
            scripts.append(set())
            if previous in (r"\text", r"\texttt", r"\textbf"):
                in_text.append(len(opened))
        elif character == "}":
            assert opened.pop() == "{", text
            scripts.pop()
            if in_text and len(opened) < in_text[-1]:
                in_text.pop()
        elif character in ("^", "_"):
            assert not in_text, f"{character} in text: {text}"
            assert character not in scripts[-1], f"double {character}: {text}"
            scripts[-1].add(character)
        elif character == "&":
            assert not in_text, text
            assert opened, text
            assert opened[-1] in ("align*", "pmatrix", "cases"), text
            scripts[-1] = set()
        elif character:
            raise AssertionError(f"{character} is not escaped: {text}")
        elif not _belongs_to_script(previous, token[0]):
            scripts[-1] = set()
        previous = token[0] if not token[0].isspace() else previous
    assert end == len(text)
    assert opened == [], opened


def _belongs_to_script(previous: str, token: str) -> bool:
    return previous in ("^", "_")
