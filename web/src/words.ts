// What happens at a moment, in words: for the headings and for screen readers.

import type { Cell } from "./arrays";
import { isForward, lineOf, type Numbers, type Run } from "./data";
import { show } from "./format";
import { flow, incoming, type Moment, type State } from "./timeline";
import { floor } from "./maths";

/** What a sweep carries: cotangents back, tangents forward. */
export function carried(run: Run): string {
  return isForward(run) ? "tangent" : "cotangent";
}

export function nameOf(run: Run, vertex: number | null): string {
  return vertex == null ? "" : run.vertices[vertex]!.name;
}

export function phaseOf(run: Run, moment: Moment): "forward" | "backward" | "tangents" {
  if (moment.kind === "start" || moment.kind === "forward") return "forward";
  return isForward(run) ? "tangents" : "backward";
}

export function heading(run: Run, numbers: Numbers, moment: Moment): string {
  switch (moment.kind) {
    case "start": return "The inputs are given";
    case "forward": return `${nameOf(run, moment.vertex)} is computed`;
    case "seed": return isForward(run)
      ? "Every input moves by 1"
      : `The sweep starts at ${nameOf(run, run.result)}`;
    case "flow": {
      const step = numbers.steps[moment.step]!;
      const [from, to] = flow(run, step, step.contributions[moment.part]!);
      return `${nameOf(run, from)} adds to ${nameOf(run, to)}`;
    }
    case "quiet":
      return `Nothing flows through ${nameOf(run, numbers.steps[moment.step]!.vertex)}`;
    case "end": return `The ${isForward(run) ? "tangent" : "gradient"} is complete`;
  }
}

/** The moment as one sentence that a lecturer says; at most so many inputs are named. */
export function spoken(run: Run, numbers: Numbers, state: State, moment: Moment, most = 4): string {
  return sentence(run, numbers, state, moment, most).replace(/\.{4}$/, "...");
}

function sentence(run: Run, numbers: Numbers, state: State, moment: Moment, most: number): string {
  const value = (x: Parameters<typeof show>[0]): string => show(x).replace(/^\(.*?\): /, "");
  const name = (vertex: number | null): string => cut(nameOf(run, vertex), 32);
  switch (moment.kind) {
    case "start": return `The inputs: ${valuesOf(run, numbers, most)}.`;
    case "forward": {
      const v = run.vertices[moment.vertex]!;
      return `${name(moment.vertex)} is ${cut(v.expression, 80)}, which is ${value(numbers.values[moment.vertex])}.`;
    }
    case "seed": return isForward(run)
      ? "Every input moves at speed 1."
      : `Back we go: the derivative of ${name(run.result)} in itself is 1.`;
    case "flow": {
      const step = numbers.steps[moment.step]!;
      const c = step.contributions[moment.part]!;
      const [from, to] = flow(run, step, c);
      const came = show(incoming(run, numbers, step, c));
      const sum = state.sums.get(to);
      const formula = c.formula === show(c.partial) || c.formula.length > 36 ? "" : ` (${c.formula})`;
      const how = typeof c.partial === "number" && typeof c.amount === "number"
        ? `${came} times ${show(c.partial)}${formula}, so `
        : "";
      const first = (sum?.parts.length ?? 0) < 2;
      return `${name(from)} hands ${how}${value(c.amount)} to ${name(to)}` +
        (first ? "." : `, which makes ${value(sum?.total)}.`);
    }
    case "quiet": return `Nothing flows through ${name(numbers.steps[moment.step]!.vertex)}.`;
    case "end": return `Done: ${gradients(run, numbers, most)}.`;
  }
}

function cut(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}\u2026`;
}

/** The first of some texts, and how many more there are. */
function listed(texts: string[], most: number): string {
  const more = texts.length - most;
  return texts.slice(0, more > 1 ? most : most + 1).join(", ") + (more > 1 ? ` and ${more} more` : "");
}

function valuesOf(run: Run, numbers: Numbers, most: number): string {
  return listed(run.inputs.map((i) => `${cut(nameOf(run, i), 40)} is ${show(numbers.values[i])}`), most);
}

function gradients(run: Run, numbers: Numbers, most: number): string {
  if (isForward(run)) {
    return `the result moves by ${show(numbers.totals.get(run.result!))}`;
  }
  return listed(numbers.ticks.map((t) => `${cut(nameOf(run, t.vertex), 40)} has ${show(t.gradient)}`), most);
}

/** An entry of a vertex as the program would write it: w[0, 1]. */
export function entryName(run: Run, { vertex, entry }: Cell): string {
  const { name, shape } = run.vertices[vertex]!;
  if (!shape.length) return name;
  const index = shape.map((n, axis) =>
    floor(entry / shape.slice(axis + 1).reduce((a, b) => a * b, 1)) % n);
  return `${name}[${index.join(", ")}]`;
}

/** "line 4", "line 4, step 2 of 10", or the operation where there is no source. */
export function whereOf(run: Run, vertex: number): string {
  const v = run.vertices[vertex]!;
  const line = lineOf(run, vertex);
  const place = line == null ? v.operation : `line ${line}`;
  return v.repeats! > 1 ? `${place}, ${v.repeat} of ${v.repeats}` : place;
}

/** A formula of a rule, in the names of one vertex: z = x * y becomes v1 = w * x. */
export function inNames(run: Run, vertex: number, formula: string): string {
  const v = run.vertices[vertex]!;
  const rule = v.rule == null ? null : run.rules[v.rule];
  const meant = new Map([["z", v.name]]);
  rule?.operands.forEach((name, i) => {
    const x = v.operands[i];
    if (x && name !== "a") meant.set(name, "vertex" in x ? nameOf(run, x.vertex) : x.name || show(x.value));
  });
  return formula.replace(/(?<![\w.])(d?)([A-Za-z]\w*?)(_grad)?(?!\w)/g, (word, d: string, name: string, bar?: string) => {
    const whole = meant.get(d + name);
    if (whole !== undefined) return bar ? `${whole}.grad` : whole;
    const inner = d ? meant.get(name) : undefined;
    return inner === undefined ? word : `\u2202${inner}`;
  });
}
