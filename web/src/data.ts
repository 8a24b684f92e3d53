// The explanation as Python wrote it (see payload.py), with numbers decoded.

import type { WorkshopData } from "./workshop";

/** An array of which every entry is known. */
export interface Grid {
  shape: number[];
  data: number[];
}

/** What is no number: its text, and the corner of a large array. */
export interface Shown {
  text: string;
  shape?: number[];
  corner?: number[][];
  low?: number;
  high?: number;
}

export type Value = number | Grid | Shown | null;

/** One group of terms: entry `to` gets `by` times the product of entries `at` of operands. */
export interface Part {
  of: number[];
  to: number[];
  at: number[][];
  by: number[] | null;
}

export interface Terms {
  terms: Part[];
  offset?: number[];
  extreme?: number;
}

export type Operand = { vertex: number } | { value: Value; name: string };

export interface Vertex {
  name: string;
  operation: string;
  expression: string;
  value: Value;
  shape: number[];
  operands: Operand[];
  parameters?: string;
  rule?: number | null;
  place?: number | null;
  /** Which round of a loop it is of, and of how many. */
  repeat?: number;
  repeats?: number;
  /** Which vertex of a loop's first round this one repeats; itself outside loops. */
  like: number;
  /** Whether the result does not depend on it. */
  unused?: boolean;
  script?: number | null;
  terms?: Terms | null;
  /** An operation on whole arrays. */
  array?: number | null;
  remedy?: number | null;
}

export interface Contribution {
  operand: number;
  position: number;
  formula: string;
  partial: Value;
  amount: Value;
  total: Value;
  /** The sum that undoes broadcasting, in words; empty where there is none. */
  reduction?: string | undefined;
}

export interface Step {
  vertex: number;
  incoming: Value;
  contributions: Contribution[];
  ready: number[];
  /** How many more are ready than are listed. */
  waiting?: number | undefined;
}

export interface Tick {
  vertex: number;
  gradient: Value;
  difference: Value;
  agrees: boolean | null;
}

export interface Warning {
  vertex: number;
  kind: string;
  message: string;
  inSweep: boolean;
}

export interface Guard {
  sign: string;
  sides: Operand[];
  shape: number[];
  truth: boolean[];
  /** The comparison as the program writes it. */
  text: string;
  place: number | null;
}

export interface Rule {
  name: string;
  formula: string;
  operands: string[];
  parts: Record<string, string>;
}

export interface Place {
  file: number;
  function: string;
  line: number;
  endLine: number;
  start: number;
  end: number;
}

export interface SourceFile {
  name: string;
  lines: [number, string][];
}

export interface Run {
  title: string;
  mode: "reverse" | "forward";
  error: string | null;
  vertices: Vertex[];
  inputs: number[];
  result: number | null;
  steps: Step[];
  totals: Record<string, Value>;
  ticks: Tick[];
  warnings: Warning[];
  guards: Guard[];
  watched: boolean;
  notes: string[];
  live: boolean;
  notLive: string;
  code: string | null;
  noCode: string;
  cut: number;
  rules: Rule[];
  places: Place[];
  files: SourceFile[];
  /** A typed formula as a function in Python. */
  source?: string[];
  remedies: string[];
  /** Runs of the same inputs in which a comparison came out the other way. */
  branches?: Run[];
}

/** One operation to replay, as rules_text in javascript.py writes it. */
export interface Script {
  forward(...operands: number[]): number | boolean;
  partials: Record<string, (z: number, ...operands: number[]) => number | boolean>;
  structural: boolean;
}

/** One operation on whole arrays, as array_forms.py writes it. */
export interface ArrayScript {
  forward(...operands: Grid[]): Grid;
  pull: Record<string, (came: Grid, z: Grid, ...operands: Grid[]) => Grid>;
  push: Record<string, (dot: Grid, z: Grid, ...operands: Grid[]) => Grid>;
}

const VALUE_KEYS = new Set([
  "value", "incoming", "partial", "amount", "total", "gradient", "difference", "low", "high",
]);
const SPECIAL: Record<string, number> = { nan: NaN, inf: Infinity, "-inf": -Infinity };

function revive(key: string, x: unknown): unknown {
  if ((key === "data" || key === "corner") && Array.isArray(x)) {
    return x.map((entry: unknown) => revive(Array.isArray(entry) ? "data" : "value", entry));
  }
  return VALUE_KEYS.has(key) && typeof x === "string" ? (SPECIAL[x] ?? NaN) : x;
}

export function readRuns(text: string): { runs: Run[]; workshop: WorkshopData | null } {
  const data = JSON.parse(text, revive) as { runs: Run[] } & Partial<WorkshopData>;
  for (const run of data.runs.flatMap((r) => [r, ...(r.branches ?? [])])) {
    for (const [i, total] of Object.entries(run.totals)) {
      run.totals[i] = revive("total", total) as Value;
    }
  }
  return { runs: data.runs, workshop: data.functions ? (data as WorkshopData) : null };
}

/** The vertices among the operands of one, with their positions. */
export function operandsOf(v: Vertex): { vertex: number; position: number }[] {
  return v.operands.flatMap((x, position) => ("vertex" in x ? [{ vertex: x.vertex, position }] : []));
}

/** Whether tangents are swept forwards, rather than cotangents back. */
export function isForward(run: Run): boolean {
  return run.mode === "forward";
}

export function isNumber(x: Value | undefined): x is number {
  return typeof x === "number";
}

export function isGrid(x: Value | undefined): x is Grid {
  return typeof x === "object" && x !== null && "data" in x;
}

/** The numbers of one run: as recorded, or replayed at other inputs. */
export interface Numbers {
  values: Value[];
  steps: Step[];
  totals: Map<number, Value>;
  ticks: Tick[];
  warnings: Warning[];
  /** What would make the program take another branch. */
  branches: string[];
  /** Whether these are replayed: formulas written for the recorded point may not fit. */
  replayed: boolean;
}

export function recorded(run: Run): Numbers {
  return {
    values: run.vertices.map((v) => v.value),
    steps: run.steps,
    totals: new Map(Object.entries(run.totals).map(([i, x]) => [Number(i), x])),
    ticks: run.ticks,
    warnings: run.warnings,
    branches: [],
    replayed: false,
  };
}

export function lineOf(run: Run, vertex: number): number | null {
  const place = run.vertices[vertex]?.place;
  return place == null ? null : (run.places[place]?.line ?? null);
}
