// A formula that was typed, as a run: vertices, the order of the sweep, and its numbers.

import type { Contribution, Operand, Place, Run, Rule, Script, Step, Vertex } from "./data";
import { bare, CONSTANTS, FormulaError, read, type Tree } from "./formula";
import { short } from "./format";
import { Replay } from "./replay";

/** An operation of which the page knows the derivatives, as workshop.py writes it. */
export interface Known {
  name: string;
  operands: string[];
  script: number;
  rule: string;
  formula: string;
  partials: Record<string, string>;
  remedy: string;
}

export interface Built {
  run: Run;
  scripts: Script[];
}

/** Other spellings of operations. */
const ALSO: Record<string, string> = bare({
  abs: "absolute", pow: "power", asin: "arcsin", acos: "arccos", atan: "arctan", atan2: "arctan2",
  asinh: "arcsinh", acosh: "arccosh", atanh: "arctanh", ln: "log", max: "maximum",
  min: "minimum", mod: "remainder",
});

interface Line {
  name: string | null;
  tree: Tree;
  /** Where the formula begins in the line. */
  start: number;
  number: number;
  text: string;
}

function linesOf(text: string): Line[] {
  const lines = text.split(/\n|;/).map((line, i) => [line, i] as const).filter(([line]) =>
    line.trim() && !line.trim().startsWith("#"));
  if (!lines.length) throw new FormulaError("Type a formula, such as x*y + sin(x).", 0);
  return lines.map(([line, i]) => {
    const assigned = /^(\s*(?:([^\W\d]\w*)\s*=(?!=)|return\b)\s*)/u.exec(line);
    const start = assigned?.[0].length ?? 0;
    return { name: assigned?.[2] ?? null, tree: read(line.slice(start)), start, number: i + 1, text: line };
  });
}

export class Builder {
  private readonly vertices: Vertex[] = [];
  private readonly scripts: Script[] = [];
  private readonly rules: Rule[] = [];
  private readonly ruleOf = new Map<string, number>();
  private readonly places: Place[] = [];
  private readonly remedies: string[] = [];
  private readonly inputs = new Map<string, number>();
  private readonly named = new Map<string, Operand>();
  private readonly counts = new Map<string, number>();
  private readonly known = new Map<number, Known>();
  private inner = 0;

  constructor(
    private readonly functions: Known[],
    private readonly rulesOf: Script[],
  ) {}

  /** Build the run of a text; `given` has values for inputs, 1 where it has none. */
  build(text: string, given: Record<string, number>): Built {
    const lines = linesOf(text);
    const assigned = new Set<string>();
    for (const { name, tree } of lines) {
      for (const free of namesIn(tree)) if (!assigned.has(free)) this.input(free, given);
      if (name) assigned.add(name);
    }
    let result: Operand = { value: null, name: "" };
    for (const line of lines) {
      result = this.vertexOf(line.tree, line);
      if (line.name) this.assign(line.name, result, line);
    }
    const run = this.runOf(text, "vertex" in result ? result.vertex : null);
    if (run.result != null && run.steps.length) {
      const values = run.inputs.map((i) => [run.vertices[i]!.value as number]);
      const numbers = new Replay(run, this.scripts).at(values);
      numbers.values.forEach((x, i) => (run.vertices[i]!.value = x));
      Object.assign(run, { steps: numbers.steps, ticks: numbers.ticks, warnings: numbers.warnings });
      run.totals = Object.fromEntries(numbers.totals);
    }
    return { run, scripts: this.scripts };
  }

  private input(name: string, given: Record<string, number>): void {
    if (this.inputs.has(name)) return;
    const vertex = this.add({ name, operation: "input", expression: "input", value: given[name] ?? 1 });
    this.inputs.set(name, vertex);
    this.named.set(name, { vertex });
  }

  private add(some: Partial<Vertex> & { name: string; operation: string }): number {
    const count = (this.counts.get(some.name) ?? 0) + 1;
    this.counts.set(some.name, count);
    const number = this.vertices.length;
    this.vertices.push({
      expression: "", value: null, shape: [], operands: [], parameters: "", rule: null, place: null,
      repeat: 1, repeats: 1, like: number, used: true, script: null, terms: null, array: null, remedy: null,
      ...some, name: count > 1 ? `${some.name}#${count}` : some.name,
    });
    return number;
  }

  private assign(name: string, x: Operand, line: Line): void {
    this.named.set(name, x);
    if (!("vertex" in x) || line.tree.kind !== "call") return;
    const v = this.vertices[x.vertex]!;
    if (!/^v\d+$/.test(v.name)) return;
    this.counts.set(v.name, 0);
    const count = (this.counts.get(name) ?? 0) + 1;
    this.counts.set(name, count);
    v.name = count > 1 ? `${name}#${count}` : name;
    this.inner -= 1;
  }

  private vertexOf(tree: Tree, line: Line): Operand {
    if (tree.kind === "number") return { value: tree.value, name: "" };
    if (tree.kind === "name") {
      const constant = CONSTANTS[tree.name];
      return this.named.get(tree.name) ?? { value: constant ?? NaN, name: "" };
    }
    const known = this.functions.find((f) => f.name === (ALSO[tree.name] ?? tree.name));
    if (!known) throw new FormulaError(`${tree.name} is not among the functions of this page.`, 0);
    if (known.operands.length !== tree.parts.length) {
      throw new FormulaError(`${known.name} needs ${known.operands.join(" and ")}; it was given ` +
        `${tree.parts.length}.`, 0);
    }
    const operands = tree.parts.map((part) => this.vertexOf(part, line));
    const script = this.rulesOf[known.script]!;
    if (!operands.some((x) => "vertex" in x)) {
      return { value: Number(script.forward(...operands.map((x) => (x as { value: number }).value))), name: "" };
    }
    do this.inner += 1; while (this.inputs.has(`v${this.inner}`));
    const start = line.text.indexOf(tree.text, line.start);
    const vertex = this.add({
      name: `v${this.inner}`, operation: known.name, expression: tree.text, operands,
      rule: this.rule(known), script: this.bound(script, operands),
      place: this.places.push({
        file: 0, function: "f", line: line.number, endLine: line.number,
        start: Math.max(0, start), end: Math.max(0, start) + tree.text.length,
      }) - 1,
    });
    this.known.set(vertex, known);
    const names = known.operands.map((_, i) => this.text(operands[i]!));
    this.vertices[vertex]!.remedy = this.remedies.push(
      known.remedy.replace(/\{(\w+)\}/g, (all, name: string) => names[known.operands.indexOf(name)] ?? all)) - 1;
    return { vertex };
  }

  private text(x: Operand): string {
    if ("vertex" in x) return this.vertices[x.vertex]!.name;
    const text = short(x.value as number);
    return text.startsWith("-") ? `(${text})` : text;
  }

  /** An operation with its constants put in: what varies is handed to it. */
  private bound(script: Script, operands: Operand[]): number {
    const whole = (xs: number[]): number[] => {
      let i = 0;
      return operands.map((x) => ("vertex" in x ? xs[i++]! : (x.value as number)));
    };
    return this.scripts.push({
      forward: (...xs) => script.forward(...whole(xs)),
      partials: Object.fromEntries(Object.entries(script.partials).map(([i, d]) =>
        [i, (z: number, ...xs: number[]) => d(z, ...whole(xs))])),
      structural: script.structural,
    }) - 1;
  }

  private rule(known: Known): number {
    let number = this.ruleOf.get(known.name);
    if (number === undefined) {
      const { rule: name, formula, operands, partials: parts } = known;
      number = this.rules.push({ name, formula, operands, parts }) - 1;
      this.ruleOf.set(known.name, number);
    }
    return number;
  }

  /** A local derivative in the names of the formula. */
  private partial(vertex: number, position: number): string {
    const v = this.vertices[vertex]!;
    const known = this.known.get(vertex)!;
    const [base, exponent] = v.operands;
    if (known.name === "power" && position === 0 && exponent && "value" in exponent) {
      const n = exponent.value as number;
      const x = this.text(base!);
      return n === 2 ? `2 * ${x}` : `${short(n)} * ${x} ** ${this.text({ value: n - 1, name: "" })}`;
    }
    const meant = new Map([["z", v.name], ...known.operands.map((name, i) =>
      [name, this.text(v.operands[i]!)] as const)]);
    return (known.partials[position] ?? "").replace(/[A-Za-z_]\w*(?!\w*\()/g, (name) => meant.get(name) ?? name);
  }

  private runOf(text: string, result: number | null): Run {
    const used = new Set(result == null ? [] : [result]);
    for (let i = this.vertices.length - 1; i >= 0; i -= 1) {
      if (used.has(i)) for (const x of this.vertices[i]!.operands) if ("vertex" in x) used.add(x.vertex);
    }
    this.vertices.forEach((v, i) => (v.used = used.has(i)));
    const steps = result == null ? [] : this.steps(used);
    const run: Run = {
      title: "f", mode: "reverse", error: null, vertices: this.vertices, result, steps,
      inputs: [...this.inputs.values()], totals: {}, ticks: [], warnings: [], guards: [], watched: true,
      notes: [], live: true, notLive: "", code: null, noCode: "", cut: 0, rules: this.rules,
      places: this.places, remedies: this.remedies,
      files: [{ name: "formula", lines: text.split(/\n|;/).map((line, i) => [i + 1, line]) }],
    };
    run.code = result == null ? null : codeOf(run);
    return run;
  }

  /** The turns of the sweep, newest first, and who is ready after each. */
  private steps(used: Set<number>): Step[] {
    const order = [...used].sort((a, b) => b - a);
    const waits = new Map<number, number>();
    for (const i of order) {
      for (const x of this.vertices[i]!.operands) {
        if ("vertex" in x) waits.set(x.vertex, (waits.get(x.vertex) ?? 0) + 1);
      }
    }
    const ready = new Set(order.slice(0, 1));
    return order.filter((i) => this.vertices[i]!.rule != null).map((vertex) => {
      ready.delete(vertex);
      const contributions = this.vertices[vertex]!.operands.flatMap((x, position): Contribution[] => {
        if (!("vertex" in x)) return [];
        const left = waits.get(x.vertex)! - 1;
        waits.set(x.vertex, left);
        if (left === 0) ready.add(x.vertex);
        if (this.known.get(vertex)!.partials[position] === undefined) return [];
        const formula = this.partial(vertex, position);
        return [{ operand: x.vertex, position, formula, partial: null, amount: null, total: null, reduction: "" }];
      });
      return { vertex, incoming: null, contributions, waiting: 0, ready: [...ready].sort((a, b) => b - a) };
    });
  }
}

function namesIn(tree: Tree): string[] {
  if (tree.kind === "name") return tree.name in CONSTANTS ? [] : [tree.name];
  return tree.kind === "call" ? tree.parts.flatMap(namesIn) : [];
}

/** The gradient as NumPy code, one line per step. */
function codeOf(run: Run): string {
  const name = (i: number): string => run.vertices[i]!.name.replace("#", "_");
  const written = (formula: string): string =>
    formula.replace(/#(?=\d)/g, "_").replace(/(?<![\w.])([a-z_]\w*)\(/g, "np.$1(")
      .replace(/(?<![\w.])(pi|e|inf|nan)(?!\w)/g, "np.$1");
  const inputs = run.inputs.map(name).join(", ");
  const lines = ["import numpy as np", "", "", `def value_and_gradient(${inputs}):`, "    # forward"];
  const operators: Record<string, string> = bare({
    add: "+", subtract: "-", multiply: "*", divide: "/", power: "**", less: "<", greater: ">",
    less_equal: "<=", greater_equal: ">=", equal: "==", not_equal: "!=", remainder: "%",
  });
  run.vertices.forEach((v, i) => {
    if (v.rule == null || !v.used) return;
    const operands = v.operands.map((x) => {
      if ("vertex" in x) return name(x.vertex);
      const text = String(x.value);
      return text.startsWith("-") ? `(${text})` : text;
    });
    const sign = operators[v.operation];
    const call = sign ? operands.join(` ${sign} `)
      : v.operation === "negative" ? `-${operands[0]}` : `np.${v.operation}(${operands.join(", ")})`;
    lines.push(`    ${name(i)} = ${call}`);
  });
  lines.push("", "    # backward", `    ${name(run.result!)}_grad = 1.0`);
  const begun = new Set<number>();
  for (const { vertex, contributions } of run.steps) {
    for (const { operand, formula } of contributions) {
      const factor = written(formula);
      const product = factor === "1" ? `${name(vertex)}_grad`
        : `${name(vertex)}_grad * ${/^[\w.]+$/.test(factor) ? factor : `(${factor})`}`;
      lines.push(`    ${name(operand)}_grad ${begun.has(operand) ? "+=" : "="} ${product}`);
      begun.add(operand);
    }
  }
  const grads = run.inputs.map((i) => (begun.has(i) ? `${name(i)}_grad` : "0.0")).join(", ");
  lines.push(`    return ${name(run.result!)}, (${grads}${run.inputs.length === 1 ? "," : ""})`);
  return lines.join("\n");
}
