"""What a failing call read is told in the same words on every version of Python."""

from __future__ import annotations

import dis
import functools
import linecache
import logging
import math
import random
import re
import types
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg

import chainrule as gd
from chainrule.notes import holding, instructions, meetings, sites, written
from chainrule.notes.instructions import Instructions
from chainrule.notes.written import written_at
from tests.notes.test_foreign_errors import MET, notes

M = np.array([[2.0, 1.0], [1.0, 3.0]])


def after_a_local(x):
    z, model = 2.0, SimpleNamespace(sine=math.sin)
    return z + model.sine(x)


def of_a_local(x):
    z, sine = 2.0, math.sin
    return z * sine(x)


def slice_assigned(x):
    a = np.zeros(4)
    a[1:3] = x
    return a[0]


def slice_augmented(x):
    a, b = np.zeros(4), 1
    a[b] += x
    return a[0]


def of_an_attribute(x):
    model = SimpleNamespace(state=np.zeros(4))
    i = 1
    model.state[i] = x
    return i


def with_keywords(x):
    a, b = M, np.ones(2)
    return scipy.linalg.solve(a * x, b=b)


def with_stars(x):
    given, options = (M * x,), {"overwrite_a": False}
    return scipy.linalg.expm(*given) + scipy.linalg.det(*given, **options)


def in_a_comprehension(x):
    w = 2.0
    return [math.atan2(w, v) for v in [x]]


def in_a_shadowing_comprehension(x):
    v = "nothing of the kind"
    return [math.sin(v) for v in (x, 1.0)], v


def in_a_zip(x):
    return [math.pow(b, a) for a, b in zip([1.0, 2.0], [x, x], strict=True)]


def in_an_enumeration(x):
    return [math.pow(v, i) for i, v in enumerate([x])]


def in_nested_comprehensions(x):
    return [[math.sin(v) for v in row] for row in [[x]]]


def in_a_dict_comprehension(x):
    return {i: math.exp(v) for i, v in ((0, x), (1, 2.0))}


def of_an_object_array(x):
    return [np.exp(np.array([v, 0.0])) for v in [x]]


def in_a_lambda(x):
    return sorted([1.0, 2.0], key=lambda t: math.cos(x))


def in_a_generator(x):
    return list(math.cos(v) for v in [x])  # noqa: C400


def in_an_f_string(x):
    return f"{math.sin(x):.3f} and more"


def after_letters(x):
    size = x
    return len("größe") + math.sin(size)


def after_a_line_break(x):
    rng = np.random.default_rng(0)
    # fmt: off
    return (rng
            .normal(x))
    # fmt: on


def after_a_walrus(x):
    return 1.0 + math.sin(y := x) + y


def private(x):
    class Model:
        def __init__(self):
            self.__weight = x

        def run(self):
            return math.sin(self.__weight)

    return Model().run()


def two_of_two(x):
    a, b = x, 2.0 * x
    return math.atan2(a, b)


SAID = {
    after_a_local: "model.sine was given x (a node)",
    of_a_local: "sine was given x (a node)",
    slice_assigned: "a node was assigned to an entry of a, an array of float64,",
    slice_augmented: "a node was assigned to an entry of a, an array of float64,",
    of_an_attribute: "a node was assigned to an entry of model.state, an array of",
    with_keywords: "scipy.linalg.solve was given x (a node)",
    with_stars: "scipy.linalg.expm was given given (a tuple of nodes)",
    in_a_comprehension: "math.atan2 was given v",
    in_a_shadowing_comprehension: "math.sin was given v",
    in_a_zip: "math.pow was given b",
    in_an_enumeration: "math.pow was given v",
    in_nested_comprehensions: "math.sin was given v",
    in_a_dict_comprehension: "math.exp was given v",
    of_an_object_array: "np.exp was given v",
    in_a_lambda: "math.cos was given x (a node)",
    in_a_generator: "math.cos was given v (a node)",
    in_an_f_string: "math.sin was given x (a node)",
    after_letters: "math.sin was given size (a node)",
    after_a_line_break: "np.random.Generator.normal was given x (a node)",
    after_a_walrus: "math.sin was given",
    private: "math.sin was given self.__weight (a node)",
    two_of_two: "math.atan2 was given a (a node) and b (a node)",
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("f", SAID, ids=lambda f: f.__name__)
def test_what_was_read_is_told(f):
    (note,) = notes(gd.grad(f), 2.0)
    assert note.startswith(f"chainrule: {SAID[f]}")


@pytest.fixture
def without_source(monkeypatch):
    monkeypatch.setattr(linecache, "getlines", lambda *_: [])


@pytest.mark.usefixtures("without_source")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MET)
def test_code_without_source_gets_the_same_advice(name):
    f, _, remedy = MET[name]
    (note,) = notes(gd.grad(f), np.array([1.0, 2.0]))
    assert remedy in note


def told(note):
    """Return what a note says was called, and the names that it says were given."""
    said = note.removeprefix("chainrule: ").partition(f"of {__file__}")[0]
    called, _, given = said.partition(" was ")
    return called, set(re.findall(r"(\S+)(?: from \S+)? \(", given))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("f", SAID, ids=lambda f: f.__name__)
def test_code_without_source_tells_nothing_else(f, monkeypatch):
    (right,) = notes(gd.grad(f), 2.0)
    monkeypatch.setattr(linecache, "getlines", lambda *_: [])
    for note in notes(gd.grad(f), 2.0):
        (called, given), (known, named) = told(note), told(right)
        assert called == known
        assert {name.replace("_Model__", "__") for name in given} <= named


NAMED = {
    "LOAD_FAST": ("x", ("x",)),
    "LOAD_FAST_BORROW": ("x", ("x",)),
    "LOAD_FAST_CHECK": ("x", ("x",)),
    "LOAD_FAST_LOAD_FAST": (("x", "y"), ("x", "y")),
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": (("x", "y"), ("x", "y")),
    "STORE_FAST_LOAD_FAST": (("x", "y"), ("y",)),
    "STORE_FAST_STORE_FAST": (("x", "y"), ()),
    "LOAD_FAST_AND_CLEAR": ("x", ()),
    "LOAD_GLOBAL": ("x", ("x",)),
    "LOAD_NAME": ("x", ("x",)),
    "LOAD_DEREF": ("x", ("x",)),
    "LOAD_FROM_DICT_OR_GLOBALS": ("x", ("x",)),
    "LOAD_SMALL_INT": (1, ()),
    "LOAD_CONST_IMMORTAL": ("x", ()),
    "LOAD_COMMON_CONSTANT": ("x", ()),
    "LOAD_ATTR": ("x", ()),
    "LOAD_SUPER_ATTR": ("x", ()),
    "LOAD_SPECIAL": ("__enter__", ()),
}


@pytest.mark.parametrize("name", NAMED)
def test_instructions_of_all_versions(name):
    value, read = NAMED[name]
    at = SimpleNamespace(opname=name, argval=value)
    assert instructions.variables(at) == read


@pytest.mark.parametrize("name", ["CALL", "CALL_KW", "CALL_FUNCTION_EX", "PRECALL"])
def test_instructions_that_call(name):
    assert instructions.is_call(SimpleNamespace(opname=name))
    assert not instructions.is_call(SimpleNamespace(opname="CALL_INTRINSIC_1"))


def test_a_file_that_was_edited_is_not_believed(tmp_path):
    file = tmp_path / "edited.py"
    text = "import math\ndef f(x):\n    return math.sin(x)\n"
    space = {}
    exec(compile(text, str(file), "exec"), space)
    file.write_text(text.replace("math.sin(x)", "numpy.y(z)"))
    (note,) = notes(gd.grad(space["f"]), 2.0)
    assert "math.sin was given x (a node)" in note


INSIDE = {
    "[f(v) for v in x]": ["v from x"],
    "[f(v.w) for v in x.parts]": ["v.w from x.parts"],
    "[f(v.shape) for v in x]": [],
    "[f(v) for v in float(x)]": [],
    "[f(a, b) for a, b in zip(x, y)]": ["a from x", "b from y"],
    "[f(a, b) for a, b in enumerate(x)]": ["b from x"],
    "[f(a, b) for a, b in x.items()]": ["a from x.items", "b from x.items"],
    "[f(a) for a, b in [(x, 1), (z, y)]]": ["a from x", "a from z"],
    "[f(a) for a, b in (x, y)]": ["a from x", "a from y"],
    "[f(a) for b, (c, a) in zip(x, enumerate(y))]": ["a from y"],
    "[f(v) for row in x for v in row]": ["v from x"],
    "[f(v, y) for v in v]": ["v from v", "y"],
    "{f(v) for v in g(lambda v: v + y)}": ["v from g", "v from y"],
    "[f(v) for v[0] in x]": [],
}


@pytest.mark.parametrize("text", INSIDE)
def test_variables_of_a_comprehension_are_told_by_their_source(text):
    """As they are lost where it runs in the frame of its function."""
    file = f"<{text}>"
    linecache.cache[file] = len(text), None, [f"{text}\n"], file
    code = compile(text, file, "eval")
    targets = text.split(" for ", 1)[1].replace("float", "").split("lambda")[0]
    variables = re.findall(r"\b(?:v|a|b|c|row)\b", targets)
    whole = (1, 0), (1, len(text))
    call = (1, 1), (1, text.index(")") + 1)
    found = written_at(code, call, dict.fromkeys(variables, whole))
    assert found is not None
    assert found.called == ("f",)
    assert [read.shown for read in found.given] == INSIDE[text]


def test_what_a_comprehension_calls_is_lost_too():
    text, file = "[f(x) for f in y]", "<lost>"
    linecache.cache[file] = len(text), None, [text], file
    code = compile(text, file, "eval")
    found = written_at(code, ((1, 1), (1, 5)), {"f": ((1, 0), (1, len(text)))})
    assert found is not None
    assert found.called == ()


# -------------------------------------------------------------- nothing is ever raised


def codes_of(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from codes_of(constant)


@pytest.mark.parametrize(
    "module", [functools, linecache, dis, random, sites, instructions, written, holding]
)
def test_every_instruction_can_be_read(module):
    text = "".join(linecache.getlines(module.__file__))
    rng = random.Random(0)
    for code in codes_of(compile(text, module.__file__, "exec")):
        places = [at.offset for at in dis.get_instructions(code)]
        for place in rng.sample(places, min(len(places), 20)):
            at = Instructions(code, place)
            at.reading()
            written_at(code, at.span, at.comprehensions)


class Proxy:
    """An object that refuses to tell its class."""

    @property
    def __class__(self):
        raise RuntimeError("not bound")


class Endless(list):
    def __iter__(self):
        raise RuntimeError("nobody may look into this list")


@pytest.mark.parametrize("made", [Proxy, Endless, functools.partial(Endless, [1.0])])
def test_odd_objects_beside_a_node_do_no_harm(made):
    other = made()
    (note,) = notes(gd.grad(lambda x: math.atan2(x, other)), 2.0)
    assert "math.atan2 was given x (a node)" in note
    assert holding.described(other) == ""


def test_a_fault_of_the_notes_is_not_the_users(monkeypatch):
    def fails(error):
        raise RuntimeError("a fault")

    monkeypatch.setattr(meetings, "annotate", fails)
    assert notes(gd.grad(math.sin), 2.0) == []


def test_source_that_warns_when_it_is_parsed():
    file, text = "<warns>", 'def f(x):\n    return math.sin(x, "\\d")\n'
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    space = {"math": math}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(text, file, "exec"), space)
    found = notes(gd.grad(space["f"]), 2.0)
    assert all("math.sin" in note for note in found)


# ------------------------------------------------------ warnings that filters raise


def old(x):
    warnings.warn(f"old is deprecated, given {x}", DeprecationWarning, stacklevel=2)


UNTOLD = {
    "a warning of the user's own": old,
    "a warning of a callback": lambda x: list(map(old, [x])),
    "a log record": lambda x: logging.getLogger("a").log("no level", "%s", x),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", UNTOLD)
def test_warnings_that_say_nothing_of_objects_get_no_note(name):
    assert notes(gd.grad(UNTOLD[name]), 2.0) == []


@pytest.mark.filterwarnings("error")
def test_a_warning_of_arrays_of_objects_gets_a_note():
    space = {"__name__": "scipy.made", "warnings": warnings}
    text = "def f(a):\n    warnings.warn('dtype=object is old', DeprecationWarning)\n"
    exec(compile(text, scipy.linalg.__file__, "exec"), space)
    (note,) = notes(gd.grad(space["f"]), 2.0)
    assert "scipy.made.f was given a node" in note
