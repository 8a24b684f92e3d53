// Functions of arrays in typed formulas: their shapes, and the terms that replay them.

import { sizeOf } from "./arrays";
import type { Part, Terms } from "./data";
import { FormulaError } from "./formula";
import * as nd from "./nd";

/** A function of arrays, as workshop.py writes it. */
export interface KnownArray {
  name: string;
  operands: string[];
  rule: string;
  formula: string;
  parts: Record<string, string>;
  /** Where it is no list of terms: its operation on whole arrays, and the axes its operands have. */
  script: number | null;
  axes: number[];
}

export type Options = Record<string, number | number[] | boolean | null>;
export type Index = Parameters<typeof nd.pick>[1];

const LARGEST = 256;

/** What it does with arrays that have all their values. */
const LINEAR: Record<string, (x: nd.ND, options: Options) => nd.ND> = {
  sum: nd.sum, mean: nd.mean, cumsum: nd.cumsum, transpose: (x) => nd.transpose(x),
  getitem: (x, { index }) => nd.pick(x, index as unknown as Index),
};

export function checked(shape: number[]): number[] {
  if (sizeOf(shape) <= LARGEST && !shape.includes(0)) return shape;
  throw new FormulaError(`Arrays here have 1 to ${LARGEST} entries; this one has ${sizeOf(shape)}.`, 0);
}

const named = (shape: number[]): string => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;

/** The shape to which shapes broadcast. */
export function together(shapes: number[][], names: string[]): number[] {
  const ndim = Math.max(0, ...shapes.map((s) => s.length));
  return checked(Array.from({ length: ndim }, (_, i) => shapes.reduce((n, s) => {
    const m = s[s.length - ndim + i] ?? 1;
    if (n !== 1 && m !== 1 && n !== m) {
      const all = names.map((name, k) => `${name} ${named(shapes[k]!)}`).join(" and ");
      throw new FormulaError(`The shapes of ${all} do not fit together.`, 0);
    }
    return m === 1 ? n : m;
  }, 1)));
}

/** Terms of a linear function of one array, by its unit arrays. */
function linear(f: (x: nd.ND) => nd.ND, position: number, shape: number[]): { shape: number[]; terms: Terms } {
  const part: Part & { by: number[] } = { of: [position], to: [], at: [[]], by: [] };
  const size = sizeOf(shape);
  let out: number[] = [];
  for (let k = 0; k < size; k += 1) {
    const column = f({ shape, data: Array.from({ length: size }, (_, i) => Number(i === k)) });
    out = column.shape;
    column.data.forEach((v, to) => {
      if (!v) return;
      part.to.push(to);
      part.at[0]!.push(k);
      part.by.push(v);
    });
  }
  return { shape: checked(out), terms: { terms: [part.by.every((v) => v === 1) ? { ...part, by: null } : part] } };
}

/** Terms of a product of two arrays, both of which vary. */
function product(a: number[], b: number[]): { shape: number[]; terms: Terms } {
  const part: Part = { of: [0, 1], to: [], at: [[], []], by: null };
  const codes = { shape: b, data: Array.from({ length: sizeOf(b) }, (_, i) => i + 1) };
  let out: number[] = [];
  for (let k = 0; k < sizeOf(a); k += 1) {
    const found = nd.matmul({ shape: a, data: Array.from({ length: sizeOf(a) }, (_, i) => Number(i === k)) }, codes);
    out = found.shape;
    found.data.forEach((code, to) => {
      if (!code) return;
      part.to.push(to);
      part.at[0]!.push(k);
      part.at[1]!.push(code - 1);
    });
  }
  return { shape: checked(out), terms: { terms: [part] } };
}

interface Given {
  shape: number[];
  /** The entries of a constant. */
  data: number[] | null;
}

/** The shape of a function's result, and its terms where it has some. */
export function planned(name: string, xs: Given[], options: Options): { shape: number[]; terms: Terms | null } {
  const [x, y] = xs;
  const unfit = (what: string): never => {
    throw new FormulaError(`${name} ${what}: its operands have the shapes ${xs.map((g) => named(g.shape)).join(" and ")}.`, 0);
  };
  const axis = options["axis"];
  if (typeof axis === "number" && (axis >= x!.shape.length || axis < -x!.shape.length)) unfit(`has no axis ${axis}`);
  if (name === "matmul" || name === "dot") {
    const [m, n] = [x!.shape.at(-1), y!.shape.at(y!.shape.length > 1 ? -2 : 0)];
    if (m === undefined || m !== n || x!.shape.length > 2 || y!.shape.length > 2) unfit("needs rows as long as the columns");
    if (x!.data) return linear((u) => nd.matmul({ shape: x!.shape, data: x!.data! }, u), 1, y!.shape);
    if (y!.data) return linear((u) => nd.matmul(u, { shape: y!.shape, data: y!.data! }), 0, x!.shape);
    return product(x!.shape, y!.shape);
  }
  if (name === "max" || name === "min") {
    const { shape, terms } = linear((u) => nd.sum(u, options), 0, x!.shape);
    return { shape, terms: { ...terms, extreme: name === "max" ? 1 : -1 } };
  }
  const f = LINEAR[name];
  try {
    if (f) return linear((u) => f(u, options), 0, x!.shape);
  } catch (error) {
    if (error instanceof RangeError) throw new FormulaError(error.message, 0);
    throw error;
  }
  if (name === "sort") return { shape: x!.shape, terms: null };
  if (name === "norm") return { shape: [], terms: null };
  if (x!.shape[0] !== x!.shape[1] || (y && y.shape[0] !== x!.shape[0])) unfit("needs a square matrix");
  return { shape: name === "solve" ? y!.shape : name === "det" ? [] : x!.shape, terms: null };
}
