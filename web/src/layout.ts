// Where the boxes, edges and labels of the graph go; the layout itself is dagre's.

import { Graph, layout } from "@dagrejs/dagre";
import type { Plan } from "./boxes";
import type { Folded } from "./fold";
import { widthOf } from "./text";

export interface Point {
  x: number;
  y: number;
}

export interface Layout {
  /** The upper left corners of the boxes. */
  boxes: Point[];
  edges: Map<string, { path: string; label: Point | null }>;
  width: number;
  height: number;
}

export const LABEL = 13;

/** The layout, from left to right or from top to bottom, whichever is larger to read. */
export function laidOut(
  folds: Folded, plans: Plan[], labels: Map<string, string>, frame: { width: number; height: number },
  inputs: number[], largest: number,
): Layout {
  const scale = (made: Layout): number =>
    Math.min(frame.width / made.width, frame.height / made.height, largest);
  const across = arranged(folds, plans, labels, "LR", inputs);
  if (scale(across) >= 0.95 * largest) return across;
  const down = arranged(folds, plans, labels, "TB", inputs);
  return scale(down) > scale(across) ? down : across;
}

function arranged(
  folds: Folded, plans: Plan[], labels: Map<string, string>, rankdir: "LR" | "TB",
  inputs: number[],
): Layout {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({ rankdir, nodesep: 26, ranksep: rankdir === "LR" ? 44 : 40, edgesep: 18 });
  plans.forEach(({ width, height }, i) => graph.setNode(String(i), { width, height }));
  for (const { from, to, key } of folds.edges) {
    const text = labels.get(key) ?? "";
    const room = text ? { width: widthOf(text, LABEL) + 12, height: 20, labelpos: "c" } : {};
    graph.setEdge(String(from), String(to), room, key);
  }
  layout(graph);
  const whole = graph.graph() as { width: number; height: number };
  const place = mirrored(graph, rankdir, whole, inputs);
  const boxes = plans.map(({ width, height }, i) => {
    const { x, y } = place(graph.node(String(i)) as Point);
    return { x: x - width / 2, y: y - height / 2 };
  });
  const edges = new Map<string, { path: string; label: Point | null }>();
  for (const edge of graph.edges()) {
    const { points, x, y } = graph.edge(edge) as unknown as { points: Point[]; x?: number; y?: number };
    const label = x === undefined || y === undefined ? null : place({ x, y });
    edges.set(edge.name!, { path: curve(points.map(place)), label });
  }
  return { boxes, edges, width: whole.width, height: whole.height };
}

/** The layout turned over if that brings more inputs into their order. */
function mirrored(
  graph: Graph, rankdir: "LR" | "TB", whole: { width: number; height: number }, inputs: number[],
): (at: Point) => Point {
  const along = inputs.map((i) => {
    const { x, y } = graph.node(String(i)) as Point;
    return rankdir === "TB" ? x : y;
  });
  const order = along.slice(1).reduce((sum, at, i) => sum + Math.sign(at - along[i]!), 0);
  if (order >= 0) return (at) => at;
  return rankdir === "TB"
    ? ({ x, y }) => ({ x: whole.width - x, y })
    : ({ x, y }) => ({ x, y: whole.height - y });
}

/** A smooth line through the points of an edge. */
function curve(points: Point[]): string {
  const [first, ...rest] = points;
  const last = rest.pop();
  if (!first || !last) return "";
  let path = `M${first.x},${first.y}`;
  rest.forEach((point, i) => {
    const next = rest[i + 1];
    const end = next ? middle(point, next) : last;
    path += ` Q${point.x},${point.y} ${end.x},${end.y}`;
  });
  return rest.length ? path : `${path} L${last.x},${last.y}`;
}

function middle(a: Point, b: Point): Point {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}
