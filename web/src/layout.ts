// Where the boxes and edges of the graph go; the layout itself is dagre's.

import { Graph, layout } from "@dagrejs/dagre";
import type { Numbers, Run } from "./data";
import type { Folded } from "./fold";
import { show } from "./format";

type Row = "name" | "expression" | "value";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
  /** A text cut to what the box has room for, beside other text. */
  fit(text: string, row: Row, beside?: string): string;
}

export interface Layout {
  boxes: Box[];
  edges: Map<string, string>;
  width: number;
  height: number;
}

interface Point {
  x: number;
  y: number;
}

const HEIGHT = 50;
const CHARACTER: Record<Row, number> = { name: 8, expression: 7, value: 7.6 };
const LONGEST = 26;

/** The layout, from left to right or from top to bottom, whichever is larger to read. */
export function laidOut(
  run: Run, folds: Folded, numbers: Numbers, frame: { width: number; height: number },
): Layout {
  const sums = longestSums(numbers);
  const widths = folds.groups.map((group) => widthOf(run, numbers, sums, group.members));
  const scale = (made: Layout): number =>
    Math.min(frame.width / made.width, frame.height / made.height, 1);
  const across = arranged(folds, widths, "LR");
  if (scale(across) >= 0.95) return across;
  const down = arranged(folds, widths, "TB");
  return scale(down) > scale(across) ? down : across;
}

/** How long the longest running sum of each vertex is, in characters. */
function longestSums(numbers: Numbers): Map<number, number> {
  const longest = new Map<number, number>();
  const note = (vertex: number, length: number): void => {
    longest.set(vertex, Math.max(longest.get(vertex) ?? 0, length));
  };
  for (const [vertex, total] of numbers.totals) note(vertex, show(total).length);
  for (const step of numbers.steps) {
    for (const c of step.contributions) note(c.operand, show(c.total).length);
  }
  return longest;
}

function widthOf(
  run: Run, numbers: Numbers, sums: Map<number, number>, members: number[],
): number {
  let widest = 112;
  for (const i of members.slice(0, 200)) {
    const v = run.vertices[i]!;
    const repeat = members.length > 1 ? String(members.length).length + 2 : 0;
    const expression = v.rule == null ? 8 : Math.min(v.expression.length, LONGEST);
    const top = Math.min(v.name.length, LONGEST) * CHARACTER.name +
      (expression + repeat) * CHARACTER.expression + 34;
    const lengths = [show(numbers.values[i]).length, sums.get(i) ?? 0];
    const length = lengths.reduce((sum, n) => sum + Math.min(n, LONGEST), 0);
    widest = Math.max(widest, top, (length + 2) * CHARACTER.value + 36);
  }
  return Math.ceil(widest);
}

function arranged(folds: Folded, widths: number[], rankdir: "LR" | "TB"): Layout {
  const graph = new Graph({ multigraph: true });
  graph.setGraph({
    rankdir, nodesep: rankdir === "LR" ? 22 : 28, ranksep: rankdir === "LR" ? 56 : 44, edgesep: 14,
  });
  widths.forEach((width, i) => graph.setNode(String(i), { width, height: HEIGHT }));
  for (const { from, to, key } of folds.edges) {
    graph.setEdge(String(from), String(to), {}, key);
  }
  layout(graph);
  const whole = graph.graph() as { width: number; height: number };
  const boxes = widths.map((width, i) => {
    const { x, y } = graph.node(String(i)) as Point;
    return { x: x - width / 2, y: y - HEIGHT / 2, width, height: HEIGHT, fit: fitting(width) };
  });
  const edges = new Map<string, string>();
  for (const edge of graph.edges()) {
    const { points } = graph.edge(edge) as unknown as { points: Point[] };
    edges.set(edge.name!, curve(points));
  }
  return { boxes, edges, width: whole.width, height: whole.height };
}

function fitting(width: number) {
  return (text: string, row: Row, beside = ""): string => {
    const taken = beside.length * CHARACTER.name + (beside ? 30 : 24);
    const room = Math.max(3, Math.floor((width - taken) / CHARACTER[row]));
    const most = Math.min(room, LONGEST + 4);
    return text.length <= most ? text : `${text.slice(0, most - 1)}\u2026`;
  };
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
