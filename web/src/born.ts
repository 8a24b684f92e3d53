// Where a nan, an infinity or a zero was born in a replay, in the words of remarks.py.

import { dataOf } from "./arrays";
import { isForward, operandsOf, type Numbers, type Run, type Script, type Value, type Warning } from "./data";
import { show } from "./format";
import { abs } from "./maths";

function some(x: Value | undefined, test: (entry: number) => boolean): boolean {
  return dataOf(x)?.some(test) ?? false;
}

const isNan = (x: Value | undefined): boolean => some(x, Number.isNaN);
const isInfinite = (x: Value | undefined): boolean => some(x, (v) => abs(v) === Infinity);
const isZero = (x: Value | undefined): boolean => !some(x, (v) => v !== 0);

/** Whether a sum is smaller than the rounding of its parts, and not zero. */
export function isRounding(total: Value | undefined, parts: Value[]): boolean {
  return (dataOf(total) ?? []).some((x, k, all) => {
    const sizes = parts.map((p) => {
      const data = dataOf(p) ?? [];
      return abs(data[data.length === all.length ? k : 0] ?? 0);
    });
    return x !== 0 && abs(x) <= Number.EPSILON * sizes.reduce((a, b) => a + b, 0);
  });
}

function remedy(run: Run, vertex: number): string {
  const number = run.vertices[vertex]!.remedy;
  return number == null ? "" : (run.remedies[number] ?? "");
}

/** Functions of matrices that NumPy refuses where their result is nan here. */
const REFUSED: Record<string, string> = {
  inv: "is singular", solve: "is singular", cholesky: "is not positive definite",
};

const mendFirst = (what: string): string => `${what} is infinite already: mend that first.`;

/** Remarks on the values. */
export function born(run: Run, numbers: Numbers): Warning[] {
  const found: Warning[] = [];
  run.vertices.forEach((v, vertex) => {
    if (v.rule == null) return;
    const z = numbers.values[vertex];
    const inside = v.operands.map((x) => ("vertex" in x ? numbers.values[x.vertex] : x.value));
    const say = (kind: string, message: string): void => {
      found.push({ vertex, kind, message, inSweep: false });
    };
    if (isNan(z)) {
      const x = operandsOf(v).find((o) => isInfinite(numbers.values[o.vertex]));
      const refused = REFUSED[v.operation];
      const advice = x ? mendFirst(run.vertices[x.vertex]!.name)
        : refused ? `The matrix ${refused}, where NumPy raises LinAlgError.` : remedy(run, vertex);
      if (!inside.some(isNan)) say("nan", `${v.name} is nan. ${advice}`);
    } else if (isInfinite(z)) {
      if (!inside.some(isInfinite)) say("inf", `${v.name} is infinite. ${remedy(run, vertex)}`);
    } else if (["add", "subtract"].includes(v.operation) && isRounding(z, inside as Value[])) {
      say("rounding", `The two sides of ${v.name} cancel: ${show(z)} is what rounding leaves of 0.`);
    }
  });
  return found;
}

/** Remarks on the sweep. */
export function stopped(run: Run, numbers: Numbers, scripts: Script[]): Warning[] {
  const found: Warning[] = [];
  const amounts = new Map<number, Value[]>();
  for (const step of numbers.steps) {
    const { vertex } = step;
    const v = run.vertices[vertex]!;
    const say = (kind: string, message: string): void => {
      found.push({ vertex, kind, message, inSweep: true });
    };
    for (const c of step.contributions) {
      amounts.set(c.operand, [...(amounts.get(c.operand) ?? []), c.amount]);
      const target = run.vertices[c.operand]!.name;
      const sent = isForward(run) ? numbers.totals.get(c.operand) : step.incoming;
      const derivative = `The derivative of ${v.name} in ${target}`;
      if (isNan(c.amount)) {
        const known = [vertex, ...operandsOf(v).map((x) => x.vertex)];
        if (isNan(sent) || known.some((i) => isNan(numbers.values[i]))) continue;
        const product = c.partial == null ? "" : `: ${show(sent)} * ${show(c.partial)}`;
        const advice = isInfinite(sent) && !isInfinite(c.partial)
          ? mendFirst(`What reaches ${isForward(run) ? target : v.name}`) : remedy(run, vertex);
        say("nan", `What passes between ${v.name} and ${target} is nan${product}. ${advice}`);
      } else if (isInfinite(c.partial)) {
        if (isInfinite(numbers.values[vertex])) continue;
        say("inf", `${derivative} is infinite here. ${remedy(run, vertex)}`);
      } else if (c.partial != null && isZero(c.partial) && !isZero(sent)) {
        say("zero", `${derivative} is zero here: nothing flows on this way.`);
      }
    }
    if (!isForward(run) && !isZero(step.incoming)) {
      for (const target of untaken(run, vertex, step.contributions.map((c) => c.position), scripts)) {
        say("zero", `${v.name} does not take ${target} here: ${v.operation} chose another value, so ` +
          "nothing flows on this way.");
      }
    }
  }
  if (!isForward(run)) {
    for (const [vertex, parts] of amounts) {
      const total = numbers.totals.get(vertex);
      if (!run.inputs.includes(vertex) || parts.length < 2 || !isRounding(total, parts)) continue;
      found.push({
        vertex, kind: "rounding", inSweep: true,
        message: `The contributions to ${run.vertices[vertex]!.name} cancel: ${show(total)} is what ` +
          "rounding leaves of 0.",
      });
    }
  }
  return found;
}

/** The operands that an operation with branches passes nothing to. */
function untaken(run: Run, vertex: number, reached: number[], scripts: Script[]): string[] {
  const v = run.vertices[vertex]!;
  const script = v.script == null ? null : scripts[v.script];
  if (!script?.structural) return [];
  return operandsOf(v)
    .filter(({ position }) => script.partials[position] && !reached.includes(position))
    .map((x) => run.vertices[x.vertex]!.name);
}
