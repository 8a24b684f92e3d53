// What stands on the edges: the local derivative, and the shape of what flows.

import { isNumber, type Contribution, type Numbers, type Run } from "./data";
import { short, tuple } from "./format";
import { fitted } from "./text";

const ROOM = 104;

/** The contributions by the edge they go along. */
export function byEdge(numbers: Numbers): Map<string, Contribution> {
  const found = new Map<string, Contribution>();
  for (const step of numbers.steps) {
    for (const c of step.contributions) found.set(`${step.vertex}:${c.position}`, c);
  }
  return found;
}

/** The label of one edge: `y = 3` (`3` in brief), or a formula and the shape it works on. */
export function labelOf(
  run: Run, vertex: number, position: number, c: Contribution | undefined, brief: boolean,
): string {
  if (!c) return "";
  const x = run.vertices[vertex]!.operands[position]!;
  const shape = "vertex" in x ? run.vertices[x.vertex]!.shape : [];
  const shaped = shape.length ? ` ${tuple(shape)}` : "";
  if (isNumber(c.partial)) {
    const value = short(c.partial, 4);
    const formula = `${c.formula} = ${value}`;
    return brief || /^-?[\d.e+]+$/.test(c.formula) || c.formula.length > 9 ? value : formula;
  }
  const formula = c.partial != null && c.formula.length <= 12 ? c.formula : "";
  return fitted(`${formula}${shaped}`.trim(), 13, ROOM);
}
