"""The tape VM: each opcode against NumPy, scans against a Python loop."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from chainrule.compiler.native import llvm as native
from chainrule.compiler.native.expressions import operation
from chainrule.compiler.native.operations import ELEMENTWISE, OPCODES, name_of
from chainrule.compiler.tape import interpreter as vm
from chainrule.compiler.tape.instructions import LAYOUT, Code, Instruction
from chainrule.rules.named_functions import imported
from chainrule.rules.registry import EXPRESSED

needs_llvm = pytest.mark.skipif(not native.available(), reason="needs llvmlite")

RULES = {name_of(r): r for r in EXPRESSED if r.__module__.startswith("chainrule.")}
SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, np.inf, -np.inf, np.nan, 5e-324, 1e300]
)
# Where operands are equal NumPy picks one or the other by the width of its vectors.
EITHER_ZERO = ("maximum", "minimum", "fmax", "fmin", "clip")
# Not the bits of NumPy's own function: compared to a few units in the last place.
ROUNDED = {x for x in ELEMENTWISE if operation(x, 1).called or operation(x, 1).scalar}
ROUNDED -= {"remainder", "fmod", "floor_divide", "nextafter"}
# May be near 0 by cancellation.
CANCEL = {"logaddexp", "logaddexp2", "psi", "digamma", "gammaln"}
# SciPy's, the reference, rounds too.
SCIPYS = set(
    "erfc ndtr log_ndtr erfcx erfcx_slope psi digamma gammaln trigamma".split()
)


def reference(name, a, b, c):
    """What a row of this opcode gives; one that rounds takes numbers of float32."""
    if rounded := ELEMENTWISE[name].rounds:
        with np.errstate(all="ignore"):
            a, b, c = (np.float32(x) for x in (a, b, c))
        name = rounded
    if name == "copy":
        return np.asarray(a, dtype=float)
    r = RULES[name]
    with np.errstate(all="ignore"):
        found = imported(r.forward)(*(a, b, c)[: len(r.operand_names)])
        if name == "gammaln":  # of subnormal numbers SciPy's is infinite
            found = np.where(
                (np.abs(a) > 0) & (np.abs(a) < 1e-300), -np.log(abs(a)), found
            )
    return np.asarray(found, dtype=float)


def check(name, got, expected):
    """Compare exactly, signs of zeros included, or closely where both round."""
    if name in ROUNDED:
        atol = 4e-15 if name in CANCEL else 0
        rtol = 1e-13 if name == "cosm1" or name in SCIPYS else 2e-15
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol)
    else:
        np.testing.assert_array_equal(got, expected)
    if name not in EITHER_ZERO:
        zero = expected == 0
        np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(expected[zero]))


def operands(rng, count):
    """Three columns of count numbers: pairs of special values, then random ones."""
    pairs = np.array(np.meshgrid(SPECIAL, SPECIAL)).reshape(2, -1)
    pairs = pairs[:, rng.permutation(pairs.shape[1])][:, : count // 2]
    draws = rng.normal(size=(2, count - pairs.shape[1])) * 4
    return np.concatenate([pairs, draws], axis=1), rng.normal(size=count)


def row(name, z, x=0, y=0, w=0, n=1, dx=1, dy=1, dw=1, m=0, k=0):
    return name, z, [(x, dx), (y, dy), (w, dw)], n, m, k


def tape(*rows):
    code = Code()
    for each in rows:
        code.add(*each)
    return code


@needs_llvm
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_rows_of_one_element(name, rng):
    (a, b), c = operands(rng, 288)
    n = a.size
    work = np.concatenate([a, b, c, np.full(n, np.nan)])
    code = tape(*(row(name, 3 * n + i, i, n + i, 2 * n + i) for i in range(n)))
    vm.run(code, work)
    check(name, work[3 * n :], reference(name, a, b, c))


STEPS = [(1, 1, 1), (1, 0, 1), (0, 1, 0), (1, 1, 0), (1, 0, 0), (0, 0, 1), (2, 1, 3)]
STEPS += [(1, 2, 1), (0, 0, 0), (-1, 1, -2)]


@needs_llvm
@pytest.mark.parametrize("n", [2, 7, 128])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_rows_of_many_elements(name, n, rng):
    (a, b), c = operands(rng, 384)
    for steps in STEPS:
        work = vm.workspace(4 * 384)
        work[:] = np.concatenate([a, b, c, np.full(384, np.nan)])
        first = [383 if d < 0 else 0 for d in steps]
        places = [o * 384 + f for o, f in enumerate(first)]
        dx, dy, dw = steps
        vm.run(tape(row(name, 1152, *places, n, dx, dy, dw)), work)
        picked = [
            column[f + d * np.arange(n)]
            for column, f, d in zip((a, b, c), first, steps, strict=True)
        ]
        check(name, work[1152 : 1152 + n], reference(name, *picked))
        assert np.isnan(work[1152 + n :]).all()


@needs_llvm
@pytest.mark.parametrize("n", [1, 7, 128])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_destination_in_an_operands_place(name, n, rng):
    (a, b), c = operands(rng, 128)
    for z in (0, 128, 256):
        for steps in ((1, 1, 1), (1, 0, 0), (0, 1, 0), (1, 0, 1)):
            if steps[z // 128] == 0:
                continue
            work = np.concatenate([a, b, c])
            vm.run(tape(row(name, z, 0, 128, 256, n, *steps)), work)
            picked = [
                column[d * np.arange(n)]
                for column, d in zip((a, b, c), steps, strict=True)
            ]
            check(name, work[z : z + n], reference(name, *picked))


@needs_llvm
def test_the_same_operand_twice(rng):
    x = rng.normal(size=100)
    work = x.copy()
    vm.run(tape(row("multiply", 0, 0, 0, n=100), row("add", 0, 0, 0, n=100)), work)
    np.testing.assert_array_equal(work, 2 * (x * x))


@needs_llvm
@pytest.mark.parametrize("step", [1, 2, 0])
@pytest.mark.parametrize("n", [0, 1, 3, 7, 8, 33, 128])
@pytest.mark.parametrize("name", ["sum", "max", "min", "dot"])
def test_reductions(name, n, step, rng):
    work = rng.normal(size=520)
    x, y = work[step * np.arange(n)], work[260 + step * np.arange(n)]
    if n == 0 and name in ("max", "min"):
        return
    vm.run(tape(row(name, 519, 0, 260, n=n, dx=step, dy=step)), work)
    expected = np.dot(x, y) if name == "dot" else getattr(np, name)(x)
    np.testing.assert_allclose(work[519], expected, rtol=1e-13, atol=1e-13)


@needs_llvm
@pytest.mark.parametrize("place", [0, 1, 5, 8, 9])
@pytest.mark.parametrize("name", ["sum", "max", "min", "dot"])
def test_reductions_keep_nan(name, place):
    work = np.arange(21.0)
    work[place] = np.nan
    vm.run(tape(row(name, 20, 0, 10, n=10)), work)
    assert np.isnan(work[20])


@needs_llvm
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (3, 4, 2), (2, 0, 3), (5, 6, 9), (4, 3, 1)]
)
def test_small_matrix_products(shape, rng):
    m, k, n = shape
    A, B = rng.normal(size=(m, k)), rng.normal(size=(k, n))
    for x, steps in ((A.ravel(), (k, 1)), (A.T.ravel(), (1, m))):
        wide = np.zeros((k, n + 2))  # rows of y may stand apart
        wide[:, :n] = B
        work = np.concatenate([x, wide.ravel(), np.full(m * n, np.nan)])
        z, y = m * k + k * (n + 2), m * k
        dx, dw = steps
        code = tape(row("matmul", z, 0, y, n=n, dx=dx, dy=n + 2, dw=dw, m=m, k=k))
        vm.run(code, work)
        np.testing.assert_allclose(work[z:].reshape(m, n), A @ B, atol=1e-14)


@needs_llvm
@pytest.mark.parametrize("n", [1, 3, 9])
def test_products_with_operands_that_do_not_step(n, rng):
    work = np.concatenate([rng.normal(size=2 + n), np.full(2 * n, np.nan)])
    x, y = work[:2], work[2 : 2 + n].copy()
    code = tape(row("matmul", 2 + n, 0, 2, n=n, dx=1, dy=0, dw=0, m=2, k=1))
    vm.run(code, work)
    np.testing.assert_array_equal(work[2 + n :].reshape(2, n), np.outer(x, y))


@needs_llvm
def test_a_chain_of_rows_and_an_empty_tape():
    work = np.array([3.0, 4.0, 0.0, 0.0, 0.0])
    vm.run(tape(), work)
    vm.run(
        tape(
            row("square", 2, 0), row("square", 3, 1), row("add", 2, 2, 3),
            row("sqrt", 4, 2), row("exp", 3, 4), row("log", 3, 3),
        ),
        work,
    )  # fmt: skip
    assert work[4] == 5.0
    np.testing.assert_allclose(work[3], 5.0, rtol=1e-15)


@needs_llvm
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("count", [0, 1, 6])
def test_scan(count, reverse, rng):
    n = 5
    state, decay, x = rng.normal(size=n), 0.7, rng.normal(size=(count, n))
    # places: state 0, new state 5, input 10, decay 15, inputs 20, outputs 60
    work = np.full(100, np.nan)
    work[:n], work[15], work[20 : 20 + count * n] = state, decay, x.ravel()
    code = tape(
        row("multiply", 5, 0, 15, n=n, dy=0),
        row("add", 5, 5, 10, n=n),
        row("tanh", 5, 5, n=n),
    )
    ins, outs = np.array([[10, 0, 20, n, n]]), np.array([[60, n, 5, 0, n]])
    moves = ins, outs, np.array([[0, 0, 5, 0, n]])
    vm.Interpreted(code).scan(work.ctypes.data, count, moves, reverse=reverse)
    expected = np.zeros((count, n))
    for t in range(count)[:: -1 if reverse else 1]:
        state = expected[t] = np.tanh(state * decay + x[t])
    np.testing.assert_allclose(work[60 : 60 + count * n].reshape(count, n), expected)
    np.testing.assert_allclose(work[:n], state)


@needs_llvm
def test_scan_without_moves_repeats_the_tape():
    nothing = [np.zeros((0, 5), dtype=np.int64)] * 3
    work = np.array([1.0, 2.0])
    code = vm.Interpreted(tape(row("multiply", 0, 0, 1)))
    code.scan(work.ctypes.data, 10, nothing, reverse=False)
    assert work[0] == 1024.0


def test_every_operation_has_a_code_of_its_own():
    codes = list(OPCODES.values())
    assert codes == list(range(len(codes)))
    assert {"add", "power", "where", "copy", "matmul"} <= set(OPCODES)


def test_instructions_are_read_as_they_were_written():
    code = tape(
        row("add", 9, 1, 2, n=3, dx=-1, dy=0),
        row("where", 9, 1, 2, 3, n=2),
        row("sum", 5, 1, n=4, dx=2),
        row("matmul", 20, 1, 7, 1, n=2, dx=3, dy=2, dw=1, m=4, k=3),
    )
    code.add_number(OPCODES["sin"], 7, 2)
    assert list(code) == [
        Instruction("add", 9, ((1, -1), (2, 0)), 3),
        Instruction("where", 9, ((1, 1), (2, 1), (3, 1)), 2),
        Instruction("sum", 5, ((1, 2),), 4),
        Instruction("matmul", 20, ((1, 3), (7, 2), (1, 1)), 2, 4, 3),
        Instruction("sin", 7, ((2, 0),)),
    ]
    assert [each.written for each in code] == [3, 2, 1, 8, 1]
    assert list(code[1:3]) == list(code)[1:3]
    assert (len(code), len(code[2:2]), code.table.dtype) == (5, 0, LAYOUT)


def test_the_workspace_is_aligned():
    for size in (1, 13, 1000):
        work = vm.workspace(size)
        assert work.shape == (size,)
        assert work.ctypes.data % 64 == 0


@needs_llvm
def test_the_interpreter_is_compiled_by_the_first_run_only():
    script = (
        "import sys, numpy as np, chainrule as gd;"
        "from chainrule.compiler.tape import interpreter as vm;"
        "assert 'llvmlite' not in sys.modules and not vm.loaded();"
        "gd.compile(lambda x: x * 2.0 + 1.0, executor='vm')(np.ones(3));"
        "assert vm.loaded()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@needs_llvm
def test_a_handler_is_compiled_once():
    code = tape(row("hypot", 8, 0, 4, n=3), row("hypot", 8, 0, 4, n=2))
    work = np.arange(12.0)
    vm.run(code, work)
    assert vm.new_handlers(code) == 0
    before = len(vm._HANDLERS)
    vm.run(tape(*[row("hypot", 8, 0, 4, n=n, dx=2) for n in (2, 3, 4)]), work)
    assert len(vm._HANDLERS) == before
