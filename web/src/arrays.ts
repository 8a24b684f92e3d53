// Arrays as lists of entries: how shapes broadcast, and which entry comes from which.

import { isGrid, isNumber, operandsOf, type Operand, type Run, type Value } from "./data";
import { floor } from "./maths";

export function sizeOf(shape: number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** The entries of a value in order; null where they are not all known. */
export function dataOf(x: Value | undefined): number[] | null {
  if (isNumber(x)) return [x];
  return isGrid(x) ? x.data : null;
}

/** Entries as a value: a number where there are no axes. */
export function valueFrom(data: number[], shape: number[]): Value {
  return shape.length ? { shape, data } : (data[0] ?? null);
}

/** For each entry of a broadcast result, which entry of an operand it is computed from. */
export function broadcast(from: number[], to: number[]): number[] {
  const lead = to.length - from.length;
  const steps = to.map((_, axis) => {
    const own = from[axis - lead];
    return own === undefined || own === 1 ? 0 : sizeOf(from.slice(axis - lead + 1));
  });
  const below = to.map((_, axis) => sizeOf(to.slice(axis + 1)));
  return Array.from({ length: sizeOf(to) }, (_, k) =>
    steps.reduce((sum, step, axis) => sum + step * (floor(k / below[axis]!) % to[axis]!), 0));
}

export function shapeOfOperand(run: Run, x: Operand): number[] {
  if ("vertex" in x) return run.vertices[x.vertex]!.shape;
  return isGrid(x.value) ? x.value.shape : [];
}

/** An entry of a vertex. */
export interface Cell {
  vertex: number;
  entry: number;
}

/** Which entries of its operands one entry of a vertex is computed from. */
export function sources(run: Run, { vertex, entry }: Cell): Cell[] {
  const v = run.vertices[vertex]!;
  const found: Cell[] = [];
  const note = (position: number, at: number): void => {
    const x = v.operands[position];
    if (x && "vertex" in x) found.push({ vertex: x.vertex, entry: at });
  };
  if (v.terms) {
    for (const part of v.terms.terms) {
      part.to.forEach((to, n) => {
        if (to === entry) part.of.forEach((position, j) => note(position, part.at[j]![n]!));
      });
    }
  } else if (v.script != null) {
    for (const { vertex: x, position } of operandsOf(v)) {
      note(position, broadcast(run.vertices[x]!.shape, v.shape)[entry]!);
    }
  } else {
    for (const { vertex: x, position } of operandsOf(v)) {
      for (let k = 0; k < sizeOf(run.vertices[x]!.shape); k += 1) note(position, k);
    }
  }
  return found;
}

/** Which entries are computed from one entry of a vertex: where its gradient comes from. */
export function receivers(run: Run, { vertex, entry }: Cell): Cell[] {
  const found: Cell[] = [];
  run.vertices.forEach((v, z) => {
    if (!operandsOf(v).some((x) => x.vertex === vertex)) return;
    for (let k = 0; k < sizeOf(v.shape); k += 1) {
      if (sources(run, { vertex: z, entry: k }).some((s) => s.vertex === vertex && s.entry === entry)) {
        found.push({ vertex: z, entry: k });
      }
    }
  });
  return found;
}

/** A matrix product or a broadcast in words, for the step's card. */
export function wordsOf(run: Run, vertex: number): string {
  const v = run.vertices[vertex]!;
  const shapes = v.operands.map((x) => shapeOfOperand(run, x).join("\u00d7") || "number");
  if (v.operation === "matmul" || v.operation === "dot") {
    return `Rows times columns: ${shapes.join(" @ ")} gives ${v.shape.join("\u00d7") || "a number"}.`;
  }
  const spread = v.terms == null && v.script != null && v.operands.length > 1 && v.operands.some((x) =>
    sizeOf(shapeOfOperand(run, x)) < sizeOf(v.shape));
  return spread ? `Broadcast: ${shapes.join(" with ")} gives ${v.shape.join("\u00d7")}.` : "";
}
