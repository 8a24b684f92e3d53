// Big graphs folded: the rounds of a loop, or what one line makes, become one box.

import { operandsOf, type Run } from "./data";
import { min } from "./maths";

export type Fold = "none" | "loop" | "line" | "function";

export interface Group {
  members: number[];
  vertex: number;
}

export interface Folded {
  groups: Group[];
  groupOf: number[];
  edges: { from: number; to: number; key: string }[];
}

const ROOMY = 24;
const CROWDED = 120;

const MOST_BOXES = 400;
const FOLDS: Fold[] = ["none", "loop", "line", "function"];

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
    operandsOf(v).forEach(({ vertex: x, position }) => {
      const [from, to] = [groupOf[x]!, groupOf[vertex]!];
      if (from === to) return;
      const key = fold === "none" ? `${vertex}:${position}` : `${from}-${to}`;
      edges.set(key, { from, to, key });
    });
  });
  return { groups, groupOf, edges: [...edges.values()] };
}

function keyOf(run: Run, vertex: number, fold: Fold): string {
  const v = run.vertices[vertex]!;
  if (fold === "none" || v.rule == null) return `v${vertex}`;
  if (fold === "loop" || v.place == null) return `r${v.like}`;
  const place = run.places[v.place]!;
  return fold === "line" ? `l${place.file}:${place.line}` : `f${place.file}:${place.function}`;
}

/** The finest folding that is still easy to read. */
export function bestFold(run: Run): Fold {
  const count = run.vertices.length;
  const sizes = FOLDS.map((fold) => folded(run, fold).groups.length);
  const fits = FOLDS.filter((fold, i) => {
    const most = fold === "none" ? ROOMY : CROWDED;
    return sizes[i]! <= most && (fold === "none" || sizes[i]! < 0.7 * count);
  });
  return fits[0] ?? (count <= CROWDED ? "none" : FOLDS[sizes.indexOf(min(...sizes))]!);
}

/** The foldings whose graph is small enough to be laid out. */
export function possibleFolds(run: Run): Fold[] {
  return FOLDS.filter((fold) => folded(run, fold).groups.length <= MOST_BOXES);
}
