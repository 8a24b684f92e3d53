// Where boxes and arrows go, in layers: the method of explainer/forms/layering.py.

import { abs, max, min } from "./maths";

export type Point = [x: number, y: number];
export type Size = [width: number, height: number];
export type Pair = [from: number, to: number];

export interface Spaces {
  boxes: number;
  points: number;
  rows: number;
}

export interface Layering {
  width: number;
  height: number;
  centres: Point[];
  ways: Point[][];
  labels: Point[];
}

const ORDERED = 12;
const PULLED = 17;

interface Place {
  row: number;
  width: number;
  height: number;
  isBox: boolean;
  x: number;
  y: number;
  above: number[];
  below: number[];
}

const place = (row: number, [width, height]: Size = [0, 0], isBox = false): Place =>
  ({ row, width, height, isBox, x: 0, y: 0, above: [], below: [] });
const sum = (xs: number[]): number => xs.reduce((a, b) => a + b, 0);

/** Lay out boxes, and arrows between different ones; see the function of this name in Python. */
export function layered(sizes: Size[], arrows: Pair[], labels: Size[], spaces: Spaces, room = Infinity): Layering {
  const layers = layersOf(sizes, arrows, spaces, room);
  const places = sizes.map((size, i) => place(2 * layers[i]!, size, true));
  const ways = waysOf(places, arrows, labels);
  const rows = ordered(places);
  const tops = placed(places, rows, spaces, room < Infinity ? 100 : 0);
  const width = max(0, ...places.map((p) => p.x + p.width / 2));
  turn(places, sizes.length, width);
  return {
    width,
    height: max(0, ...places.map((p) => p.y + p.height / 2)),
    centres: sizes.map((_, i) => [places[i]!.x, places[i]!.y]),
    ways: ways.map((way, i) => {
      const points = pointsOf(places, way, tops);
      return arrows[i]![0] < arrows[i]![1] ? points : points.reverse();
    }),
    labels: ways.map((way) => [places[way.at(-2)!]!.x, places[way.at(-2)!]!.y]),
  };
}

// ------------------------------------------------------------------------------ layers

/** The layer of each box: early, or late where that shortens its arrows. */
function layersOf(sizes: Size[], arrows: Pair[], spaces: Spaces, room: number): number[] {
  const above = sizes.map((): number[] => []);
  const below = sizes.map((): number[] => []);
  for (const pair of arrows) {
    const [a, b] = [min(...pair), max(...pair)];
    if (above[b]!.includes(a)) continue;
    above[b]!.push(a);
    below[a]!.push(b);
  }
  const layers = sizes.map(() => 0);
  const taken = new Map<number, number>();
  const width = (i: number): number => spaces.boxes + sizes[i]![0];
  const fits = (i: number, n: number): boolean => !taken.get(n) || taken.get(n)! + width(i) <= room;
  const put = (i: number, n: number): void => {
    layers[i] = n;
    taken.set(n, (taken.get(n) ?? -spaces.boxes) + width(i));
  };
  const order = justInTime(above);
  for (const i of order) {
    let n = max(0, ...above[i]!.map((a) => layers[a]! + 1));
    while (!fits(i, n)) n += 1;
    put(i, n);
  }
  for (const i of order.reverse()) {
    if (!below[i]!.length || above[i]!.length > below[i]!.length) continue;
    const left = taken.get(layers[i]!)! - width(i);
    if (left < 0) taken.delete(layers[i]!);
    else taken.set(layers[i]!, left);
    let n = min(...below[i]!.map((b) => layers[b]!)) - 1;
    while (n > layers[i]! && !fits(i, n)) n -= 1;
    put(i, n);
  }
  const used = [...new Set(layers)].sort((a, b) => a - b);
  return layers.map((n) => used.indexOf(n));
}

/** The boxes in order, those that need no other just before their use. */
function justInTime(above: number[][]): number[] {
  const order = above.flatMap((needed, i) =>
    needed.length ? [...needed.filter((a) => !above[a]!.length), i] : []);
  return [...new Set([...order, ...above.keys()])];
}

/** The places that each arrow runs through, downwards; the last but one holds its label. */
function waysOf(places: Place[], arrows: Pair[], labels: Size[]): number[][] {
  const trunks = new Map<string, number[]>();
  const link = (upper: number, lower: number): void => {
    places[upper]!.below.push(lower);
    places[lower]!.above.push(upper);
  };
  return arrows.map(([a, b], i) => {
    const [upper, lower] = [min(a, b), max(a, b)];
    const key = `${upper} ${a < b}`;
    const trunk = trunks.get(key) ?? [upper];
    trunks.set(key, trunk);
    const end = places[lower]!.row - 1;
    for (let row = places[trunk.at(-1)!]!.row + 1; row < end; row += 1) {
      trunk.push(places.push(place(row)) - 1);
      link(trunk.at(-2)!, trunk.at(-1)!);
    }
    const shared = trunk.slice(0, end - places[upper]!.row);
    const label = places.push(place(end, labels[i])) - 1;
    link(shared.at(-1)!, label);
    link(label, lower);
    return [...shared, label, lower];
  });
}

// ------------------------------------------------------------------------------ orders

/** The places of each row, ordered so that few arrows cross. */
function ordered(places: Place[]): number[][] {
  const last = max(0, ...places.map((p) => p.row));
  const rows = Array.from({ length: last + 1 }, (): number[] => []);
  places.forEach((p, i) => rows[p.row]!.push(i));
  const order = places.map(() => 0);
  const number = (row: number[]): void => row.forEach((i, k) => (order[i] = k));
  const copy = (): number[][] => rows.map((row) => row.slice());
  rows.forEach(number);
  let [best, fewest] = [copy(), crossings(places, rows, order)];
  for (let sweep = 0; sweep < ORDERED && fewest; sweep += 1) {
    const side = sweep % 2 ? "below" : "above";
    for (const row of sweep % 2 ? rows.slice().reverse() : rows) {
      const means = new Map(row.map((i) => {
        const near = places[i]![side];
        return [i, near.length ? sum(near.map((j) => order[j]!)) / near.length : order[i]!];
      }));
      row.sort((i, j) => means.get(i)! - means.get(j)!);
      number(row);
    }
    const now = crossings(places, rows, order);
    if (now < fewest) [best, fewest] = [copy(), now];
  }
  return best;
}

/** How many pairs of lines between neighbouring rows cross. */
function crossings(places: Place[], rows: number[][], order: number[]): number {
  let count = 0;
  for (const row of rows) {
    if (row.length < 2) continue;
    const ends = row.flatMap((i) => places[i]!.below.map((j) => order[j]!).sort((a, b) => a - b));
    const size = max(0, ...ends) + 1;
    const tree = new Array<number>(size + 1).fill(0);
    ends.forEach((end, seen) => {
      let before = 0;
      for (let k = end + 1; k > 0; k -= k & -k) before += tree[k]!;
      count += seen - before;
      for (let k = end + 1; k <= size; k += k & -k) tree[k]! += 1;
    });
  }
  return count;
}

// ------------------------------------------------------------------------------ places

/** Set all centres; where each row begins and ends. */
function placed(places: Place[], rows: number[][], spaces: Spaces, axis: number): Point[] {
  let y = 0;
  const tops = rows.map((row): Point => {
    const height = max(0, ...row.map((i) => places[i]!.height));
    const top = y;
    let x = 0;
    row.forEach((i, k) => {
      x += k ? apart(places, row, k, spaces) : places[i]!.width / 2;
      [places[i]!.x, places[i]!.y] = [x, y + height / 2];
    });
    y += height + spaces.rows;
    return [top, top + height];
  });
  for (let sweep = 0; sweep < PULLED; sweep += 1) {
    const down = sweep % 2 === 0;
    for (const row of down ? rows : rows.slice().reverse()) pullRow(places, row, spaces, axis, down);
  }
  const left = min(...places.map((p) => p.x - p.width / 2));
  for (const p of places) p.x -= left;
  return tops;
}

/** How far the k-th place of a row must be from the one before. */
function apart(places: Place[], row: number[], k: number, spaces: Spaces): number {
  const [p, q] = [places[row[k - 1]!]!, places[row[k]!]!];
  return (p.width + q.width) / 2 + (p.width && q.width ? spaces.boxes : spaces.points);
}

/** Move the places of a row towards their neighbours, in their order, as blocks where they touch. */
function pullRow(places: Place[], row: number[], spaces: Spaces, axis: number, down: boolean): void {
  const blocks: [total: number, weight: number, count: number][] = [];
  let offset = 0;
  row.forEach((i, k) => {
    offset += k ? apart(places, row, k, spaces) : 0;
    const [wanted, weight] = pull(places, places[i]!, axis, down);
    blocks.push([weight * (wanted - offset), weight, 1]);
    while (blocks.length > 1) {
      const [a, b] = [blocks.at(-1)!, blocks.at(-2)!];
      if (a[0] / a[1] >= b[0] / b[1]) break;
      blocks.pop();
      blocks[blocks.length - 1] = [b[0] + a[0], b[1] + a[1], b[2] + a[2]];
    }
  });
  let k = 0;
  offset = 0;
  for (const [total, weight, count] of blocks) {
    for (const end = k + count; k < end; k += 1) {
      offset += k ? apart(places, row, k, spaces) : 0;
      places[row[k]!]!.x = total / weight + offset;
    }
  }
}

/** Where neighbours pull a place, and how hard: points most; `axis` is how hard x = 0 pulls boxes. */
function pull(places: Place[], p: Place, axis: number, down: boolean): [wanted: number, weight: number] {
  const [first, second] = down ? [p.above, p.below] : [p.below, p.above];
  let [total, weight] = [0, p.isBox ? axis : 0];
  for (const j of first.length ? first : second) {
    const q = places[j]!;
    const force = p.isBox ? (q.isBox ? 1 : 2) : q.isBox ? 2 : 8;
    total += force * q.x;
    weight += force;
  }
  return weight ? [total / weight, weight] : [p.x, 1];
}

/** Mirror the layout if that brings more of the first boxes into their order. */
function turn(places: Place[], count: number, width: number): void {
  const inputs = places.slice(0, count).filter((p) => !p.above.length).map((p) => p.x);
  if (sum(inputs.slice(1).map((x, i) => Math.sign(x - inputs[i]!))) >= 0) return;
  for (const p of places) p.x = width - p.x;
}

/** The line of an arrow: straight through rows, from side to side. */
function pointsOf(places: Place[], way: number[], tops: Point[]): Point[] {
  const inner = way.slice(1, -1).flatMap((i): Point[] => {
    const { x, row } = places[i]!;
    const [top, bottom] = tops[row]!;
    return bottom > top ? [[x, top], [x, bottom]] : [[x, top]];
  });
  const [start, end] = [places[way[0]!]!, places[way.at(-1)!]!];
  const [leaves, enters] = [across(start, inner[0]![0]), across(end, inner.at(-1)![0])];
  const [from, to] = [start.y + start.height / 2, end.y - end.height / 2];
  const [below, above] = [tops[start.row]![1], tops[end.row]![0]];
  return straightened([
    [leaves, from], ...(below > from ? [[leaves, below] as Point] : []), ...inner,
    ...(above < to ? [[enters, above] as Point] : []), [enters, to],
  ]);
}

/** A line without the points between others right above and below. */
function straightened(points: Point[]): Point[] {
  const kept: Point[] = [];
  for (const point of points) {
    const [x] = point;
    const n = kept.length;
    if (n > 1 && abs(kept[n - 1]![0] - x) < 0.01 && abs(kept[n - 2]![0] - x) < 0.01) kept.pop();
    kept.push(point);
  }
  return kept;
}

/** Where an arrow that leads to or comes from `x` meets a box. */
function across(box: Place, x: number): number {
  const most = 0.4 * box.width;
  return box.x + min(most, max(-most, (x - box.x) / 2));
}
