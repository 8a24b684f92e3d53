"""Stages of programs, and the verifier that the tests run after each pass."""

from __future__ import annotations

import numpy as np
import pytest

import chainrule as gd
from chainrule.compiler.programs import passes
from chainrule.compiler.programs.passes import PASSES, at_stage
from chainrule.compiler.programs.program import Program
from chainrule.compiler.programs.verify import InvalidProgramError, verify
from chainrule.compiler.tracing.trace import Trace
from chainrule.errors import ArgumentError, CompileError

STAGES = ["traced", *(each.name for each in PASSES if not each.inner)]


def f(x, scale):
    unread = np.exp(x)
    if scale > 0:
        x = x * 1.0 - (-np.sin(x)) + np.sin(x)
    return x * scale, (unread, x)[1]


def compiled(**options):
    fast = gd.compile(f, **options)
    fast(np.arange(3.0), 2.0)
    return fast


def test_the_tests_verify_every_pass():
    assert verify in passes.OBSERVERS


def test_each_stage_has_the_rows_that_were_counted():
    fast = compiled(fastmath=True)
    program = fast.newest()[1].program
    assert list(program.counts) == STAGES
    for stage, count in program.counts.items():
        found = at_stage(program, stage)
        assert len(found.rows) == count
        assert [row.serial for row in found.rows] == list(range(count))
        verify(stage, found)
    assert list(program.counts.values()) == [9, 8, 6, 5, 5, 5, 5, 5]


def test_program_prints_each_stage():
    fast = compiled()
    last = gd.program(fast)
    texts = {s: gd.program(fast, stage=s) for s in fast.newest()[1].program.counts}
    assert (
        texts["writes"] == texts["scatters"] == texts["loops"] == texts["cse"] == last
    )
    assert "np.exp(x)" in texts["traced"]
    assert "np.exp(x)" not in texts["dce"]
    assert "-" in texts["dce"]
    assert texts["identities"].count("np.sin(x)") == 2
    assert texts["cse"].count("np.sin(x)") == 1
    assert gd.program(fast) == last


def test_stages_are_those_that_were_run():
    with pytest.raises(
        ArgumentError, match="traced, dce, identities, cse, loops, scatters, writes"
    ):
        gd.program(compiled(), stage="fastmath")
    with pytest.raises(ArgumentError, match="'none' is none of this program's"):
        gd.program(compiled(), stage="none")


def test_stages_of_long_programs_are_not_kept(monkeypatch):
    monkeypatch.setattr(passes, "KEPT", 5)
    fast = compiled()
    with pytest.raises(CompileError, match="more than 5 rows are not kept"):
        gd.program(fast, stage="dce")
    assert gd.program(fast, stage="writes") == gd.program(fast)


def test_stages_hold_no_large_constants_of_dead_rows():
    large = np.ones(10_000)

    def g(x):
        return (np.sum(x * large), x * 2.0)[1]

    fast = gd.compile(g)
    fast(1.0)
    program = fast.newest()[1].program
    (row,) = [r for r in at_stage(program, "traced").rows if r.shape == (10_000,)]
    assert row.args[1].base.nbytes < 100
    assert "x * constant" in gd.program(fast, stage="traced")


def test_stages_of_loops():
    def decayed(rate, xs):
        return gd.scan(lambda c, x: (rate * c + x, c), 0.0, xs)[0]

    fast = gd.compile(gd.grad(decayed))
    fast(0.5, np.array([1.0, 2.0, 4.0]))
    traced, last = (gd.program(fast, stage=s) for s in ("traced", "loops"))
    assert traced.count("scan") == last.count("scan") == 2
    assert last == gd.program(fast)


# ------------------------------------------------------------------------ the verifier


def program():
    """Return a program of three rows, and the rows."""
    trace = Trace()
    x = trace.input(np.ones(3))
    y = np.sin(x)
    z = y * np.array([1.0, 2.0, 3.0])
    total = np.sum(z)
    assert not total < 0.0
    rows = [v.row for v in (x, y, z, total)]
    return Program([rows[0]], trace.rows, [rows[3]], trace.guards), rows


def broken_order(made, rows):
    made.rows[0], made.rows[1] = made.rows[1], made.rows[0]


def broken_twice(made, rows):
    made.rows.append(rows[1])


def broken_operands(made, rows):
    rows[1].operands = []


def broken_output(made, rows):
    made.outputs = [Trace().input(1.0).row]


def broken_check(made, rows):
    made.checks = [Trace().input(1.0).row]


def broken_guard(made, rows):
    made.guards = [made.guards[0].at(Trace().input(1.0).row)]


def broken_use(made, rows):
    made.outputs, made.guards, made.rows = [rows[1]], [], made.rows[:2]


def broken_calls(made, rows):
    again = rows[1].with_call(np.sin, (rows[0],))
    made.rows.insert(1, again)
    made.outputs.append(again)


def broken_shape(made, rows):
    rows[2].shape = (4,)


def broken_dtype(made, rows):
    rows[2].dtype = np.dtype(np.float32)


def broken_function(made, rows):
    rows[2].function = np.less


def broken_constant(made, rows):
    rows[2].args = (rows[1], np.array([1.0, 2.0, 3.0]))


def broken_input(made, rows):
    rows[0].function = np.sin


BROKEN = {
    broken_order: "which is not computed yet",
    broken_twice: "stands twice",
    broken_operands: "not those among its arguments",
    broken_output: "no row is output",
    broken_check: "no row is checked",
    broken_guard: "no row is guarded",
    broken_use: "is not used",
    broken_calls: "an equal call to one before",
    broken_shape: "has results of shape",
    broken_dtype: "has results of shape",
    broken_function: "has results of shape",
    broken_constant: "can be written",
    broken_input: "has a function",
}


@pytest.mark.parametrize("damage", BROKEN, ids=lambda f: f.__name__)
def test_the_verifier_sees(damage):
    made, rows = program()
    verify("cse", made)
    damage(made, rows)
    with pytest.raises(InvalidProgramError, match=BROKEN[damage]):
        verify("cse", made)
