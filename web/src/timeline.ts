// The moments of a run: each value as it is computed, then each contribution.

import { isForward, type Contribution, type Numbers, type Run, type Step, type Value } from "./data";

export type Moment =
  | { kind: "start" }
  | { kind: "forward"; vertex: number }
  | { kind: "seed" }
  | { kind: "flow"; step: number; part: number }
  | { kind: "quiet"; step: number }
  | { kind: "end" };

/** What has been added to one vertex so far. */
export interface Sum {
  total: Value;
  parts: { from: number; amount: Value }[];
}

/** Everything that is known at one moment. */
export interface State {
  known: Set<number>;
  sums: Map<number, Sum>;
  ready: number[];
  waiting: number;
}

export function moments(run: Run, numbers: Numbers): Moment[] {
  const made: Moment[] = [{ kind: "start" }];
  run.vertices.forEach((v, vertex) => {
    if (v.rule != null) made.push({ kind: "forward", vertex });
  });
  if (numbers.steps.length === 0) return made;
  made.push({ kind: "seed" });
  numbers.steps.forEach((step, s) => {
    step.contributions.forEach((_, part) => made.push({ kind: "flow", step: s, part }));
    if (step.contributions.length === 0) made.push({ kind: "quiet", step: s });
  });
  made.push({ kind: "end" });
  return made;
}

export function stateAt(run: Run, numbers: Numbers, all: Moment[], now: number): State {
  const state: State = {
    known: new Set(), sums: new Map(), ready: [], waiting: 0,
  };
  run.vertices.forEach((v, i) => {
    if (v.rule == null) state.known.add(i);
  });
  for (const moment of all.slice(0, now + 1)) advance(run, numbers, state, moment);
  return state;
}

function advance(run: Run, numbers: Numbers, state: State, moment: Moment): void {
  if (moment.kind === "forward") {
    state.known.add(moment.vertex);
  } else if (moment.kind === "seed") {
    const seeded = isForward(run) ? run.inputs : [run.result!];
    for (const i of seeded) state.sums.set(i, { total: 1, parts: [] });
    if (!isForward(run)) state.ready = [run.result!];
  } else if (moment.kind === "flow") {
    const step = numbers.steps[moment.step]!;
    const c = step.contributions[moment.part]!;
    const [from, to] = flow(run, step, c);
    const sum = state.sums.get(to) ?? { total: null, parts: [] };
    sum.total = c.total;
    sum.parts.push({ from, amount: c.amount });
    state.sums.set(to, sum);
    finish(state, step, moment.part === step.contributions.length - 1);
  } else if (moment.kind === "quiet") {
    finish(state, numbers.steps[moment.step]!, true);
  } else if (moment.kind === "end") {
    state.ready = [];
  }
}

function finish(state: State, step: Step, whole: boolean): void {
  state.ready = state.ready.filter((i) => i !== step.vertex);
  if (!whole) return;
  state.ready = step.ready;
  state.waiting = step.waiting ?? 0;
}

/** From which vertex to which a contribution goes. */
export function flow(run: Run, step: Step, c: Contribution): [number, number] {
  return isForward(run) ? [c.operand, step.vertex] : [step.vertex, c.operand];
}

/** What a contribution is multiplied from: the cotangent or tangent that came in. */
export function incoming(run: Run, numbers: Numbers, step: Step, c: Contribution): Value {
  return isForward(run) ? (numbers.totals.get(c.operand) ?? null) : step.incoming;
}

/** The vertex that a moment is about, if it is about one. */
export function subject(run: Run, numbers: Numbers, moment: Moment): number | null {
  switch (moment.kind) {
    case "forward": return moment.vertex;
    case "seed": return isForward(run) ? null : run.result;
    case "flow":
    case "quiet": return numbers.steps[moment.step]!.vertex;
    default: return null;
  }
}

/** Where the sweep begins. */
export function sweepStart(all: Moment[]): number {
  return all.findIndex((m) => m.kind === "seed");
}
