// Arrays and the functions of NumPy that array_forms.py writes rules with; numbers have no axes.

import { broadcast, sizeOf } from "./arrays";

export interface ND {
  shape: number[];
  data: number[];
}
type Nested = number | Nested[];
/** Along which axes; `where` says which entries count, all without it. */
type Axes = { axis?: number | number[] | null; keepdims?: boolean; where?: ND };
type Slice = [start: number | null, stop: number | null, step: number | null];
type Index = number | null | "..." | Slice;

const made = (shape: number[], f: (k: number) => number): ND =>
  ({ shape, data: Array.from({ length: sizeOf(shape) }, (_, k) => f(k)) });
const as = (x: ND | number): ND => (typeof x === "number" ? { shape: [], data: [x] } : x);
const at = (axis: number, ndim: number): number => (axis < 0 ? axis + ndim : axis);
const stride = (shape: number[], axis: number): number => sizeOf(shape.slice(axis + 1));
const common = (...shapes: number[][]): number[] => {
  const ndim = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: ndim }, (_, i) =>
    shapes.reduce((n, s) => ((s[s.length - ndim + i] ?? 1) === 1 ? n : s[s.length - ndim + i]!), 1));
};

export function array(x: Nested): ND {
  if (!Array.isArray(x)) return as(Number(x));
  const parts = x.map(array);
  return { shape: [x.length, ...(parts[0]?.shape ?? [])], data: parts.flatMap((p) => p.data) };
}

/** A function of numbers, entry by entry. */
export function each(f: (...x: number[]) => number | boolean, ...given: (ND | number)[]): ND {
  const xs = given.map(as);
  const shape = common(...xs.map((x) => x.shape));
  const places = xs.map((x) => broadcast(x.shape, shape));
  return made(shape, (k) => Number(f(...xs.map((x, i) => x.data[places[i]![k]!]!))));
}

export function reshape(x: ND, shape: number | number[]): ND {
  const wanted = [shape].flat();
  const known = wanted.reduce((n, m) => (m < 0 ? n : n * m), 1);
  return { shape: wanted.map((m) => (m < 0 ? x.data.length / known : m)), data: x.data };
}

export function expand_dims(x: ND, axis: number | number[]): ND {
  const axes = [axis].flat();
  const ndim = x.shape.length + axes.length;
  const fresh = axes.map((a) => at(a, ndim));
  const rest = x.shape.slice();
  return { shape: Array.from({ length: ndim }, (_, i) => (fresh.includes(i) ? 1 : rest.shift()!)), data: x.data };
}

export function transpose(x: ND, order: number[] = x.shape.map((_, i) => i).reverse()): ND {
  const shape = order.map((i) => x.shape[i]!);
  const steps = order.map((i) => stride(x.shape, i));
  return made(shape, (k) => x.data[shape.reduce((sum, n, i) =>
    sum + steps[i]! * (Math.floor(k / stride(shape, i)) % n), 0)]!);
}

export function swapaxes(x: ND, a: number, b: number): ND {
  const order = x.shape.map((_, i) => i);
  const [i, j] = [at(a, order.length), at(b, order.length)];
  [order[i], order[j]] = [j, i];
  return transpose(x, order);
}

// ------------------------------------------------------------------------------ reductions

/** Where each entry goes in a reduction, and the shapes with and without the axes. */
function lanes(x: ND, { axis = null, keepdims = false }: Axes): { kept: number[]; shape: number[]; to: number[] } {
  const ndim = x.shape.length;
  const axes = axis === null ? x.shape.map((_, i) => i) : [axis].flat().map((a) => at(a, ndim));
  const kept = x.shape.map((n, i) => (axes.includes(i) ? 1 : n));
  return { kept, shape: keepdims ? kept : kept.filter((_, i) => !axes.includes(i)), to: broadcast(kept, x.shape) };
}

function reduced(x: ND, options: Axes, start: number, f: (a: number, b: number) => number): ND {
  const { kept, shape, to } = lanes(x, options);
  const data = new Array<number>(sizeOf(kept)).fill(start);
  const { where } = options;
  const counts = where && broadcast(where.shape, x.shape).map((k) => where.data[k]);
  x.data.forEach((v, k) => {
    if (!counts || counts[k]) data[to[k]!] = f(data[to[k]!]!, v);
  });
  return { shape, data };
}

export const sum = (x: ND, options: Axes = {}): ND => reduced(as(x), options, 0, (a, b) => a + b);
export const prod = (x: ND, options: Axes = {}): ND => reduced(as(x), options, 1, (a, b) => a * b);
export const max = (x: ND, options: Axes = {}): ND => reduced(as(x), options, -Infinity, Math.max);
export const min = (x: ND, options: Axes = {}): ND => reduced(as(x), options, Infinity, Math.min);

const counted = (x: ND, options: Axes): ND => sum(each(() => 1, x), options);

export function mean(x: ND, options: Axes = {}): ND {
  return each((s, n) => s / n, sum(x, options), counted(x, options));
}

export function variance(x: ND, { ddof = 0, ...options }: Axes & { ddof?: number } = {}): ND {
  const centred = each((v, m) => v - m, x, mean(x, { ...options, keepdims: true }));
  return each((s, n) => s / (n - ddof), sum(each((v) => v * v, centred), options), counted(x, options));
}

export function vector_norm(x: ND, { ord = 2, ...options }: Axes & { ord?: number } = {}): ND {
  const size = each(Math.abs, x);
  if (Math.abs(ord) === Infinity) return ord > 0 ? max(size, options) : min(size, options);
  const total = sum(each((v) => (ord === 2 ? v * v : v ** ord), size), options);
  return each((s) => (ord === 2 ? Math.sqrt(s) : s ** (1 / ord)), total);
}

function scanned(x: ND, axis: number | null, f: (a: number, b: number) => number): ND {
  if (axis === null) return scanned(reshape(x, -1), 0, f);
  const step = stride(x.shape, at(axis, x.shape.length));
  const n = x.shape[at(axis, x.shape.length)]!;
  const data: number[] = [];
  x.data.forEach((v, k) => data.push(Math.floor(k / step) % n ? f(data[k - step]!, v) : v));
  return { shape: x.shape, data };
}

export const cumprod = (x: ND, { axis = null }: { axis?: number | null } = {}): ND => scanned(x, axis, (a, b) => a * b);
export const cumsum = (x: ND, { axis = null }: { axis?: number | null } = {}): ND => scanned(x, axis, (a, b) => a + b);

// ------------------------------------------------------------------------------ entries

export function concatenate(parts: ND[], { axis = 0 }: { axis?: number } = {}): ND {
  const { shape } = parts[0]!;
  const along = at(axis, shape.length);
  const count = parts.reduce((n, p) => n + p.shape[along]!, 0);
  const data: number[] = [];
  for (let k = 0; k < sizeOf(shape.slice(0, along)); k += 1) {
    for (const p of parts) {
      const size = sizeOf(p.shape.slice(along));
      data.push(...p.data.slice(k * size, (k + 1) * size));
    }
  }
  return { shape: shape.map((n, i) => (i === along ? count : n)), data };
}

/** Basic indexing: x[0, ..., 1:3, None]. */
export function pick(x: ND, index: Index[]): ND {
  const used = index.filter((i) => i !== null && i !== "...").length;
  const whole = Array.from({ length: x.shape.length - used }, (): Index => [null, null, null]);
  const dots = index.indexOf("...");
  const full = dots < 0 ? [...index, ...whole] : [...index.slice(0, dots), ...whole, ...index.slice(dots + 1)];
  const shape: number[] = [];
  let offsets = [0];
  let axis = 0;
  for (const i of full) {
    if (i === null) {
      shape.push(1);
      continue;
    }
    const [n, step] = [x.shape[axis]!, stride(x.shape, axis)];
    axis += 1;
    if (n === undefined || (typeof i === "number" && (at(i, n) < 0 || at(i, n) >= n))) throw new RangeError(`The index ${i} is out of the array.`);
    const places = typeof i === "number" ? [at(i, n)] : sliced(i as Slice, n);
    if (typeof i !== "number") shape.push(places.length);
    offsets = offsets.flatMap((o) => places.map((p) => o + p * step));
  }
  return { shape, data: offsets.map((o) => x.data[o]!) };
}

function sliced([start, stop, step]: Slice, n: number): number[] {
  const by = step ?? 1;
  const clip = (i: number): number => Math.min(by < 0 ? n - 1 : n, Math.max(by < 0 ? -1 : 0, at(i, n)));
  const places: number[] = [];
  const [from, to] = [start === null ? (by < 0 ? n - 1 : 0) : clip(start), stop === null ? (by < 0 ? -1 : n) : clip(stop)];
  for (let i = from; by < 0 ? i > to : i < to; i += by) places.push(i);
  return places;
}

/** For each entry picked by arrays of indices, its place in an array of a shape. */
function placesOf(index: (ND | number)[], shape: number[]): ND {
  const steps = shape.map((_, i) => stride(shape, i));
  return each((...i) => i.reduce((total, k, axis) => total + at(k, shape[axis]!) * steps[axis]!, 0), ...index);
}

export function getitem(x: ND, index: (ND | number)[]): ND {
  const places = placesOf(index, x.shape);
  return { shape: places.shape, data: places.data.map((k) => x.data[k]!) };
}

export function unindex(x: ND, index: (ND | number)[], shape = (index[0] as ND).shape): ND {
  const out = made(shape, () => 0);
  placesOf(index, shape).data.forEach((k, n) => (out.data[k]! += x.data[n]!));
  return out;
}

export function argsort(x: ND, { axis = -1 }: { axis?: number | null } = {}): ND {
  if (axis === null) return argsort(reshape(x, -1), { axis: 0 });
  const { to, kept } = lanes(x, { axis, keepdims: true });
  const step = stride(x.shape, at(axis, x.shape.length));
  const n = x.shape[at(axis, x.shape.length)]!;
  const members = kept.length ? Array.from({ length: sizeOf(kept) }, (): number[] => []) : [[]];
  to.forEach((lane, k) => members[lane]!.push(k));
  const out = made(x.shape, () => 0);
  const last = (v: number): number => (Number.isNaN(v) ? 1 : 0);
  for (const lane of members) {
    const order = lane.map((_, i) => i).sort((i, j) => {
      const [a, b] = [x.data[lane[i]!]!, x.data[lane[j]!]!];
      return last(a) - last(b) || (a < b ? -1 : a > b ? 1 : i - j);
    });
    lane.forEach((k) => (out.data[k] = order[Math.floor(k / step) % n]!));
  }
  return out;
}

export function sort(x: ND, { axis = -1 }: { axis?: number | null } = {}): ND {
  if (axis === null) return sort(reshape(x, -1), { axis: 0 });
  const order = argsort(x, { axis });
  const step = stride(x.shape, at(axis, x.shape.length));
  const n = x.shape[at(axis, x.shape.length)]!;
  return made(x.shape, (k) => x.data[k + (order.data[k]! - (Math.floor(k / step) % n)) * step]!);
}

// ------------------------------------------------------------------------------ matrices

/** A function of matrices on stacks of them: f(a, b) returns rows. */
function stacked(a: ND, b: ND, f: (a: number[][], b: number[][]) => number[][]): ND {
  const lead = common(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const matrices = (x: ND): number[][][] => {
    const [m, n] = x.shape.slice(-2) as [number, number];
    return broadcast(x.shape.slice(0, -2), lead).map((k) =>
      Array.from({ length: m }, (_, i) => x.data.slice((k * m + i) * n, (k * m + i + 1) * n)));
  };
  const bs = matrices(b);
  const found = matrices(a).map((x, k) => f(x, bs[k]!));
  const [first] = found;
  return { shape: [...lead, first?.length ?? 0, first?.[0]?.length ?? 0], data: found.flat(2) };
}

export function matmul(a: ND, b: ND): ND {
  const [row, column] = [a.shape.length === 1, b.shape.length === 1];
  const z = stacked(row ? expand_dims(a, 0) : a, column ? expand_dims(b, 1) : b, (x, y) =>
    x.map((r) => (y[0] ?? []).map((_, j) => r.reduce((total, v, k) => total + v * y[k]![j]!, 0))));
  const { shape } = z;
  const kept = [...shape.slice(0, -2), ...(row ? [] : [shape.at(-2)!]), ...(column ? [] : [shape.at(-1)!])];
  return { shape: kept, data: z.data };
}

/** Rows of [a | b] after elimination with pivots, and the determinant of a. */
function eliminated(a: number[][], b: number[][]): { rows: number[][]; det: number } {
  const n = a.length;
  const rows = a.map((r, i) => [...r, ...b[i]!]);
  let det = 1;
  for (let c = 0; c < n; c += 1) {
    let p = c;
    for (let r = c; r < n; r += 1) if (Math.abs(rows[r]![c]!) > Math.abs(rows[p]![c]!)) p = r;
    if (p !== c) [rows[p], rows[c], det] = [rows[c]!, rows[p]!, -det];
    const pivot = rows[c]![c]!;
    det *= pivot;
    rows[c] = rows[c]!.map((v) => (pivot ? v / pivot : NaN));
    for (let r = 0; r < n; r += 1) {
      const by = rows[r]![c]!;
      if (r !== c && by) rows[r] = rows[r]!.map((v, k) => v - by * rows[c]![k]!);
    }
  }
  return { rows: rows.map((r) => r.slice(n)), det };
}

const unit = (n: number): number[][] => Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => Number(i === j)));

export function solve(a: ND, b: ND): ND {
  const vector = b.shape.length === 1;
  const z = stacked(a, vector ? expand_dims(b, -1) : b, (x, y) => eliminated(x, y).rows);
  return vector ? reshape(z, z.shape.slice(0, -1)) : z;
}

export function inv(a: ND): ND {
  return stacked(a, a, (x) => eliminated(x, unit(x.length)).rows);
}

function determinant(x: number[][]): number {
  const { det: found } = eliminated(x, unit(x.length));
  return Number.isNaN(found) && x.flat().every(Number.isFinite) ? 0 : found + 0;
}

export function det(a: ND): ND {
  return reshape(stacked(a, a, (x) => [[determinant(x)]]), a.shape.slice(0, -2));
}

/** The determinants of what is left without the row and the column of each entry. */
export function cofactors(a: ND): ND {
  return stacked(a, a, (x) => x.map((_, i) => x.map((__, j) => {
    const rest = x.filter((___, r) => r !== i).map((row) => row.filter((___, c) => c !== j));
    return (-1) ** (i + j) * determinant(rest);
  })));
}

/** The triangle whose product with its transpose a matrix is; nan where there is none. */
export function cholesky(a: ND, { upper = false }: { upper?: boolean } = {}): ND {
  const z = stacked(a, a, (x) => {
    const l = x.map((row) => row.map(() => 0));
    x.forEach((_, j) => x.slice(j).forEach((__, k) => {
      const i = j + k;
      const read = upper ? x[j]![i]! : x[i]![j]!;
      const rest = l[j]!.slice(0, j).reduce((total, v, c) => total - v * l[i]![c]!, read);
      l[i]![j] = k ? rest / l[j]![j]! : rest > 0 ? Math.sqrt(rest) : NaN;
    }));
    return l;
  });
  return upper ? swapaxes(z, -1, -2) : z;
}

/** Undo broadcasting: sum over what was repeated. */
export function fit(x: ND, shape: number[]): ND {
  if (x.shape.join() === shape.join()) return x;
  const all = common(x.shape, shape);
  const out = made(shape, () => 0);
  const [from, to] = [broadcast(x.shape, all), broadcast(shape, all)];
  to.forEach((k, n) => (out.data[k]! += x.data[from[n]!]!));
  return out;
}
