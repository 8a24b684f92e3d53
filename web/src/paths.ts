// The gradient as a sum over paths: the product of local derivatives along each.

import { isNumber, type Numbers, type Run, type Value } from "./data";

export interface Path {
  /** From the input to the result. */
  vertices: number[];
  factors: Value[];
  product: number | null;
}

export interface Paths {
  count: number;
  shown: Path[];
}

interface Edge {
  operand: number;
  partial: Value;
}

/** All paths from the result to one input; at most `most` of them are listed. */
export function pathsTo(run: Run, numbers: Numbers, input: number, most: number): Paths {
  const edges = new Map<number, Edge[]>();
  for (const step of numbers.steps) {
    edges.set(
      step.vertex,
      step.contributions.map((c) => ({ operand: c.operand, partial: c.partial })),
    );
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
  return { count: counts.get(run.result ?? -1) ?? 0, shown };
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
  const factors = behind.map((e) => e.partial).reverse();
  const product = factors.every(isNumber) ? factors.reduce((a, b) => a * b, 1) : null;
  return { vertices, factors, product };
}
