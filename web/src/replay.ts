// The recording run again at other inputs, by operations written from the rules.

import { broadcast, dataOf, shapeOfOperand, sizeOf, valueFrom } from "./arrays";
import {
  isForward, isNumber, operandsOf, type ArrayScript, type Contribution, type Grid, type Guard, type Numbers, type Operand, type Part, type Run,
  type Script, type Step, type Tick,
} from "./data";
import { same, short } from "./format";
import { born, stopped } from "./born";
import { abs, finite, max, min } from "./maths";

/** The entries of a value, in order. */
type Data = number[];

/** Cotangents are pulled back, tangents pushed on. */
type Way = "pull" | "push";

/** Inputs with more entries in all are not checked by differences. */
const DIFFERENCED = 60;

/** What one operand of an operation passes on, before the sum that undoes broadcasting. */
interface Passed {
  position: number;
  operand: number;
  partial: Data | null;
  amount: Data;
}

/** The runs of one function: as it was recorded, and on its other branches. */
export class Family {
  readonly runs: Run[];
  readonly #replays: Replay[];

  constructor(run: Run, scripts: Script[]) {
    this.runs = [run, ...(run.branches ?? [])];
    this.#replays = this.runs.map((r) => new Replay(r, scripts));
  }

  get recorded(): Replay {
    return this.#replays[0]!;
  }

  /** Which run takes the way that these inputs take; the recorded one if none does. */
  at(inputs: Data[]): { run: Run; numbers: Numbers; why: string } {
    const why = this.recorded.strays(inputs)[0] ?? "";
    const found = why ? this.#replays.findIndex((r) => r.strays(inputs).length === 0) : 0;
    const i = max(0, found);
    return { run: this.runs[i]!, numbers: this.#replays[i]!.at(inputs), why };
  }

  /** The result alone, and whether it belongs to a branch that was not recorded. */
  probe(inputs: Data[]): { value: number; strayed: boolean } {
    for (const replay of this.#replays) {
      const found = replay.probe(inputs);
      if (!found.strayed) return found;
    }
    return this.recorded.probe(inputs);
  }
}

export class Replay {
  readonly #texts = new Map<string, Contribution>();
  readonly #places = new Map<string, number[]>();

  constructor(
    private readonly run: Run,
    private readonly scripts: Script[],
  ) {
    for (const step of run.steps) {
      for (const c of step.contributions) this.#texts.set(`${step.vertex}:${c.position}`, c);
    }
  }

  /** What of the recorded branch no longer holds, in words. */
  strays(inputs: Data[]): string[] {
    const data = this.#forward(inputs);
    return this.run.guards.filter((g) => !this.#holds(g, data)).map((g) => this.#worded(g));
  }

  /** Whether replaying at the recorded inputs gives the recorded numbers. */
  reproduces(): boolean {
    const inputs = this.run.inputs.map((i) => dataOf(this.run.vertices[i]!.value));
    if (!inputs.every((x) => x !== null)) return false;
    const numbers = this.at(inputs);
    const agree = (a: Data | null, b: Data | null): boolean =>
      a !== null && b !== null && a.every((x, k) => close(x, b[k]!));
    const totals = Object.entries(this.run.totals);
    return (
      this.run.vertices.every((v, i) => agree(dataOf(v.value), dataOf(numbers.values[i]))) &&
      totals.every(([i, total]) => {
        const found = numbers.totals.get(Number(i));
        return found === undefined
          ? (dataOf(total) ?? []).every((x) => x === 0)
          : agree(dataOf(total), dataOf(found));
      }) &&
      numbers.branches.length === 0
    );
  }

  at(inputs: Data[]): Numbers {
    const { run } = this;
    const data = this.#forward(inputs);
    const totals = new Map<number, Data>();
    const steps = isForward(run) ? this.#tangents(data, totals) : this.#cotangents(data, totals);
    const shaped = (vertex: number, x: Data) => valueFrom(x, run.vertices[vertex]!.shape);
    const numbers: Numbers = {
      values: data.map((x, i) => shaped(i, x)),
      steps,
      totals: new Map([...totals].map(([i, x]) => [i, shaped(i, x)])),
      ticks: this.#ticks(inputs, totals, data[run.result!]!),
      warnings: [],
      branches: run.guards.filter((g) => !this.#holds(g, data)).map((g) => this.#worded(g)),
      replayed: true,
    };
    numbers.warnings = [...born(run, numbers), ...stopped(run, numbers, this.scripts)];
    return numbers;
  }

  /** The result alone, and whether the program would take another branch there. */
  probe(inputs: Data[]): { value: number; strayed: boolean } {
    const data = this.#forward(inputs);
    const found = data[this.run.result!]!;
    const strayed = !this.run.guards.every((g) => this.#holds(g, data));
    return { value: found.length === 1 ? found[0]! : NaN, strayed };
  }

  /** For each entry of a result, which entry of an operand belongs to it. */
  #placesOf(vertex: number, position: number): number[] {
    const key = `${vertex}:${position}`;
    let found = this.#places.get(key);
    if (!found) {
      const v = this.run.vertices[vertex]!;
      found = broadcast(shapeOfOperand(this.run, v.operands[position]!), v.shape);
      this.#places.set(key, found);
    }
    return found;
  }

  #operand(x: Operand, data: Data[]): Data {
    return "vertex" in x ? data[x.vertex]! : (dataOf(x.value) ?? [Number(x.value)]);
  }

  /** For each entry, what the form of an elementwise operation is given. */
  #arguments(vertex: number, data: Data[]): Data[] {
    const v = this.run.vertices[vertex]!;
    const given = v.operands.flatMap((x, position) =>
      "vertex" in x || !isNumber(x.value) && dataOf(x.value)
        ? [{ entries: this.#operand(x, data), places: this.#placesOf(vertex, position) }]
        : []);
    return Array.from({ length: sizeOf(v.shape) }, (_, k) =>
      given.map(({ entries, places }) => entries[places[k]!]!));
  }

  #forward(inputs: Data[]): Data[] {
    const given = new Map(this.run.inputs.map((vertex, i) => [vertex, inputs[i]!]));
    const data: Data[] = [];
    this.run.vertices.forEach((v, i) => {
      if (v.script != null) {
        const { forward } = this.scripts[v.script]!;
        data.push(this.#arguments(i, data).map((x) => Number(forward(...x))));
      } else if (v.terms) {
        data.push(this.#summed(i, data));
      } else if (v.array != null) {
        data.push(this.#arrayScript(i).forward(...this.#grids(i, data)).data);
      } else {
        data.push(given.get(i) ?? dataOf(v.value)!);
      }
    });
    return data;
  }

  #arrayScript(vertex: number): ArrayScript {
    return this.scripts[this.run.vertices[vertex]!.array!] as unknown as ArrayScript;
  }

  /** The operands of an operation as arrays. */
  #grids(vertex: number, data: Data[]): Grid[] {
    return this.run.vertices[vertex]!.operands.map((x) =>
      ({ shape: shapeOfOperand(this.run, x), data: this.#operand(x, data) }));
  }

  /** What an operation on whole arrays passes on, backwards to or forwards from its operands. */
  #throughArrays(vertex: number, way: Way, data: Data[], given: Map<number, Data>): Passed[] {
    const { shape } = this.run.vertices[vertex]!;
    const grids = this.#grids(vertex, data);
    const z = { shape, data: data[vertex]! };
    return operandsOf(this.run.vertices[vertex]!).flatMap(({ vertex: operand, position }) => {
      const own = this.run.vertices[operand]!.shape;
      const came = given.get(way === "pull" ? vertex : operand);
      if (!came) return [];
      const found = this.#arrayScript(vertex)[way][position]!({ shape: way === "pull" ? shape : own, data: came }, z, ...grids);
      const amount = gathered(found, way === "pull" ? own : shape);
      return [{ position, operand, partial: null, amount }];
    });
  }

  /** A term, or its derivative in one of its factors. */
  #product(part: Part, n: number, factors: Data[], without = -1): number {
    return part.at.reduce((product, at, j) =>
      j === without ? product : product * factors[j]![at[n]!]!, part.by?.[n] ?? 1);
  }

  #summed(vertex: number, data: Data[]): Data {
    const v = this.run.vertices[vertex]!;
    const { terms, offset, extreme } = v.terms!;
    const out = offset?.slice() ?? new Array<number>(sizeOf(v.shape)).fill(extreme ? -extreme * Infinity : 0);
    for (const part of terms) {
      const factors = part.of.map((position) => this.#operand(v.operands[position]!, data));
      part.to.forEach((k, n) => {
        const term = this.#product(part, n, factors);
        out[k] = extreme ? extremest(extreme, out[k]!, term) : out[k]! + term;
      });
    }
    return out;
  }

  /** What an operation passes on: cotangents back to its operands, or their tangents on. */
  #passed(vertex: number, way: Way, data: Data[], given: Map<number, Data>): Passed[] {
    const v = this.run.vertices[vertex]!;
    if (v.terms) return this.#throughTerms(vertex, way, data, given);
    if (v.array != null) return this.#throughArrays(vertex, way, data, given);
    return this.#partials(vertex, data).flatMap(({ position, operand, partial, untaken }) => {
      const came = given.get(way === "pull" ? vertex : operand);
      if (!came) return [];
      const amount = this.#zeros(way === "pull" ? operand : vertex);
      const places = this.#placesOf(vertex, position);
      partial.forEach((d, k) => {
        const [from, to] = way === "pull" ? [k, places[k]!] : [places[k]!, k];
        if (!untaken[k]) amount[to]! += came[from]! * d;
      });
      return [{ position, operand, partial, amount }];
    });
  }

  #zeros(vertex: number): Data {
    return new Array<number>(sizeOf(this.run.vertices[vertex]!.shape)).fill(0);
  }

  #throughTerms(vertex: number, way: Way, data: Data[], given: Map<number, Data>): Passed[] {
    const v = this.run.vertices[vertex]!;
    const { terms, extreme } = v.terms!;
    const amounts = new Map<number, Passed>();
    for (const part of terms) {
      const factors = part.of.map((position) => this.#operand(v.operands[position]!, data));
      const shares = extreme ? this.#shares(part, factors[0]!, data[vertex]!) : null;
      part.of.forEach((position, j) => {
        const x = v.operands[position]!;
        const came = "vertex" in x && given.get(way === "pull" ? vertex : x.vertex);
        if (!came) return;
        const { amount } = amounts.get(position) ?? { amount: this.#zeros(way === "pull" ? x.vertex : vertex) };
        amounts.set(position, { position, operand: x.vertex, partial: null, amount });
        part.to.forEach((k, n) => {
          if (shares && !shares[n]) return;
          const at = part.at[j]![n]!;
          const [from, to] = way === "pull" ? [k, at] : [at, k];
          amount[to]! += came[from]! * this.#product(part, n, factors, j) * (shares?.[n] ?? 1);
        });
      });
    }
    return [...amounts.values()].sort((a, b) => a.position - b.position);
  }

  /** How entries that attain an extreme share it: equally. */
  #shares(part: Part, entries: Data, result: Data): number[] {
    const attains = part.to.map((k, n) => entries[part.at[0]![n]!] === result[k]);
    const counts = new Map<number, number>();
    part.to.forEach((k, n) => counts.set(k, (counts.get(k) ?? 0) + Number(attains[n])));
    return part.to.map((k, n) => (attains[n] ? 1 / counts.get(k)! : 0));
  }

  /** The local derivatives of an elementwise operation; what is untaken passes nothing. */
  #partials(vertex: number, data: Data[]): {
    position: number; operand: number; partial: Data; untaken: boolean[];
  }[] {
    const v = this.run.vertices[vertex]!;
    const script = this.scripts[v.script!]!;
    const given = this.#arguments(vertex, data);
    return operandsOf(v).flatMap(({ vertex: operand, position }) => {
      const d = script.partials[position];
      if (!d) return [];
      const partial = given.map((xs, k) => Number(d(data[vertex]![k]!, ...xs)));
      const untaken = partial.map((p) => script.structural && p === 0);
      return untaken.every(Boolean) ? [] : [{ position, operand, partial, untaken }];
    });
  }

  #contribution(vertex: number, passed: Passed, to: number, total: Data): Contribution {
    const { position, operand, partial, amount } = passed;
    const known = this.#texts.get(`${vertex}:${position}`);
    const v = this.run.vertices[vertex]!;
    const rule = this.run.rules[v.rule!];
    const { shape } = this.run.vertices[to]!;
    return {
      operand, position, formula: known?.formula ?? rule?.parts[position] ?? "",
      partial: partial && valueFrom(partial, v.shape), amount: valueFrom(amount, shape),
      total: valueFrom(total, shape), reduction: known?.reduction,
    };
  }

  #cotangents(data: Data[], bars: Map<number, Data>): Step[] {
    bars.set(this.run.result!, data[this.run.result!]!.map(() => 1));
    return this.run.steps.map(({ vertex, ready, waiting }) => {
      const { shape } = this.run.vertices[vertex]!;
      const came = bars.get(vertex);
      const contributions = this.#passed(vertex, "pull", data, bars).map((passed) => {
        const before = bars.get(passed.operand);
        const total = passed.amount.map((x, k) => (before ? before[k]! + x : x));
        bars.set(passed.operand, total);
        return this.#contribution(vertex, passed, passed.operand, total);
      });
      const incoming = valueFrom(came ?? this.#zeros(vertex), shape);
      return { vertex, incoming, contributions, ready, waiting };
    });
  }

  #tangents(data: Data[], dots: Map<number, Data>): Step[] {
    this.run.vertices.forEach((v, i) => {
      if (v.rule == null) {
        dots.set(i, data[i]!.map(() => (this.run.inputs.includes(i) ? 1 : 0)));
      }
    });
    return this.run.steps.map(({ vertex }) => {
      let total: Data | undefined;
      const contributions = this.#passed(vertex, "push", data, dots).map((passed) => {
        total = passed.amount.map((x, k) => (total ? total[k]! + x : x));
        return this.#contribution(vertex, passed, vertex, total);
      });
      if (total) dots.set(vertex, total);
      return { vertex, incoming: null, contributions, ready: [] };
    });
  }

  #ticks(inputs: Data[], totals: Map<number, Data>, value: Data): Tick[] {
    const { run } = this;
    const result = run.result!;
    const single = sizeOf(run.vertices[result]!.shape) === 1;
    const many = inputs.reduce((sum, x) => sum + x.length, 0) > DIFFERENCED;
    const slopes = inputs.map((x, i) => (single && !many
      ? x.map((_, k) => this.slope(inputs, i, k, 1e-6 * max(1, abs(x[k]!))))
      : null));
    if (isForward(run)) {
      const sum = slopes.flat().reduce<number | null>((a, b) => (a === null || b === null ? null : a + b), 0);
      return [compared(result, totals.get(result) ?? [0], sum === null ? null : [sum], [], value)];
    }
    return run.inputs.map((vertex, i) => {
      const { shape } = run.vertices[vertex]!;
      return compared(vertex, totals.get(vertex) ?? inputs[i]!.map(() => 0), slopes[i]!, shape, value);
    });
  }

  /** The central difference of the result in one entry of one input. */
  slope(inputs: Data[], i: number, k: number, h: number): number {
    const ends = [h, -h].map((d) => {
      const moved = inputs.map((x) => x.slice());
      moved[i]![k]! += d;
      return this.#forward(moved)[this.run.result!]![0]!;
    });
    return (ends[0]! - ends[1]!) / (2 * h);
  }

  // ------------------------------------------------------------------ branches

  #holds(guard: Guard, data: Data[]): boolean {
    const sides = guard.sides.map((x) => ({
      entries: this.#operand(x, data), places: broadcast(shapeOfOperand(this.run, x), guard.shape),
    }));
    return guard.truth.every((truth, k) => {
      const [a, b] = sides.map(({ entries, places }) => entries[places[k]!]!);
      return compares(guard.sign, a!, b!) === truth;
    });
  }

  #worded(guard: Guard): string {
    const [a, b] = guard.sides.map((x) =>
      "vertex" in x ? this.run.vertices[x.vertex]!.name : isNumber(x.value) ? short(x.value) : x.name);
    const place = guard.place == null ? null : this.run.places[guard.place];
    const where = place ? `In line ${place.line}, ` : "";
    const what = guard.text || `${a} ${guard.sign} ${b}`;
    if (guard.truth.length > 1) return `${where}${what} is no longer the same in every entry.`;
    return `${where}${what} was ${guard.truth[0] ? "true" : "false"}, and no longer is.`;
  }
}

/** An array summed to a shape from which it was broadcast, or repeated to one. */
function gathered({ shape, data }: Grid, wanted: number[]): Data {
  if (sizeOf(shape) <= sizeOf(wanted)) return broadcast(shape, wanted).map((k) => data[k]!);
  const out = new Array<number>(sizeOf(wanted)).fill(0);
  broadcast(wanted, shape).forEach((k, n) => (out[k]! += data[n]!));
  return out;
}

function compares(sign: string, a: number, b: number): boolean {
  switch (sign) {
    case "<": return a < b;
    case "<=": return a <= b;
    case ">": return a > b;
    case ">=": return a >= b;
    case "==": return a === b;
    default: return a !== b;
  }
}

function extremest(sign: number, a: number, b: number): number {
  return sign > 0 ? max(a, b) : min(a, b);
}

function compared(vertex: number, gradient: Data, difference: Data | null, shape: number[], value: Data): Tick {
  const known = difference?.every(finite) && !gradient.some((g) => abs(g) === Infinity);
  const largest = (x: Data): number => max(...x.map(abs));
  const allowed = known ? 1e-4 * largest([...gradient, ...difference!]) + 1e-8 * (1 + largest(value)) : 0;
  const agrees = known ? gradient.every((g, k) => abs(g - difference![k]!) <= allowed) : null;
  return {
    vertex, gradient: valueFrom(gradient, shape), agrees,
    difference: difference && valueFrom(difference, shape),
  };
}

function close(a: number, b: number): boolean {
  return same(a, b, 1e-7) || abs(a - b) < 1e-12;
}
