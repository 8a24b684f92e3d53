// Big graphs folded: repeats of one expression, or all of one line, become one box.

import type { Run } from "./data";

export type Fold = "none" | "expression" | "line";

export interface Group {
  members: number[];
  vertex: number;
}

export interface Folded {
  groups: Group[];
  groupOf: number[];
  edges: { from: number; to: number; key: string }[];
}

const ROOMY = 48;
const CROWDED = 160;

/** The most boxes that are laid out. */
export const MOST_BOXES = 400;

export function folded(run: Run, fold: Fold): Folded {
  const groups: Group[] = [];
  const numbers = new Map<string, number>();
  const groupOf = run.vertices.map((_, vertex) => {
    const key = keyOf(run, vertex, fold);
    let number = numbers.get(key);
    if (number === undefined) {
      number = groups.length;
      numbers.set(key, number);
      groups.push({ members: [], vertex });
    }
    groups[number]!.members.push(vertex);
    return number;
  });
  const edges = new Map<string, { from: number; to: number; key: string }>();
  run.vertices.forEach((v, vertex) => {
    v.operands.forEach((x, position) => {
      if (!("vertex" in x)) return;
      const [from, to] = [groupOf[x.vertex]!, groupOf[vertex]!];
      if (from === to) return;
      const key = fold === "none" ? `${vertex}:${position}` : `${from}-${to}`;
      edges.set(key, { from, to, key });
    });
  });
  return { groups, groupOf, edges: [...edges.values()] };
}

function keyOf(run: Run, vertex: number, fold: Fold): string {
  const v = run.vertices[vertex]!;
  if (fold === "none" || v.place == null || v.rule == null) return `v${vertex}`;
  const place = run.places[v.place]!;
  return fold === "expression"
    ? `p${v.place}:${v.operation}`
    : `l${place.file}:${place.line}`;
}

/** The finest folding that is still easy to read. */
export function bestFold(run: Run): Fold {
  if (run.vertices.length <= ROOMY) return "none";
  return folded(run, "expression").groups.length <= CROWDED ? "expression" : "line";
}

/** The foldings whose graph is small enough to be laid out. */
export function possibleFolds(run: Run): Fold[] {
  const all: Fold[] = ["none", "expression", "line"];
  const fits = all.filter((fold) => folded(run, fold).groups.length <= MOST_BOXES);
  return fits.length ? fits : ["line"];
}
