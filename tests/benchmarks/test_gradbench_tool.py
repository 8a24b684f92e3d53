"""The tool answers the suite's messages, and each eval's derivatives are right."""

from __future__ import annotations

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

import chainrule as gd
from benchmarks.gradbench import page
from benchmarks.gradbench.det import by_minors, recursion
from benchmarks.gradbench.drive import drive
from benchmarks.gradbench.evals import EVALS
from benchmarks.gradbench.ht import generate, prepare, residuals
from benchmarks.gradbench.timing import Line, Times, check, require_same
from benchmarks.gradbench.tool import answer, serve
from benchmarks.measure import DisagreementError

ROOT = Path(__file__).resolve().parents[2]


def conversation():
    """Yield what an eval says to the tool, for all of them."""
    yield {"kind": "start", "eval": "all"}
    for name, found in EVALS.items():
        yield {"kind": "define", "module": name}
        for function in found.functions:
            given = found.small()
            if isinstance(given, dict):
                given |= {"min_runs": 2, "min_seconds": 0}
            yield {
                "kind": "evaluate",
                "module": name,
                "function": function,
                "input": given,
            }
        yield {"kind": "analysis", "of": 0, "valid": True}


def test_the_process_answers_each_message_of_each_eval():
    messages = [{"id": i, **x} for i, x in enumerate(conversation())]
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.gradbench", "--tool"],
        cwd=ROOT,
        input="".join(json.dumps(x) + "\n" for x in messages),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    answers = list(map(json.loads, found.stdout.splitlines()))
    assert answers[0] == {"id": 0, "tool": "chainrule"}
    for message, said in zip(messages, answers, strict=True):
        assert said["id"] == message["id"]
        if message["kind"] == "define":
            assert said["success"]
        if message["kind"] == "evaluate":
            assert said["success"], said["error"]
            runs = 2 if isinstance(message["input"], dict) else 1
            assert [t["name"] for t in said["timings"]] == ["evaluate"] * runs
            assert all(t["nanoseconds"] > 0 for t in said["timings"])
        if message["kind"] == "analysis":
            assert said == {"id": message["id"]}


@pytest.mark.parametrize("name", EVALS)
def test_compiled_derivatives_agree_with_uncompiled_ones_and_differences(name):
    check(name, peers=False)


def test_what_is_unknown_fails_and_says_so():
    assert not answer({"id": 1, "kind": "define", "module": "fft"})["success"]
    said = answer(
        {"id": 2, "kind": "evaluate", "module": "lse", "function": "dir", "input": {}}
    )
    assert not said["success"]
    assert "KeyError" in said["error"]


def test_answers_are_lines():
    answers = StringIO()
    serve(['{"id": 7, "kind": "start"}\n', '{"id": 8, "kind": "other"}\n'], answers)
    assert list(map(json.loads, answers.getvalue().splitlines())) == [
        {"id": 7, "tool": "chainrule"},
        {"id": 8},
    ]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_minors_that_are_shared_give_what_the_recursion_gives(size):
    A = np.random.default_rng(0).standard_normal((size, size))
    expected = np.linalg.det(A)
    for f in (recursion, by_minors):
        value, slope = gd.value_and_grad(lambda A, f=f: f(np, A))(A)
        assert value == pytest.approx(expected)
        np.testing.assert_allclose(slope, expected * np.linalg.inv(A).T)


def test_points_of_a_hand_may_be_vertices():
    given = generate(points=3, vertices=5, triangles=4)
    (theta, us, *data), hand = prepare(given)
    corner = np.tile([1.0, 0.0], (3, 1))
    expected = residuals(np, theta, corner, *data, **hand)
    given["data"]["correspondences"] = data[4][:, 0].tolist()
    given["us"] = []
    (theta, us, *data), hand = prepare(given)
    np.testing.assert_allclose(residuals(np, theta, us, *data, **hand), expected)
    message = {"kind": "evaluate", "module": "ht", "function": "jacobian"}
    said = answer({"id": 1, **message, "input": given})
    assert np.shape(said["output"]) == (9, 26)
    mirrored = residuals(np, theta, us, *data, **{**hand, "mirrored": True})
    assert not np.allclose(mirrored, expected)


def test_the_suite_drives_the_tool(tmp_path):
    script = (
        tmp_path / "python" / "gradbench" / "gradbench" / "evals" / "lse" / "run.py"
    )
    script.parent.mkdir(parents=True)
    script.write_text(EVAL_OF_A_SUITE, encoding="utf-8")
    found = list(drive(tmp_path, "lse", ["--min-runs", "3"]))
    assert [(x.function, x.valid) for x in found] == [
        ("primal", True),
        ("gradient", False),
        ("none", None),
    ]
    assert [len(x.times) for x in found] == [3, 3, 0]
    texts = list(map(str, found))
    assert "valid" in texts[0]
    assert "too small" in texts[1]
    assert "FAILED" in texts[2]


EVAL_OF_A_SUITE = """
import json, sys

runs = int(sys.argv[sys.argv.index("--min-runs") + 1])

def say(**message):
    print(json.dumps(message), flush=True)
    return json.loads(sys.stdin.readline())

say(id=0, kind="start")
assert say(id=1, kind="define", module="lse")["success"]
about = {"kind": "evaluate", "module": "lse"}
given = {"x": [0.0, 0.0], "min_runs": runs, "min_seconds": 0}
value = say(id=2, function="primal", input=given, **about)["output"]
say(id=3, kind="analysis", of=2, valid=0.693 < value < 0.694)
say(id=4, function="gradient", input=given, **about)
say(id=5, kind="analysis", of=4, valid=False, error="too small")
say(id=6, function="none", input=given, **about)
"""


def test_results_that_differ_are_noticed():
    require_same("lse", (np.ones(2), 0.0), (np.ones(2), 0.0))
    with pytest.raises(DisagreementError, match=r"lse differ by 1.0e-03"):
        require_same("lse", np.ones(2), np.array([1.0, 1.001]))


def test_the_page_keeps_what_ran_before(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "STORE", tmp_path / "stored" / "gradbench.json")
    monkeypatch.setattr(page, "PAGE", tmp_path / "gradbench.md")
    monkeypatch.setattr(page, "version", lambda name: f"{name} 1")
    ours, theirs = Times(0.5, 0.02, 0.004), Times(0.1, 0.01, 0.006)
    first = Line("lse", "9 numbers", {"chainrule": ours, "jax": theirs}, 3.0, 4.9)
    second = Line("det", "9 rows", {"chainrule": ours}, None, None)
    for line in (first, second, first):
        page.write([line])
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in (tmp_path / "gradbench.md").read_text("utf-8").splitlines()
        if line.startswith("| ")
    ]
    first = "lse|9 numbers|500|20.0|4.00|100|6.00|1.50x||3|4.9|missed"
    assert rows[2:] == [first.split("|"), ["det", "9 rows", *rows[2][2:5], *7 * [""]]]
