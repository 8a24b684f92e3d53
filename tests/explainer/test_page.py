"""The page as a file: its data, its size, and that no text in it can become markup."""

import base64
import hashlib
import html
import json
import re

import numpy as np
import pytest

import chainrule as gd
from chainrule.explainer.page.page import LARGEST, frame, in_script, page
from chainrule.explainer.page.payload import MOST, Payload, encoded

ATTACK = "</script><script>document.title='owned'</script><!--<img src=x onerror=1>"


def f(x, y):
    product = x * y
    return product + np.sin(x)


def parts_of(text):
    """Return the data, the operations and the program of a page."""
    scripts = re.findall(r"<script[^>]*>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 3
    return json.loads(scripts[0]), scripts[1], scripts[2]


def run_of(explained):
    return Payload(explained).data()["runs"][0]


def test_the_data_are_the_numbers_of_the_explanation():
    explained = gd.explain(f)(2.0, 3.0)
    run = run_of(explained)
    assert [v["name"] for v in run["vertices"][:2]] == ["x", "y"]
    assert [v["value"] for v in run["vertices"]] == [
        v.value for v in explained.vertices
    ]
    for data, step in zip(run["steps"], explained.steps, strict=True):
        assert data["incoming"] == step.incoming
        assert data["ready"] == step.ready
        for given, c in zip(data["contributions"], step.contributions, strict=True):
            assert (given["amount"], given["total"]) == (c.amount, c.total)
            assert given["partial"] == c.partial
            assert given["formula"] == c.formula
    assert run["totals"] == explained.totals
    assert [t["gradient"] for t in run["ticks"]] == [2.5838531634528574, 2.0]
    assert all(t["agrees"] for t in run["ticks"])
    assert run["live"]
    assert run["watched"]
    assert run["notLive"] == ""
    assert "def value_and_gradient(x, y):" in run["code"]


def test_places_point_at_the_expression_in_its_line():
    run = run_of(gd.explain(f)(2.0, 3.0))
    lines = dict(run["files"][0]["lines"])
    found = set()
    for v in run["vertices"]:
        if "place" in v:
            place = run["places"][v["place"]]
            found.add(lines[place["line"]][place["start"] : place["end"]])
    assert found == {"x * y", "product + np.sin(x)", "np.sin(x)"}
    assert lines[min(lines)] == "def f(x, y):"
    assert lines[max(lines)] == "    return product + np.sin(x)"


def test_columns_count_characters_of_the_browser(tmp_path):
    path = tmp_path / "wide.py"
    path.write_text(
        "def g(x):\n    é = '🙂' and x * 3\n    return é\n", encoding="utf-8"
    )
    names = {}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    run = run_of(gd.explain(names["g"])(2.0))
    place = run["places"][run["vertices"][1]["place"]]
    line = dict(run["files"][0]["lines"])[2].encode("utf-16-le")
    text = line[2 * place["start"] : 2 * place["end"]].decode("utf-16-le")
    assert text == "x * 3"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (2.5, 2.5),
        (np.float64(0.1), 0.1),
        (np.array(0.25), 0.25),
        (7, 7),
        (float("nan"), "nan"),
        (-np.inf, "-inf"),
        (None, None),
        (True, {"text": "True"}),
        ((np.arange(2.0), np.eye(2)), {"text": "((2,): 0 1, (2, 2): 1 0 0 ...)"}),
        (
            np.arange(3.0),
            {"text": "(3,): 0 1 2", "shape": [3], "data": [0.0, 1.0, 2.0]},
        ),
        (
            np.array([[1.0, np.nan]]),
            {"text": "(1, 2): 1 nan", "shape": [1, 2], "data": [1.0, "nan"]},
        ),
        (
            np.arange(300.0).reshape(100, 3),
            {
                "text": "(100, 3): 0 1 2 ...",
                "shape": [100, 3],
                "corner": np.arange(18.0).reshape(6, 3).tolist(),
                "low": 0.0,
                "high": 299.0,
            },
        ),
    ],
)
def test_values_are_numbers_or_text(value, wanted):
    assert encoded(value) == wanted
    json.dumps(encoded(value), allow_nan=False)


def test_a_page_is_one_small_file_without_addresses(tmp_path):
    path = gd.explain(f)(2.0, 3.0).save(tmp_path / "gradient.html")
    text = path.read_text(encoding="ascii")
    assert len(text) < 200_000
    assert "{{" not in text.split("<script", 1)[0]
    outside = re.sub(r"http://www\.w3\.org/\S+", "", text)
    assert not re.search(r"(https?:|src=|href=|url\((?!#)|@import)", outside)


def test_only_the_scripts_of_the_page_may_run_and_nothing_be_fetched():
    text = page(gd.explain(f)(2.0, 3.0))
    policy = html.unescape(
        re.search(r'Content-Security-Policy" content="(.*?)"', text)[1]
    )
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    script_policy = policy.split(";")[1]
    assert "unsafe" not in script_policy
    assert "http" not in policy
    for script in parts_of(text)[1:]:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in script_policy


def attacked(tmp_path):
    """A function whose names, source, values and error hold markup."""
    path = tmp_path / "attack<img src=x onerror=1>.py"
    lines = [
        "def g(x):",
        f"    y = x * 2.0  # {ATTACK}",
        f"    raise ValueError({ATTACK!r})",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    names = {"np": np}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), names)
    g = names["g"]
    g.__name__ = ATTACK
    return gd.explain(g)(1.0)


def test_no_text_of_the_program_becomes_markup(tmp_path):
    broken = page(attacked(tmp_path))
    w = gd.node(2.0, name=ATTACK)
    named = page(gd.explain(w * np.exp(w) + np.array(3.0)))
    for text in (broken, named):
        assert ATTACK not in text
        assert "<!--" not in text
        assert "<img" not in text
        assert text.count("<script") == text.count("</script>") == 3
        data, _, _ = parts_of(text)
        assert "onerror" in json.dumps(data)
    run = parts_of(broken)[0]["runs"][0]
    assert run["title"] == ATTACK
    assert run["error"] == f"ValueError: {ATTACK}"


def test_json_in_a_script_cannot_end_it():
    text = in_script(json.dumps(["</SCRIPT>", "<!-- ", "a < b", "\u2028"]))
    assert text == r'["\u003c/SCRIPT>", "\u003c!-- ", "a < b", "\u2028"]'
    assert json.loads(text) == ["</SCRIPT>", "<!-- ", "a < b", "\u2028"]


def test_a_notebook_gets_a_sandboxed_frame():
    explained = gd.explain(f)(2.0, 3.0)
    text = explained._repr_html_()
    assert text == frame(explained)
    assert text.startswith("<iframe")
    assert 'sandbox="allow-scripts"' in text
    inside = re.search(r'srcdoc="([^"]*)"', text)[1]
    assert html.unescape(inside) == page(explained) == explained.to_html()


def test_a_function_that_fails_shows_the_part_that_ran():
    def g(x):
        y = np.exp(x)
        return np.reshape(y, (2, 3))

    run = run_of(gd.explain(g)(1.0))
    assert [v["operation"] for v in run["vertices"]] == ["input", "exp"]
    assert run["error"].startswith("ValueError: cannot reshape")
    assert run["steps"] == []
    assert not run["live"]
    assert run["code"] is None


def test_a_long_recording_keeps_its_newest_part_and_its_inputs():
    def g(a, x):
        for _ in range(MOST):
            x = np.sin(a * x)
        return x

    text = page(gd.explain(g)(0.9, 0.5))
    assert len(text) < LARGEST
    run = parts_of(text)[0]["runs"][0]
    assert [v["name"] for v in run["vertices"][:2]] == ["a", "x"]
    assert len(run["vertices"]) == MOST + 2
    assert run["cut"] == MOST
    assert run["vertices"][2]["operands"][1]["name"].startswith("x#")
    assert not run["live"]
    assert "too long" in run["notLive"]
    assert run["code"] is None
    assert "400" in run["noCode"]


def test_loops_are_numbered_by_their_first_round():
    def g(x):
        for _ in range(5):
            x = np.sin(x) * 2.0
        return x

    run = run_of(gd.explain(g)(0.5))
    assert [v["like"] for v in run["vertices"]] == [0, *[1, 2] * 5]
    assert run["vertices"][-1]["repeat"] == run["vertices"][-1]["repeats"] == 5


def test_second_order_and_forward_mode_have_pages():
    explained = gd.explain(f, order=2)(2.0, 3.0)
    data, _, _ = parts_of(page(explained))
    assert [r["title"] for r in data["runs"]] == ["f", "d f / d x", "d f / d y"]
    assert all(r["live"] for r in data["runs"])
    forward = run_of(gd.explain(f, mode="forward")(2.0, 3.0))
    assert forward["mode"] == "forward"
    assert forward["live"]
    assert forward["code"] is None
    assert forward["ticks"][0]["vertex"] == forward["result"]


# ------------------------------------------------------------- what can be replayed


def test_comparisons_become_guards():
    def g(x, y):
        larger = x if x > y else y
        return np.where(larger >= 2.5, larger * x, 0.0)

    run = run_of(gd.explain(g)(2.0, 3.0))
    assert run["live"]
    signs = [(guard["sign"], guard["truth"]) for guard in run["guards"]]
    assert signs == [(">", [False]), (">=", [True])]
    assert [guard["text"] for guard in run["guards"]] == ["x > y", "larger >= 2.5"]
    assert run["guards"][0]["sides"] == [{"vertex": 0}, {"vertex": 1}]
    assert run["guards"][1]["sides"][1] == {"value": 2.5, "name": ""}


def rounds(x):
    return x * np.floor(x)


def peeks(x):
    return x * gd.value(x)


def halves(x):
    return x * (x // 2)


def rounds_by_hand(x):
    return x * round(x)


@pytest.mark.parametrize("g", [rounds, peeks, halves, rounds_by_hand])
def test_what_a_replay_would_hold_constant_forbids_it(g):
    run = run_of(gd.explain(g)(2.4))
    assert not run["live"]
    assert "plain value from the recording in line" in run["notLive"]


def test_shapes_are_no_plain_values():
    def g(x):
        return x * np.ones_like(x) + np.ndim(x) + np.size(x)

    assert run_of(gd.explain(g)(2.0))["live"]


@pytest.mark.parametrize(
    ("g", "x", "reason"),
    [
        (lambda x: np.sum(x * x), np.ones(300), "too large"),
        (lambda x: x * 2, np.float32(1.5), "double precision"),
        (np.sinc, 0.5, "Pages do not compute"),
        (lambda x: np.sum(np.linalg.qr(x)[1]), np.eye(2), "Pages do not compute"),
    ],
)
def test_what_has_no_form_is_not_replayed(g, x, reason):
    run = run_of(gd.explain(g)(x))
    assert not run["live"]
    assert reason in run["notLive"]


def test_a_node_is_replayed_with_a_caution():
    x = gd.node(2.0, name="x")
    run = run_of(gd.explain(x * np.exp(x)))
    assert run["live"]
    assert not run["watched"]
    assert run["files"] == []


def test_operations_with_several_results_of_different_shapes_have_a_page():
    explained = gd.explain(lambda x: np.sum(np.linalg.eigvalsh(x)))(np.diag([1.0, 2.0]))
    assert "Pages do not compute" in explained.to_html()


def test_infinite_slopes_and_lost_digits_are_not_compared_with_differences():
    with np.errstate(all="ignore"):
        ticks = gd.explain(lambda x, y: x / (y - 1.0))(1.0, 1.0).ticks
    assert [t.agrees for t in ticks] == [None, None]
    (tick,) = gd.explain(lambda x: np.sum(x.astype(np.float32) ** 2))(np.ones(2)).ticks
    assert tick.agrees is None


def test_what_is_nan_of_an_infinity_is_not_its_own_fault():
    def softmax(z):
        return np.log(np.exp(z[0]) / np.sum(np.exp(z)))

    with np.errstate(all="ignore"):
        found = gd.explain(softmax)(np.array([1000.0, 0.0])).warnings
        norm = gd.explain(lambda x: np.sqrt(np.sum(x**2)))(np.zeros(2)).warnings
    assert found[-1].message == "v5 is nan. v2 is infinite already: mend that first."
    assert norm[-1].message.endswith(
        "What reaches v1 is infinite already: mend that first."
    )


def interpolated(x):
    return np.sum(np.interp(x, [0.0, 1.0, 2.0], [1.0, 3.0, 2.0]))


def drawn(x):
    return np.sum(x * np.random.default_rng().normal(size=2))


def rounded(x):
    return np.sum(np.modf(x)[1] * x)


@pytest.mark.parametrize("f", [interpolated, drawn, rounded])
def test_what_decides_where_nobody_sees_it_is_not_replayed(f):
    (run,) = Payload(gd.explain(f)(np.array([0.5, 1.5]))).runs
    assert not run["live"]
    assert "decides otherwise" in run["notLive"]


def test_functions_that_fail_elsewhere_or_branch_are_replayed():
    def f(x):
        if x[0] > 1.0:
            raise ValueError
        return np.sum(np.where(x > 0, x, x**2))

    def g(x):
        while x < 10.0:
            x = 2.0 * x
        return x

    (run,) = Payload(gd.explain(f)(np.array([0.5, 1.5]))).runs
    assert run["live"]
    (run,) = Payload(gd.explain(g)(1.0)).runs  # of -0.7 it would not end
    assert run["live"]


def test_a_page_of_numbers_has_at_most_110_kilobytes():
    def equation(x, y):
        return np.log(x) + x * y - np.sin(y)

    assert len(page(gd.explain(equation)(2.0, 3.0))) <= 110_000
