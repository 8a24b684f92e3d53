// A formula that was typed, as a run: vertices, the order of the sweep, and its numbers.

import { dataOf, shapeOfOperand, sizeOf, valueFrom } from "./arrays";
import { isGrid, type Contribution, type Grid, type Operand, type Place, type Run, type Rule, type Script, type Step, type Value, type Vertex } from "./data";
import { CONSTANTS, parse } from "./arithmetic";
import { FormulaError, listed, read, type Tree } from "./formula";
import { short } from "./format";
import { codeOf } from "./code";
import { ALSO, bracketed, MODULES, python, WRITTEN } from "./python";
import { array } from "./nd";
import type { Replay } from "./replay";
import { checked, planned, together, type KnownArray, type Options } from "./typed";

/** An operation of which the page knows the derivatives, as workshop.py writes it. */
export interface Known {
  name: string;
  /** Where Python finds it. */
  module: string;
  operands: string[];
  script: number;
  rule: string;
  formula: string;
  partials: Record<string, string>;
  remedy: string;
}

/** The values of an input, and the list that it was typed as, if it was one. */
export interface Held {
  typed: string;
  data: number[];
}

export interface Built {
  run: Run;
  scripts: Script[];
}

/** Products of more entries have too many boxes. */
const MOST_FACTORS = 9;

interface Line {
  name: string | null;
  tree: Tree;
  /** Where the formula begins in the line. */
  start: number;
  number: number;
  text: string;
}

function linesOf(text: string): Line[] {
  const lines = text.split(/\n|;/).map((line, i) => [line.replace(/#.*/, ""), i] as const)
    .filter(([line]) => line.trim());
  if (!lines.length) throw new FormulaError("Type a formula, such as x*y + sin(x).", 0);
  return lines.map(([line, i]) => {
    const assigned = /^(\s*(?:([\p{L}_][\p{L}\p{Nd}_]*)\s*=(?!=)|return\b)\s*)/u.exec(line);
    const start = assigned?.[0].length ?? 0;
    return { name: assigned?.[2] ?? null, tree: read(line.slice(start)), start, number: i + 1, text: line };
  });
}

export class Builder {
  readonly #vertices: Vertex[] = [];
  readonly #scripts: Script[] = [];
  readonly #rules: Rule[] = [];
  readonly #ruleOf = new Map<string, number>();
  readonly #places: Place[] = [];
  readonly #remedies: string[] = [];
  readonly #inputs = new Map<string, number>();
  /** The numbers and lists that inputs were typed as. */
  readonly typed = new Map<string, string>();
  readonly #named = new Map<string, Operand>();
  readonly #counts = new Map<string, number>();
  readonly #known = new Map<number, Known | KnownArray>();
  /** The options of functions of arrays, by vertex. */
  readonly #options = new Map<number, Options>();
  /** What parts of a tree have become already. */
  readonly #made = new Map<Tree, Operand>();
  #inner = 0;

  constructor(
    private readonly functions: Known[],
    private readonly arrays: KnownArray[],
    private readonly rulesOf: Script[],
    private readonly replay: typeof Replay,
  ) {
    for (const { name, module } of functions) MODULES[name] = module;
  }

  /** Build the run of a text; `given` has values for inputs, 1 where it has none. */
  build(text: string, given: Record<string, Held>): Built {
    const all = linesOf(text);
    const lines = all.filter((line) => !givenBy(line));
    const assigned = new Set<string>();
    for (const line of all) {
      const numbers = givenBy(line);
      if (!numbers) continue;
      const name = line.name!;
      if (this.#inputs.has(name)) throw new FormulaError(`${name} is given twice.`, 0);
      this.typed.set(name, line.text.slice(line.start).trim());
      this.#input(name, given, numbers);
    }
    if (!lines.length) throw new FormulaError("Type what is computed of these values below them.", 0);
    for (const { name, tree } of lines) {
      for (const free of namesIn(tree)) if (!assigned.has(free)) this.#input(free, given);
      if (name) assigned.add(name);
    }
    let result: Operand = { value: null as Value, name: "" };
    for (const line of lines) {
      result = this.#vertexOf(line.tree, line);
      if (line.name) this.#assign(line.name, result, line);
    }
    const run = this.#runOf(text, lines, "vertex" in result ? result.vertex : null);
    if (run.result != null && run.steps.length) {
      const values = run.inputs.map((i) => dataOf(run.vertices[i]!.value)!);
      const numbers = new this.replay(run, this.#scripts).at(values);
      numbers.values.forEach((x, i) => (run.vertices[i]!.value = x));
      Object.assign(run, { steps: numbers.steps, ticks: numbers.ticks, warnings: numbers.warnings });
      run.totals = Object.fromEntries(numbers.totals);
    }
    return { run, scripts: this.#scripts };
  }

  #input(name: string, given: Record<string, Held>, typed: Grid = { shape: [], data: [1] }): void {
    if (this.#inputs.has(name)) return;
    const held = given[name];
    const text = this.typed.get(name) ?? held?.typed;
    const known = held && held.typed === text && held.data.length === typed.data.length;
    const value = valueFrom(known ? held.data.slice() : typed.data, checked(typed.shape));
    const vertex = this.#add({ name, operation: "input", expression: "input", value, shape: typed.shape });
    this.#inputs.set(name, vertex);
    this.#named.set(name, { vertex });
  }

  #add(some: Partial<Vertex> & { name: string; operation: string }): number {
    const count = (this.#counts.get(some.name) ?? 0) + 1;
    this.#counts.set(some.name, count);
    const number = this.#vertices.length;
    this.#vertices.push({
      expression: "", value: null, shape: [], operands: [], parameters: "", rule: null, place: null,
      repeat: 1, repeats: 1, like: number, script: null, terms: null, array: null, remedy: null,
      ...some, name: count > 1 ? `${some.name}#${count}` : some.name,
    });
    return number;
  }

  #assign(name: string, x: Operand, line: Line): void {
    this.#named.set(name, x);
    if (!("vertex" in x) || line.tree.kind !== "call") return;
    const v = this.#vertices[x.vertex]!;
    if (!/^v\d+$/.test(v.name)) return;
    this.#counts.set(v.name, 0);
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    v.name = count > 1 ? `${name}#${count}` : name;
    this.#inner -= 1;
  }

  #vertexOf(tree: Tree, line: Line): Operand {
    const made = this.#made.get(tree);
    if (made) return made;
    if (tree.kind === "number") return { value: tree.value, name: "" };
    if (tree.kind === "name") {
      const constant = CONSTANTS[tree.name];
      return this.#named.get(tree.name) ?? { value: constant ?? NaN, name: "" };
    }
    if (tree.kind === "list") {
      const { shape, data } = array(listed(tree));
      return { value: valueFrom(data, checked(shape)), name: "" };
    }
    const operands = tree.parts.map((part) => this.#vertexOf(part, line));
    tree.parts.forEach((part, i) => this.#made.set(part, operands[i]!));
    const composed = composition(tree, shapeOfOperand(this.#run, operands[0] ?? { value: 0, name: "" }));
    if (composed) return this.#vertexOf(composed, line);
    const shapes = operands.map((x) => shapeOfOperand(this.#run, x));
    const options = (tree.options ?? {}) as Options;
    const known = this.#found(tree, shapes);
    if ("axes" in known) return this.#ofArrays(known, tree, line, operands, options);
    const script = this.rulesOf[known.script]!;
    const shape = together(shapes, operands.map((x) => this.#text(x)));
    if (!operands.some((x) => "vertex" in x)) {
      if (shape.length) throw new FormulaError("Write a list of numbers as its values.", 0);
      return { value: Number(script.forward(...operands.map((x) => (x as { value: number }).value))), name: "" };
    }
    return this.#vertex(known, tree, line, operands, { script: this.#bound(script, operands), shape });
  }

  #found({ name, parts, options }: Tree & { kind: "call" }, shapes: number[][]): Known | KnownArray {
    const ndims = shapes.map((s) => s.length);
    const ofArrays = this.arrays.filter((f) => f.name === name && f.operands.length === parts.length);
    const fits = ofArrays.find((f) => f.axes.every((n, i) => n < 0 || n === ndims[i]));
    if (fits) return fits;
    const known = this.functions.find((f) => f.name === (ALSO[name] ?? name));
    if (!known && !ofArrays.length) {
      throw new FormulaError(`${name} is not among the functions of this page. ` +
        (WRITTEN[name] ? `Write ${WRITTEN[name]}.` : "gd.explain(f) takes all of NumPy's."), 0);
    }
    if (!known || known.operands.length !== parts.length) {
      const names = (known ?? ofArrays[0]!).operands;
      if (!known) throw new FormulaError(`${name} of arrays with ${ndims.join(" and ")} axes is not among the functions of this page.`, 0);
      throw new FormulaError(`${name} takes ${names.length === 1 ? "one argument" : `${names.length} arguments`}, ` +
        `${names.join(" and ")}; it was given ${parts.length}.`, 0);
    }
    const [unknown] = Object.keys(options ?? {});
    if (unknown) throw new FormulaError(`${name} has no option ${unknown} here.`, 0);
    return known;
  }

  /** An operation on arrays: as terms, or as one on whole arrays. */
  #ofArrays(
    known: KnownArray, tree: Tree & { kind: "call" }, line: Line, operands: Operand[], options: Options,
  ): Operand {
    const allowed = { getitem: ["index"], transpose: [], matmul: [], dot: [], cumsum: ["axis"] }[known.name] ??
      (known.script === null ? ["axis", "keepdims"] : []);
    const unknown = Object.keys(options).find((name) => !allowed.includes(name));
    if (unknown) throw new FormulaError(`${known.name} has no option ${unknown} here.`, 0);
    if (!operands.some((x) => "vertex" in x)) throw new FormulaError("Write a list of numbers as its values.", 0);
    const given = operands.map((x) => ({
      shape: shapeOfOperand(this.#run, x), data: "vertex" in x ? null : dataOf(x.value),
    }));
    const { shape, terms } = planned(known.name, given, options);
    const parameters = Object.entries(options).filter(([name]) => name !== "index")
      .map(([name, value]) => `${name}=${value}`).join(", ");
    const made = this.#vertex(known, tree, line, operands, { shape, terms, parameters,
      array: terms ? null : this.#scripts.push(this.rulesOf[known.script!]!) - 1 });
    this.#options.set(made.vertex, options);
    return made;
  }

  /** What operands' shapes are read from. */
  get #run(): Run {
    return { vertices: this.#vertices } as Run;
  }

  #vertex(
    known: Known | KnownArray, tree: Tree & { kind: "call" }, line: Line, operands: Operand[], some: Partial<Vertex>,
  ): { vertex: number } {
    do this.#inner += 1; while (this.#inputs.has(`v${this.#inner}`));
    const start = line.text.indexOf(tree.text, line.start);
    const vertex = this.#add({
      name: `v${this.#inner}`, operation: known.name, expression: tree.text, operands, rule: this.#rule(known),
      place: this.#places.push({
        file: 0, function: "f", line: line.number, endLine: line.number,
        start: Math.max(0, start), end: Math.max(0, start) + tree.text.length,
      }) - 1,
      ...some,
    });
    this.#known.set(vertex, known);
    const names = known.operands.map((_, i) => this.#text(operands[i]!));
    const remedy = ("remedy" in known && known.remedy) || `Look at what ${known.name} was given, and guard it with np.where.`;
    this.#vertices[vertex]!.remedy = this.#remedies.push(
      remedy.replace(/\{(\w+)\}/g, (all, name: string) => names[known.operands.indexOf(name)] ?? all)) - 1;
    return { vertex };
  }

  #text(x: Operand, digits: (x: number) => string = short): string {
    if ("vertex" in x) return this.#vertices[x.vertex]!.name;
    if (isGrid(x.value)) return bracketed(x.value, digits);
    const text = digits(x.value as number);
    return text.startsWith("-") ? `(${text})` : text;
  }

  /** An operation with its constants put in: what varies is handed to it. */
  #bound(script: Script, operands: Operand[]): number {
    const whole = (xs: number[]): number[] => {
      let i = 0;
      return operands.map((x) => ("vertex" in x || isGrid(x.value) ? xs[i++]! : (x.value as number)));
    };
    return this.#scripts.push({
      forward: (...xs) => script.forward(...whole(xs)),
      partials: Object.fromEntries(Object.entries(script.partials).map(([i, d]) =>
        [i, (z: number, ...xs: number[]) => d(z, ...whole(xs))])),
      structural: script.structural,
    }) - 1;
  }

  #rule(known: Known | KnownArray): number {
    let number = this.#ruleOf.get(known.rule);
    if (number === undefined) {
      const { rule: name, formula, operands } = known;
      const parts = "parts" in known ? known.parts : known.partials;
      number = this.#rules.push({ name, formula, operands, parts }) - 1;
      this.#ruleOf.set(known.rule, number);
    }
    return number;
  }

  /** A local derivative in the names of the formula. */
  #partial(vertex: number, position: number, digits: (x: number) => string = short): string {
    const v = this.#vertices[vertex]!;
    const known = this.#known.get(vertex)!;
    if ("parts" in known) return known.parts[position] ?? "";
    const [base, exponent] = v.operands;
    if (known.name === "power" && position === 0 && exponent && "value" in exponent && typeof exponent.value === "number") {
      const n = exponent.value;
      const x = this.#text(base!, digits);
      return n === 2 ? `2 * ${x}` : `${digits(n)} * ${x} ** ${this.#text({ value: n - 1, name: "" }, digits)}`;
    }
    const meant = new Map([["z", v.name], ...known.operands.map((name, i) =>
      [name, this.#text(v.operands[i]!, digits)] as const)]);
    return (known.partials[position] ?? "").replace(/[A-Za-z_]\w*(?!\w*\()/g, (name) => meant.get(name) ?? name);
  }

  #runOf(text: string, lines: Line[], result: number | null): Run {
    const used = new Set(result == null ? [] : [result]);
    for (let i = this.#vertices.length - 1; i >= 0; i -= 1) {
      if (used.has(i)) for (const x of this.#vertices[i]!.operands) if ("vertex" in x) used.add(x.vertex);
    }
    this.#vertices.forEach((v, i) => (v.unused = !used.has(i)));
    const steps = result == null ? [] : this.#steps(used);
    const run: Run = {
      title: "f", mode: "reverse", error: null, vertices: this.#vertices, result, steps,
      inputs: [...this.#inputs.values()], totals: {}, ticks: [], warnings: [], guards: [], watched: true,
      notes: [], live: true, notLive: "", code: null, noCode: "", cut: 0, rules: this.#rules,
      places: this.#places, remedies: this.#remedies,
      source: sourceOf(lines, [...this.#inputs.keys()]),
      files: [{ name: "formula", lines: text.split(/\n|;/).map((line, i) => [i + 1, line]) }],
    };
    if (result != null) run.code = codeOf(run, this.#options, (vertex, position) => this.#partial(vertex, position, String));
    return run;
  }

  /** The turns of the sweep, newest first, and who is ready after each. */
  #steps(used: Set<number>): Step[] {
    const order = [...used].sort((a, b) => b - a);
    const waits = new Map<number, number>();
    for (const i of order) {
      for (const x of this.#vertices[i]!.operands) {
        if ("vertex" in x) waits.set(x.vertex, (waits.get(x.vertex) ?? 0) + 1);
      }
    }
    const ready = new Set(order.slice(0, 1));
    return order.filter((i) => this.#vertices[i]!.rule != null).map((vertex) => {
      ready.delete(vertex);
      const contributions = this.#vertices[vertex]!.operands.flatMap((x, position): Contribution[] => {
        if (!("vertex" in x)) return [];
        const left = waits.get(x.vertex)! - 1;
        waits.set(x.vertex, left);
        if (left === 0) ready.add(x.vertex);
        const known = this.#known.get(vertex)!;
        if ("partials" in known && known.partials[position] === undefined) return [];
        const formula = this.#partial(vertex, position);
        return [{ operand: x.vertex, position, formula, partial: null, amount: null, total: null, reduction: "" }];
      });
      return { vertex, incoming: null, contributions, waiting: 0, ready: [...ready].sort((a, b) => b - a) };
    });
  }
}

/** A function that is made of others, in terms of these. */
function composition({ name, parts, text, options = {} }: Tree & { kind: "call" }, shape: number[]): Tree | null {
  const [x] = parts;
  if (!x || parts.length > 1) return null;
  const call = (of: string, given: Tree[], more: Options = {}): Tree =>
    ({ kind: "call", name: of, parts: given, text, options: more });
  if (name === "std") return call("sqrt", [call("var", [x], options as Options)]);
  if (name === "trace" && shape.length === 2) {
    const unit = Array.from({ length: shape[0]! }, (_, i) => Array.from({ length: shape[1]! }, (__, j): Tree =>
      ({ kind: "number", value: Number(i === j) })));
    const lists = unit.map((row): Tree => ({ kind: "list", parts: row, text: "" }));
    return call("sum", [call("multiply", [x, { kind: "list", parts: lists, text: "" }])]);
  }
  if (name === "prod" && shape.length && sizeOf(shape) <= MOST_FACTORS && !Object.keys(options).length) {
    const places = shape.reduce<number[][]>((found, n) =>
      found.flatMap((lead) => Array.from({ length: n }, (_, i) => [...lead, i])), [[]]);
    return places.map((index) => call("getitem", [x], { index } as unknown as Options))
      .reduce((product, entry) => call("multiply", [product, entry]));
  }
  if (name !== "var") return null;
  const { ddof = 0, ...along } = options as Record<string, number>;
  const centred = call("subtract", [x, call("mean", [x], { ...along as Options, keepdims: true })]);
  const variance = call("mean", [call("power", [centred, { kind: "number", value: 2 }])], along as Options);
  const count = along["axis"] === undefined ? sizeOf(shape) : shape.at(along["axis"]) ?? 1;
  return ddof ? call("multiply", [variance, { kind: "number", value: count / (count - ddof) }]) : variance;
}

/** What a line gives an input: numbers under a name, `x = 3` or `x = [1, 2]`. */
function givenBy({ name, tree, text, start }: Line): Grid | null {
  if (name === null) return null;
  if (tree.kind === "list") return array(listed(tree));
  const value = parse(text.slice(start));
  return value === null ? null : { shape: [], data: [value] };
}

function namesIn(tree: Tree): string[] {
  if (tree.kind === "name") return tree.name in CONSTANTS ? [] : [tree.name];
  return tree.kind === "call" ? tree.parts.flatMap(namesIn) : [];
}

/** The typed lines as a function in Python. */
function sourceOf(lines: Line[], inputs: string[]): string[] {
  const body = lines.map(({ name, tree }, i) =>
    `    ${i === lines.length - 1 ? "return " : name ? `${name} = ` : ""}${python(tree)}`);
  return [`def f(${inputs.join(", ")}):`, ...body];
}
