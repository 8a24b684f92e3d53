"""Nothing overlaps, is cut off, is too small or too pale, at any size."""

import dataclasses

import numpy as np
import pytest

import chainrule as gd
from tests.browser.looks import FAULTS, FUNCTIONS, SMALLEST, at_moment, faults, resize
from tests.test_lessons import LESSONS, literate

__all__ = ["literate"]  # a fixture

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_ruler_finds_no_fault(visit, name):
    f, args = FUNCTIONS[name]
    page = visit(gd.explain(f)(*args), reduced_motion="reduce")
    assert faults(page, name) == []


def test_the_ruler_finds_faults(visit):
    page = visit(gd.explain(lambda x: x * 2.0)(1.5), reduced_motion="reduce")
    page.evaluate("""() => {
        const style = document.createElement("style");
        style.textContent =
            ".call { position: relative; top: -30px; color: #ccc; font-size: 9px }";
        document.head.append(style);
    }""")
    found = "\n".join(faults(page, "x"))
    for fault in ("overlaps", "has 9.0 px", "has a contrast"):
        assert fault in found


def long_names(the_first_parameter_of_a_function_with_names, eine_noch_laengere_zahl):
    the_product_of_both = (
        the_first_parameter_of_a_function_with_names * eine_noch_laengere_zahl
    )
    return np.sin(the_product_of_both) + the_first_parameter_of_a_function_with_names


def letters(α, größe):  # noqa: PLC2401
    β = α * größe  # noqa: PLC2401
    return np.exp(β) / größe + α


@dataclasses.dataclass
class Model:
    weights: np.ndarray
    inner: dict


def of_a_dataclass(model, x):
    return np.sum(np.tanh(model.weights * x)) * model.inner["scale"][0]


def sines(x):
    for k in range(1250):
        x = np.sin(x) + 0.1 * k
    return x


HOSTILE = {
    "long names": (long_names, (1.5, 2.5)),
    "letters": (letters, (0.5, 1.5)),
    "forty": (lambda *xs: sum(k * x for k, x in enumerate(xs)), (1.0,) * 40),
    "nan": (lambda x, y: np.log(x - 2.0) * y + np.inf, (1.0, 2.0)),
    "inf": (lambda x: 1.0 / x + x, (0.0,)),
    "no axes": (lambda x: x * x + np.sum(x), (np.array(2.0),)),
    "empty": (lambda x: np.sum(x * x) + 1.0, (np.zeros(0),)),
    "large": (lambda a: np.sum(np.tanh(a @ a.T)), (np.full((200, 200), 0.01),)),
    "dataclass": (
        of_a_dataclass,
        (Model(np.array([1.0, 2.0]), {"scale": [2.0]}), np.array([0.5, -0.5])),
    ),
    "2,500 operations": (sines, (0.3,)),
    "powers of ten": (
        lambda point: np.hypot(point["x"], point["y"]),
        ({"x": -1.5e-9, "y": 3.25e8},),
    ),
}


def faults_of(page, name):
    found = []
    for width, height in ((1440, 900), (390, 844)):
        resize(page, width, height)
        for moment in ("start", "end"):
            at_moment(page, moment)
            found += [(name, width, f) for f in page.evaluate(FAULTS, SMALLEST)]
    return found


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_functions_look_well(visit, name):
    f, args = HOSTILE[name]
    with np.errstate(all="ignore"):
        explained = gd.explain(f)(*args)
    assert faults_of(visit(explained, reduced_motion="reduce"), name) == []


@pytest.mark.parametrize("script", LESSONS, ids=lambda path: path.stem)
def test_pages_of_lessons_look_well(literate, visit, script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Made:
        @staticmethod
        def save(path):
            (live,) = (part.live for part in literate.run(script) if part.live)
            path.write_text(live, encoding="ascii")
            return path

    page = visit(Made, reduced_motion="reduce")
    assert faults_of(page, script.stem) == []
    resize(page, 360, 640)  # as it is embedded
    assert page.evaluate(FAULTS, SMALLEST) == []
    assert page.locator(".graph").bounding_box()["y"] < 200
