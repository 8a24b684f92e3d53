// The recording run again at other inputs, by operations written from the rules.

import {
  isNumber, type Contribution, type Guard, type Numbers, type Operand, type Run,
  type Script, type Step, type Tick, type Warning,
} from "./data";
import { same, short } from "./format";

export class Replay {
  private readonly texts = new Map<string, Contribution>();

  constructor(
    private readonly run: Run,
    private readonly scripts: Script[],
  ) {
    for (const step of run.steps) {
      for (const c of step.contributions) this.texts.set(`${step.vertex}:${c.position}`, c);
    }
  }

  /** Whether replaying at the recorded inputs gives the recorded numbers. */
  reproduces(): boolean {
    const inputs = this.run.inputs.map((i) => this.run.vertices[i]!.value);
    if (!inputs.every(isNumber)) return false;
    const numbers = this.at(inputs);
    const agree = (a: unknown, b: unknown): boolean =>
      typeof a === "number" && typeof b === "number" && close(a, b);
    const totals = Object.entries(this.run.totals);
    return (
      this.run.vertices.every((v, i) => agree(v.value, numbers.values[i])) &&
      totals.every(([i, total]) => agree(total, numbers.totals.get(Number(i)) ?? 0)) &&
      numbers.branches.length === 0
    );
  }

  at(inputs: number[]): Numbers {
    const values = this.forward(inputs);
    const totals = new Map<number, number>();
    const steps = this.run.mode === "forward"
      ? this.tangents(values, totals)
      : this.cotangents(values, totals);
    const ticks = this.ticks(inputs, totals);
    const warnings = [...this.born(values), ...this.stopped(values, steps, totals)];
    const branches = this.run.guards
      .filter((g) => this.holds(g, values) !== g.truth)
      .map((g) => this.worded(g));
    return { values, steps, totals, ticks, warnings, branches, replayed: true };
  }

  private script(vertex: number): Script {
    return this.scripts[this.run.vertices[vertex]!.script!]!;
  }

  private arguments(vertex: number, values: number[]): number[] {
    return this.run.vertices[vertex]!.operands.flatMap((x) =>
      "vertex" in x ? [values[x.vertex]!] : [],
    );
  }

  private forward(inputs: number[]): number[] {
    const given = new Map(this.run.inputs.map((vertex, i) => [vertex, inputs[i]!]));
    const values: number[] = [];
    this.run.vertices.forEach((v, i) => {
      if (v.script != null) {
        values.push(Number(this.script(i).forward(...this.arguments(i, values))));
      } else {
        values.push(given.get(i) ?? (v.value as number));
      }
    });
    return values;
  }

  /** The local derivative in one operand; null where structurally nothing flows. */
  private partial(vertex: number, position: number, values: number[]): number | null {
    const script = this.script(vertex);
    const d = script.partials[position];
    if (!d) return null;
    const partial = Number(d(values[vertex]!, ...this.arguments(vertex, values)));
    return script.structural && partial === 0 ? null : partial;
  }

  private contribution(
    vertex: number, position: number, operand: number, partial: number,
    amount: number, total: number,
  ): Contribution {
    const known = this.texts.get(`${vertex}:${position}`);
    const rule = this.run.rules[this.run.vertices[vertex]!.rule!];
    const formula = known?.formula ?? rule?.parts[position] ?? "";
    return { operand, position, formula, partial, amount, total, reduction: "" };
  }

  private cotangents(values: number[], bars: Map<number, number>): Step[] {
    bars.set(this.run.result!, 1);
    const steps: Step[] = [];
    for (const { vertex, ready, waiting } of this.run.steps) {
      const incoming = bars.get(vertex);
      const contributions: Contribution[] = [];
      this.run.vertices[vertex]!.operands.forEach((x, position) => {
        if (incoming === undefined || !("vertex" in x)) return;
        const partial = this.partial(vertex, position, values);
        if (partial === null) return;
        const amount = incoming * partial;
        const before = bars.get(x.vertex);
        const total = before === undefined ? amount : before + amount;
        bars.set(x.vertex, total);
        contributions.push(
          this.contribution(vertex, position, x.vertex, partial, amount, total),
        );
      });
      steps.push({ vertex, incoming: incoming ?? 0, contributions, ready, waiting });
    }
    return steps;
  }

  private tangents(values: number[], dots: Map<number, number>): Step[] {
    this.run.vertices.forEach((v, i) => {
      if (v.script == null) dots.set(i, this.run.inputs.includes(i) ? 1 : 0);
    });
    const steps: Step[] = [];
    for (const { vertex } of this.run.steps) {
      const contributions: Contribution[] = [];
      let total: number | undefined;
      this.run.vertices[vertex]!.operands.forEach((x, position) => {
        if (!("vertex" in x)) return;
        const dot = dots.get(x.vertex);
        const partial = this.partial(vertex, position, values);
        if (dot === undefined || partial === null) return;
        const amount = dot * partial;
        total = total === undefined ? amount : total + amount;
        contributions.push(
          this.contribution(vertex, position, x.vertex, partial, amount, total),
        );
      });
      if (total !== undefined) dots.set(vertex, total);
      steps.push({ vertex, incoming: null, contributions, ready: [], waiting: 0 });
    }
    return steps;
  }

  private ticks(inputs: number[], totals: Map<number, number>): Tick[] {
    const result = this.run.result!;
    const slopes = inputs.map((x, i) => {
      const h = 1e-6 * Math.max(1, Math.abs(x));
      const ends = [h, -h].map((d) => {
        const moved = inputs.slice();
        moved[i] = x + d;
        return this.forward(moved)[result]!;
      });
      return (ends[0]! - ends[1]!) / (2 * h);
    });
    if (this.run.mode === "forward") {
      const tangent = totals.get(result) ?? 0;
      return [compared(result, tangent, slopes.reduce((a, b) => a + b, 0))];
    }
    return this.run.inputs.map((vertex, i) =>
      compared(vertex, totals.get(vertex) ?? 0, slopes[i]!),
    );
  }

  // -------------------------------------------------------------------- remarks

  private remedy(vertex: number): string {
    return this.run.remedies[this.run.vertices[vertex]!.operation] ?? "";
  }

  private born(values: number[]): Warning[] {
    const found: Warning[] = [];
    this.run.vertices.forEach((v, vertex) => {
      const z = values[vertex]!;
      if (v.script == null || Number.isFinite(z)) return;
      const inside = this.arguments(vertex, values);
      const say = (kind: string, what: string): void => {
        const message = `${v.name} is ${what}. ${this.remedy(vertex)}`;
        found.push({ vertex, kind, message, inSweep: false });
      };
      if (Number.isNaN(z)) {
        if (!inside.some(Number.isNaN)) say("nan", "nan");
      } else if (inside.every(Number.isFinite)) {
        say("inf", "infinite");
      }
    });
    return found;
  }

  private stopped(values: number[], steps: Step[], totals: Map<number, number>): Warning[] {
    const found: Warning[] = [];
    for (const step of steps) {
      const { vertex } = step;
      const v = this.run.vertices[vertex]!;
      const say = (kind: string, message: string): void => {
        found.push({ vertex, kind, message, inSweep: true });
      };
      for (const c of step.contributions) {
        const target = this.run.vertices[c.operand]!.name;
        const [partial, amount] = [c.partial as number, c.amount as number];
        const sent = this.run.mode === "forward"
          ? (totals.get(c.operand) ?? 0)
          : (step.incoming as number);
        const derivative = `The derivative of ${v.name} in ${target}`;
        if (Number.isNaN(amount)) {
          if (Number.isNaN(sent)) continue;
          say("nan", `What passes between ${v.name} and ${target} is nan: ${short(sent)} * ` +
            `${short(partial)}. ${this.remedy(vertex)}`);
        } else if (Math.abs(partial) === Infinity) {
          if (Math.abs(values[vertex]!) === Infinity) continue;
          say("inf", `${derivative} is infinite here. ${this.remedy(vertex)}`);
        } else if (partial === 0 && sent !== 0) {
          say("zero", `${derivative} is zero here: nothing flows on this way.`);
        }
      }
      this.untaken(step).forEach((target) => say("zero",
        `${v.name} does not take ${target} here: ${v.operation} chose another value, so ` +
        "nothing flows on this way."));
    }
    return found;
  }

  /** The operands that an operation with branches passes nothing to. */
  private untaken(step: Step): string[] {
    const script = this.script(step.vertex);
    if (!script.structural || this.run.mode === "forward" || step.incoming === 0) return [];
    const reached = new Set(step.contributions.map((c) => c.position));
    return this.run.vertices[step.vertex]!.operands.flatMap((x, position) =>
      "vertex" in x && script.partials[position] && !reached.has(position)
        ? [this.run.vertices[x.vertex]!.name]
        : [],
    );
  }

  private side(x: Operand, values: number[]): number {
    return "vertex" in x ? values[x.vertex]! : (x.value as number);
  }

  private holds(guard: Guard, values: number[]): boolean {
    const a = this.side(guard.sides[0]!, values);
    const b = this.side(guard.sides[1]!, values);
    switch (guard.sign) {
      case "<": return a < b;
      case "<=": return a <= b;
      case ">": return a > b;
      case ">=": return a >= b;
      case "==": return a === b;
      default: return a !== b;
    }
  }

  private worded(guard: Guard): string {
    const [a, b] = guard.sides.map((x) =>
      "vertex" in x ? this.run.vertices[x.vertex]!.name : short(x.value as number),
    );
    const place = guard.place == null ? null : this.run.places[guard.place];
    const where = place ? `In line ${place.line}, ` : "";
    const was = guard.truth ? "true" : "false";
    return `${where}${a} ${guard.sign} ${b} was ${was}, and no longer is.`;
  }
}

function compared(vertex: number, gradient: number, difference: number): Tick {
  const apart = Math.abs(gradient - difference);
  const agrees = Number.isFinite(difference) ? apart <= 1e-4 * (1 + Math.abs(gradient)) : null;
  return { vertex, gradient, difference, agrees };
}

function close(a: number, b: number): boolean {
  return same(a, b, 1e-7) || Math.abs(a - b) < 1e-12;
}
