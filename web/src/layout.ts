// Where the boxes, edges and labels of the graph go: from left to right, or downwards.

import type { Plan } from "./boxes";
import type { Folded } from "./fold";
import { layered, type Point, type Size } from "./layering";
import { widthOf } from "./text";
import { min } from "./maths";

export interface Layout {
  /** The upper left corners of the boxes. */
  boxes: Point[];
  edges: Map<string, { path: string; label: Point }>;
  width: number;
  height: number;
}

export const LABEL = 13;
/** Frames that are narrower hold graphs that run downwards. */
const NARROW = 560;
/** Graphs of more boxes are laid out by fewer attempts. */
export const MANY = 80;

/** The layout in the direction that is larger to read; on a phone downwards, in a column if need be. */
export function laidOut(
  folds: Folded, plans: Plan[], labels: Map<string, string>, frame: { width: number; height: number },
  largest: number, smallest: number,
): Layout {
  const made = (down: boolean, room?: number, points?: number): Layout =>
    arranged(folds, plans, labels, down, room, points);
  if (frame.width < NARROW) {
    let found = made(true, frame.width);
    const lines = folds.groups.length > MANY ? [5] : [11, 5, 2];
    for (const points of lines) if (found.width > frame.width) found = made(true, 0, points);
    return found;
  }
  const scale = ({ width, height }: Layout): number => min(frame.width / width, frame.height / height, largest);
  if (!folds.edges.length) return made(true, frame.width / smallest);
  const across = made(false);
  if (scale(across) >= 0.95 * largest) return across;
  const down = made(true);
  return scale(down) > scale(across) ? down : across;
}

/** The layout that fills a strip most. */
export function strip(folds: Folded, plans: Plan[]): Layout {
  const [across, down] = [false, true].map((way) => arranged(folds, plans, new Map(), way));
  const scale = ({ width, height }: Layout): number => min(12 / width, 1 / height);
  return scale(down!) > scale(across!) ? down! : across!;
}

function arranged(
  folds: Folded, plans: Plan[], labels: Map<string, string>, down: boolean, room?: number, points = down ? 11 : 16,
): Layout {
  const turned = <P extends [number, number]>(x: P): P => (down ? x : ([x[1], x[0]] as P));
  const sizes = plans.map(({ width, height }) => turned<Size>([width, height]));
  const texts = folds.edges.map(({ key }): Size => {
    const text = labels.get(key);
    return turned(text ? [widthOf(text, LABEL) + 12, 20] : [0, 0]);
  });
  const spaces = { boxes: down ? 20 : 26, points, rows: 21 };
  const found = layered(sizes, folds.edges.map(({ from, to }) => [from, to]), texts, spaces, room);
  const [width, height] = turned<Size>([found.width, found.height]);
  return {
    boxes: found.centres.map(turned).map(([x, y], i) => [x - plans[i]!.width / 2, y - plans[i]!.height / 2]),
    edges: new Map(folds.edges.map(({ key }, i) =>
      [key, { path: curve(found.ways[i]!.map(turned)), label: turned(found.labels[i]!) }])),
    width, height,
  };
}

/** A smooth line through the points of an edge. */
function curve(points: Point[]): string {
  const last = points.length - 1;
  if (last === 1) return `M${points[0]!.join()} L${points[1]!.join()}`;
  return points.slice(1, -1).reduce((path, [x, y], i) => {
    const [u, v] = points[i + 2]!;
    const end = i + 2 === last ? [u, v] : [(x + u) / 2, (y + v) / 2];
    return `${path} Q${x},${y} ${end[0]},${end[1]}`;
  }, `M${points[0]!.join()}`);
}
