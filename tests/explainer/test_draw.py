"""Drawings: the recording's own arrows, folded when it is big, all text escaped."""

from __future__ import annotations

import html
import re
import shutil
import sys
import time
from xml.etree import ElementTree

import numpy as np
import pytest

import chainrule as gd
from chainrule import errors
from chainrule.explainer import draw
from tests.explainer.test_model import INPUTS, PARAMETERS, TARGET, equation, network


def arrows(text, sign):
    """Return the arrows of a Mermaid or Graphviz text."""
    pattern = rf"n(\d+) {sign}(?:\|[^|]*\|)? n(\d+)"
    return {(int(a), int(b)) for a, b in re.findall(pattern, text)}


def recorded(explained):
    return {
        (x.index, v.index)
        for v in explained.vertices
        for x in v.operands
        if x.index is not None
    }


def straight(count):
    """Return a function of so many lines, no two alike."""
    lines = "".join(f"    x = np.sin(x) + {i}.0\n" for i in range(count))
    scope = {"np": np}
    exec(f"def f(x):\n{lines}    return x", scope)
    return scope["f"]


class TestSmall:
    def test_mermaid(self):
        assert draw(equation)(2.0, 3.0).mermaid.splitlines() == [
            "flowchart TD",
            '  n0(["x<br/>2"])',
            '  n1(["y<br/>3"])',
            '  n2["a = log(x)<br/>0.693147"]',
            '  n3["v1 = multiply(x, y)<br/>6"]',
            '  n4["v2 = add(a, v1)<br/>6.69315"]',
            '  n5["v3 = sin(y)<br/>0.14112"]',
            '  n6[["v4 = subtract(v2, v3)<br/>6.55203"]]',
            "  n0 --> n2",
            "  n0 --> n3",
            "  n1 --> n3",
            "  n2 --> n4",
            "  n3 --> n4",
            "  n1 --> n5",
            "  n4 --> n6",
            "  n5 --> n6",
        ]

    @pytest.mark.parametrize(
        ("f", "args"),
        [(equation, (2.0, 3.0)), (network, (PARAMETERS, INPUTS, TARGET))],
    )
    def test_the_arrows_are_the_recordings(self, f, args):
        explained = gd.explain(f)(*args)
        drawing = draw(f)(*args)
        assert set(drawing.arrows) == recorded(explained)
        assert arrows(drawing.mermaid, "-->") == recorded(explained)
        assert arrows(drawing.dot, "->") == recorded(explained)

    def test_a_node(self):
        x = gd.node(2.0, name="x")
        drawing = draw(x * x)
        assert [b.lines for b in drawing.boxes] == [
            ("x", "2"),
            ("v1 = multiply(x, x)", "4"),
        ]
        assert drawing.arrows == {(0, 1): 2}
        assert "n0 -->|2 times| n1" in drawing.mermaid
        assert 'n0 -> n1 [label="2 times"]' in drawing.dot
        assert repr(drawing).startswith("<drawing of node(4.0, multiply), 2 boxes: ")

    def test_results_that_cannot_be_differentiated(self):
        assert len(draw(lambda x: (x * 2.0, x + 1.0))(np.ones(3)).boxes) == 3
        assert len(draw(lambda x: 3.0)(1.0).boxes) == 1

    def test_a_function_that_fails_half_way(self):
        def f(x):
            y = x * 2.0
            raise ValueError
            return y

        assert len(draw(f)(1.0).boxes) == 2

    def test_what_cannot_be_drawn(self):
        with pytest.raises(errors.ArgumentError, match="received float 3"):
            draw(3.0)
        with pytest.raises(errors.ArgumentError, match="received 0"):
            draw(equation, boxes=0)


class TestFolding:
    def test_the_steps_of_a_loop_are_one(self):
        def f(x):
            for _ in range(100):
                x = x + np.sin(x)
            return x

        drawing = draw(f)(1.0)
        line = f.__code__.co_firstlineno + 2
        assert [b.lines for b in drawing.boxes] == [
            ("x", "1"),
            (f"line {line}: np.sin(x)", "sin", "100 operations"),
            (f"line {line}: x + np.sin(x)", "add", "100 operations"),
        ]
        assert drawing.arrows == {
            (0, 1): 1, (0, 2): 1, (1, 2): 100, (2, 1): 99, (2, 2): 99,
        }  # fmt: skip

    def test_no_arrow_is_lost(self):
        def f(x, y):
            for i in range(50):
                x = np.sin(x) * y if i % 3 else x - y
            return x

        expected = sum(len(v.operands) for v in gd.explain(f)(1.0, 2.0).vertices)
        for boxes in (1, 2, 4, 10, 1000):
            drawing = draw(f, boxes=boxes)(1.0, 2.0)
            assert len(drawing.boxes) <= boxes
            assert sum(drawing.arrows.values()) == expected

    def test_a_line_is_one_if_expressions_are_too_many(self):
        drawing = draw(straight(50))(1.0)
        assert len(drawing.boxes) == 51
        assert drawing.boxes[1].lines == ("line 2", "sin, add", "2 operations")

    def test_a_recording_with_nothing_alike(self):
        drawing = draw(straight(500))(1.0)
        assert len(drawing.boxes) <= 60
        assert "operations" in drawing.boxes[5].lines[-1]

    def test_many_inputs(self):
        drawing = draw(lambda xs: sum(x * x for x in xs))([1.0] * 100)
        assert drawing.boxes[0].lines == ("xs[0] ...", "100 inputs")
        assert drawing.boxes[0].role == "input"

    @pytest.mark.parametrize("kind", ["straight", "wide", "node"])
    def test_ten_thousand_vertices_take_less_than_two_seconds(self, kind):
        def wide(x):
            return sum([np.sin(x * i) for i in range(1, 3334)])

        f = wide if kind == "wide" else straight(5000)
        given = f(gd.node(1.0)) if kind == "node" else f
        start = time.process_time()
        drawing = draw(given) if kind == "node" else draw(given)(1.0)
        assert drawing.mermaid
        assert drawing.dot
        assert time.process_time() - start < 2.0
        assert len(drawing.boxes) <= 60


HOSTILE = (
    '"]; click n0 <script>x</script>',
    "<img src=x onerror=alert(1)>",
    'back \\N \\\\ slash \\" quote',
    "R&D &lt;b&gt; &#60;",
    "`**bold**` |#quot;| --> end {x}",
)


@pytest.mark.parametrize("text", HOSTILE)
class TestEscaping:
    """Names come as they are from leaves, and as ``repr`` writes them from keys."""

    def drawings(self, text):
        def f(p):
            return p[text] * 2.0

        x = gd.node(1.0, name=text)
        drawings = [draw(x * 2.0), draw(f)({text: 1.0})]
        assert drawings[0].boxes[0].lines[0] == text
        return drawings

    def test_mermaid(self, text):
        for drawing in self.drawings(text):
            labels = re.findall(r'\["(.*?)"\]', drawing.mermaid)
            assert len(labels) == 2
            for label, box in zip(labels, drawing.boxes, strict=True):
                assert re.fullmatch(r"(?:\w|[ .,=()+\-/:]|#\d+;|<br/>)*", label)
                lines = label.split("<br/>")
                read = [re.sub(r"#(\d+);", lambda m: chr(int(m[1])), x) for x in lines]
                assert tuple(read) == box.lines

    def test_dot(self, text):
        for drawing in self.drawings(text):
            labels = re.findall(r'\[label="((?:[^"\\]|\\.)*)"', drawing.dot)
            assert len(labels) == 2
            for label, box in zip(labels, drawing.boxes, strict=True):
                lines = re.split(r"(?<!\\)(?:\\\\)*\\n", label)
                assert len(lines) == len(box.lines)
                assert set(re.findall(r"\\(.)", label)) <= set('"\\n')
                read = re.sub(r"\\(.)", r"\1", html.unescape(lines[0]))
                assert read == box.lines[0]

    def test_svg(self, text):
        for drawing in self.drawings(text):
            root = ElementTree.fromstring(drawing.svg())
            tags = {element.tag.split("}")[1] for element in root.iter()}
            assert not tags & {"script", "img", "b"}
            texts = [e.text for e in root.iter() if e.tag.endswith("}text")]
            assert [line for box in drawing.boxes for line in box.lines] == texts


def found(root, tag):
    """Return the elements of an SVG with a tag."""
    return [e for e in root.iter() if e.tag == "{http://www.w3.org/2000/svg}" + tag]


class TestPictures:
    def test_svg(self):
        drawing = draw(equation)(2.0, 3.0)
        root = ElementTree.fromstring(drawing.svg())
        assert len(found(root, "rect")) == 7
        paths = [path for path in found(root, "path") if path.get("marker-end")]
        assert len(paths) == 8
        assert drawing._repr_svg_() == drawing.svg()

    @pytest.mark.parametrize("boxes", [4, 12, 60])
    def test_boxes_do_not_overlap_and_arrows_run_down_or_around(self, boxes):
        def f(x, y):
            for _ in range(30):
                x = x * np.sin(y) + x
            return np.sum(np.exp(x) * y) + x**2

        drawing = draw(f, boxes=boxes)(1.0, 2.0)
        root = ElementTree.fromstring(drawing.svg())
        width, height = (float(root.get(name)) for name in ("width", "height"))
        sides = [
            tuple(float(r.get(k)) for k in ("x", "y", "width", "height"))
            for r in found(root, "rect")
        ]
        for i, (x, y, w, h) in enumerate(sides):
            assert 0 <= x < x + w <= width
            assert 0 <= y < y + h <= height
            for left, top, across, down in sides[:i]:
                beside = x >= left + across or left >= x + w
                assert beside or y >= top + down or top >= y + h
        paths = [path for path in found(root, "path") if path.get("marker-end")]
        assert len(paths) == len(drawing.arrows)

    @pytest.mark.skipif(
        not any(map(shutil.which, ("rsvg-convert", "inkscape", "dot", "chromium"))),
        reason="no program that draws SVG is installed",
    )
    def test_pictures_by_what_is_installed(self):
        drawing = draw(equation)(2.0, 3.0)
        assert drawing.png().startswith(b"\x89PNG")
        assert drawing.pdf().startswith(b"%PDF")


class TestPrograms:
    """PNG and PDF with stand-ins for the programs that draw them."""

    def stand_in(self, folder, name, script):
        """Put a program into a folder."""
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    @pytest.fixture(autouse=True)
    def alone(self, monkeypatch, tmp_path):
        """Hide what is installed."""
        monkeypatch.setitem(sys.modules, "cairosvg", None)
        monkeypatch.setenv("PATH", str(tmp_path))

    def test_nothing_is_installed(self):
        drawing = draw(equation)(2.0, 3.0)
        for form in (drawing.png, drawing.pdf):
            with pytest.raises(errors.MissingLibraryError, match=r"CairoSVG.*dot"):
                form()
        with pytest.raises(ImportError, match=r"svg\(\) needs nothing"):
            drawing.png()

    @pytest.mark.parametrize("form", ["png", "pdf"])
    def test_the_first_program_that_works_is_taken(self, tmp_path, form):
        self.stand_in(tmp_path, "rsvg-convert", "exit 3")
        drawing = draw(equation)(2.0, 3.0)
        with pytest.raises(errors.MissingLibraryError, match=r"rsvg-convert is there"):
            getattr(drawing, form)()
        self.stand_in(tmp_path, "dot", 'read -r first <"$3"; echo "$first" >"${2#-o}"')
        assert getattr(drawing, form)() == b"digraph {\n"

    def test_a_browser_is_given_the_size_of_the_drawing(self, tmp_path):
        said = tmp_path / "said"
        self.stand_in(
            tmp_path,
            "chromium",
            f'echo "$@" >"{said}"\n'
            'for x; do case $x in --screenshot=*) echo drawn >"${x#*=}";; esac; done',
        )
        drawing = draw(equation)(2.0, 3.0)
        assert drawing.png() == b"drawn\n"
        root = ElementTree.fromstring(drawing.svg())
        size = f"--window-size={root.get('width')},{root.get('height')}"
        assert size in said.read_text(encoding="utf-8").split()

    def test_the_package_is_taken_first(self, monkeypatch):
        class Package:
            @staticmethod
            def svg2png(bytestring, scale):
                return bytestring[:4] * scale

        monkeypatch.setitem(sys.modules, "cairosvg", Package)
        assert draw(equation)(2.0, 3.0).png() == b"<svg<svg"
