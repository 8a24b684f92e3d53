"""A program as a C function: its statements, constants, arguments and results.

In: a ``Program``, and names for it and its inputs. Out: C99 text. All values are
``double`` in one workspace, as on a tape: booleans are 0 and 1, and integers exact
below 2**53.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.compiler.c_source.expressions import HELPERS, Expressions, literal
from chainrule.compiler.native.meanings import CannotLowerError, contracted_axes
from chainrule.compiler.native.movements import Places
from chainrule.compiler.native.operations import ELEMENTWISE, PAIRS, REDUCTIONS
from chainrule.compiler.programs.program import Program
from chainrule.compiler.tape.instructions import Code, Instruction
from chainrule.compiler.tape.lowering import Builder, Outside
from chainrule.compiler.tape.parts import Part
from chainrule.compiler.tape.places import constants_of, stretches
from chainrule.compiler.tape.regions import Either, Repeat, Stack
from chainrule.compiler.tracing.rows import Row
from chainrule.rules.grammar import COUNTS
from chainrule.values.shapes import ARRAYS

ON_STACK = 4096
"""Numbers of a workspace that is made in each call; a larger one is static."""


def function_of(
    program: Program, name: str, arguments: Sequence[str], written_by: str
) -> str:
    """Return a program as a C function; raise ``CannotLowerError`` with the reason."""
    for x in program.outputs:
        if not isinstance(x, (Row, float, int, *ARRAYS)):
            raise CannotLowerError(f"it returns {x!r}, which is no number")
    lowered = _Lowered(program)
    body = _Body(lowered)
    body.arguments(program, arguments)
    body.parts(lowered.parts())
    offsets = body.results(program)
    parameters = [*(f"const double *{x}" for x in arguments), "double *out"]
    head = f"void {name}({', '.join(parameters)})"
    size = max(1, lowered.size)
    workspace = (
        f"double w[{size}] = {{0.0}};"
        if size <= ON_STACK
        else f"static double w[{size}];"
    )
    comment = _comment(program, head, arguments, offsets, size, written_by)
    helpers = [text for k, text in HELPERS.items() if k in body.expressions.helpers]
    return "\n".join(
        [
            comment,
            "",
            "#include <math.h>",
            "",
            *helpers,
            head,
            "{",
            *(f"    {line}" for line in [*body.constants, workspace, *body.lines]),
            "}",
            "",
        ]
    )


def _comment(
    program: Program,
    head: str,
    arguments: Sequence[str],
    offsets: Sequence[int],
    size: int,
    written_by: str,
) -> str:
    """Return the comment that says how arguments and results lie in memory."""
    where = (
        "on the stack; calls may run side by side"
        if size <= ON_STACK
        else "static: one call at a time"
    )
    lines = [written_by, "", f"{head};", ""]
    lines += [
        f"{name}: {_described(x.shape)}"
        for name, x in zip(arguments, program.inputs, strict=True)
    ]
    for x, start, end in zip(program.outputs, offsets, offsets[1:], strict=False):
        shape = np.shape(x) if not isinstance(x, Row) else x.shape
        at = f"out[{start}]" if end - start == 1 else f"out[{start}..{end - 1}]"
        lines.append(f"{at}: {_described(shape)}" if end > start else "nothing")
    lines += [
        "",
        "Arrays are in C order: the last index moves fastest. Booleans are 0 and 1.",
        f"Workspace: {size} doubles, {where}.",
    ]
    told = [f" * {x}".rstrip().replace("*/", "* /") for x in lines]
    return "\n".join(["/*", *told, " */"])


def _described(shape: Any) -> str:
    if not shape:
        return "a number"
    return f"{math.prod(shape)} numbers, of shape ({', '.join(map(str, shape))})"


def c_identifier(name: str) -> str:
    """Return a name that C takes, like this one."""
    text = re.sub(r"\W", "_", name, flags=re.ASCII)
    if (
        not text
        or text[0].isdigit()
        or text in _TAKEN
        or re.fullmatch(r"[ik]\d+", text)
    ):
        text = f"f_{text}"
    return text


_TAKEN = (
    frozenset(
        "auto break case char const continue default do double else enum extern float "
        "for goto if inline int long register restrict return short signed sizeof "
        "static struct switch typedef union unsigned void volatile while main w out "
        "sum NAN INFINITY y0 y1 yn j0 j1 jn".split()
    )
    | set(HELPERS)
    | set(COUNTS)
    | {"fabs", "rint", "tgamma", "isinf"}
)
"""Names of C, of ``math.h`` and of the text itself."""


class _Lowered(Builder):
    """A program's places and instructions; products of matrices are some of them."""

    fuses: bool = False

    def _call(self, row: Row, results: list[Places]) -> None:
        """Write a product of matrices; refuse any other row without instructions."""
        pairs = None if row.dtype != np.float64 else contracted_axes(row)
        name = getattr(row.function, "__name__", "function")
        if pairs is None or len(row.args) != 2 or len(pairs[0]) != 1:
            raise CannotLowerError(f"{name} has no form in C")
        x, y = (np.asarray(self.places(v)) for v in row.args)
        if x.ndim > 2 or y.ndim > 2 or not x.size or not y.size:
            raise CannotLowerError(f"{name} has no form in C for these shapes")
        ((first,), (second,)) = pairs
        x = x[None, :] if x.ndim == 1 else x if first == 1 else x.T
        y = y[:, None] if y.ndim == 1 else y if second == 0 else y.T
        x, y = (self.elementwise("copy", v.shape, v) for v in (x, y))
        (m, k), (_, n) = x.shape, y.shape
        operands = [(int(x[0, 0]), k), (int(y[0, 0]), n), (int(x[0, 0]), 1)]
        start = int(np.ravel(results[0])[0])
        self.code.add("matmul", start, operands, length=n, rows=m, inner=k)


class _Body:
    """Writes the statements of a function."""

    def __init__(self, lowered: _Lowered) -> None:
        self.lowered = lowered
        self.expressions = Expressions()
        self.lines: list[str] = []
        self.constants: list[str] = []
        self._depth = 0
        self._loops = 0
        self._known = constants_of(lowered.filled)
        for places, value in lowered.filled:
            self._fill(places, value)

    def _add(self, line: str) -> None:
        self.lines.append("    " * self._depth + line)

    def _fill(self, places: Places, value: Any) -> None:
        """Write a constant into the workspace."""
        flat = np.ravel(np.asarray(places))
        if not flat.size:
            return
        if flat.size == 1:
            number = float(np.ravel(value)[0])
            if number != 0.0 or math.copysign(1.0, number) < 0:
                self._add(f"w[{flat[0]}] = {literal(number)};")
            elif self.lowered.size > ON_STACK:
                self._add(f"w[{flat[0]}] = 0.0;")
            return
        name = self._array(value)
        self._loop(flat.size, f"w[{flat[0]} + {{i}}] = {name}[{{i}}];")

    def _array(self, value: Any) -> str:
        """Return the name of a constant array."""
        name = f"k{len(self.constants)}"
        numbers = ", ".join(literal(float(x)).strip("()") for x in np.ravel(value))
        self.constants.append(f"static const double {name}[] = {{{numbers}}};")
        return name

    def _loop(self, count: int, *lines: str) -> None:
        """Write a loop; ``{i}`` is its number."""
        i = self._counter()
        head = f"for (long {i} = 0; {i} < {count}; {i}++)"
        self._add(head + (" {" if len(lines) > 1 else ""))
        self._depth += 1
        for line in lines:
            self._add(line.replace("{i}", i))
        self._depth -= 1
        if len(lines) > 1:
            self._add("}")

    def _counter(self) -> str:
        self._loops += 1
        return f"i{self._loops}"

    # ------------------------------------------------------- arguments and results

    def arguments(self, program: Program, names: Sequence[str]) -> None:
        """Write what copies the arguments."""
        for x, name in zip(program.inputs, names, strict=True):
            places = np.ravel(np.asarray(self.lowered.at[x]))
            if not x.shape:
                self._add(f"w[{places[0]}] = {name}[0];")
            elif places.size:
                self._loop(places.size, f"w[{places[0]} + {{i}}] = {name}[{{i}}];")

    def results(self, program: Program) -> list[int]:
        """Write what hands out the results; return where each starts, and the end."""
        offsets = [0]
        for x in program.outputs:
            start = offsets[-1]
            if isinstance(x, Row):
                flat = np.ravel(np.asarray(self.lowered.at[x]))
                for at, count, (step,) in stretches(flat[None, :]):
                    source = _at(int(flat[at]), step)
                    self._entries(count, f"out[{_at(start + at, 1)}] = w[{source}];")
                offsets.append(start + flat.size)
                continue
            value = np.ravel(np.asarray(x, dtype=float))
            if value.size == 1:
                self._add(f"out[{start}] = {literal(float(value[0]))};")
            elif value.size:
                name = self._array(value)
                self._loop(value.size, f"out[{start} + {{i}}] = {name}[{{i}}];")
            offsets.append(start + value.size)
        return offsets

    def _entries(self, count: int, line: str) -> None:
        """Write a statement for each entry, without a loop if there is one."""
        if count > 1:
            self._loop(count, line)
        else:
            self._add(_without_loop(line))

    # ------------------------------------------------------------------ instructions

    def parts(self, parts: Sequence[Part]) -> None:
        """Write parts."""
        for part in parts:
            if isinstance(part, Code):
                for it in part:
                    self._instruction(it)
            elif isinstance(part, Repeat):
                self._repeat(part)
            elif isinstance(part, Either):
                self._either(part)
            else:
                name = part.name if isinstance(part, Outside) else "a part"
                raise CannotLowerError(
                    f"{name}, a loop over large arrays inside another"
                )

    def _instruction(self, it: Instruction) -> None:
        """Write an instruction."""
        if it.operation in ELEMENTWISE:
            texts = [self._operand(x, dx) for x, dx in it.operands]
            value = self.expressions.operation(it.operation, texts)
            self._entries(it.length, f"w[{_at(it.target, 1)}] = {value};")
        elif it.operation == "matmul":
            self._product(it)
        else:
            self._reduced(it)

    def _operand(self, place: int, step: int) -> str:
        """Return an operand: a constant, or where it is."""
        if step == 0 and place in self._known:
            return literal(self._known[place])
        return f"w[{_at(place, step)}]"

    def _reduced(self, it: Instruction) -> None:
        """Write a reduction of many numbers to one."""
        texts = [f"w[{_at(x, dx)}]" for x, dx in it.operands]
        z = f"w[{it.target}]"
        if it.operation == "dot":
            start, value = 0.0, f"{z} + {texts[0]} * {texts[1]}"
        else:
            pair = PAIRS[it.operation]
            start = REDUCTIONS[pair].start
            value = self.expressions.operation(pair, [texts[0], z])
        self._add(f"{z} = {literal(start)};")
        self._loop(it.length, f"{z} = {value};")

    def _product(self, it: Instruction) -> None:
        """Write a product of matrices."""
        (x, dx), (y, dy), (_, dw) = it.operands
        i, j, k = (self._counter() for _ in range(3))
        n = it.length
        self._add(f"for (long {i} = 0; {i} < {it.rows}; {i}++)")
        self._add(f"    for (long {j} = 0; {j} < {n}; {j}++) {{")
        self._add("        double sum = 0.0;")
        self._add(f"        for (long {k} = 0; {k} < {it.inner}; {k}++)")
        left = f"w[{x} + {i} * {dx} + {k} * {dw}]"
        self._add(f"            sum += {left} * w[{y} + {k} * {dy} + {j}];")
        self._add(f"        w[{it.target} + {i} * {n} + {j}] = sum;")
        self._add("    }")

    # ----------------------------------------------------------------------- regions

    def _repeat(self, loop: Repeat) -> None:
        """Write a loop over steps, or one with a condition."""
        moves = [*loop.taken, *loop.kept, *loop.given]
        if any(stack.is_column for _, _, stack in moves) or (
            loop.counted is not None and loop.test is None
        ):
            raise CannotLowerError(
                "a derivative of while_loop keeps its steps in memory"
            )
        t = self._counter()
        if loop.test is None:
            self._add(f"for (long {t} = 0; {t} < {loop.count}; {t}++) {{")
        else:
            self._add(f"for (long {t} = 0;; {t}++) {{")
        self._depth += 1
        if loop.test is not None:
            self.parts(loop.inside[0])
            self._add(f"w[{loop.counted}] = (double){t};")
            self._add(f"if (w[{loop.test}] == 0.0)")
            self._add("    break;")
        step = f"({loop.count - 1} - {t})" if loop.reverse else t
        for line in _moves(loop.taken, step, stored=False):
            self._entries(*line)
        for line in _moves(loop.kept, step, stored=True):
            self._entries(*line)
        self.parts(loop.inside[-1])
        for line in _moves(loop.given, step, stored=True):
            self._entries(*line)
        for c in loop.carries:
            self._entries(c.size, f"w[{_at(c.before, 1)}] = w[{_at(c.after, 1)}];")
        self._depth -= 1
        self._add("}")

    def _either(self, branch: Either) -> None:
        """Write two branches."""
        self._add(f"if (w[{branch.choice}] != 0.0) {{")
        for i, parts in enumerate(branch.inside):
            self._depth += 1
            self.parts(parts)
            self._depth -= 1
            self._add("} else {" if i == 0 else "}")


def _moves(
    moves: Sequence[tuple[int, int, Stack]], step: str, *, stored: bool
) -> Iterator[tuple[int, str]]:
    """Yield the statements that move values from or to the entries of a step."""
    for place, size, stack in moves:
        value, entry = (
            f"w[{_at(place, 1)}]",
            f"w[{stack.place} + {step} * {size} + {{i}}]",
        )
        target, source = (entry, value) if stored else (value, entry)
        yield size, f"{target} = {source};"


def _at(place: int, step: int) -> str:
    """Return the index of an entry; ``{i}`` is its number."""
    if step == 0:
        return str(place)
    return f"{place} + {{i}}" if step == 1 else f"{place} + {{i}} * {step}"


def _without_loop(line: str) -> str:
    """Return a statement for the one entry that there is."""
    parts = line.split(" + {i}")
    return "".join(
        [parts[0], *(p.partition("]")[1] + p.partition("]")[2] for p in parts[1:])]
    )


__all__ = ["c_identifier", "function_of"]
