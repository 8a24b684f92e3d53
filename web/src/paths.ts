// The gradient as a sum over paths: the product of local derivatives along each.

import { isNumber, type Numbers, type Run, type Value } from "./data";

/** An edge of the graph: an operand of a vertex, with the local derivative along it. */
export interface Edge {
  vertex: number;
  position: number;
  operand: number;
  partial: Value;
}

export interface Path {
  /** From the input to the result. */
  vertices: number[];
  edges: Edge[];
  factors: Value[];
  product: number | null;
}

export interface Paths {
  count: number;
  shown: Path[];
  /** Every edge that is on some path. */
  edges: Edge[];
}

/** All paths from the result to one input; at most `most` of them are listed. */
export function pathsTo(run: Run, numbers: Numbers, input: number, most: number): Paths {
  const edges = new Map<number, Edge[]>();
  for (const { vertex, contributions } of numbers.steps) {
    edges.set(vertex, contributions.map(({ position, operand, partial }) =>
      ({ vertex, position, operand, partial })));
  }
  const counts = countTo(run, edges, input);
  const shown: Path[] = [];
  const walk = (vertex: number, behind: Edge[]): void => {
    if (shown.length >= most || !counts.get(vertex)) return;
    if (vertex === input) {
      shown.push(pathOf(run.result!, behind));
      return;
    }
    for (const edge of edges.get(vertex) ?? []) walk(edge.operand, [...behind, edge]);
  };
  if (run.result != null) walk(run.result, []);
  const all = [...edges.values()].flat().filter((e) => counts.get(e.operand));
  return { count: counts.get(run.result ?? -1) ?? 0, shown, edges: all };
}

/** How many paths lead from each vertex to the input; operands are older. */
function countTo(run: Run, edges: Map<number, Edge[]>, input: number): Map<number, number> {
  const counts = new Map([[input, 1]]);
  run.vertices.forEach((_, vertex) => {
    if (vertex === input) return;
    const to = edges.get(vertex) ?? [];
    counts.set(vertex, to.reduce((sum, e) => sum + (counts.get(e.operand) ?? 0), 0));
  });
  return counts;
}

function pathOf(result: number, behind: Edge[]): Path {
  const vertices = [result, ...behind.map((e) => e.operand)].reverse();
  const edges = behind.slice().reverse();
  const factors = edges.map((e) => e.partial);
  const product = factors.every(isNumber) ? factors.reduce((a, b) => a * b, 1) : null;
  return { vertices, edges, factors, product };
}

/** Paths that go the same way but for the rounds of a loop, added up. */
export interface PathGroup {
  key: string;
  paths: Path[];
  sum: number | null;
}

export function grouped(run: Run, paths: Path[]): PathGroup[] {
  const groups = new Map<string, Path[]>();
  for (const path of paths) {
    const names = path.vertices.map((i) => run.vertices[run.vertices[i]!.like]!.name.replace(/#\d+$/, ""));
    const key = [...new Set(names)].join(" \u2192 ");
    groups.set(key, [...(groups.get(key) ?? []), path]);
  }
  return [...groups].map(([key, some]) => {
    const products = some.map((p) => p.product);
    return { key, paths: some, sum: products.every((x) => x !== null) ? products.reduce((a, b) => a + b, 0) : null };
  });
}
