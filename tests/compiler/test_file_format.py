"""The text of files: exact, verified before it is used, and without code."""

from __future__ import annotations

import collections
import json
import pickle
import struct

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.files import names, saving, values
from chainrule.errors import ArgumentError, CompileError, FileError
from chainrule.nodes.recorder import record
from chainrule.rules import elementwise
from tests.compiler.test_files import EXECUTORS, FUNCTIONS, X

# -------------------------------------------------------------------- what is refused


class shifted_grad(elementwise):
    """A rule of a program, which is no part of the library."""

    @staticmethod
    def forward(x):
        return np.asarray(x) + 1.0

    @staticmethod
    def d_x(xp, z, x):
        return xp.ones_like(x)


Point = collections.namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("f", "arguments", "reason"),
    [
        (
            lambda x: record(shifted_grad, [x]),
            (X,),
            "whose rule shifted_grad is Python",
        ),
        (lambda x: (x, np.testing), (X,), "no number or array"),
        (lambda x: (x, len), (X,), "calls len"),
        (lambda p: p.x * 2, (Point(1.0, 2.0),), "in a Point, and a file names no"),
        (lambda x: Point(x, x), (1.0,), "in a Point"),
        (lambda x, s: x * len(s), (1.0, {1, 2}), "which can be changed"),
        (lambda x, m: x, (1.0, np), "no number or array"),
    ],
)
def test_a_file_holds_no_python(f, arguments, reason, tmp_path):
    fast = gd.compile(f)
    fast(*arguments)
    with pytest.raises(CompileError, match=reason):
        gd.save(fast, tmp_path / "f")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_saved_or_loaded(tmp_path):
    with pytest.raises(CompileError, match="no program yet"):
        gd.save(gd.compile(np.sin), tmp_path / "f")
    with pytest.raises(ArgumentError, match="save needs a compiled function"):
        gd.save(np.sin, tmp_path / "f")
    (tmp_path / "g").write_text("some text\n")
    with pytest.raises(FileError, match="no file of a compiled function"):
        gd.load(tmp_path / "g")
    with pytest.raises(ArgumentError, match="max_bytes="):
        gd.load(tmp_path / "g", max_bytes=0)
    with pytest.raises(FileNotFoundError):
        gd.load(tmp_path / "h")


# -------------------------------------------------------------------------- the format


@pytest.mark.parametrize(
    "bits", ["7ff80000deadbeef", "fff0000000000001", "8000000000000000"]
)
def test_numbers_are_exact(bits):
    x = struct.unpack(">d", bytes.fromhex(bits))[0]
    for value in (
        x,
        complex(x, -x),
        np.float64(x),
        np.array([x, -x]),
        (x, [x], {"k": x}),
    ):
        found = values.read(
            json.loads(json.dumps(values.written(value), allow_nan=False))
        )
        assert pickle.dumps(found) == pickle.dumps(value) or isinstance(
            value, np.ndarray
        )
        assert (
            np.asarray(list(_flat(found))).tobytes()
            == np.asarray(list(_flat(value))).tobytes()
        )


def _flat(x):
    if isinstance(x, dict):
        x = list(x.values())
    if isinstance(x, (list, tuple)):
        for v in x:
            yield from _flat(v)
    else:
        yield from np.ravel(x)


@pytest.mark.parametrize(
    "value",
    [2**100, -(2**63) - 1, True, None, "a\"'\n", ..., slice(1, None, -2),
     np.float32(0.1), np.bool_(True), np.uint64(2**63), np.array([], np.int8),
     np.array(3.0, ">f8"),
     np.dtype(">i4"), float, np.complex64, (1, (2.0, [np.int16(3)]))],
    ids=repr,
)  # fmt: skip
def test_values_keep_their_kinds(value):
    found = values.read(json.loads(json.dumps(values.written(value))))
    assert type(found) is type(value)
    assert repr(found) == repr(value)
    assert getattr(found, "dtype", None) == getattr(value, "dtype", None)


def test_each_function_of_a_file_has_one_name():
    known = names._known()
    assert len(known) > 300
    by_name = collections.defaultdict(list)
    for function, name in known.items():
        by_name[name].append(function)
        found = names.name_of(names.function_named(name))
        assert found == name or ":" in name  # scipy.special:psi is digamma
    named = {n: f for n, f in by_name.items() if len(f) > 1}
    assert all(":" in name for name in named)  # a library's function, before and after
    for name in ("os.system", "np.load", "np.fromfile", "eval", "np.add.at", "np.save"):
        with pytest.raises(FileError, match="No rule of this version"):
            names.function_named(name)


WRITERS = [
    ("np.sin", lambda args: [args[0], args[0]], {}),
    ("np.add.reduce", lambda args: [args[0], 0, None, args[0]], {}),
    ("np.dot", lambda args: [args[0]] * 3, {}),
    ("np.sin", lambda args: args[:1], {"out": 0}),
    ("np.linalg.solve", lambda args: args[:1] * 2, {"overwrite_a": True}),
]


@pytest.mark.parametrize(("name", "args", "given"), WRITERS)
def test_no_row_of_a_file_writes_into_an_argument(name, args, given):
    fast = gd.compile(lambda x: np.sum(np.cos(x)))
    fast(X)

    def change(found, path):
        row = path["rows"][0]
        row[0], row[1], row[2] = name, args(row[1]), given

    with pytest.raises(FileError):
        saving.loaded_from(edited(fast, change), 1 << 20)


def edited(fast, change):
    """Return the content of a file after a change of its JSON, rightly signed."""
    _, _, body = saving.text_of(fast).partition("\n")
    found = json.loads(body)
    change(found, found["programs"][0]["paths"][0])
    return signed(json.dumps(found))


def signed(body, version=1):
    checksum = saving._checksum(body.encode())
    return f"chainrule program {version} {checksum}\n{body}".encode()


def compiled_example():
    fast = gd.compile(lambda x, n: np.sum(np.reshape(np.sin(x), (2, 3))[1] * n))
    fast(X, 2.0)
    return fast


CHANGES = {
    "a row that comes later": lambda f, p: p["rows"][0][1].__setitem__(0, {"row": 5}),
    "a negative row": lambda f, p: p["rows"][0][1].__setitem__(0, {"row": -1}),
    "no function": lambda f, p: p["rows"][0].__setitem__(0, "os.system"),
    "Python in a name": lambda f, p: p["rows"][0].__setitem__(0, "__import__('os')"),
    "Python in a keyword": lambda f, p: p["rows"][0][2].update({"x=1, y": 2}),
    "out=": lambda f, p: p["rows"][0][2].update({"out": {"row": 0}}),
    "a huge value": lambda f, p: p["rows"][0][3].__setitem__(1, [2**40]),
    "a huge reshape": lambda f, p: p["rows"][1][1][1]["tuple"].__setitem__(0, 2**50),
    "a negative length": lambda f, p: p["rows"][0][3].__setitem__(1, [-6]),
    "objects": lambda f, p: p["rows"][0][3].__setitem__(0, "|O8"),
    "an array of fewer bytes": lambda f, p: p["outputs"].__setitem__(
        0, {"array": ["<f8", [10**10], "C", "AAAA"]}),
    "another output": lambda f, p: p["outputs"].append({"row": 0}),
    "another input": lambda f, p: p["inputs"].append("float"),
    "other arguments": lambda f, p: p["inputs"].__setitem__(1, ["<f8", []]),
    "a wrong executor": lambda f, p: f["options"].update(executor="os"),
    "a wrong check": lambda f, p: p["checks"].append(99),
    "a wrong guard": lambda f, p: p["guards"].append([0, "eval", 1, ""]),
    "a name with code": lambda f, p: f["parameters"][0].__setitem__(0, "x=print()"),
    "Python in the name of an argument": lambda f, p: f["programs"][0].update(
        arguments=[
            {"tuple": [{"tuple": []}, {"dict": [["x): pass", {"leaf": "float"}]]}]},
            True,
        ]
    ),
    "a member less": lambda f, p: p.pop("rows"),
    "infinity": lambda f, p: p["outputs"].__setitem__(0, float("inf")),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_file_says_is_verified_when_it_is_loaded(name):
    content = edited(compiled_example(), CHANGES[name])
    with pytest.raises(FileError):
        saving.loaded_from(content, 1 << 24)(X, 2.0)


LIES = {
    "a longer result": lambda f, p: p["rows"][0][3].__setitem__(1, [60]),
    "another shape": lambda f, p: p["rows"][1][3].__setitem__(1, [3, 2]),
    "another dtype": lambda f, p: p["rows"][0][3].__setitem__(0, "<f4"),
    "another function": lambda f, p: p["rows"][0].__setitem__(0, "np.sum"),
    "an index outside": lambda f, p: p["rows"][2][1].__setitem__(1, 7),
    "a number": lambda f, p: p["rows"][1].__setitem__(3, "float"),
}


@pytest.mark.parametrize("name", LIES)
@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_rows_compute_is_compared_in_the_first_call(name, executor):
    fast = gd.compile(lambda x, n: np.sum(np.reshape(np.sin(x), (2, 3))[1] * n),
                      executor=executor)  # fmt: skip
    fast(X, 2.0)
    found = saving.loaded_from(edited(fast, LIES[name]), 1 << 24)
    with pytest.raises((FileError, IndexError, TypeError, ValueError)):
        found(X, 2.0)


def test_versions_and_checksums():
    content = saving.text_of(compiled_example()).encode()
    with pytest.raises(FileError, match="has version '2' of the format"):
        saving.loaded_from(content.replace(b"program 1", b"program 2", 1), 1 << 24)
    for damaged in (
        content[:-10],
        content.replace(b"np.sin", b"np.cos"),
        content + b" ",
    ):
        with pytest.raises(FileError, match="changed or cut short"):
            saving.loaded_from(damaged, 1 << 24)


def test_a_small_file_cannot_ask_for_much_memory():
    f = gd.compile(lambda x: np.tile(x, 2))
    f(X)

    def huge(_, p):
        p["rows"][-1][1] = [{"row": 0}, 10**12]
        p["rows"][-1][0] = "np.tile"

    with pytest.raises(FileError, match="max_bytes"):
        saving.loaded_from(edited(f, huge), 1 << 30)(X)
    power = gd.compile(lambda n: n**3)
    power(7)

    def higher(_, p):
        p["rows"][0][1][1] = 10**15

    with pytest.raises(FileError, match="max_bytes"):
        saving.loaded_from(edited(power, higher), 1 << 30)(7)


# ---------------------------------------------------------------------------- the fuzz


def mutated(rng, x):
    """Return JSON with one change somewhere."""
    if isinstance(x, dict) and x:
        k = list(x)[rng.integers(len(x))]
        how = rng.integers(12)
        if how == 0:
            return {n: v for n, v in x.items() if n != k}
        if how == 1:
            return {n if n != k else str(rng.integers(9)): v for n, v in x.items()}
        return {n: mutated(rng, v) if n == k else v for n, v in x.items()}
    if isinstance(x, list) and x:
        i, how = rng.integers(len(x)), rng.integers(12)
        if how == 0:
            return x[:i] + x[i + 1 :]
        if how == 1:
            return [*x[:i], x[i], *x[i:]]
        if how == 2:
            j = rng.integers(len(x))
            return [x[j] if n == i else v for n, v in enumerate(x)]
        return [mutated(rng, v) if n == i else v for n, v in enumerate(x)]
    return ATOMS[rng.integers(len(ATOMS))] if rng.random() < 0.7 else near(rng, x)


ATOMS = [0, 1, -1, 2, 3, 5, 17, 300, 2**31, 2**62, 0.5, True, False, None, "", "float",
         "int", "<f8", "<f4", "<i8", "|b1", "np.sin", "np.sum", "operator.getitem",
         "np.add", [], {}, [6], [2, 3], {"row": 0}, {"row": 2}, {"tuple": [1, 2]},
         "chainrule.unindex",
         "np.reshape", "np.matmul", "operator.mul", "np.multiply.reduce"]  # fmt: skip


def near(rng, x):
    if type(x) is int:
        return x + int(rng.integers(-2, 3))
    if type(x) is str and x:
        i = rng.integers(len(x))
        return x[:i] + chr(rng.integers(32, 127)) + x[i + 1 :]
    return x


FUZZED = ("value and gradient", "guards", "scan", "cond", "blocks", "while", "hessian",
          "containers", "linear algebra", "each")  # fmt: skip


def with_another_row(rng, x):
    """Return JSON with one change in a row, of any program inside it."""
    x = json.loads(json.dumps(x))
    programs = list(rows_of(x))
    rows = programs[rng.integers(len(programs))]
    i = rng.integers(len(rows))
    rows[i] = mutated(rng, rows[i])
    return x


def rows_of(x):
    if isinstance(x, dict) and x.get("rows"):
        yield x["rows"]
    for v in x.values() if isinstance(x, dict) else x if isinstance(x, list) else ():
        yield from rows_of(v)


def fuzz(seed, count):
    """Mutate files: what is loaded is an error, or runs as a program does."""
    rng, outcomes = np.random.default_rng(seed), collections.Counter()
    files = []
    for name in FUZZED:
        f, calls = FUNCTIONS[name]
        executor = EXECUTORS[rng.integers(len(EXECUTORS))]
        fast = gd.compile(f, executor=executor)
        given = {"k": 3.0} if name == "containers" else {}
        for arguments in calls:
            fast(*arguments, **given)
        if name == "while":  # it may go on for ever, which is no harm but takes long
            calls = []
        files.append(
            (json.loads(saving.text_of(fast).partition("\n")[2]), calls, given)
        )
    for _ in range(count):
        found, calls, given = files[rng.integers(len(files))]
        found = (
            mutated(rng, found) if rng.random() < 0.3 else with_another_row(rng, found)
        )
        try:
            fast = saving.loaded_from(signed(json.dumps(found)), 1 << 20)
        except FileError:
            outcomes["not loaded"] += 1
            continue
        for arguments in calls:
            outcomes[tried(fast, arguments, given)] += 1
    return outcomes


def tried(fast, arguments, given):
    try:
        for _ in range(2):
            fast(*arguments, **given)
    except Exception as error:  # NumPy's own, for arguments that make no sense
        return type(error).__name__
    return "ran"


def test_mutated_files_do_no_harm():
    outcomes = fuzz(0, 300)
    assert outcomes["not loaded"] > 50
    assert outcomes["ran"] > 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 21))
def test_many_mutated_files_do_no_harm(seed):
    fuzz(seed, 500)
