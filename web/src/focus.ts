// Large graphs in a lecture hall: what one moment is about, and all the rest as a small map.

import type { Plan } from "./boxes";
import { operandsOf, type Numbers, type Run } from "./data";
import { s, set } from "./dom";
import type { Folded } from "./fold";
import type { Layout } from "./layout";
import { flow, subject, type Moment } from "./timeline";
import { floor } from "./maths";

/** Which vertices a moment is about, from most to fewest of them. */
export function around(run: Run, numbers: Numbers, moment: Moment): number[][] {
  const now = subject(run, numbers, moment);
  if (now === null) {
    const sets = [run.inputs];
    for (let n = run.inputs.length - 1; n > 0; n = floor(0.8 * n)) sets.push(run.inputs.slice(0, n));
    return sets;
  }
  const operands = operandsOf(run.vertices[now]!).map((x) => x.vertex);
  const sets = [[now, ...operands]];
  if (moment.kind === "flow") {
    const step = numbers.steps[moment.step]!;
    sets.push(flow(run, step, step.contributions[moment.part]!));
  }
  for (let n = operands.length - 1; n > 0; n = floor(0.7 * n)) sets.push([now, ...operands.slice(0, n)]);
  return sets;
}

/** The boxes of some vertices alone. */
export function partOf(whole: Folded, vertices: number[]): Folded {
  const kept = [...new Set(vertices.map((i) => whole.groupOf[i]!))].sort((a, b) => a - b);
  const number = new Map(kept.map((group, k) => [group, k]));
  return {
    groups: kept.map((group) => whole.groups[group]!),
    groupOf: whole.groupOf.map((group) => number.get(group) ?? -1),
    edges: whole.edges.flatMap(({ from, to, key }) => {
      const [a, b] = [number.get(from), number.get(to)];
      return a === undefined || b === undefined ? [] : [{ from: a, to: b, key }];
    }),
  };
}

/** All boxes as a small map, with the current ones lit. */
export class Overview {
  readonly element = s("svg.overview", { "aria-hidden": "true" });
  #rects: SVGRectElement[] = [];

  draw({ boxes, edges, width, height }: Layout, plans: Plan[]): void {
    this.#rects = plans.map((plan, i) => s("rect", {
      x: boxes[i]![0], y: boxes[i]![1], width: plan.width, height: plan.height, rx: 8,
    }));
    set(this.element, "viewBox", `-8 -8 ${width + 16} ${height + 16}`);
    this.element.replaceChildren(...[...edges.values()].map(({ path }) => s("path", { d: path })), ...this.#rects);
  }

  light(whole: Folded, shown: number[], current: number | null, reached: (vertex: number) => boolean): void {
    this.#rects.forEach((rect, i) => {
      const { members } = whole.groups[i]!;
      rect.classList.toggle("here", members.some((v) => shown.includes(v)));
      rect.classList.toggle("current", current !== null && members.includes(current));
      rect.classList.toggle("reached", members.some(reached));
    });
  }
}
